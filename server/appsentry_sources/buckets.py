"""Sums over stretches of time, told apart into the results that they count.

A tool that sums its results up says how many there were in an hour, not when. Each result gets a place within its
bucket: one interval after the other from the bucket's start, closer when they are too many for that, in the order of
its counts. What was counted is kept exactly; where in the bucket an outage lay is not known.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Placed(NamedTuple):
    """A result and when it was, in microseconds since 1970."""

    ts: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How many results of each status a stretch of time holds; `start` and `width` are microseconds."""

    start: int
    width: int
    counts: Mapping[str, int]


def spread(bucket: Bucket, interval: int) -> list[Placed]:
    """The results of one bucket, each in its place."""
    statuses = [status for status, count in bucket.counts.items() for _ in range(count)]
    step = min(interval, bucket.width // max(1, len(statuses)))
    return [Placed(bucket.start + place * step, status) for place, status in enumerate(statuses)]


def unfold(
    levels: Sequence[Sequence[Bucket]], interval: int, *, known: Iterable[Placed] = (), known_from: int | None = None
) -> list[Placed]:
    """The results that the buckets count and that are not `known`; levels come from the finest to the coarsest.

    `known` are results that the source has one by one, all of them from `known_from` on: there buckets add nothing.
    A bucket that finer ones cover in part adds the difference, in the time before them. None is counted twice.
    """
    rows = sorted(known)
    added: list[Placed] = []
    complete_from = known_from
    for level in levels:
        rests = [_rest(bucket, rows, complete_from) for bucket in level]
        new = [row for rest in rests if rest is not None for row in spread(rest, interval)]
        added += new
        rows = sorted(rows + new)
        starts = [bucket.start for bucket in level]
        complete_from = min([*starts, *([] if complete_from is None else [complete_from])], default=None)
    return added


def _rest(bucket: Bucket, rows: Sequence[Placed], complete_from: int | None) -> Bucket | None:
    """What the bucket counts beyond these rows, in the time that is not complete without it."""
    end = bucket.start + bucket.width
    free_until = end if complete_from is None else min(end, complete_from)
    if free_until <= bucket.start:
        return None
    counts = dict(bucket.counts)
    for row in rows[bisect_left(rows, (bucket.start, "")) : bisect_left(rows, (end, ""))]:
        if counts.get(row.status):
            counts[row.status] -= 1
    return Bucket(start=bucket.start, width=free_until - bucket.start, counts=counts)
