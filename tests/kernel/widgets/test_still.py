"""The board where nothing moves: everything that matters is said, and nothing in it is markup."""

from typing import Any

import pytest

from appsentry_kernel.picture import empty_board
from appsentry_kernel.widgets.still import as_html, as_text

HOSTILE = '<img src=x onerror="alert(1)">&</table>'


def card(name: str = "Payment API", status: str = "healthy", **fields: Any) -> Any:
    return {
        "id": name.lower(), "name": name, "group": None, "tags": [], "types": ["health"],
        "status": status, "response": 41.6, "uptime": 99.5,
        "sla": {"status": "met", "target": 99.0, "actual": 99.5, "budget": 0.5}, "checked": 0, "simulated": False,
        "checks": [{"check": "health", "type": "health", "status": "up", "response": 41.6, "message": None}],
        "heard": 0, "beats": [], **fields,
    }  # fmt: skip


@pytest.fixture
def board() -> Any:
    board: Any = empty_board()
    board["asOf"] = 1_795_420_800_000
    board["connection"] = {"state": "live", "detail": None, "retry": None}
    board["cards"] = {"a": card(), "b": card("Shop", "down", response=None, uptime=None)}
    board["runs"] = {
        "r": {
            "run": "r", "state": "completed", "simulated": False, "applications": 2, "total": 3, "completed": 3,
            "current": None, "passed": 2, "degraded": 0, "failed": 1, "unknown": 0, "started": 0, "duration": 1500.0,
            "paused": None, "idle": 0, "reason": None,
        }
    }  # fmt: skip
    board["feed"] = [
        {
            "number": 1, "at": 1_795_420_800_000, "what": "test", "status": "failed", "application": "b",
            "name": "Shop", "type": "login", "message": "no form", "duration": 12.0, "simulated": False,
        }
    ]  # fmt: skip
    return board


def test_a_terminal_reads_the_whole_then_the_worst_first(board):
    assert as_text(board).splitlines() == [
        "AppSentry, as of 2026-11-23 08:00:00 UTC: 1 down, 1 healthy (🟢 Live Updates)",
        "Test run completed, 3 of 3 tests in 1.5 s: 2 passed, 1 failed",
        "✖ down  Shop  –  –  ✅ 99 %, 50% of budget left  ✔ health up",
        "✔ healthy  Payment API  42 ms  99.500 %  ✅ 99 %, 50% of budget left  ✔ health up",
    ]


def test_an_export_has_applications_and_activity(board):
    html = as_html(board)
    for said in ("1 down, 1 healthy", "Payment API", "42 ms", "Shop login: no form", "08:00:00", "2 passed, 1 failed"):
        assert said in html


def test_names_and_messages_are_text_never_markup(board):
    board["cards"]["a"] = card(HOSTILE, HOSTILE, checks=[
        {"check": HOSTILE, "type": HOSTILE, "status": HOSTILE, "response": None, "message": HOSTILE}
    ])  # fmt: skip
    board["feed"][0] |= {"name": HOSTILE, "type": HOSTILE, "message": HOSTILE, "status": HOSTILE}
    board["runs"]["r"] |= {"state": HOSTILE}
    board["counts"] = {HOSTILE: 1}
    html = as_html(board)
    assert "<img" not in html
    assert html.count("</table>") == 2
    assert "&lt;img src=x" in html


def test_what_was_dropped_and_what_is_left_out_is_said(board):
    board["cards"] = {str(number): card(f"App {number}") for number in range(1_234)}
    board["counts"] = {"malformed": 3}
    for still in (as_text(board), as_html(board)):
        assert "and 1,034 more applications" in still
        assert "events that were not used: 3 malformed" in still


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("connection", ["Live Updates"]),
        ("progress", ["Live Updates", "3 of 3 tests"]),
        ("cards", ["Live Updates", "Payment API"]),
        ("feed", ["Live Updates", "no form"]),
    ],
)
def test_a_part_stands_still_alone(board, part, said):
    for still in (as_text(board, [part]), as_html(board, [part])):
        for word in ("Live Updates", "3 of 3 tests", "Payment API", "no form"):
            assert (word in still) == (word in said), word


def test_an_empty_board_says_so():
    assert as_text(empty_board()) == "AppSentry, as of nothing heard yet (🟡 Connecting…)\nNo test run yet"


def test_what_is_simulated_is_marked_and_counts_nowhere(board):
    board["cards"]["a"] = card(simulated=True)
    board["runs"]["r"]["simulated"] = True
    board["feed"][0]["simulated"] = True
    for still in (as_text(board), as_html(board)):
        assert "1 down, 1 simulated (" in still
        assert "Payment API (simulated)" in still
        assert "Simulated test run completed" in still
    assert "Shop login (simulated): no form" in as_html(board)
