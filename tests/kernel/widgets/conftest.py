"""The widget's browser side in a bare page of a real browser, with a stand-in for the notebook's model, and its words.

The messages that a test has the kernel say are made by `board` and told by `hear`; what a board is made of, by `card`,
`check`, `run`, `entry` and `notice`, all with any field replaced.
"""

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from appsentry_kernel.widgets.joined import HERE, joined_module, joined_styles

Make = Callable[..., dict[str, Any]]

PARTS = ("connection", "progress", "cards", "feed")
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="joined.css">
<body style="margin: 16px"><div id="here"></div></body>"""

# A model as anywidget hands it to a module: `hear` plays the kernel, `sent` is what it would have heard.
MODEL = """
([snapshot, parts]) => {
    const listeners = new Set();
    window.sent = [];
    window.listeners = listeners;
    window.hear = (number, delta) => listeners.forEach((listener) => listener({number, delta}));
    window.model = {
        get: (name) => ({snapshot, parts})[name],
        send: (message) => window.sent.push(message),
        on: (name, listener) => listeners.add(listener),
        off: (name, listener) => listeners.delete(listener),
    };
}
"""


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}  # noqa: RUF012, its own type

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the site serves."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture
def serve_module(folder: Path) -> Callable[[str, str], object]:
    """Serves a module of one's own beside the others."""
    return lambda name, text: (folder / f"{name}.js").write_text(text, "utf-8")


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[str]:
    """Serves the modules as they are, and joined, on loopback."""
    for source in HERE.glob("*.js"):
        (folder / source.name).write_text(source.read_text("utf-8"), "utf-8")
    (folder / "joined.js").write_text(joined_module("dashboard"), "utf-8")
    (folder / "joined.css").write_text(joined_styles(), "utf-8")
    (folder / "index.html").write_text(PAGE, "utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(chromium: Any, site: str) -> Iterator[Callable[..., Any]]:
    """Opens a page with one view of the widget; any error in the page fails the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_view(snapshot: Any = None, module: str = "joined", *, parts: Any = PARTS, **context: Any) -> Any:
        contexts.append(chromium.new_context(**context))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        page.goto(f"{site}/index.html")
        page.evaluate(MODEL, [snapshot or {}, parts])
        page.evaluate(
            """async (module) => {
                const widget = await (await import(`./${module}.js`)).default();
                window.forget = await widget.initialize({model});
                window.open_view = (el) => widget.render({model, el});
                window.close_view = await open_view(document.getElementById("here"));
            }""",
            module,
        )
        return page

    yield open_view
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def hear() -> Callable[..., None]:
    """Has the kernel say message `number`."""
    return lambda page, number, **delta: page.evaluate("([number, delta]) => hear(number, delta)", [number, delta])


@pytest.fixture
def hold_the_clock() -> Callable[[Any], None]:
    """Lets time pass in a new view only when a test says so, however busy the machine is."""

    def hold(page: Any) -> None:
        page.clock.install()
        page.clock.pause_at(4_000_000_000)
        page.evaluate(
            "async () => { close_view(); window.close_view = await open_view(document.getElementById('here')) }"
        )

    return hold


@pytest.fixture
def board() -> Make:
    """Makes message `number`, which says the whole board: these cards, live, and nothing else."""

    def make(*cards: dict[str, Any], number: int = 0, **fields: Any) -> dict[str, Any]:
        live = {"state": "live", "detail": None, "retry": None}
        delta = {
            "whole": True, "asOf": 1_795_420_800_000, "connection": live, "counts": {}, "problem": None, "runs": {},
            "feed": [], "cards": {one["id"]: one for one in cards}, **fields,
        }  # fmt: skip
        return {"number": number, "delta": delta}

    return make


@pytest.fixture
def lost() -> Make:
    """Makes a connection that is being made again."""

    def make(state: str, *, attempt: int | None, wait: int) -> dict[str, Any]:
        return {"state": state, "detail": "refused", "retry": {"attempt": attempt, "of": 5, "wait": wait}}

    return make


@pytest.fixture
def card(check: Make) -> Make:
    """Makes an application's card; its id is its name in lower case."""

    def make(name: str, status: str = "healthy", **fields: Any) -> dict[str, Any]:
        return {
            "id": name.lower().replace(" ", "-"), "name": name, "group": None, "tags": [], "types": ["health"],
            "status": status, "response": 42.0, "uptime": 99.95, "checked": 0, "simulated": False, "heard": 2,
            "sla": {"status": "met", "target": 99.9, "actual": 99.95, "budget": 0.5},
            "checks": [check("health")], "beats": [[40, 0], [None, 2]], **fields,
        }  # fmt: skip

    return make


@pytest.fixture
def check() -> Make:
    """Makes one check of a card."""

    def make(kind: str, status: str = "up", message: str | None = None) -> dict[str, Any]:
        return {"check": kind, "type": kind, "status": status, "response": 42.0, "message": message}

    return make


@pytest.fixture
def run() -> Make:
    """Makes the line of run `r1`, of four tests."""

    def make(state: str = "running", completed: int = 1, **fields: Any) -> dict[str, Any]:
        return {
            "run": "r1", "state": state, "simulated": False, "applications": 2, "total": 4, "completed": completed,
            "current": "payment-api", "passed": completed, "degraded": 0, "failed": 0, "unknown": 0, "started": 0,
            "duration": None, "paused": None, "idle": 0, "reason": None, **fields,
        }  # fmt: skip

    return make


@pytest.fixture
def entry() -> Make:
    """Makes entry `number` of the activity: a test that passed."""

    def make(number: int, **fields: Any) -> dict[str, Any]:
        return {
            "number": number, "at": 1_795_420_800_000 + number, "what": "test", "status": "passed", "application": "a",
            "name": f"App {number}", "type": "health", "message": None, "duration": 12.0, "simulated": False, **fields,
        }  # fmt: skip

    return make


@pytest.fixture
def notice(entry: Make) -> Make:
    """Makes entry `number` of the activity: a notification."""

    def make(number: int, status: str = "info", **fields: Any) -> dict[str, Any]:
        said = {"type": None, "duration": None, "message": f"note {number}"}
        return entry(number, what="notice", status=status, **said, **fields)

    return make


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots of a test run go, to be looked at."""
    folder = Path(__file__).parents[3] / "test-output"
    folder.mkdir(exist_ok=True)
    return folder
