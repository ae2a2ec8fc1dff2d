"""docs/own-part.md is true: its blocks run, and what they make is fed, drawn and obeyed."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from appsentry_kernel.picture import Picture
from appsentry_kernel.widgets.part import NEEDS

PAGE = (Path(__file__).parents[3] / "docs" / "own-part.md").read_text("utf-8")


@pytest.fixture
def made() -> Any:
    """What the page's blocks define, with parts that show two applications."""
    picture = Picture()
    listed: Any = {"group": None, "tags": [], "responseTime": 5.0, "uptime": None, "lastChecked": None, "checks": []}
    sla = {"status": "unknown", "target": None, "actual": None, "errorBudgetRemaining": None}
    for name, status in {"Shop": "down", "Mail": "healthy"}.items():
        one = {**listed, "id": name.lower(), "name": name, "status": status, "sla": sla, "simulated": False}
        place = {"stream": "applications", "epoch": "e", "after": 1, "at": "2026-11-23T08:00:00.000Z"}
        picture.apply("applicationStatusUpdate", one | place)

    def show(part: Any) -> Any:
        part.show(picture.snapshot())
        return part

    names: dict[str, Any] = {"s": SimpleNamespace(show=show)}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE):
        exec(block, names)
    yield SimpleNamespace(**{name: value for name, value in names.items() if not name.startswith("__")})
    names["worst"].close()


def test_the_part_in_python_follows_the_board(made):
    assert made.down.names == ["Shop"]
    made.down.show(None)
    made.down.show({"cards": {"shop": {"status": "healthy"}, "mail": {"status": "down"}}})
    assert made.down.names == ["Mail"]


def test_the_part_in_the_browser_is_drawn_and_its_button_obeyed(made, open_page, serve_module):
    serve_module("own", made.worst._esm)
    page = open_page(made.worst.get_state()["snapshot"], "own")
    expect(page.get_by_text("✖ Shop is down")).to_be_visible()
    page.get_by_role("button", name="Test it").click()
    assert page.evaluate("sent") == [{"command": "run", "applicationIds": ["shop"]}]


@pytest.mark.documentation
def test_the_page_lists_everything_that_can_be_needed():
    assert set(re.findall(r"\| `(\w+)`(?:;|\s*\|$)", PAGE, re.MULTILINE)) | {"names"} == NEEDS
    assert "`names`" in PAGE
