"""When each check is due: a drift-free grid a check, its phase a hash of its name, and retries in between."""

import asyncio
import heapq
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from appsentry_server.clock import Clock
from appsentry_server.conduct import Check

Key = tuple[str, str]

_STARTS_PER_SECOND = 1_000
_FIRST_LOOK_S = 1.0
_JUMP_MS = 250
_LATE_S = 1.0
_LATE_SHARE = 0.1
"""How late the schedule itself may be for a tick, at least and by the interval: what is later was missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One time a check is due: `due_ms` on the wall, `due` on the monotonic clock."""

    check: Check
    due_ms: int
    due: float
    attempt: int


@dataclass(slots=True, eq=False)
class _Entry:
    """Where one check stands in the schedule."""

    check: Check
    interval_s: float
    phase_s: float
    next_due: float = 0.0
    busy: bool = False
    late: Tick | None = None
    retry_number: int = 0
    gone: bool = False


class _Alarm(NamedTuple):
    at: float
    order: int
    """Never the same twice, so that alarms are compared no further than to here."""
    entry: _Entry
    retry: tuple[int, int] | None = None
    """Attempt and retry number, for a retry; None for the grid."""


def phase(key: Key) -> float:
    """The fraction of its interval at which a check is due: the same at every start, spread evenly over checks."""
    return zlib.crc32("/".join(key).encode()) / 2**32


class Schedule:
    """Hands each tick to `carry_out` when it is due, never two of one check at once.

    The grid of a check is fixed to the wall clock, so that a restart keeps it, and walked on the monotonic
    one, so that a jump of the wall neither bunches checks nor drops them. A tick that finds its check still
    busy runs once, late, right after. A schedule that stood still goes on with what is due then: what it missed is
    not made up for, or all checks would be made at once. All that was not made is counted in `missed`.
    """

    def __init__(self, clock: Clock, carry_out: Callable[[Tick], Awaitable[None]]) -> None:
        self._clock = clock
        self._carry_out = carry_out
        self._entries: dict[Key, _Entry] = {}
        self._alarms: list[_Alarm] = []
        self._order = count()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._anchor = (clock.monotonic(), clock.now_ms())
        self.missed = 0

    def replace(self, checks: Iterable[Check], last_due_ms: Mapping[Key, int]) -> None:
        """Schedule these checks and no others; one that is already there, unchanged, keeps its place.

        A check without a result in the last interval is looked at at once, as far as a thousand starts a
        second allow; the others wait for their next place on the grid.
        """
        wanted = {check.key: check for check in checks}
        for key, entry in list(self._entries.items()):
            if wanted.get(key) is not entry.check:
                entry.gone = True
                del self._entries[key]
        new = [check for key, check in wanted.items() if key not in self._entries]
        spread_s = max(_FIRST_LOOK_S, len(new) / _STARTS_PER_SECOND)
        now = self._clock.monotonic()
        for check in new:
            self._add(check, now, spread_s, last_due_ms.get(check.key))
        self._changed.set()

    def observed(self, key: Key, downs: int) -> None:
        """Take note of a result, scheduled or not: `downs` results in a row are down. Confirms a down by retries."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.retry_number += 1
        settings = entry.check.settings
        if 0 < downs < settings.confirm:
            at = self._clock.monotonic() + settings.retry_interval.total_seconds()
            self._set(_Alarm(at, next(self._order), entry, (downs + 1, entry.retry_number)))
            self._changed.set()

    async def work(self) -> None:
        """Let ticks happen, for ever; when cancelled, running ones are cancelled too."""
        try:
            while True:
                self._ring()
                delay = self._alarms[0].at - self._clock.monotonic() if self._alarms else 3600.0
                if delay > 0:
                    await self._clock.wait(self._changed, delay)
                self._changed.clear()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Start nothing more."""
        for entry in self._entries.values():
            entry.gone = True
        self._entries.clear()
        self._alarms.clear()

    async def drained(self, within_s: float) -> int:
        """Wait for the checks that are running, at most so long, then cut them off; how many were."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        cut_off = list(self._tasks)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        return len(cut_off)

    def _add(self, check: Check, now: float, spread_s: float, last_due_ms: int | None) -> None:
        interval_s = check.settings.interval.total_seconds()
        share = phase(check.key)
        entry = self._entries[check.key] = _Entry(check, interval_s, share * interval_s)
        now_s = self._wall_ms(now) / 1000
        on_grid = now + (entry.phase_s - now_s) % interval_s
        fresh = last_due_ms is not None and now_s - last_due_ms / 1000 < interval_s
        entry.next_due = on_grid if fresh else min(on_grid, now + share * spread_s)
        self._set(_Alarm(entry.next_due, next(self._order), entry))

    def _ring(self) -> None:
        now = self._clock.monotonic()
        self._follow_the_wall(now)
        while self._alarms and self._alarms[0].at <= now:
            alarm = heapq.heappop(self._alarms)
            entry = alarm.entry
            if entry.gone:
                continue
            if alarm.retry is None:
                self._regular(entry, now)
            elif alarm.retry[1] == entry.retry_number and not entry.busy:
                # A retry is never missed: one that is late is due now.
                at = alarm.at if now - alarm.at <= _LATE_S else now
                self._begin(entry, self._tick(entry, at, alarm.retry[0]))

    def _regular(self, entry: _Entry, now: float) -> None:
        due = entry.next_due
        entry.next_due = self._on_grid_after(entry, max(due, now))
        self._set(_Alarm(entry.next_due, next(self._order), entry))
        if now - due > min(entry.interval_s, max(_LATE_S, _LATE_SHARE * entry.interval_s)):
            self.missed += 1 + int((now - due) / entry.interval_s)
        elif not entry.busy:
            self._begin(entry, self._tick(entry, due, 1))
        elif entry.late is None:
            entry.late = self._tick(entry, due, 1)
        else:
            self.missed += 1

    def _on_grid_after(self, entry: _Entry, at: float) -> float:
        """The first place of the entry's grid that is later than `at`."""
        offset = (self._wall_ms(at) / 1000 - entry.phase_s) % entry.interval_s
        # A place that rounding puts a hair ahead of `at` is `at` itself.
        return at + (entry.interval_s - offset if entry.interval_s - offset > 1e-3 else 2 * entry.interval_s - offset)

    def _begin(self, entry: _Entry, tick: Tick) -> None:
        entry.busy = True
        task = asyncio.create_task(self._run(entry, tick))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, entry: _Entry, tick: Tick) -> None:
        try:
            await self._carry_out(tick)
        finally:
            entry.busy = False
        late, entry.late = entry.late, None
        if late is not None and not entry.gone:
            self._begin(entry, late)

    def _tick(self, entry: _Entry, at: float, attempt: int) -> Tick:
        return Tick(check=entry.check, due_ms=round(self._wall_ms(at)), due=at, attempt=attempt)

    def _set(self, alarm: _Alarm) -> None:
        heapq.heappush(self._alarms, alarm)

    def _wall_ms(self, at: float) -> float:
        monotonic, wall_ms = self._anchor
        return wall_ms + (at - monotonic) * 1000

    def _follow_the_wall(self, now: float) -> None:
        wall_ms = self._clock.now_ms()
        if abs(wall_ms - self._wall_ms(now)) > _JUMP_MS:
            self._anchor = (now, wall_ms)
