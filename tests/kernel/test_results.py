"""The results seen live: columns, bounded by age and by number."""

from collections.abc import Callable
from typing import Any

from appsentry_contract.instants import from_wire, to_wire
from appsentry_kernel.results import ResultLog
from appsentry_sources.arrow import RESULT_SCHEMA

Metric = Callable[..., dict[str, Any]]

NOW_MS = from_wire("2026-11-23T08:00:00Z")
HOUR_MS = 3_600_000


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def ids(log: ResultLog) -> list[str]:
    return log.seen().table.column("result_id").to_pylist()


def test_an_empty_log_has_the_columns_of_a_full_one() -> None:
    assert ResultLog(keep=10, clock=HandClock()).seen().table.schema == RESULT_SCHEMA


def test_results_come_back_in_order_across_sealed_chunks(metric: Metric) -> None:
    log = ResultLog(keep=1_000_000, clock=HandClock())
    for seq in range(5_000):
        log.add(metric(seq))
    assert ids(log) == [f"r{seq}" for seq in range(5_000)]
    assert log.seen().trimmed == 0


def test_at_most_keep_rows_are_held_and_the_rest_counted(metric: Metric) -> None:
    log = ResultLog(keep=3_000, clock=HandClock())
    for seq in range(10_000):
        log.add(metric(seq))
    assert ids(log) == [f"r{seq}" for seq in range(7_000, 10_000)]
    assert log.seen().trimmed == 7_000
    assert log.rows < 3_000 + 2 * 2_048, "what is no longer shown is no longer held"


def test_a_result_older_than_a_day_goes(metric: Metric) -> None:
    clock = HandClock()
    log = ResultLog(keep=100, clock=clock)
    log.add(metric(1, dueAt=to_wire(NOW_MS - 24 * HOUR_MS)))
    log.add(metric(2, dueAt=to_wire(NOW_MS)))
    assert ids(log) == ["r1", "r2"]
    clock.ms += 1
    assert ids(log) == ["r2"]
    assert log.seen().trimmed == 1


def test_old_chunks_are_let_go_without_being_asked_for(metric: Metric) -> None:
    clock = HandClock()
    log = ResultLog(keep=1_000_000, clock=clock)
    for _ in range(4):
        for seq in range(2_048):
            log.add(metric(seq, dueAt=to_wire(clock.ms)))
        clock.ms += 25 * HOUR_MS
    assert log.rows == 2_048


def test_starting_anew_counts_what_was_there_as_trimmed(metric: Metric) -> None:
    log = ResultLog(keep=100, clock=HandClock())
    log.add(metric(1))
    log.clear()
    log.add(metric(2))
    assert ids(log) == ["r2"]
    assert log.seen().trimmed == 1
