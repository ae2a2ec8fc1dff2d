"""What the kernel's tests share: events to feed, a server, a kernel, and patience."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import appsentry_kernel as sentry
from appsentry_kernel.session import Session

PATIENCE_S = 30.0

_UNHEARD_S = 5.0
"""How long a cell may wait to begin before the kernel is woken up."""


@pytest.fixture
def metric() -> Callable[..., dict[str, Any]]:
    """Makes `healthMetricUpdate` number `seq` of the stream, with any field replaced."""

    def make(seq: int, **fields: Any) -> dict[str, Any]:
        return {
            "stream": "metrics",
            "seq": seq,
            "epoch": "e1",
            "at": "2026-11-23T08:00:00.000Z",
            "applicationId": "payment-api",
            "responseTime": 12.5,
            "status": "up",
            "resultId": f"r{seq}",
            "checkId": "health",
            "testType": "health",
            "dueAt": "2026-11-23T07:59:59.250Z",
            "lateMs": 1.0,
            "intervalMs": 30_000,
            "timings": {"dnsMs": 1.0, "connectMs": 1.0, "tlsMs": None, "firstByteMs": 9.0, "transferMs": 1.5},
            "steps": None,
            "testRunId": None,
            "attempt": 1,
            "failure": None,
            "message": None,
            "location": "here",
            **fields,
        }

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits until something holds, and fails when it does not within half a minute."""

    def wait(holds: Callable[[], object]) -> None:
        moments = threading.Event()
        for _ in range(int(PATIENCE_S / 0.02)):
            if holds():
                return
            moments.wait(0.02)
        raise AssertionError("it did not come to hold")

    return wait


class Target:
    """What the checks look at: `/up` answers 200, `/down` 503, `/held` nothing while it is held."""

    def __init__(self) -> None:
        self._released = threading.Event()
        self._released.set()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/held":
                    target._released.wait(PATIENCE_S)
                self.send_response(503 if self.path.startswith("/down") else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no check of `/held` end while the block runs."""
        self._released.clear()
        try:
            yield
        finally:
            self._released.set()

    def close(self) -> None:
        """Answer nothing any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """One target for all servers."""
    target = Target()
    yield target
    target.close()


def configuration(target: Target) -> str:
    """Four applications: one up and checked each second, one down, one that can be held, one with markup for a name."""

    def application(app_id: str, path: str, interval: str, **more: Any) -> dict[str, Any]:
        checks = [{"type": "health", "url": target.url + path, "interval": interval, "timeout": "20s", "confirm": 1}]
        return {"id": app_id, "checks": checks, **more}

    applications = [
        application("payment-api", "/up", "1s", tags=["tier-1"], sla={"target": 99.9}),
        application("search", "/down", "1s", tags=["tier-1"]),
        application("held", "/held", "1h", tags=["batch"]),
        application("markup", "/up", "1h", name="<script>alert(1)</script>"),
    ]
    return json.dumps({"applications": applications})  # JSON is YAML


class RunningServer:
    """`appsentry serve` as a process of its own."""

    def __init__(self, folder: Path, target: Target, *, port: int = 0, token: str | None = None) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "appsentry.yaml").write_text(configuration(target))
        command = [sys.executable, "-m", "appsentry_server", "serve", "--dev", "--port", str(port)]
        command += ["--config", str(folder / "appsentry.yaml"), "--data-dir", str(folder / "data")]
        if token is not None:
            (folder / "token").touch(mode=0o600)
            (folder / "token").write_text(token)
            command += ["--token-file", str(folder / "token")]
        self.environment = {"XDG_RUNTIME_DIR": str(folder)}
        self._log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, text=True, env={**os.environ, **self.environment}
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("AppSentry is listening on "):
            self.kill()
            raise AssertionError(line + (folder / "log").read_text())
        self.url = line.split()[-1]

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Iterator[RunningServer]:
    """A server that every test may share because none stops it."""
    server = RunningServer(tmp_path_factory.mktemp("server"), target)
    yield server
    server.stop()


@pytest.fixture
def serve(tmp_path: Path, target: Target) -> Iterator[Callable[..., RunningServer]]:
    """Starts a server of one's own; starting another goes on with the same history."""
    started: list[RunningServer] = []

    def start(**options: Any) -> RunningServer:
        started.append(RunningServer(tmp_path / "own", target, **options))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def session(server: RunningServer) -> Iterator[Session]:
    """A session with the shared server."""
    with sentry.connect(server.url) as session:
        yield session


class Kernel:
    """A kernel and one client of it. What lies in the folder `first` goes before what is installed."""

    def __init__(self, first: Path | None = None) -> None:
        self._manager = KernelManager(kernel_name="python3")
        paths = [str(path) for path in (first, os.environ.get("PYTHONPATH")) if path]
        self._manager.start_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=2 * PATIENCE_S)

    def close(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def start(self, code: str) -> str:
        """Begin a cell; gives its id."""
        return str(self._client.execute(code))

    def messages(self, cell: str) -> Iterator[dict[str, Any]]:
        """Everything the kernel says until the cell ends; fails when it ends in an error, or says nothing for long."""
        begun, woken, sent = False, False, time.monotonic()
        while True:
            waited_s = time.monotonic() - sent
            assert begun or waited_s < 2 * PATIENCE_S, "the kernel does not run the cell"
            if not begun and not woken and waited_s > _UNHEARD_S:
                woken = True
                self._wake_up()
            try:
                message = self._client.get_iopub_msg(timeout=2 * PATIENCE_S if begun else _UNHEARD_S)
            except queue.Empty:
                assert not begun, "the kernel says nothing more of the cell"
                continue
            assert message["msg_type"] != "error", "\n".join(message["content"]["traceback"])
            yield message
            if message["parent_header"].get("msg_id") == cell and message["msg_type"] == "status":
                begun = True
                if message["content"]["execution_state"] == "idle":
                    return

    def _wake_up(self) -> None:
        """Have the kernel read what was sent to it.

        ipykernel before 7.4 now and then leaves a request unread that arrives while it sends a reply, and every one
        after it, until another client connects: https://github.com/ipython/ipykernel/issues/1554.
        """
        # One made by the manager has the same identity, and the kernel would drop this connection for it.
        other = BlockingKernelClient(connection_file=self._manager.connection_file)
        other.load_connection_file()
        other.start_channels()
        try:
            other.wait_for_ready(timeout=2 * PATIENCE_S)
        finally:
            other.stop_channels()

    def run(self, code: str) -> str:
        """Run a cell to its end; gives what it printed."""
        said = [m["content"]["text"] for m in self.messages(self.start(code)) if m["msg_type"] == "stream"]
        return "".join(said).strip()

    def subshell(self) -> str:
        """Open a subshell, as JupyterLab does for the messages of widgets."""
        message = self._client.session.msg("create_subshell_request", {})
        self._client.control_channel.send(message)
        while True:
            reply = self._client.get_control_msg(timeout=2 * PATIENCE_S)
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


@pytest.fixture(scope="module")
def start_kernel() -> Iterator[Callable[[Path], Kernel]]:
    """Starts kernels of one's own, with packages of their own."""
    started: list[Kernel] = []

    def start(first: Path) -> Kernel:
        started.append(Kernel(first))
        return started[-1]

    yield start
    for kernel in started:
        kernel.close()
