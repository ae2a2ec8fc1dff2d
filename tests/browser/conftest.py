"""JupyterLab with real kernels beside a real server, opened in a real browser."""

import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

_ADDRESS = re.compile(r"http://\S+")
_DEADLINE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running `appsentry demo`: its server, its JupyterLab and the folder that JupyterLab serves."""

    server: str
    lab: str
    notebooks: Path

    def address(self, notebook: str) -> str:
        """Where JupyterLab shows this notebook and, being in a workspace of its own, no other."""
        return re.sub(r"/lab/tree/[^?]*", f"/lab/workspaces/{Path(notebook).stem}/tree/{notebook}", self.lab)

    def write(self, notebook: str, *cells: str) -> None:
        """Write a notebook of code cells where JupyterLab finds it."""
        blank = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
        code = [{**blank, "id": f"cell-{n}", "source": cell} for n, cell in enumerate(cells)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
        content = {"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.notebooks / notebook).write_text(json.dumps(content), "utf-8")


def _follow_the_browser_s_theme(folder: Path) -> None:
    """Settings for the demonstration's JupyterLab, where it keeps them."""
    chosen = folder / "jupyterlab-settings" / "@jupyterlab" / "apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text('{"adaptive-theme": true}', "utf-8")


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "appsentry_server", *words]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demonstration as a newcomer starts it, on free ports."""
    folder = tmp_path_factory.mktemp("demo")
    words = _command("demo", "--port", "0", "--data-dir", str(folder))
    _follow_the_browser_s_theme(folder)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        server, lab = (_read_address(process) for _ in range(2))
        yield Demo(server=server, lab=lab, notebooks=folder / "notebooks")
    finally:
        _end(process)


class Slow(BaseHTTPRequestHandler):
    """Answers when it is let go, not before."""

    released = threading.Event()

    def do_GET(self) -> None:
        self.released.wait(30)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass(slots=True, kw_only=True)
class SlowServer:
    """An AppSentry server whose applications answer when `release` is called. It can be killed and started again."""

    config: Path
    folder: Path
    process: subprocess.Popen[str]
    url: str

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def start(self) -> None:
        """Start it where it was."""
        self.process, self.url = _serve(self.config, self.folder, self.url.rsplit(":", 1)[1])

    def release(self) -> None:
        """Let every application answer from now on."""
        Slow.released.set()

    def runs(self) -> list[dict[str, Any]]:
        """The server's own list of runs."""
        with urllib.request.urlopen(f"{self.url}/api/test-runs") as answer:
            items: list[dict[str, Any]] = json.load(answer)["items"]
        return items


@pytest.fixture
def serve_many(tmp_path: Path) -> Iterator[Callable[[int], SlowServer]]:
    """Starts a server with so many applications that do not answer yet, called Slow 0, Slow 1, …"""
    Slow.released.clear()
    target = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=target.serve_forever)
    thread.start()
    started: list[SlowServer] = []

    def serve(count: int) -> SlowServer:
        checks = [
            {"type": "health", "url": f"http://127.0.0.1:{target.server_port}/", "interval": "1h", "timeout": "30s"}
        ]
        applications = [{"id": f"slow-{n}", "name": f"Slow {n}", "checks": checks} for n in range(count)]
        config = tmp_path / "appsentry.yaml"
        config.write_text(json.dumps({"applications": applications}), "utf-8")  # JSON is YAML
        process, url = _serve(config, tmp_path, "0")
        started.append(SlowServer(config=config, folder=tmp_path, process=process, url=url))
        return started[-1]

    yield serve
    Slow.released.set()
    for server in started:
        _end(server.process)
    target.shutdown()
    thread.join()
    target.server_close()


@pytest.fixture
def slow_server(serve_many: Callable[[int], SlowServer]) -> SlowServer:
    """A server with four applications that do not answer yet."""
    return serve_many(4)


def _serve(config: Path, folder: Path, port: str) -> tuple[subprocess.Popen[str], str]:
    words = ("serve", "--config", str(config), "--port", port, "--data-dir", str(folder / "state"))
    process = subprocess.Popen(_command(*words), stdout=subprocess.PIPE, text=True)
    return process, _read_address(process)


def _read_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = _ADDRESS.search(line)
    assert found, f"instead of an address came {line!r}"
    return found[0]


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


class Notebook:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Any, pictures: Path) -> None:
        self.page = page
        self._pictures = pictures

    @property
    def board(self) -> Any:
        """The first dashboard on the page."""
        return self.page.locator(".jp-Notebook .appsentry").first

    def run_all(self) -> None:
        """Run every cell, as the menu does."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def save(self) -> None:
        """Save it: what was not saved is not there when it is opened again."""
        self.page.get_by_role("button", name="Save and create checkpoint").click()
        self.page.locator(".jp-mod-dirty").wait_for(state="detached")

    def to_top(self) -> None:
        """Show the notebook's beginning; outputs that are scrolled away are not in the document."""
        self.page.locator(".jp-WindowedPanel-outer").evaluate("(panel) => (panel.scrollTop = 0)")

    def seek(self, selector: str) -> None:
        """Scroll through the notebook, round and round, until something like this is in the document."""
        panel, sought = self.page.locator(".jp-WindowedPanel-outer"), self.page.locator(selector)
        for _ in range(_DEADLINE_MS // 200):
            if sought.count():
                return
            panel.evaluate(
                """(panel) => {
                    const next = panel.scrollTop + panel.clientHeight / 2;
                    panel.scrollTop = next < panel.scrollHeight - panel.clientHeight / 2 ? next : 0;
                }"""
            )
            self.page.wait_for_timeout(200)
        raise AssertionError(f"nowhere in the notebook is {selector}")

    def picture(self, name: str) -> None:
        """Keep a screenshot to look at."""
        self.page.screenshot(path=self._pictures / f"{name}.png")


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots of a test run go, to be looked at."""
    folder = Path(__file__).parents[2] / "test-output"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def open_notebook(chromium: Any, demo: Demo, pictures: Path) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook of the demonstration's JupyterLab, its kernel ready."""
    contexts: list[Any] = []

    def open_one(name: str) -> Notebook:
        contexts.append(chromium.new_context(viewport={"width": 1500, "height": 1100}))
        page = contexts[-1].new_page()
        page.set_default_timeout(_DEADLINE_MS)
        page.goto(demo.address(name))
        wait_for_kernel(page)
        return Notebook(page, pictures)

    yield open_one
    for context in contexts:
        context.close()


def wait_for_kernel(page: Any) -> None:
    """Wait until the notebook has its kernel: before that, running a cell opens a dialog that asks for one."""
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
