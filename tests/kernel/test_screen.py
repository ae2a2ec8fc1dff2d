"""The dashboard of a session: fed from the I/O thread, and obeyed through it."""

import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

import appsentry_kernel as sentry
from appsentry_kernel.session import Session
from appsentry_kernel.widgets import Part

Eventually = Callable[[Callable[[], object]], None]


def press(dashboard: Part, command: str, **arguments: Any) -> None:
    """What arrives when a button is pressed."""
    dashboard._heard(dashboard, {"command": command, **arguments}, [])


def test_it_shows_what_the_session_knew_and_what_comes_in(session: Session, eventually: Eventually) -> None:
    board = session.dashboard()
    eventually(lambda: board.board["connection"]["state"] == "live")
    eventually(lambda: set(board.board["cards"]) == {"payment-api", "search", "held", "markup"})
    run = session.run_tests_sync(["payment-api"])
    eventually(lambda: run.id in board.board["runs"] and board.board["runs"][run.id]["state"] == "completed")


def test_the_first_still_picture_is_already_whole(session: Session) -> None:
    bundle, _ = session.dashboard()._repr_mimebundle_()  # type: ignore[misc] # a widget always has one
    assert "payment-api" in bundle["text/plain"]
    assert "Live Updates" in bundle["text/plain"]


def test_asked_again_it_is_the_same_widget_until_that_is_closed(session: Session, eventually: Eventually) -> None:
    first = session.dashboard()
    assert session.dashboard() is first
    first.close()
    second = session.dashboard()
    assert second is not first
    eventually(lambda: len(second.board["cards"]) == 4)


def test_its_buttons_start_pause_resume_and_cancel(session: Session, target: Any, eventually: Eventually) -> None:
    board = session.dashboard()

    def states() -> dict[str, str]:
        return {run_id: run["state"] for run_id, run in board.board["runs"].items() if run_id not in before}

    before = set(board.board["runs"]) | {run.run_id for run in session._reader.runs.all()}
    with target.held():
        press(board, "run", applicationIds=["held"])
        eventually(lambda: list(states().values()) == ["running"])
        [run_id] = states()
        for command, state in {"pause": "paused", "resume": "running", "cancel": "cancelled"}.items():
            press(board, command, testRunId=run_id)
            eventually(lambda state=state: states()[run_id] == state)


@pytest.mark.parametrize(
    ("command", "arguments", "problem"),
    [
        ("run", {"applicationIds": ["nobody"]}, "nobody"),
        ("run", {"applicationIds": [5]}, "applicationIds"),
        ("cancel", {"testRunId": "nobody"}, "nobody"),
        ("cancel", {}, "testRunId"),
    ],
)
def test_what_the_server_refuses_is_shown(
    session: Session, eventually: Eventually, command: str, arguments: dict[str, Any], problem: str
) -> None:
    board = session.dashboard()
    press(board, command, **arguments)
    eventually(lambda: board.board["problem"] is not None)
    assert problem in board.board["problem"]["message"]  # type: ignore[index] # it was just looked at


def test_a_press_while_the_line_is_cut_is_answered_with_why(
    server: Any, cable: Callable[[str], Any], eventually: Eventually
) -> None:
    line = cable(server.url)
    with sentry.connect(line.url) as session:
        board = session.dashboard()
        line.cut()
        eventually(lambda: board.board["connection"]["state"] == "connecting")
        press(board, "run")
        eventually(lambda: board.board["problem"] is not None)
        line.mend()
        press(board, "reconnect")
        eventually(lambda: board.board["connection"]["state"] == "live")


def test_each_part_is_a_widget_of_its_own_on_the_one_picture(session: Session, eventually: Eventually) -> None:
    parts = [session.connection(), session.progress(), session.cards(), session.feed()]
    assert [part.parts for part in parts] == [["connection"], ["progress"], ["cards"], ["feed"]]
    assert session.cards() is parts[2]
    assert session.dashboard() not in parts
    press(parts[1], "run", applicationIds=["payment-api"], testTypes=["health"])
    eventually(lambda: any(entry["what"] == "run" for entry in parts[3].board["feed"]))
    eventually(lambda: any(run["state"] == "completed" for run in parts[1].board["runs"].values()))
    eventually(lambda: all(part.board["connection"]["state"] == "live" for part in parts))
    assert set(parts[2].board["cards"]) == set(parts[1].board["cards"]) == {"payment-api", "search", "held", "markup"}


