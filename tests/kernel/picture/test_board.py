"""Deltas: folded one by one they give the snapshot, folded twice they change nothing."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_kernel.picture import PastResult, Picture, empty_board, fold

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["start", "pass", "fail", "progress", "end", "app", "metric", "load", "past", "delta", "late", "twice"]
        ),
        st.integers(0, 3),
    ),
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_folding_the_deltas_gives_what_the_snapshot_gives(make_events, listed, listed_run, actions):
    events, picture = make_events(), Picture()
    early, late = (fold(empty_board(), picture.snapshot()) for _ in range(2))
    for action, number in actions:
        run, name = f"r{number}", "abcd"[number]
        if action == "delta":
            delta = through_json(picture.delta() or {})
            early, late = fold(early, delta), fold(late, delta)
        elif action == "twice":
            delta = through_json(picture.delta() or {})
            early, late = fold(fold(early, delta), delta), fold(late, delta)
        elif action == "late":
            # A view that opens now has in its snapshot what the next delta will say again.
            late = fold(empty_board(), through_json(picture.snapshot()))
        elif action == "load":
            picture.load([listed(other) for other in "abcd"[: number + 1]], [listed_run(run)])
        elif action == "past":
            picture.put_past([PastResult("p", name, "health", 7.0, "up"), PastResult("q", name, "health", 8.0, "up")])
        else:
            picture.apply(*event(events, action, run, name))
    delta = through_json(picture.delta() or {})
    wanted = fold(empty_board(), through_json(picture.snapshot()))
    assert through_json(fold(early, delta)) == wanted
    assert through_json(fold(late, delta)) == wanted


def event(events: Any, action: str, run: str, name: str) -> Any:
    return {
        "start": lambda: events.started(run),
        "pass": lambda: events.passed(name, run),
        "fail": lambda: events.failed(name, run),
        "progress": lambda: events.progress(1, 3, run),
        "end": lambda: events.completed(run),
        "app": lambda: events.application(name, "down" if run == "r1" else "healthy"),
        "metric": lambda: events.metric(name, 3.0),
    }[action]()


def through_json(delta: Any) -> Any:
    return json.loads(json.dumps(delta))


def test_a_delta_is_never_changed_by_folding_it(events, listed):
    picture = Picture()
    picture.load([listed("a")], [])
    picture.apply(*events.started())
    snapshot = picture.snapshot()
    before = json.dumps(snapshot)
    board = fold(empty_board(), snapshot)
    picture.apply(*events.metric("a"))
    picture.apply(*events.completed())
    fold(board, picture.delta() or {})
    assert json.dumps(snapshot) == before
