"""The dashboard where it is harder to be live: behind a proxy that lets no WebSocket through, and in Voila."""

import json
import re
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


def write_notebook(path: Path, server: str) -> None:
    """A notebook of two cells: one connects, one shows the dashboard."""
    codes = (f"import appsentry_kernel as sentry\ns = sentry.connect({server!r})", "s.dashboard()")
    blank = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [{**blank, "id": f"cell-{n}", "source": code} for n, code in enumerate(codes)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}), "utf-8")


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
    write_notebook(demo.notebooks / "polling.ipynb", line.url)
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
    write_notebook(tmp_path / "board.ipynb", demo.server)
    voila = Voila(tmp_path / "board.ipynb", tmp_path / "log")
    yield voila
    left = voila.close()
    assert left == [], "Voila or its kernels did not end when they were told to"


def test_in_voila_the_dashboard_is_live_and_its_buttons_work(voila: Voila, chromium: Any) -> None:
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
        pictures = Path(__file__).parents[2] / "test-output"
        pictures.mkdir(exist_ok=True)
        page.screenshot(path=pictures / "dashboard-in-voila.png")
    finally:
        page.close()
