"""The picture: what each event changes in it, what bounds it, and how its past is found."""

from typing import Any

import pytest

from appsentry_kernel.picture import PastResult, Picture, empty_board, fold


def shown(picture: Picture) -> Any:
    return fold(empty_board(), picture.snapshot())


def apply(picture: Picture, *events: tuple[str, Any]) -> Any:
    for name, payload in events:
        picture.apply(name, payload)
    return shown(picture)


def test_a_run_is_followed_from_its_start_to_its_end(events):
    picture = Picture()
    line = apply(picture, events.started(tests=3), events.progress(1, 3, now="a"), events.passed())["runs"]["r1"]
    assert (line["state"], line["completed"], line["total"], line["current"], line["passed"]) == (
        "running", 1, 3, "a", 1,
    )  # fmt: skip
    line = apply(picture, events.completed(passed=2, failed=1))["runs"]["r1"]
    assert (line["state"], line["completed"], line["passed"], line["failed"], line["duration"]) == (
        "completed", 3, 2, 1, 1234.5,
    )  # fmt: skip
    assert line["current"] is None


def test_between_two_tests_the_application_last_begun_stays_named(events):
    board = apply(Picture(), events.started(), events.progress(1, 3, now="a"), events.progress(2, 3, now=None))
    assert board["runs"]["r1"]["current"] == "a"


@pytest.mark.parametrize(
    ("name", "state"),
    [("testRunPaused", "paused"), ("testRunResumed", "running")],
)
def test_a_run_turns_and_goes_on(events, name, state):
    board = apply(Picture(), events.started(), events.turned(name, completed=2, total=3))
    assert (board["runs"]["r1"]["state"], board["runs"]["r1"]["completed"]) == (state, 2)
    assert board["runs"]["r1"]["duration"] is None


@pytest.mark.parametrize(("name", "state"), [("testRunCancelled", "cancelled"), ("testRunInterrupted", "interrupted")])
def test_a_run_that_is_cut_off_says_why_and_how_long_it_went(events, name, state):
    board = apply(Picture(), events.started(), events.turned(name, completed=2, total=3, reason="enough"))
    line = board["runs"]["r1"]
    assert (line["state"], line["reason"], line["completed"], line["duration"]) == (state, "enough", 2, 1000.0)
    assert board["feed"][0]["message"] == "2 of 3 tests: enough"


def test_events_of_an_unknown_or_ended_run_are_counted_and_change_nothing(events):
    picture = Picture()
    board = apply(picture, events.progress(1, 3, run="gone"), events.failed(run="gone"))
    assert (board["runs"], board["feed"], board["counts"]) == ({}, [], {"stale": 2})
    before = apply(picture, events.started(), events.completed(passed=3))["runs"]
    board = apply(picture, events.progress(1, 3), events.passed(), events.started(), events.completed(failed=9))
    assert board["runs"] == before
    assert board["counts"] == {"stale": 6}


def test_the_feed_tells_what_happened_newest_first_and_keeps_twenty(events):
    picture = Picture()
    apply(picture, events.application("a"), events.started(tests=30))
    feed = apply(picture, *(events.failed("a", message=f"no {n}") for n in range(30)))["feed"]
    assert [entry["message"] for entry in feed] == [f"no {n}" for n in range(29, 9, -1)]
    assert feed[0] | {"at": 0, "number": 0} == {
        "number": 0, "at": 0, "what": "test", "status": "failed", "application": "a", "name": "A", "type": "health",
        "message": "no 29", "duration": 12.5, "simulated": False,
    }  # fmt: skip


def test_a_change_of_status_and_a_notification_are_news_but_an_unchanged_status_is_not(events):
    board = apply(
        Picture(),
        events.application("a", "unknown", lastChecked=None),
        events.application("a"),
        events.application("a"),
        events.application("a", "degraded"),
        events.notice("hm"),
    )
    assert [(entry["what"], entry["status"], entry["message"]) for entry in board["feed"]] == [
        ("notice", "warning", "hm"),
        ("status", "degraded", "was healthy"),
    ]


def test_what_the_simulator_said_of_a_status_is_taken_back_without_a_word(events):
    board = apply(
        Picture(),
        events.application("a"),
        events.application("a", "degraded", simulated=True),
        events.application("a"),
    )
    assert [(entry["message"], entry["simulated"]) for entry in board["feed"]] == [("was healthy", True)]
    assert board["cards"]["a"]["status"] == "healthy"


