"""What truly was, on the wall clock, to the microsecond."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from appsentry_server.scenarios.script import Script, ScriptedApplication, TrueState
from appsentry_server.scenarios.wall import Wall

State = TrueState | Literal["never"]
"""`never` are instants that the wall clock left out: nothing was true of them."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Half-open intervals: `states[i]` from `edges[i]` until `edges[i + 1]`, microseconds since 1970.

    An instant that a clock set back shows twice is what it was the first time.
    """

    edges: tuple[int, ...]
    states: tuple[State, ...]

    @classmethod
    def of(cls, application: ScriptedApplication, script: Script) -> "Truth":
        """What the script says of one of its applications."""
        edges: list[int] = []
        states: list[State] = []
        for begin, end, state in _on_the_wall(application, script):
            if edges and edges[-1] < begin:
                states.append("never")
                edges.append(begin)
            if states and states[-1] == state:
                edges[-1] = end
                continue
            edges += [begin, end] if not edges else [end]
            states.append(state)
        return cls(edges=tuple(edges), states=tuple(states))

    def spent(self, since: int, until: int, without: Iterable[tuple[int, int]] = ()) -> Mapping[State, int]:
        """Microseconds in each state from `since` until `until`, those of the stretches left out `without` being."""
        spent: Counter[State] = Counter()
        for begin, end in _left(since, until, sorted(without)):
            for place, state in enumerate(self.states):
                spent[state] += max(0, min(end, self.edges[place + 1]) - max(begin, self.edges[place]))
        return spent

    def uptime(self, since: int, until: int, without: Iterable[tuple[int, int]] = ()) -> Fraction | None:
        """The share of the time there was that it was up or degraded; None when there was none."""
        spent = self.spent(since, until, without)
        there = spent["up"] + spent["degraded"] + spent["down"]
        return Fraction(spent["up"] + spent["degraded"], there) if there else None


def _on_the_wall(application: ScriptedApplication, script: Script) -> Iterator[tuple[int, int, TrueState]]:
    """What happens, in the order of the wall clock, each instant once."""
    for first, last, offset in Wall(script).first_seen():
        for begin, end, state in _happening(application, last):
            if max(begin, first) < min(end, last):
                yield max(begin, first) + offset, min(end, last) + offset, state


def _happening(application: ScriptedApplication, length: int) -> Iterator[tuple[int, int, TrueState]]:
    reached = 0
    for happening in application.states:
        begin, end = happening.begin // _MICROSECOND, happening.end // _MICROSECOND
        if reached < begin:
            yield reached, begin, "up"
        yield begin, end, happening.state
        reached = end
    if reached < length:
        yield reached, length, "up"


def _left(since: int, until: int, without: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for begin, end in without:
        if since < min(begin, until):
            yield since, min(begin, until)
        since = max(since, end)
    if since < until:
        yield since, until
