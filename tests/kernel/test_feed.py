"""What arrives on the socket: opened, ordered, checked, and whatever is wrong with it counted."""

from collections.abc import Callable
from typing import Any

import pytest

from appsentry_contract.events import StepTime
from appsentry_kernel.feed import Feed

Metric = Callable[..., dict[str, Any]]


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    feed.start("metrics", "e1", 0)
    return feed


def test_a_batch_is_opened_in_order(feed: Feed, metric: Metric) -> None:
    batch = {"events": [["healthMetricUpdate", metric(seq)] for seq in (1, 2, 3)]}
    assert [payload["seq"] for _, payload in feed.receive("eventBatch", batch)] == [1, 2, 3]


def test_an_unknown_field_is_left_out(feed: Feed, metric: Metric) -> None:
    [(_, payload)] = feed.receive("healthMetricUpdate", {**metric(1), "colour": "red"})
    assert "colour" not in payload
    assert feed.malformed == 0


def test_an_unknown_event_is_counted_by_name(feed: Feed) -> None:
    assert feed.receive("moonPhase", {"stream": "metrics", "seq": 1, "epoch": "e1"}) == []
    assert feed.unknown == {"moonPhase": 1}


def test_the_names_of_unknown_events_are_bounded(feed: Feed) -> None:
    for number in range(1_000):
        feed.receive(f"event{number}", {})
    assert len(feed.unknown) <= 101
    assert feed.unknown.total() == 1_000


def test_an_event_of_a_stream_that_is_not_followed_is_ignored(feed: Feed, metric: Metric) -> None:
    assert feed.receive("healthMetricUpdate", {**metric(1), "stream": "run:other"}) == []
    assert feed.malformed == 0


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "text",
        [],
        {},
        {"stream": 5},
        {"stream": "metrics"},
        {"stream": "metrics", "seq": "1", "epoch": "e1"},
        {"stream": "metrics", "seq": -1, "epoch": "e1"},
        {"stream": "metrics", "seq": True, "epoch": "e1"},
        {"stream": "metrics", "seq": 1, "epoch": 7},
    ],
)
def test_a_payload_without_a_place_is_counted_as_malformed(feed: Feed, payload: object) -> None:
    assert feed.receive("healthMetricUpdate", payload) == []
    assert feed.malformed == 1
    assert feed.behind == []


@pytest.mark.parametrize("batch", [None, {}, {"events": "x"}, {"events": [["eventBatch", {}]]}, {"events": [[1, {}]]}])
def test_a_malformed_batch_is_counted(feed: Feed, batch: object) -> None:
    assert feed.receive("eventBatch", batch) == []
    assert feed.malformed == 1


@pytest.mark.parametrize("wrong", [{"status": "purple"}, {"dueAt": "yesterday"}, {"attempt": None}, {"timings": "x"}])
def test_a_malformed_event_is_counted_and_leaves_no_hole(feed: Feed, metric: Metric, wrong: dict[str, Any]) -> None:
    assert feed.receive("healthMetricUpdate", metric(1) | wrong) == []
    assert feed.malformed == 1
    assert feed.behind == []
    assert len(feed.receive("healthMetricUpdate", metric(2))) == 1


def test_a_hole_shows_which_stream_is_behind(feed: Feed, metric: Metric) -> None:
    feed.receive("healthMetricUpdate", metric(3))
    assert feed.behind == ["metrics"]


def test_a_head_that_is_announced_shows_which_stream_is_behind(feed: Feed) -> None:
    assert feed.receive("streamHead", {"stream": "metrics", "epoch": "e1", "head": 3}) == []
    assert feed.behind == ["metrics"]


def test_what_is_wrong_in_a_snapshot_is_left_out_and_counted(feed: Feed) -> None:
    step = {"step": "sign in", "duration": 12.5}
    assert feed.sound(StepTime, [step, {"step": 5}, None, {**step, "colour": "red"}]) == [step, step]
    assert feed.malformed == 2