def test_time_spent_in_pauses_is_known(events):
    picture = Picture()
    line = apply(picture, events.started(), events.turned("testRunPaused", completed=1, total=3))["runs"]["r1"]
    assert (line["paused"], line["idle"]) == (line["started"] + 1000, 0)
    line = apply(picture, events.turned("testRunResumed", completed=1, total=3))["runs"]["r1"]
    assert (line["paused"], line["idle"]) == (None, 1000)


def test_pauses_that_were_heard_are_remembered_when_the_server_is_asked_again(events, listed_run):
    picture = Picture()
    apply(picture, events.started(), events.turned("testRunPaused", completed=1, total=3))
    picture.load([], [listed_run("r1", "paused")])
    assert apply(picture, events.turned("testRunResumed", completed=1, total=3))["runs"]["r1"]["idle"] == 1000


def test_figures_have_the_digits_that_are_shown_and_are_never_rounded_up(events):
    sla = {"status": "met", "target": 99.9, "actual": 99.999999, "errorBudgetRemaining": -0.000001}
    application = events.application("a", responseTime=66.123456, uptime=99.999999, sla=sla)
    card = apply(Picture(), application, events.metric(ms=4.56789))["cards"]["a"]
    assert (card["response"], card["uptime"], card["beats"]) == (66, 99.9999, [(4.6, 0)])
    assert (card["sla"]["actual"], card["sla"]["budget"]) == (99.9999, -0.0001)


def test_what_goes_down_or_recovers_is_told_once_by_the_notification(events):
    picture = Picture()
    apply(
        picture, events.application("a"), events.application("a", "down"), events.notice("A is down: refused", "error")
    )
    feed = apply(picture, events.application("a"), events.notice("A has recovered", "success"))["feed"]
    assert [entry["message"] for entry in feed] == ["A has recovered", "A is down: refused"]


def test_an_application_that_is_removed_leaves_the_board(events):
    picture = Picture()
    apply(picture, events.application("a"), events.application("b"))
    picture.delta()
    board = apply(picture, events.removed("a"), events.removed("nobody"))
    assert list(board["cards"]) == ["b"]
    assert (picture.delta() or {})["cardsGone"] == ["a"]


def test_a_card_shows_its_application_and_the_beats_of_its_first_check(events, listed):
    picture = Picture()
    picture.load([listed("a", "degraded", "health", "login")], [])
    card = apply(picture, events.metric(ms=7.0), events.metric(ms=None), events.metric(check="login", ms=900.0))
    card = card["cards"]["a"]
    assert (card["name"], card["status"], card["sla"]["budget"], card["heard"]) == ("A", "degraded", 0.9, 2)
    assert card["beats"] == [(7.0, 0), (None, 2)]
    assert [check["check"] for check in card["checks"]] == ["health", "login"]


def test_simulated_results_leave_no_beat(events):
    board = apply(Picture(), events.application("a"), events.metric(simulated=True))
    assert board["cards"]["a"]["beats"] == []


def test_results_of_an_application_that_is_not_known_are_counted(events):
    board = apply(Picture(), events.metric("ghost"))
    assert (board["cards"], board["counts"]) == ({}, {"application": 1})


def test_an_event_that_changes_nothing_that_is_shown_is_no_delta(events):
    picture = Picture()
    picture.apply("streamHead", {"stream": "runs", "epoch": "e", "head": 3})
    assert picture.delta() is None


def test_a_snapshot_of_the_server_replaces_what_was_heard(events, listed, listed_run):
    picture = Picture()
    apply(picture, events.application("a"), events.application("b"), events.metric("a"), events.started("lost"))
    picture.delta()
    picture.load([listed("a", "down")], [listed_run("r9", "completed")])
    board = shown(picture)
    assert list(board["cards"]) == ["a"]
    assert (board["cards"]["a"]["status"], board["cards"]["a"]["heard"]) == ("down", 1)
    assert {run_id: line["state"] for run_id, line in board["runs"].items()} == {"r9": "completed"}
    delta = picture.delta()
    assert delta is not None
    assert (delta["cardsGone"], delta["runsGone"]) == (["b"], ["lost"])