class Note:
    """A part of one's own, without a widget."""

    def __init__(self, *, fails: bool = False) -> None:
        self.closed = False
        self.deltas: list[Any] = []
        self._fails = fails

    def show(self, delta: Any) -> None:
        self.deltas.append(delta)
        if self._fails:
            raise ValueError("no room")


def test_a_part_of_ones_own_gets_the_whole_then_what_changes_until_it_is_closed(
    session: Session, eventually: Eventually
) -> None:
    note = session.show(Note())
    session.dashboard()
    eventually(lambda: any(delta and "cards" in delta for delta in note.deltas[1:]))
    assert note.deltas[0]["whole"]
    note.closed = True
    count = len(note.deltas)
    later = session.show(Note())
    eventually(lambda: len(later.deltas) > 5)
    assert len(note.deltas) <= count + 1
    assert set(later.deltas[0]["cards"]) == {"payment-api", "search", "held", "markup"}


def test_what_is_pressed_in_a_widget_of_ones_own_is_carried_out(session: Session, eventually: Eventually) -> None:
    part = session.show(Part())
    press(part, "run", applicationIds=["payment-api"])
    eventually(lambda: any(run["state"] == "completed" for run in part.board["runs"].values()))
    part.close()


def test_a_part_that_fails_is_named_and_let_go_and_the_others_go_on(
    session: Session, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = session.show(Note()), session.show(Note(fails=True))
    eventually(lambda: len(good.deltas) > 5)
    assert len(bad.deltas) == 1
    assert "Note object" in caplog.text
    assert "no room" in caplog.text


def test_the_time_until_the_next_attempt_is_counted_down(
    server: Any, cable: Callable[[str], Any], eventually: Eventually
) -> None:
    line = cable(server.url)
    with sentry.connect(line.url) as session:
        board = session.dashboard()
        line.cut()
        waits: list[tuple[int, int]] = []

        def counted() -> bool:
            retry = board.board["connection"]["retry"]
            if retry is not None and (retry["attempt"], retry["wait"]) not in waits:
                waits.append((retry["attempt"] or 0, retry["wait"]))
            return bool(waits) and waits[-1][0] >= 3

        eventually(counted)
        assert (1, 1) in waits
        assert (2, 2) in waits
        assert (2, 1) in waits
    assert board.board["connection"]["retry"] is None


def test_simulated_things_are_shown_as_such_and_never_as_the_application_s_own(
    session: Session, eventually: Eventually
) -> None:
    board = session.dashboard()
    eventually(lambda: board.board["dev"])
    press(board, "simulate", kind="activity", seed=5)
    eventually(lambda: any(run["simulated"] and run["state"] == "completed" for run in board.board["runs"].values()))
    invented = [entry for entry in board.board["feed"] if entry["simulated"]]
    assert {"run", "test"} <= {entry["what"] for entry in invented}
    press(board, "simulate", kind="nonsense")
    eventually(lambda: board.board["problem"] is not None)
    assert not any(session.results["simulated"])


def test_every_widget_send_comes_from_the_one_thread(session: Session, eventually: Eventually) -> None:
    board = session.dashboard()
    senders: set[str] = set()
    board.send = lambda *_: senders.add(threading.current_thread().name)
    press(board, "run", applicationIds=["payment-api"])
    eventually(lambda: senders)
    session.close()
    assert senders == {"appsentry-io"}


def test_a_board_says_so_when_its_session_is_closed_or_forgotten(server: Any, eventually: Eventually) -> None:
    session = sentry.connect(server.url)
    board = session.dashboard()
    eventually(lambda: board.board["connection"]["state"] == "live")
    del session
    gc.collect()
    told = {"state": "disconnected", "detail": "the session is closed", "retry": None}
    eventually(lambda: board.board["connection"] == told)
    press(board, "run")
