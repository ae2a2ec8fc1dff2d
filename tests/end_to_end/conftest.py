"""What the end-to-end tests share: commands as processes, a target to check, a JavaScript reader, and patience."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

PATIENCE_S = 60.0
JAVASCRIPT = Path(__file__).parents[1] / "javascript"


def until(holds: Callable[[], Any]) -> Any:
    """Wait until this gives something that is true, and give it; fails when it does not within a minute."""
    moments = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        found = holds()
        if found:
            return found
        moments.wait(0.02)
    raise AssertionError("it did not come to hold")


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Waits until something is true, and gives it."""
    return until


@contextmanager
def _heeding_the_keyboard() -> Iterator[None]:
    """What is started in the block can be interrupted, even if these tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Process:
    """A program whose output goes to files, so that it never waits for a reader."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err, _heeding_the_keyboard():
            self.popen = subprocess.Popen(
                command, cwd=folder.parent, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=err
            )

    @property
    def out(self) -> str:
        """What it wrote to its standard output so far."""
        return self._out.read_text()

    @property
    def lines(self) -> list[str]:
        """The whole lines of its standard output so far."""
        # Not by `splitlines`, which splits at characters that may stand inside a JSON text.
        return self.out.split("\n")[:-1]

    @property
    def err(self) -> str:
        """What it wrote to its standard error so far."""
        return self._err.read_text()

    def said(self, pattern: str) -> str:
        """Wait for a line of its output that begins so; gives the rest of the line. Fails when it ends before."""

        def look() -> re.Match[str] | None:
            ended = self.popen.poll() is not None
            found = re.search(f"^{pattern}(.*)\n", self.out, re.MULTILINE)
            assert found or not ended, f"it ended with {self.popen.returncode}:\n{self.out}{self.err}"
            return found

        return str(until(look)[1])

    def ended(self) -> int:
        """Wait for its end; gives its exit code."""
        return self.popen.wait(PATIENCE_S)

    def signal(self, number: signal.Signals) -> int:
        """Send it a signal and wait for its end; gives its exit code."""
        self.popen.send_signal(number)
        return self.ended()

    def family(self) -> list[psutil.Process]:
        """The processes it has started, and what those have, that are still there."""
        return psutil.Process(self.popen.pid).children(recursive=True)

    def kill(self) -> None:
        """End it and all it started at once."""
        with suppress(psutil.NoSuchProcess):
            for child in self.family():
                child.kill()
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdin is not None
        with suppress(OSError):
            self.popen.stdin.close()


class Server(Process):
    """`appsentry serve` or `demo` that listens."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.said("AppSentry is listening on ")

    def ask(self, path: str, content: Any = None, *, token: str | None = None) -> Any:
        """The JSON it answers; content is posted."""
        return json.loads(self.answer(path, content, token=token)[1])

    def answer(
        self, path: str, content: Any = None, *, accept: str = "*/*", token: str | None = None
    ) -> tuple[int, bytes]:
        """Status and body of its answer; content is posted."""
        headers = {"Accept": accept, "Content-Type": "application/json"}
        headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
        body = None if content is None else json.dumps(content).encode()
        try:
            request = urllib.request.Request(self.url + path, data=body, headers=headers)
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def looked(self) -> None:
        """Wait until every application was looked at once, as each is when a server is new."""
        until(lambda: all(one["lastChecked"] for one in self.ask("/api/applications")["items"]))


class Place:
    """A folder of one's own with a configuration, and an environment in which nothing else is found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "appsentry.yaml"
        self.data = folder / "data"
        self._started: list[Process] = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("APPSENTRY_")}
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.environment |= {"XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(self.temporary)}

    def configure(self, *applications: dict[str, Any], **settings: Any) -> None:
        """Write the configuration whole, as an editor that takes care does."""
        fresh = self.folder / "appsentry.yaml.new"
        fresh.write_text(yaml.safe_dump({"applications": list(applications), **settings}))
        fresh.replace(self.configuration)

    def start(self, *words: str, python: tuple[str, ...] = ("-m", "appsentry_server"), **environment: str) -> Server:
        """Start `appsentry` with these words."""
        return self._run(Server, [sys.executable, *python, *words], environment)

    def serve(self, *words: str, **environment: str) -> Server:
        """Start a server here on a free port, and wait until it listens."""
        server = self.start("serve", "--port", "0", "--data-dir", str(self.data), *words, **environment)
        assert server.url
        return server

    def node(self, script: str, *words: str) -> Process:
        """Start one of the JavaScript programs."""
        node = shutil.which("node")
        if node is None or not (JAVASCRIPT / "node_modules").exists():
            pytest.skip("no node, or no node_modules: `make test` installs them")
        return self._run(Process, [node, str(JAVASCRIPT / script), *words], {})

    def _run(self, kind: type[Any], command: list[str], environment: dict[str, str]) -> Any:
        folder = self.folder / f"process-{len(self._started)}"
        process = kind(command, folder, {**self.environment, **environment})
        self._started.append(process)
        return process

    def leave(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder to start commands in; none outlives the test."""
    place = Place(tmp_path)
    yield place
    place.leave()


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder for processes that all tests of a module share."""
    place = Place(tmp_path_factory.mktemp("shared"))
    yield place
    place.leave()


class Target:
    """What the checks look at: `/up` answers 200, `/down` 503, `/held` nothing while it is held, `/now` as it is."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.released.set()
        self.holding = threading.Event()
        self.now = 200
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/held" and not target.released.is_set():
                    target.holding.set()
                    target.released.wait(2 * PATIENCE_S)
                with suppress(OSError):
                    self.send_response({"/down": 503, "/now": target.now}.get(self.path, 200))
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Let no check of `/held` that begins in the block end before it; the event says when one has begun."""
        self.released.clear()
        self.holding.clear()
        try:
            yield self.holding
        finally:
            self.released.set()

    def application(self, app_id: str, path: str = "/up", interval: str = "1h", **more: Any) -> dict[str, Any]:
        """The configuration of an application with one health check of this target."""
        check = {"type": "health", "url": self.url + path, "interval": interval, "timeout": "100s", "confirm": 1}
        return {"id": app_id, "checks": [check], **more}

    def close(self) -> None:
        """Answer nothing any more."""
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """One target for all servers."""
    target = Target()
    yield target
    target.close()