def test_runs_are_bounded_and_the_ended_ones_go_first(events):
    picture = Picture()
    apply(picture, events.started("going"))
    for number in range(40):
        board = apply(picture, events.started(f"r{number}"), events.completed(f"r{number}"))
    assert len(board["runs"]) == 20
    assert "going" in board["runs"]
    assert "r39" in board["runs"]


def test_beats_are_bounded(events):
    picture = Picture()
    board = apply(picture, events.application("a"), *(events.metric("a", ms=float(n)) for n in range(100)))
    assert [ms for ms, _ in board["cards"]["a"]["beats"]] == [float(n) for n in range(70, 100)]


def test_the_picture_is_as_old_as_its_newest_event(events):
    picture = Picture()
    assert shown(picture)["asOf"] is None
    old, new = events.notice("old"), events.notice("new")
    newest = apply(picture, new)["asOf"]
    assert apply(picture, old)["asOf"] == newest


def test_connection_problem_and_what_was_dropped_before_are_shown():
    picture = Picture()
    broken: Any = {"state": "disconnected", "detail": "no server", "retry": {"attempt": None, "of": 5, "wait": 9}}
    picture.connection(broken)
    picture.problem("one")
    picture.problem("two")
    picture.dropped({"malformed": 2})
    assert picture.delta() == {
        "connection": broken,
        "problem": {"number": 2, "message": "two"},
        "counts": {"malformed": 2},
    }
    picture.dropped({"malformed": 2})
    picture.connection(dict(broken))
    picture.server(dev=False)
    assert picture.delta() is None
    picture.server(dev=True)
    assert picture.delta() == {"dev": True}


def test_a_delta_holds_only_what_changed(events, listed):
    picture = Picture()
    picture.load([listed(name) for name in "abc"], [])
    picture.delta()
    apply(picture, events.application("b", "down"), events.metric("b", ms=3.0))
    delta = picture.delta()
    assert delta is not None
    assert delta["cards"] == {"b": {"status": "down"}}
    assert delta["beats"] == {"b": [1, 3.0, 0]}
    assert set(delta) == {"asOf", "cards", "beats"}
    assert picture.delta() is None


def past(number: int, name: str = "a", check: str = "health", ms: float | None = 50.0) -> PastResult:
    """One result of the history; numbers are those of results that may come live, too."""
    return PastResult(f"x{number}", name, check, ms, "up" if ms is not None else "down")


def test_the_past_comes_before_what_came_live_and_nothing_twice(events):
    picture = Picture()
    apply(picture, events.application("a"))
    picture.await_past()
    apply(picture, events.metric("a", ms=80.0, resultId="x8"), events.metric("a", ms=90.0, resultId="x9"))
    picture.put_past([past(6, ms=60.0), past(7, ms=None), past(8, ms=80.0), past(9, ms=90.0)])
    board = apply(picture, events.metric("a", ms=100.0, resultId="x10"))
    assert board["cards"]["a"]["beats"] == [(60, 0), (None, 2), (80, 0), (90, 0), (100, 0)]
    assert board["cards"]["a"]["heard"] == 5


def test_of_the_past_a_card_takes_its_first_check_and_no_more_than_its_line_has_room_for(events, listed):
    picture = Picture()
    picture.load([listed("a", "healthy", "health", "login"), listed("b")], [])
    picture.await_past()
    apply(picture, *(events.metric("b", ms=float(n), resultId=f"l{n}") for n in range(100, 140)))
    results = [past(n, "a", "login") for n in range(10)] + [past(n, "a", ms=10.0 + n) for n in range(50)]
    picture.put_past([*results, *(past(n, "b") for n in range(50)), past(1, "ghost")])
    board = shown(picture)
    assert [ms for ms, _ in board["cards"]["a"]["beats"]] == list(range(30, 60))
    assert [ms for ms, _ in board["cards"]["b"]["beats"]] == list(range(110, 140))
    assert board["counts"] == {}


def test_the_past_reaches_a_board_that_was_already_shown_results(events):
    picture = Picture()
    board = apply(picture, events.application("a"), events.metric("a", ms=70.0))
    picture.await_past()
    fold(board, picture.delta() or {})
    picture.put_past([past(1, ms=60.0)])
    apply(picture, events.metric("a", ms=80.0))
    board = fold(fold(board, picture.delta() or {}), {"beats": {"a": [2, 70.0, 0]}})
    assert [tuple(beat) for beat in board["cards"]["a"]["beats"]] == [(60, 0), (70, 0), (80, 0)]
    assert picture.delta() is None
