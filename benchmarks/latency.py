"""How long an event takes: from the end of a check to the frame in a notebook, by clocks outside of the server.

A check ends, for this purpose, when its target has written the answer: the server has yet to read it. Target and
notebook are processes of one machine and read the same clock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

_EARLY_NS = 2_000_000
"""A due time is written in whole milliseconds, so a check may seem to begin that much before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of each event: all the way, and from its numbering, just before the commit, on."""

    whole_ms: list[float]
    from_numbered_ms: list[float]


def latency(answers: Mapping[str, Sequence[int]], notes: Iterable[tuple[str, int, int, int]], since_ms: int) -> Latency:
    """Pair each noted result that was due from `since_ms` on with the answer that its check got.

    `answers` gives by path, which is `/` and the application's id, when each answer was written; the answer to a check
    is the first after it was due, for a check never overlaps its next.
    """
    found = Latency(whole_ms=[], from_numbered_ms=[])
    for application, due_ms, numbered_ms, here_ns in notes:
        written = answers.get(f"/{application}", ())
        place = bisect_left(written, due_ms * 1_000_000 - _EARLY_NS)
        if due_ms >= since_ms and place < len(written):
            found.whole_ms.append((here_ns - written[place]) / 1e6)
            found.from_numbered_ms.append(here_ns / 1e6 - numbered_ms)
    return found


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """p50 and p99."""
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]
