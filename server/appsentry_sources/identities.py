"""The ids that other tools' monitors get here, made from their names."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A monitor of another tool, and the first and last instant of its results, in any one unit."""

    name: str
    first: int
    last: int


def id_of(name: str) -> str:
    """The name in lower case, every run of other characters than letters and digits one hyphen, none at the ends.

    Letters and digits are Unicode's. A name without any gives `app`.
    """
    signs = [sign if sign.isalpha() or sign.isdecimal() else " " for sign in name.lower()]
    return "-".join("".join(signs).split()) or "app"


def identities(monitors: Iterable[Monitor]) -> list[str]:
    """The id of each monitor, in their order.

    Monitors whose names give the same id share it when they were never seen at once: it is one monitor, renamed.
    Otherwise the one seen first has it and the next one gets `-2`, and so on.
    """
    monitors = list(monitors)
    taken: dict[str, list[Monitor]] = {}
    given = [""] * len(monitors)
    for place in sorted(range(len(monitors)), key=lambda place: (monitors[place].first, monitors[place].name)):
        monitor = monitors[place]
        given[place] = next(one for one in _candidates(monitor.name) if _free(taken.get(one, ()), monitor))
        taken.setdefault(given[place], []).append(monitor)
    return given


def _candidates(name: str) -> Iterable[str]:
    base = id_of(name)
    yield base
    for number in count(2):
        yield f"{base}-{number}"


def _free(holders: Iterable[Monitor], monitor: Monitor) -> bool:
    return all(monitor.last < holder.first or holder.last < monitor.first for holder in holders)
