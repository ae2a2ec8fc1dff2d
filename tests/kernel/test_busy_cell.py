"""A real kernel whose cell is busy: the connection holds, the picture moves, and buttons reach the server."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import appsentry_kernel as sentry

Eventually = Callable[[Callable[[], object]], None]


def install(requirement: str, folder: Path) -> None:
    """Put a package, without what it needs, into a folder; needs the package index."""
    uv = shutil.which("uv")
    installer = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install"]
    words = [*installer, "--quiet", "--no-deps", "--target", str(folder), requirement]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, f"{requirement} could not be installed: {ended.stderr}"


@pytest.fixture(scope="module", params=["7.3", "7.4"])
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, start_kernel: Any) -> Any:
    """A kernel of each ipykernel that hands the messages of widgets to threads in a way of its own."""
    folder = tmp_path_factory.mktemp("ipykernel")
    install(f"ipykernel=={request.param}.*", folder)
    kernel = start_kernel(folder)
    version = kernel.run("import ipykernel; print(ipykernel.__version__)")
    assert version.startswith(f"{request.param}."), f"the kernel runs ipykernel {version}"
    return kernel


def opened(kernel: Any, url: str) -> str:
    """Open a session with a dashboard in the kernel; gives the dashboard's comm."""
    kernel.run("import time, pathlib, threading, appsentry_kernel as sentry")
    return kernel.run(f"s = sentry.connect({url!r})\nboard = s.dashboard()\nprint(board.comm.comm_id)")


def busy_until(file: Path) -> str:
    """A cell that computes nothing and blocks the kernel until a file is there."""
    return f"while not pathlib.Path({str(file)!r}).exists(): time.sleep(0.01)"


def test_while_a_cell_is_busy_the_picture_moves_and_a_button_reaches_the_server(
    kernel: Any, server: Any, tmp_path: Path
) -> None:
    comm_id = opened(kernel, server.url)
    subshell, over = kernel.subshell(), tmp_path / "over"
    frames = 0
    runs_shown: list[str] = []
    for message in kernel.messages(kernel.start(busy_until(over))):
        if message["msg_type"] != "comm_msg" or message["content"]["comm_id"] != comm_id:
            continue
        frames += 1
        if frames == 3:
            kernel.press(comm_id, {"command": "run", "applicationIds": ["payment-api"]}, subshell=subshell)
        feed = message["content"]["data"]["content"]["delta"].get("feed", [])
        runs_shown += [entry["status"] for entry in feed if entry["what"] == "run"]
        if "completed" in runs_shown or frames == 300:
            over.touch()
    assert runs_shown == ["running", "completed"], "seen to start and to end while the cell was busy"
    assert kernel.run("print(s.state, s.malformed, s.unknown)") == "live 0 {}"
    kernel.run("s.close()")


def test_while_a_cell_is_busy_the_connection_holds_and_results_come_in(
    kernel: Any, server: Any, tmp_path: Path, eventually: Eventually
) -> None:
    opened(kernel, server.url)
    before, over = kernel.run("print(len(s.results))"), tmp_path / "over"
    cell = kernel.start(busy_until(over))
    with sentry.connect(server.url) as witness:
        eventually(lambda: len(witness.results) >= 4)
    over.touch()
    assert [m for m in kernel.messages(cell) if m["msg_type"] == "stream"] == []
    state, count = kernel.run("print(s.state, len(s.results))").split()
    assert state == "live"
    assert int(count) >= int(before) + 4
    kernel.run("s.close()")


def test_a_run_is_awaited_in_a_cell(kernel: Any, server: Any) -> None:
    opened(kernel, server.url)
    kernel.run("run = await s.run_tests(['payment-api'])")
    assert kernel.run("print(run.state, len(run.results))") == "completed 1"
    kernel.run("s.close()")


def test_closing_leaves_no_thread_in_the_kernel(kernel: Any, server: Any) -> None:
    names = "sorted(t.name for t in threading.enumerate() if t.name.startswith(('appsentry', 'asyncio_')))"
    opened(kernel, server.url)
    assert kernel.run(f"print({names})") == "['appsentry-io']"
    kernel.run("s.close()")
    assert kernel.run(f"print({names})") == "[]"
