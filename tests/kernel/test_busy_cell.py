"""A real kernel whose cell is busy: the connection holds, the picture moves, and buttons reach the server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import appsentry_kernel as sentry

Eventually = Callable[[Callable[[], object]], None]

PATIENCE_S = 60.0


class Kernel:
    """A kernel and one client of it."""

    def __init__(self) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel()
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)

    def close(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def start(self, code: str) -> str:
        """Begin a cell; gives its id."""
        return str(self._client.execute(code))

    def messages(self, cell: str) -> Iterator[dict[str, Any]]:
        """Everything the kernel says until the cell ends; fails when it ends in an error."""
        while True:
            message = self._client.get_iopub_msg(timeout=PATIENCE_S)
            assert message["msg_type"] != "error", "\n".join(message["content"]["traceback"])
            yield message
            mine = message["parent_header"].get("msg_id") == cell
            if mine and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return

    def run(self, code: str) -> str:
        """Run a cell to its end; gives what it printed."""
        said = [m["content"]["text"] for m in self.messages(self.start(code)) if m["msg_type"] == "stream"]
        return "".join(said).strip()

    def subshell(self) -> str:
        """Open a subshell, as JupyterLab does for the messages of widgets."""
        message = self._client.session.msg("create_subshell_request", {})
        self._client.control_channel.send(message)
        while True:
            reply = self._client.get_control_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return str(reply["content"]["subshell_id"])

    def press(self, comm_id: str, content: dict[str, Any], *, subshell: str) -> None:
        """Send what a widget's view sends when a button is pressed."""
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """One kernel for this module: starting it takes longer than the tests."""
    kernel = Kernel()
    yield kernel
    kernel.close()


def opened(kernel: Kernel, url: str) -> str:
    """Open a session with a dashboard in the kernel; gives the dashboard's comm."""
    kernel.run("import time, pathlib, threading, appsentry_kernel as sentry")
    return kernel.run(f"s = sentry.connect({url!r})\nboard = s.dashboard()\nprint(board.comm.comm_id)")


def busy_until(file: Path) -> str:
    """A cell that computes nothing and blocks the kernel until a file is there."""
    return f"while not pathlib.Path({str(file)!r}).exists(): time.sleep(0.01)"


def test_while_a_cell_is_busy_the_picture_moves_and_a_button_reaches_the_server(
    kernel: Kernel, server: Any, tmp_path: Path
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
    kernel: Kernel, server: Any, tmp_path: Path, eventually: Eventually
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


def test_a_run_is_awaited_in_a_cell(kernel: Kernel, server: Any) -> None:
    opened(kernel, server.url)
    kernel.run("run = await s.run_tests(['payment-api'])")
    assert kernel.run("print(run.state, len(run.results))") == "completed 1"
    kernel.run("s.close()")


def test_closing_leaves_no_thread_in_the_kernel(kernel: Kernel, server: Any) -> None:
    names = "sorted(t.name for t in threading.enumerate() if t.name.startswith(('appsentry', 'asyncio_')))"
    opened(kernel, server.url)
    assert kernel.run(f"print({names})") == "['appsentry-io']"
    kernel.run("s.close()")
    assert kernel.run(f"print({names})") == "[]"
