"""The widget's kernel side: what it sends, what a view that opens late gets, what it passes on."""

import threading
from typing import Any

import pytest

from appsentry_kernel.picture import Picture, empty_board, fold
from appsentry_kernel.widgets import Dashboard


class Heard(list[tuple[str, dict[str, Any]]]):
    """The commands that reached the kernel."""

    def __call__(self, command: str, arguments: dict[str, Any]) -> None:
        self.append((command, arguments))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def dashboard(heard, monkeypatch):
    """A dashboard whose messages are kept in `sent`."""
    widget = Dashboard(heard)
    sent: list[Any] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: sent.append(content))
    widget.sent = sent
    yield widget
    widget.close()


def press(dashboard: Dashboard, content: object) -> None:
    message = {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    dashboard._handle_msg(message)


def snapshot(dashboard: Dashboard) -> Any:
    return dashboard.get_state()["snapshot"]


CARD: Any = {"id": "a", "name": "A", "status": "healthy", "heard": 0, "beats": []}


def test_deltas_leave_as_numbered_messages(dashboard):
    dashboard.show({"asOf": 1})
    dashboard.show({"asOf": 2})
    assert dashboard.sent == [{"number": 1, "delta": {"asOf": 1}}, {"number": 2, "delta": {"asOf": 2}}]


def test_a_view_that_opens_late_gets_the_board_and_its_number(dashboard):
    dashboard.show({"cards": {"a": CARD}, "feed": [{"number": 1}, {"number": 2}]})
    state = snapshot(dashboard)
    assert state["number"] == 1
    board = fold(empty_board(), state["delta"])
    assert board["cards"] == {"a": CARD}
    assert [entry["number"] for entry in board["feed"]] == [2, 1]


def test_asking_for_one_trait_does_not_cost_the_whole_board(dashboard):
    dashboard.show({"cards": {"a": CARD}})
    assert dashboard.get_state("snapshot") == {"snapshot": {}}


def test_a_view_that_missed_something_gets_everything_next(dashboard):
    dashboard.show({"asOf": 1})
    press(dashboard, {"command": "look"})
    dashboard.show(None)
    assert dashboard.sent[-1]["number"] == 2
    assert dashboard.sent[-1]["delta"]["whole"] is True
    assert dashboard.sent[-1]["delta"]["asOf"] == 1
    dashboard.show({"asOf": 2})
    assert dashboard.sent[-1] == {"number": 3, "delta": {"asOf": 2}}


def test_silence_is_broken_by_a_sign_of_life_now_and_then(dashboard):
    for _ in range(45):
        dashboard.show(None)
    assert dashboard.sent == [{"number": 1, "delta": {}}, {"number": 2, "delta": {}}]


def test_every_press_is_answered_by_a_sign_of_life_with_the_next_frame(dashboard):
    dashboard.show(None)
    assert dashboard.sent == []
    press(dashboard, {"command": "run"})
    dashboard.show(None)
    dashboard.show(None)
    assert dashboard.sent == [{"number": 1, "delta": {}}]


@pytest.mark.parametrize(
    ("content", "passed_on"),
    [
        ({"command": "run"}, ("run", {})),
        ({"command": "run", "applicationIds": ["a"]}, ("run", {"applicationIds": ["a"]})),
        ({"command": "run", "tags": ["t"], "testTypes": ["login"]}, ("run", {"tags": ["t"], "testTypes": ["login"]})),
        ({"command": "simulate", "kind": "activity", "seed": 3}, ("simulate", {"kind": "activity", "seed": 3})),
        ({"command": "pause", "testRunId": "r"}, ("pause", {"testRunId": "r"})),
        ({"command": "resume", "testRunId": "r"}, ("resume", {"testRunId": "r"})),
        ({"command": "cancel", "testRunId": "r", "other": 1}, ("cancel", {"testRunId": "r"})),
        ({"command": "reconnect"}, ("reconnect", {})),
    ],
)
def test_what_people_press_is_passed_on(dashboard, heard, content, passed_on):
    press(dashboard, content)
    assert heard == [passed_on]


@pytest.mark.parametrize(
    "content", [None, [], "run", {}, {"command": ["run"]}, {"command": "shutdown"}, {"command": None}]
)
def test_what_no_view_of_ours_says_is_ignored(dashboard, heard, content):
    dashboard._handle_custom_msg(content, [])
    # ipywidgets logs what a listener raises and goes on: ask the listener itself.
    dashboard._heard(dashboard, content, [])
    assert heard == []


def test_presses_are_routed_to_the_subshell_they_came_for(heard, monkeypatch):
    class Comm:
        comm_id = "c"

        def on_msg(self, callback: object) -> None:
            """Nothing is said in this test."""

        def close(self) -> None:
            """Nothing is open."""

        def _reply_subshell_for(self, data: object, default: str | None) -> str | None:
            return "the thread's own"

    monkeypatch.setattr("ipywidgets.widgets.widget.comm.create_comm", lambda **_: Comm())
    widget = Dashboard(heard)
    assert widget.comm._reply_subshell_for({}, "the view's") == "the view's"
    widget.close()


def test_views_may_open_on_one_thread_while_another_shows(dashboard):
    shown = threading.Event()

    def show() -> None:
        for number in range(2_000):
            dashboard.show({"cards": {f"a{number % 50}": {**CARD, "heard": number, "beats": []}}})
        shown.set()

    thread = threading.Thread(target=show)
    thread.start()
    numbers = [snapshot(dashboard)["number"]]
    while not shown.is_set():
        numbers.append(snapshot(dashboard)["number"])
    thread.join()
    assert numbers == sorted(numbers)
    assert snapshot(dashboard)["number"] == 2_000
    assert len(snapshot(dashboard)["delta"]["cards"]) == 50


def test_the_board_that_was_read_stays_as_it_was(dashboard):
    dashboard.show({"cards": {"a": CARD}})
    before = dashboard.board
    dashboard.show({"cards": {"a": {"status": "down"}, "b": CARD}, "asOf": 9})
    assert before["cards"] == {"a": CARD}
    assert before["asOf"] is None


def test_a_part_is_told_only_what_it_needs(heard):
    named = {**CARD, "group": None, "tags": ["web"], "types": ["health"]}
    delta: Any = {"asOf": 1, "cards": {"a": named}, "cardsGone": ["b"], "feed": [{"number": 1}], "runs": {"r": {}}}
    told = {}
    for part in ("connection", "progress", "cards", "feed"):
        widget = Dashboard(heard, parts=[part])
        widget.show(delta)
        widget.show({"cards": {"a": {"status": "down"}}})
        told[part] = widget.board
        widget.close()
    assert {part: board["asOf"] for part, board in told.items()} == dict.fromkeys(told, 1)
    assert [part for part, board in told.items() if board["feed"]] == ["feed"]
    assert [part for part, board in told.items() if board["runs"]] == ["progress"]
    assert told["cards"]["cards"] == {"a": {**named, "status": "down"}}
    assert told["progress"]["cards"] == {
        "a": {"id": "a", "name": "A", "group": None, "tags": ["web"], "types": ["health"]}
    }


def test_what_a_part_does_not_need_is_no_message(heard, monkeypatch):
    widget = Dashboard(heard, parts=["feed"])
    sent: list[Any] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: sent.append(content))
    widget.show({"cards": {"a": CARD}})
    assert sent == []
    widget.close()


@pytest.mark.parametrize("parts", [[], ["cads"], ["cards", "everything"]])
def test_parts_that_are_not_there_are_refused_by_name(parts):
    with pytest.raises(ValueError, match=r"name some of connection, progress, cards, feed"):
        Dashboard(parts=parts)


def test_a_displayed_dashboard_carries_a_still_picture_beside_the_live_one(dashboard):
    picture = Picture()
    picture.problem("nothing yet")
    dashboard.show(picture.snapshot())
    mimetypes, _ = dashboard._repr_mimebundle_()
    assert set(mimetypes) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert mimetypes["text/plain"].startswith("AppSentry, as of nothing heard yet")
