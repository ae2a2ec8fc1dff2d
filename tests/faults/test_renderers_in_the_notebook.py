"""Whatever applications, tags and messages are called, everything in a notebook shows it as text and nothing else."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import appsentry_kernel as sentry
from appsentry_contract.instants import to_wire
from appsentry_contract.plain import plain
from appsentry_kernel.frames import applications_frame, frame, results_batch
from appsentry_kernel.picture import Picture, empty_board, fold
from appsentry_kernel.run import Run
from appsentry_kernel.runs import RunLog
from appsentry_kernel.widgets.joined import joined_module, joined_styles
from appsentry_kernel.widgets.still import as_html, as_text

BEGAN_MS = 1_795_420_800_000
MINUTE_MS = 60_000
PLACE = {"epoch": "e", "at": to_wire(BEGAN_MS), "seq": 1}
STRINGS_EACH = 10
ENOUGH = 5_000
"""Different strings that each way of showing them is given in the long form."""

MINUTES = 12
_NO_SESSION: Any = None
STYLING = {"br", "b", "i", "sub", "sup", "extra", "em"}
"""The tags that our figures use in plotly's texts."""


class Structure(HTMLParser):
    """What is markup in a page, and what is text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.markup: list[Any] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.markup.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.markup.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.markup.append(("comment", data))


def application(number: int, said: str) -> dict[str, Any]:
    """An application that is called so in every field that takes a text."""
    failure = {"class": "expectation", "message": said, "step": said}
    check = {"status": "down", "responseTime": None, "lastChecked": PLACE["at"], "failure": failure}
    return {
        "id": f"{number}{said}", "name": said, "status": "down", "responseTime": 1.5, "uptime": 99.0,
        "sla": {"status": "met", "target": 99.0, "actual": 99.0, "errorBudgetRemaining": 0.5},
        "lastChecked": PLACE["at"], "group": said, "tags": [said], "simulated": False,
        "checks": [{"checkId": said, "testType": said, **check}],
    }  # fmt: skip


def metric(number: int, at: int, said: str) -> dict[str, Any]:
    """One minute's result of it: down from the fourth to the seventh."""
    down = 3 <= at <= 6
    return {
        "applicationId": f"{number}{said}", "responseTime": None if down else 10.0 + at, "resultId": f"{number}-{at}",
        "status": "down" if down else "up", "checkId": said, "testType": said, "lateMs": 0.0,
        "dueAt": to_wire(BEGAN_MS + at * MINUTE_MS), "intervalMs": MINUTE_MS, "timings": None, "testRunId": said,
        "attempt": 1, "failure": {"class": "status", "message": said, "step": said} if down else None,
        "message": None, "location": said,
    }  # fmt: skip


def picture(strings: list[str]) -> Any:
    """A board on which the strings stand wherever a text can stand."""
    picture = Picture()
    applications = [application(number, said) for number, said in enumerate(strings)]
    picture.load(applications, [])
    for number, said in enumerate(strings):
        run = {**PLACE, "stream": "runs", "testRunId": f"run-{said}"}
        test = {**run, "applicationId": applications[number]["id"], "testId": said, "testType": said, "checkId": said}
        failure = {"class": "expectation", "message": said, "step": said}
        told = {"type": "error", "message": said, "timestamp": PLACE["at"], "applicationId": test["applicationId"]}
        started = {"applicationCount": 1, "testCount": 1, "applicationIds": [said], "testTypes": [said]}
        picture.apply("testRunStarted", {**run, **started, "trigger": "api"})
        picture.apply("testFailed", {**test, "status": "failed", "duration": 1.0, "resultId": said, "failure": failure})
        picture.apply("notification", {**PLACE, "stream": "applications", **told})
        picture.apply("testRunCancelled", {**run, "reason": said, "completed": 1, "total": 1})
    picture.problem(strings[0])
    picture.connection({"state": "connecting", "detail": strings[0], "retry": None})
    return picture.snapshot()


def shown(strings: list[str]) -> tuple[list[str], list[str]]:
    """Everything that is shown as HTML, and everything of ours that is shown as text; frames pandas writes itself."""
    board = fold(empty_board(), picture(strings))
    applications = applications_frame([application(number, said) for number, said in enumerate(strings)])
    rows = frame(results_batch([metric(n, at, said) for n, said in enumerate(strings) for at in range(MINUTES)]))
    found = sentry.incidents(rows)
    log = RunLog()
    log.load([_run_view(said) for said in strings])
    ours = [sentry.tbl.sla(rows), found, found[0], *(Run(_NO_SESSION, tracked) for tracked in log.all())]
    pages = [as_html(board), applications._repr_html_(), rows.head(20)._repr_html_()]
    return [*pages, *(one._repr_html_() for one in ours)], [as_text(board), *map(repr, ours)]


