"""What is kept of one check's results, through growth, flushes, restarts and retention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsentry_contract.accounting.spans import CODES, VERDICTS, SpanArrays, Spans
from appsentry_contract.vocabulary import Verdict

Rows = list[tuple[int, int, int, str, int]]

results = st.lists(
    st.tuples(
        st.sampled_from([-40, 0, 1, 20, 20, 20, 20, 21, 22, 41]),
        st.sampled_from(VERDICTS),
        st.sampled_from([20, 20, 40]),
    ),
    max_size=60,
)


def rows(arrays: SpanArrays) -> Rows:
    columns = (arrays.begin, arrays.end, arrays.n, arrays.verdict, arrays.interval)
    return [
        (begin, end, n, VERDICTS[code], interval)
        for begin, end, n, code, interval in zip(*(column.tolist() for column in columns), strict=True)
    ]


def add_all(spans: Spans, script: list[tuple[int, Verdict, int]]) -> None:
    for after, verdict, interval in script:
        spans.add((spans.last or 0) + after, verdict, interval)


def test_results_of_one_verdict_that_come_as_their_interval_says_are_one_span() -> None:
    spans = Spans()
    for due in (0, 1000, 2000, 2500, 3501):
        spans.add(due, "up", 1000)
    assert rows(spans.arrays()) == [(0, 3501, 5, "up", 1000)]


@pytest.mark.parametrize(
    "then", [(2000, "down", 1000), (2000, "up", 500), (2051, "up", 1000)], ids=["verdict", "interval", "distance"]
)
def test_a_change_of_verdict_or_interval_or_a_late_result_begins_a_span(then: tuple[int, Verdict, int]) -> None:
    spans = Spans()
    spans.add(0, "up", 1000)
    spans.add(1000, "up", 1000)
    spans.add(*then)
    assert [row[2] for row in rows(spans.arrays())] == [2, 1]


def test_a_result_not_due_later_than_the_last_is_taken_as_due_a_moment_after_it() -> None:
    spans = Spans()
    spans.add(5000, "up", 1000)
    spans.add(5000, "up", 1000)
    spans.add(2000, "down", 1000)
    spans.add(3000, "down", 1000)
    assert rows(spans.arrays()) == [(5000, 5001, 2, "up", 1000), (5002, 5003, 2, "down", 1000)]


@given(results)
def test_spans_are_in_order_hold_every_result_and_name_themselves_by_their_beginning(
    script: list[tuple[int, Verdict, int]],
) -> None:
    spans = Spans()
    add_all(spans, script)
    kept = spans.arrays()
    assert int(kept.n.sum()) == len(script)
    assert (np.diff(kept.begin) > 0).all()
    assert len(kept) == len(spans)


@given(results, results)
def test_a_restart_in_between_changes_nothing(
    before: list[tuple[int, Verdict, int]], after: list[tuple[int, Verdict, int]]
) -> None:
    through, restarted = Spans(), Spans()
    add_all(through, before)
    add_all(restarted, before)
    restarted = Spans.of(restarted.arrays())
    add_all(through, after)
    add_all(restarted, after)
    assert rows(restarted.arrays()) == rows(through.arrays())
    assert restarted.downs == through.downs
    assert restarted.settled(10**9) == through.settled(10**9)


@given(st.lists(st.tuples(results, st.sampled_from(["flush", "lose", "restart", "forget"])), max_size=6))
def test_what_is_flushed_over_what_was_flushed_makes_the_whole(
    parts: list[tuple[list[tuple[int, Verdict, int]], str]],
) -> None:
    spans, whole, kept = Spans(), Spans(), dict[int, tuple[int, int, int, str, int]]()

    def flush(arrives: bool) -> None:
        tail = spans.unflushed()
        if arrives:
            kept.update({row[0]: row for row in rows(tail)})
            spans.flushed(tail)

    for script, then in parts:
        add_all(whole, script)
        add_all(spans, script)
        flush(arrives=then != "lose")
        if then == "restart":
            spans = Spans.of(spans.arrays())
        elif then == "forget" and spans.last:
            spans.forget(spans.last - 30)
    flush(arrives=True)
    assert list(kept.values()) == rows(whole.arrays())
    assert not len(spans.unflushed())


def test_results_that_come_while_a_flush_is_under_way_are_in_the_next() -> None:
    spans = Spans()
    spans.add(0, "up", 1000)
    tail = spans.unflushed()
    spans.add(1000, "up", 1000)
    spans.add(2000, "down", 1000)
    spans.flushed(tail)
    assert rows(spans.unflushed()) == [(0, 1000, 2, "up", 1000), (2000, 2000, 1, "down", 1000)]


def test_a_flush_writes_only_the_tail() -> None:
    spans = Spans()
    for place in range(1000):
        spans.add(place * 1000, "up" if place % 2 else "down", 1000)
    spans.flushed(spans.unflushed())
    spans.add(1_000_000, "up", 1000)
    assert rows(spans.unflushed()) == [(999_000, 1_000_000, 2, "up", 1000)]


def test_what_was_read_back_needs_no_flush() -> None:
    spans = Spans()
    add_all(spans, [(20, "up", 20), (20, "down", 20)])
    assert not len(Spans.of(spans.arrays()).unflushed())


def test_a_row_of_downs_goes_on_through_gaps_and_unknown_results_and_ends_with_one_that_passed() -> None:
    spans = Spans()
    downs = []
    script: list[tuple[int, Verdict]] = [
        (0, "up"),
        (1, "down"),
        (9, "down"),
        (10, "unknown"),
        (11, "down"),
        (12, "degraded"),
    ]
    for second, verdict in script:
        spans.add(second * 1000, verdict, 1000)
        downs.append(spans.downs)
    assert downs == [0, 1, 2, 2, 3, 0]


def test_forgetting_keeps_the_span_in_force_and_its_whole_row() -> None:
    spans = Spans()
    script: list[tuple[int, Verdict]] = [(0, "up"), (1, "down"), (5, "unknown"), (9, "down"), (10, "up"), (11, "down")]
    for second, verdict in script:
        spans.add(second * 1000, verdict, 1000)
    spans.forget(9_500)
    assert [row[0] for row in rows(spans.arrays())] == [1000, 5000, 9000, 10_000, 11_000]
    spans.forget(10_000)
    assert [row[0] for row in rows(spans.arrays())] == [10_000, 11_000]
    spans.forget(99_000)
    assert [row[0] for row in rows(spans.arrays())] == [11_000]
    Spans().forget(99_000)


def columns(**changed: list[int]) -> SpanArrays:
    plain = {"begin": [0, 10], "end": [5, 10], "n": [2, 1], "verdict": [0, 1], "interval": [5, 5], **changed}
    verdict = np.array(plain.pop("verdict"), np.uint8)
    return SpanArrays(verdict=verdict, **{name: np.array(column, np.int64) for name, column in plain.items()})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"begin": [0, 5]}, "expected spans in order"),
        ({"begin": [6, 10]}, "expected spans in order"),
        ({"n": [2, 0]}, "at least one result"),
        ({"n": [2]}, "differ in length"),
        ({"interval": [5, 0]}, "at least 1 apart"),
        ({"verdict": [0, len(CODES)]}, "known verdict"),
    ],
)
def test_arrays_that_are_no_spans_are_refused(changed: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        columns(**changed)
    assert len(columns()) == 2


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an interval of at least 1, found 0"):
        Spans().add(1000, "up", 0)


def test_a_month_without_incident_is_one_span() -> None:
    spans = Spans()
    for place in range(86_400):
        spans.add(place * 30_000, "up", 30_000)
    assert len(spans) == 1
