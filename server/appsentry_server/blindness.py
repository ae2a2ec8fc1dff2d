"""Whether the monitor is blind: cut off from the network itself, so that failures say nothing of their targets."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from appsentry_server import durations
from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings
from appsentry_server.checks.resolver import ResolveError
from appsentry_server.clock import Clock
from appsentry_server.reach import answers, counted, is_here
from appsentry_server.results import Failure, Outcome
from appsentry_server.witnesses import Witnesses

_log = logging.getLogger(__name__)

Key = tuple[str, str]

_DOUBTFUL: Final = frozenset(
    {"dns_not_found", "dns_timeout", "refused", "connect_timeout", "reset", "deadline", "blind"}
)
"""Failures that a cut network brings about as well; all others are an answer."""

_FEWEST = 5
_MOST_ASKED = 20
_WITHIN_S = 2.0
_APART_S = 1.0
"""Looks around begin at least so far apart, and one that found the monitor blind holds for so long."""
_AGAIN_S = 2.0
_GRACE_S = 5.0
"""A network comes back in pieces: a check that began so soon after the first of them is judged as if before."""


@dataclass(slots=True, eq=False)
class _Place:
    """Where targets are: a host and a port."""

    host: str
    port: int
    addresses: tuple[str, ...] = ()
    here: bool = False
    """It is this machine, which neither proves a network nor needs one, or ruled out: nobody connects to it."""
    dead: bool = False
    """It failed by itself while others answered, and has not been reached since."""

    found: tuple[str, ...] = ()
    """Its addresses before the rules."""

    def at(self, addresses: tuple[str, ...] | None, rules: AddressRules) -> None:
        """Take note of its addresses, if they are known now."""
        if addresses and addresses != self.found:
            self.found, self.addresses = addresses, rules.allowed(addresses)
            self.here = all(is_here(address) for address in self.addresses)


class Sight:
    """Judges failures that may be the network's: by the witnesses where there are any, else by other targets.

    Without witnesses the monitor is blind when at least 80 % of the targets it asks cannot be connected to, and there
    are at least five, each with a host and an address of its own and none of them this machine. Those that were
    found dead by themselves before count among the five, but are not asked.

    Every failure is judged by a look around that began after it; failures that come together share one.
    """

    def __init__(
        self, clock: Clock, client: HttpClient, witnesses: Witnesses, tell: Callable[[str, str], None]
    ) -> None:
        self._clock = clock
        self._resolver, self._rules = client.resolver, client.rules
        self._witnesses = witnesses
        self._tell = tell
        self._places: dict[tuple[str, int], _Place] = {}
        self._by_check: dict[Key, _Place] = {}
        self._dice = random.Random()  # noqa: S311 - nobody gains by knowing who is asked
        self._looking = asyncio.Lock()
        self._next: asyncio.Task[bool] | None = None
        self._tasks: set[asyncio.Task[bool]] = set()
        self._began_at = self._found_at = self._sighted_at = float("-inf")
        self._blind_from: float | None = None
        self._blinded = asyncio.Event()

    @property
    def blind(self) -> bool:
        """Whether the last look around found the monitor cut off."""
        return self._blind_from is not None

    def watch(self, checks: Mapping[Key, CheckSettings]) -> None:
        """These are the targets there are, and no others."""
        before, self._places, self._by_check = self._places, {}, {}
        for key, settings in checks.items():
            if settings.host is None:
                continue
            if settings.port is None:
                # Nobody can connect there to find out, but its failures may be the network's all the same.
                self._by_check[key] = _Place(settings.host, 0)
                continue
            place = (settings.host, settings.port)
            known = self._places.get(place) or before.get(place) or _Place(*place)
            self._by_check[key] = self._places[place] = known

    def doubts(self, key: Key, outcome: Outcome) -> bool:
        """Whether the outcome has to be `judged`. One that has not tells what was reached."""
        place = self._by_check.get(key)
        if place is None:
            return False
        place.at(self._resolver.known(place.host), self._rules)
        if outcome.failure is not None and outcome.failure.failure_class in _DOUBTFUL:
            return not place.here
        if outcome.verdict != "unknown":
            place.dead = False
        return False

    async def judged(self, key: Key, outcome: Outcome, began: float) -> Outcome:
        """The outcome of a check that began then on the monotonic clock: the target's failure, or our blindness."""
        failure = outcome.failure
        assert failure is not None, "only failures are judged"
        if await self._was_blind(began):
            message = f"the monitor itself could not reach the network, and cannot tell: {failure.message}"
            blind = Failure(failure_class="blind", message=message, step=failure.step)
            return replace(outcome, verdict="unknown", failure=blind)
        if key in self._by_check:
            self._by_check[key].dead = True
        return outcome

    async def work(self) -> None:
        """While blind, look around by itself, so that its end is seen; for ever."""
        try:
            while True:
                await self._blinded.wait()
                await self._clock.sleep(_AGAIN_S)
                await self._next_look()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _was_blind(self, began: float) -> bool:
        if self.blind and self._clock.monotonic() - self._found_at < _APART_S:
            return True
        # Shielded: others wait for the same.
        blind = await asyncio.shield(self._next_look())
        return blind or began <= self._sighted_at + _GRACE_S

    def _next_look(self) -> asyncio.Task[bool]:
        """The next look around: one that has not begun."""
        if self._next is None:
            self._next = asyncio.create_task(self._look_around(), name="look around")
            self._tasks.add(self._next)
            self._next.add_done_callback(self._tasks.discard)
        return self._next

    async def _look_around(self) -> bool:
        async with self._looking:
            await self._clock.sleep(max(0.0, self._began_at + _APART_S - self._clock.monotonic()))
            # Whoever fails from here on waits for the next one.
            self._next = None
            self._began_at = self._clock.monotonic()
            why = await self._cut_off()
            self._found_at = self._clock.monotonic()
            if why is not None and not self.blind:
                self._begin(why)
            elif why is None and self.blind:
                self._end()
            return why is not None

    async def _cut_off(self) -> str | None:
        """Why the monitor is blind, None when it is not."""
        if len(self._witnesses):
            return None if await self._witnesses.one_answers() else f"none of {len(self._witnesses)} witnesses answers"
        unrelated = self._unrelated()
        asked = [place for place in unrelated if not place.dead][:_MOST_ASKED]
        if len(unrelated) < _FEWEST:
            return None
        answered = await counted((self._reaches(place) for place in asked), enough=len(asked) // 5 + 1)
        # Some may have turned out to be here.
        asked = [place for place in asked if not place.here]
        elsewhere = sum(not place.here for place in unrelated)
        if elsewhere < _FEWEST or not asked or answered * 5 > len(asked):
            return None
        return f"{len(asked) - answered} of {len(asked)} unrelated targets cannot be connected to"

    def _unrelated(self) -> list[_Place]:
        """Places elsewhere in random order, the living first, no two of one host or address."""
        places = [place for place in self._places.values() if not place.here]
        self._dice.shuffle(places)
        seen: set[str] = set()
        unrelated = []
        for place in sorted(places, key=lambda place: place.dead):
            if seen.isdisjoint((place.host, *place.addresses)):
                unrelated.append(place)
            seen.update((place.host, *place.addresses))
        return unrelated

    async def _reaches(self, place: _Place) -> bool:
        if not place.found:
            try:
                place.at(await self._resolver.resolve(place.host, _WITHIN_S), self._rules)
            except ResolveError:
                return False
        return not place.here and await answers(place.addresses, place.port, _WITHIN_S)

    def _begin(self, why: str) -> None:
        self._blind_from = self._clock.monotonic()
        self._blinded.set()
        _log.warning("the monitor is blind: %s", why)
        self._tell("warning", f"the monitor is blind: {why}; until it sees again, failing checks are unknown")

    def _end(self) -> None:
        assert self._blind_from is not None
        self._sighted_at = self._clock.monotonic()
        lasted = durations.write(timedelta(seconds=round(self._sighted_at - self._blind_from)))
        self._blind_from = None
        self._blinded.clear()
        _log.warning("the monitor sees again after %s", lasted)
        self._tell("success", f"the monitor sees again after {lasted}")