def _run_view(said: str) -> Any:
    return {
        "testRunId": f"run-{said}", "state": "cancelled", "trigger": "api", "startedAt": PLACE["at"], "endedAt": None,
        "duration": None, "applicationIds": [], "testTypes": [], "completed": 0, "total": 0, "passed": 0,
        "degraded": 0, "failed": 0, "unknown": 0, "reason": said, "simulated": False,
    }  # fmt: skip


@pytest.fixture
def strings(hostile: Callable[..., st.SearchStrategy[str]]) -> st.SearchStrategy[list[str]]:
    """Ten hostile strings, all of them different."""
    return st.lists(hostile(), min_size=STRINGS_EACH, max_size=STRINGS_EACH, unique=True)


def test_no_string_becomes_markup_or_moves_a_terminal(
    strings: st.SearchStrategy[list[str]],
    generated: Callable[..., settings],
    form: Callable[[int, int], int],
    show: Callable[[str], None],
) -> None:
    harmless_pages, harmless_texts = shown([f"said {number}" for number in range(STRINGS_EACH)])
    expected = [Structure(page).markup for page in harmless_pages]
    lines = [len(text.split("\n")) for text in harmless_texts]
    seen: set[str] = set()

    @generated(4, 750)
    @given(strings)
    def holds(strings: list[str]) -> None:
        pages, texts = shown(strings)
        for page, markup in zip(pages, expected, strict=True):
            assert Structure(page).markup == markup
        for text, count in zip(texts, lines, strict=True):
            assert len(text.split("\n")) == count
            assert all(plain(line) == line for line in text.split("\n"))
        seen.update(strings)

    holds()
    assert len(seen) >= form(20, ENOUGH)
    show(f"{len(seen)} strings")


def test_no_string_becomes_a_tag_in_a_figure(
    strings: st.SearchStrategy[list[str]],
    generated: Callable[..., settings],
    form: Callable[[int, int], int],
    show: Callable[[str], None],
) -> None:
    seen: set[str] = set()

    def written(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return [text for one in inner for text in written(one)]

    @generated(2, 750)
    @given(strings)
    def holds(strings: list[str]) -> None:
        rows = frame(results_batch([metric(n, at, said) for n, said in enumerate(strings) for at in range(MINUTES)]))
        for figure in (sentry.fig.timeline(rows), sentry.fig.heartbeats(rows), sentry.fig.latency(rows)):
            for text in written(json.loads(figure.to_json())):
                assert set(re.findall(r"<\s*/?\s*([a-zA-Z!?][^\s>/]*)", text)) <= STYLING, text
        seen.update(strings)

    holds()
    assert len(seen) >= form(10, ENOUGH)
    show(f"{len(seen)} strings")


SKELETON = """() => [...document.querySelectorAll("#here *")].map((one) =>
    one.tagName + [...one.attributes].map((attribute) => attribute.name).sort().join())"""
OPEN = """async ([module, delta]) => {
    const source = URL.createObjectURL(new Blob([module], {type: "text/javascript"}));
    const widget = await (await import(source)).default();
    const model = {
        get: (name) => ({snapshot: {number: 0, delta}, parts: ["connection", "progress", "cards", "feed"]})[name],
        send: () => {}, on: () => {}, off: () => {},
    };
    await widget.initialize({model});
    window.close_view?.();
    document.getElementById("here").replaceChildren();
    window.close_view = await widget.render({model, el: document.getElementById("here")});
}"""


def test_no_string_becomes_an_element_or_an_attribute_in_a_browser(
    chromium: Any,
    strings: st.SearchStrategy[list[str]],
    generated: Callable[..., settings],
    form: Callable[[int, int], int],
    show: Callable[[str], None],
) -> None:
    page = chromium.new_page()
    seen: set[str] = set()
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(f"<!doctype html><meta charset=utf-8><style>{joined_styles()}</style><div id=here></div>")

    def drawn(strings: list[str]) -> set[str]:
        page.evaluate(OPEN, [joined_module("dashboard"), json.loads(json.dumps(picture(strings)))])
        return set(page.evaluate(SKELETON))

    expected = drawn([f"said {number}" for number in range(STRINGS_EACH)])

    @generated(6, 750)
    @given(strings)
    def holds(strings: list[str]) -> None:
        assert drawn(strings) <= expected
        names = page.evaluate("[...document.querySelectorAll('.as-card .as-name')].map((one) => one.textContent)")
        assert sorted(names) == sorted(strings)
        seen.update(strings)

    holds()
    assert len(seen) >= form(30, ENOUGH)
    show(f"{len(seen)} strings")
    assert page.title() == ""
    assert errors == []
    assert [url for url in asked if not url.startswith("blob:")] == []
    page.close()
