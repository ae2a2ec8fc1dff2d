"""The dashboard where it is harder to be live: behind a proxy that lets no WebSocket through, in Voila, in marimo."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(240)

LATE = 60_000
"""Milliseconds that anything may take; it is waited for, not slept through."""


def cells(server: str) -> tuple[str, str]:
    """One connects, one shows the dashboard."""
    return f"import appsentry_kernel as sentry\ns = sentry.connect({server!r})", "s.dashboard()"


def expect_live(board: Any) -> None:
    """Wait until the demonstration's applications are there, and a run that is started is seen to its end."""
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    expect(board.locator(".as-card")).to_have_count(6, timeout=LATE)
    completed = board.locator(".as-entry[data-what=run]", has_text="completed")
    before = completed.count()
    board.get_by_role("button", name="Run Tests").click()
    expect(completed).not_to_have_count(before, timeout=LATE)
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)


def test_where_only_polling_passes_the_dashboard_in_jupyterlab_is_live(
    open_notebook: Callable[[str], Any], demo: Any, cable: Callable[[str], Any]
) -> None:
    """That no single connection was lost on the way is not asked here."""
    line = cable(demo.server)
    line.refuse_websockets()
    demo.write("polling.ipynb", *cells(line.url))
    notebook = open_notebook("polling.ipynb")
    notebook.run_all()
    expect_live(notebook.board)
    assert line.refused, "a WebSocket was tried, and did not pass"


class Voila:
    """Voila with one notebook, on a free port; each page that opens it starts a kernel."""

    def __init__(self, notebook: Path, log: Path) -> None:
        words = [sys.executable, "-m", "voila", str(notebook), "--no-browser", "--port=0"]
        with log.open("w") as out:
            self._process = psutil.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        self._log = log

    def address(self) -> str | None:
        """Where it listens, once it does."""
        assert self._process.is_running(), self._log.read_text()
        # Asked for any free port it says that it listens on port 0.
        listening = [one.laddr for one in self._process.net_connections("tcp4") if one.status == psutil.CONN_LISTEN]
        return f"http://127.0.0.1:{listening[0].port}" if listening else None

    def kernels(self) -> list[psutil.Process]:
        """The kernels it has started."""
        return [child for child in self._process.children() if "ipykernel_launcher" in " ".join(child.cmdline())]

    def close(self) -> list[psutil.Process]:
        """End it; gives the kernels that outlived it, which are ended too."""
        kernels = self.kernels() if self._process.is_running() else []
        self._process.terminate()
        _, left = psutil.wait_procs([self._process, *kernels], timeout=20)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=20)
        return left


@pytest.fixture
def voila(tmp_path: Path, demo: Any) -> Iterator[Voila]:
    """Voila with the dashboard of the demonstration's server."""
    demo.write("voila.ipynb", *cells(demo.server))
    voila = Voila(demo.notebooks / "voila.ipynb", tmp_path / "log")
    yield voila
    left = voila.close()
    assert left == [], "Voila or its kernels did not end when they were told to"


def test_in_voila_the_dashboard_is_live_and_its_buttons_work(voila: Voila, chromium: Any, pictures: Path) -> None:
    page = chromium.new_page(viewport={"width": 1500, "height": 1100})
    try:
        for _ in range(LATE // 100):
            if address := voila.address():
                break
            page.wait_for_timeout(100)
        assert address, "Voila never listened"
        page.goto(address, timeout=LATE)
        board = page.locator(".appsentry")
        expect(board).to_have_count(1, timeout=LATE)
        expect_live(board)
        expect(board.locator(".as-asof")).not_to_have_text(re.compile("ago"))
        assert len(voila.kernels()) == 1
        page.screenshot(path=pictures / "dashboard-in-voila.png")
    finally:
        page.close()


MARIMO = """
import marimo

app = marimo.App()


@app.cell
def _():
    import appsentry_kernel as sentry
    s = sentry.connect({server!r})
    return (s,)


@app.cell
def _(s):
    s.dashboard()
    return
"""


@pytest.fixture
def marimo(tmp_path: Path, demo: Any) -> Iterator[str]:
    """The address of a marimo notebook with the dashboard of the demonstration's server."""
    (tmp_path / "board.py").write_text(MARIMO.format(server=demo.server), "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]  # asked for any free port it takes one of its own
    words = [sys.executable, "-m", "marimo", "run", "board.py", "--headless", "--no-token", f"--port={port}"]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with (tmp_path / "log").open("w") as log:
        process = psutil.Popen(words, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def test_in_marimo_the_dashboard_is_live_its_buttons_work_and_it_takes_the_page_s_theme(
    marimo: str, chromium: Any, pictures: Path
) -> None:
    """marimo's page is light, whatever the system prefers."""
    page = chromium.new_page(viewport={"width": 1500, "height": 1100}, color_scheme="dark")
    try:
        for _ in range(LATE // 100):
            if answers(marimo):
                break
            page.wait_for_timeout(100)
        page.goto(marimo, timeout=LATE)
        board = page.locator(".appsentry")
        expect(board).to_have_count(1, timeout=LATE)
        expect_live(board)
        shown = board.locator(".as-asof").inner_text()
        expect(board.locator(".as-asof")).not_to_have_text(shown, timeout=LATE)
        expect(board).to_have_attribute("data-theme", "light")
        page.screenshot(path=pictures / "dashboard-in-marimo.png")
    finally:
        page.close()


def answers(url: str) -> bool:
    """Whether something listens there by now."""
    try:
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))).close()
    except ConnectionRefusedError:
        return False
    return True
