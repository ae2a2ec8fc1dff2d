"""One stream's place: order restored, each event exactly once."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from appsentry_kernel.cursor import HOLD, Cursor


def durable(seq: int, epoch: str = "e1") -> dict[str, Any]:
    return {"stream": "runs", "seq": seq, "epoch": epoch}


def volatile(after: int, subject: str = "a", **rest: Any) -> dict[str, Any]:
    return {"stream": "runs", "after": after, "epoch": "e1", "id": subject, **rest}


def started(seq: int = 0) -> Cursor:
    cursor = Cursor("runs")
    cursor.start("e1", seq)
    return cursor


def numbers(events: list[Any]) -> list[int]:
    return [payload["seq"] for _, payload in events]


def test_events_in_order_are_handed_on_at_once() -> None:
    cursor = started(seq=4)
    assert [numbers(cursor.take("fact", durable(seq))) for seq in (5, 6)] == [[5], [6]]
    assert cursor.since == {"epoch": "e1", "seq": 6}
    assert not cursor.behind


def test_an_event_that_is_known_is_dropped() -> None:
    cursor = started(seq=4)
    assert cursor.take("fact", durable(4)) == []
    assert cursor.take("fact", durable(3)) == []
    assert not cursor.behind


def test_an_early_event_waits_for_the_missing_one() -> None:
    cursor = started()
    assert cursor.take("fact", durable(2)) == []
    assert cursor.behind
    assert numbers(cursor.take("fact", durable(1))) == [1, 2]
    assert not cursor.behind


def test_what_comes_before_the_snapshot_is_held_and_its_past_forgotten() -> None:
    cursor = Cursor("runs")
    assert [cursor.take("fact", durable(seq)) for seq in (7, 8, 9)] == [[], [], []]
    assert not cursor.behind, "before the first snapshot there is no place to be behind of"
    assert numbers(cursor.start("e1", 7)) == [8, 9]


def test_early_events_beyond_the_limit_are_asked_for_again() -> None:
    cursor = started()
    for seq in range(2, HOLD + 12):
        cursor.take("fact", durable(seq))
    assert numbers(cursor.take("fact", durable(1)))[-1] == HOLD + 1
    assert cursor.behind
    assert numbers(cursor.take("fact", durable(HOLD + 2))) == [HOLD + 2]


def test_another_epoch_is_a_reason_to_ask_and_never_mixes() -> None:
    cursor = started(seq=4)
    assert cursor.take("fact", durable(5, epoch="e2")) == []
    assert cursor.behind
    assert cursor.start("e2", 5) == []
    assert cursor.since == {"epoch": "e2", "seq": 5}
    assert not cursor.behind


def test_an_announced_head_shows_what_was_missed() -> None:
    cursor = started(seq=4)
    cursor.heard("e1", 4)
    assert not cursor.behind
    cursor.heard("e1", 5)
    assert cursor.behind
    cursor.take("fact", durable(5))
    assert not cursor.behind


def test_an_announced_head_of_another_epoch_is_a_reason_to_ask() -> None:
    cursor = started(seq=4)
    cursor.heard("e2", 1)
    assert cursor.behind


def test_a_volatile_event_waits_until_what_it_comes_after_is_here_and_only_the_latest_is_kept() -> None:
    cursor = started()
    assert cursor.take("status", volatile(2, value=1)) == []
    assert cursor.take("status", volatile(2, value=2)) == []
    assert cursor.behind
    assert numbers(cursor.take("fact", durable(1))) == [1]
    ready = cursor.take("fact", durable(2))
    assert [payload.get("value") for _, payload in ready] == [None, 2]


def test_a_volatile_event_in_its_place_is_handed_on_at_once() -> None:
    cursor = started(seq=3)
    assert len(cursor.take("status", volatile(3))) == 1


@given(st.lists(st.integers(1, 30), max_size=120))
def test_whatever_arrives_what_is_handed_on_counts_up_by_one(arriving: list[int]) -> None:
    cursor = started()
    handed_on = [seq for number in arriving for seq in numbers(cursor.take("fact", durable(number)))]
    assert handed_on == list(range(1, len(handed_on) + 1))
    missing = [seq for seq in range(1, max(arriving, default=0) + 1) if seq not in arriving]
    assert len(handed_on) == (missing[0] - 1 if missing else max(arriving, default=0))
    assert cursor.behind == bool(missing)
