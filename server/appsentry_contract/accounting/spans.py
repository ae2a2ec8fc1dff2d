"""What was observed of one check, kept as spans of equal verdict: all that counting needs, under any policy."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final, Self, get_args

import numpy as np
import numpy.typing as npt

from appsentry_contract.vocabulary import Verdict

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]

VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
"""A verdict's code in arrays and in the history is its place in this tuple."""

CODES: Final[dict[str, int]] = {word: code for code, word in enumerate((*VERDICTS, "maintenance"))}
"""Other tools also keep results that say that a maintenance was under way; our server makes none."""

DOWN: Final = CODES["down"]
UNKNOWN: Final = CODES["unknown"]
MAINTENANCE: Final = CODES["maintenance"]

_OF_A_ROW: Final = (DOWN, UNKNOWN)

SLACK: Final = 20
"""Results may come a twentieth of their interval later than the interval says and still be joined: clocks are corrected
and instants rounded, and a span a result would be no saving. Under a `gap_tolerance` of at least 1.05 it changes no
figure; below, a hole of at most that twentieth counts as covered."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanArrays:
    """Spans of one check, in order; `begin` strictly increases and so names a span within its check.

    A span is `n` results of one verdict, made every `interval` or closer, the first due at `begin`, the last at
    `end`. Instants are since 1970, in any one unit; everything is int64 but `verdict`, uint8.
    """

    begin: Integers
    end: Integers
    n: Integers
    verdict: Codes
    interval: Integers

    def __post_init__(self) -> None:
        if len({len(self.begin), len(self.end), len(self.n), len(self.verdict), len(self.interval)}) > 1:
            raise ValueError("the columns of spans differ in length")
        ordered = (self.begin <= self.end).all() and (self.end[:-1] < self.begin[1:]).all()
        if not ordered:
            raise ValueError("expected spans in order, each beginning after the one before it ends")
        if len(self.n) and (self.n.min() < 1 or self.interval.min() < 1 or self.verdict.max() >= len(CODES)):
            raise ValueError("expected spans of at least one result, at least 1 apart, of a known verdict")

    def __len__(self) -> int:
        return len(self.begin)

    @classmethod
    def of_results(cls, due: Integers, verdict: Codes, interval: Integers) -> Self:
        """The spans of these results, exactly as `Spans` would have made them one by one."""
        due = distinct(due)
        late = np.diff(due) > interval[1:] + interval[1:] // SLACK
        begins = np.ones(len(due), np.bool_)
        begins[1:] = late | (verdict[1:] != verdict[:-1]) | (interval[1:] != interval[:-1])
        places = np.flatnonzero(begins)
        behind = np.append(places[1:], len(due))[: len(places)]
        return cls(
            begin=due[places],
            end=due[behind - 1],
            n=behind - places,
            verdict=verdict[places],
            interval=interval[places],
        )


def distinct(due: Integers) -> Integers:
    """Each instant, or one unit after the one before it where it is not later than that."""
    places = np.arange(len(due))
    return np.maximum.accumulate(due - places) + places if len(due) else due


class Spans:
    """The spans of one check as they grow, a result at a time; 33 bytes a span that has ended.

    A span ends when the verdict or the interval changes, or when the next result is later than the interval says.
    Results come in the order in which they were made. One that is not due later than the one before (a wall clock that
    was set back) is taken as due one unit of time after it: what was counted stays counted, and no result is lost.
    """

    __slots__ = ("_begin", "_downs", "_end", "_ended", "_flushed", "_interval", "_n", "_row_begin", "_verdict")

    def __init__(self) -> None:
        self._ended = (array("q"), array("q"), array("q"), array("B"), array("q"))
        # The last span is kept outside the arrays while it grows.
        self._begin = self._end = self._n = self._interval = 0
        self._verdict = len(VERDICTS)
        self._downs = self._row_begin = 0
        self._flushed = (-(2**62), 0)

    @classmethod
    def of(cls, arrays: SpanArrays) -> Self:
        """The spans as they were kept; the last one goes on growing when what follows fits it."""
        spans = cls()
        if len(arrays):
            for column, values in zip(spans._ended, _columns(arrays), strict=True):
                column.frombytes(values[:-1].tobytes())
            spans._begin, spans._end = int(arrays.begin[-1]), int(arrays.end[-1])
            spans._n, spans._verdict = int(arrays.n[-1]), int(arrays.verdict[-1])
            spans._interval = int(arrays.interval[-1])
            spans._find_row(arrays)
            spans.flushed(arrays)
        return spans

    def __len__(self) -> int:
        return len(self._ended[0]) + (self._n > 0)

    @property
    def last(self) -> int | None:
        """When the newest result was due, None before the first."""
        return self._end if self._n else None

    @property
    def last_begin(self) -> int | None:
        """Where the last span begins, None before the first result."""
        return self._begin if self._n else None

    @property
    def last_verdict(self) -> Verdict | None:
        """The newest result's verdict, None before the first."""
        return VERDICTS[self._verdict] if self._n else None

    @property
    def interval(self) -> int:
        """The interval of the newest result, 0 before the first."""
        return self._interval

    @property
    def downs(self) -> int:
        """How many results in a row are down by now.

        Unknown results neither lengthen nor end a row: the monitor could not tell, just as in a gap.
        """
        return self._downs

    def add(self, due: int, verdict: Verdict, interval: int) -> None:
        """Take up the next result, in constant time."""
        code = CODES[verdict]
        if self._n and due <= self._end:
            due = self._end + 1
        if code == self._verdict and interval == self._interval and due - self._end <= interval + interval // SLACK:
            self._end = due
            self._n += 1
        else:
            self._start(due, code, interval)
        if code == DOWN:
            if not self._downs:
                self._row_begin = self._begin
            self._downs += 1
        elif code != UNKNOWN:
            self._downs = 0

    def arrays(self) -> SpanArrays:
        """A copy of all spans."""
        return self._copy(0)

    def needed(self, since: int) -> SpanArrays:
        """A copy of the spans without which the time from `since` on could not be read as it is."""
        return self._copy(self._first_needed(since))

    def settled(self, confirm: int) -> int | None:
        """The instant before which nothing that comes can change how time is read; None before the first result.

        It is where the last span begins, or the row of downs that is still shorter than `confirm`.
        """
        if not self._n:
            return None
        return self._row_begin if 0 < self._downs < confirm else self._begin

    def unflushed(self) -> SpanArrays:
        """The spans that began or grew since the last `flushed`: put them in the place of those of equal `begin`."""
        begin, n = self._flushed
        place = bisect_left(self._ended[0], begin)
        kept_begin, kept_n = self._span(place)
        return self._copy(place + 1 if (kept_begin, kept_n) == (begin, n) else place)

    def flushed(self, spans: SpanArrays) -> None:
        """Note that these spans, as `unflushed` gave them, are kept."""
        if len(spans):
            self._flushed = (int(spans.begin[-1]), int(spans.n[-1]))

    def forget(self, before: int) -> None:
        """Drop the spans that are not `needed` from `before` on."""
        place = self._first_needed(before)
        for column in self._ended:
            del column[:place]

    def _start(self, due: int, code: int, interval: int) -> None:
        if interval < 1:
            raise ValueError(f"expected an interval of at least 1, found {interval}")
        if self._n:
            last = (self._begin, self._end, self._n, self._verdict, self._interval)
            for column, value in zip(self._ended, last, strict=True):
                column.append(value)
        self._begin = self._end = due
        self._n, self._verdict, self._interval = 1, code, interval

    def _find_row(self, arrays: SpanArrays) -> None:
        known = np.flatnonzero(arrays.verdict != UNKNOWN)
        passed = np.flatnonzero(arrays.verdict[known] != DOWN)
        row = known[passed[-1] + 1 :] if len(passed) else known
        if len(row):
            self._row_begin = int(arrays.begin[row[0]])
            self._downs = int(arrays.n[row].sum())

    def _span(self, place: int) -> tuple[int, int]:
        """Where the span in this place begins, and its results."""
        starts, _, n, _, _ = self._ended
        return (starts[place], n[place]) if place < len(starts) else (self._begin, self._n)

    def _first_needed(self, since: int) -> int:
        """The place of the span in force at `since`, or of the first of its row when it may be one of downs."""
        starts, _, _, verdicts, _ = self._ended
        place = max(0, bisect_right(starts, since) - (self._begin > since))
        if (verdicts[place] if place < len(verdicts) else self._verdict) in _OF_A_ROW:
            while place and verdicts[place - 1] in _OF_A_ROW:
                place -= 1
        return place

    def _copy(self, start: int) -> SpanArrays:
        last = (self._begin, self._end, self._n, self._verdict, self._interval)
        with_last = self._n > 0 and start <= len(self._ended[0])
        columns = []
        for column, value in zip(self._ended, last, strict=True):
            part = column[start:]
            if with_last:
                part.append(value)
            columns.append(part)
        begin, end, n, verdict, interval = columns
        return SpanArrays(
            begin=np.array(begin, np.int64),
            end=np.array(end, np.int64),
            n=np.array(n, np.int64),
            verdict=np.array(verdict, np.uint8),
            interval=np.array(interval, np.int64),
        )


def _columns(arrays: SpanArrays) -> tuple[Integers | Codes, ...]:
    return arrays.begin, arrays.end, arrays.n, arrays.verdict, arrays.interval
