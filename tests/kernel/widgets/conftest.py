"""The widget's browser side in a bare page of a real browser, with a stand-in for the notebook's model."""

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from appsentry_kernel.widgets.joined import HERE, joined_module, joined_styles

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


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots of a test run go, to be looked at."""
    folder = Path(__file__).parents[3] / "test-output"
    folder.mkdir(exist_ok=True)
    return folder
