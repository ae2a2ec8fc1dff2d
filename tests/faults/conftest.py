"""What the tests under faults share: how long their form is, a place to print what they measured, bad input."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = os.environ.get("APPSENTRY_FAULTS") == "long"
"""`make faults` runs the long form: more kills, more readers, more generated inputs."""

SHOWN = pytest.StashKey[list[str]]()
PATIENCE_S = 60.0


@pytest.fixture
def form() -> Callable[[int, int], int]:
    """Picks a size: `form(5, 200)` is 5 in `make test` and 200 in `make faults`."""
    return lambda short, long: long if LONG else short


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a line to print at the end: what a test saw, times included. Nothing asserts on it."""
    lines = request.config.stash.setdefault(SHOWN, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(SHOWN, []):
        terminalreporter.section("seen under faults")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture
def generated(form: Callable[[int, int], int]) -> Callable[..., settings]:
    """How many inputs hypothesis makes, always the same ones: `generated(50, 5_000)`."""

    def size(short: int, long: int, **more: Any) -> settings:
        return settings(
            max_examples=form(short, long),
            derandomize=True,
            database=None,
            deadline=None,
            # What is generated is checked by real servers and real files: slow, and meant to be.
            suppress_health_check=list(HealthCheck),
            **more,
        )

    return size


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "</td></table><svg/onload=alert(1)>",
    "</script><!--<script>",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "\"' onmouseover='alert(1)' x=\"",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png) **bold** `code`",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x9b31m",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "abc \u202edetrevni\u202c \u200f\u2066\u2069",
    "bell\x07 null\x00 newline\nreturn\r tab\t vertical\x0b delete\x7f",
    "line\u2028 paragraph\u2029 next\x85 feff\ufeff joiner\u200d zero\u200b",
    '=HYPERLINK("http://evil.example")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "＝1+1",
    "\t=1+1",
    "'; drop table results; --",
    "{{7*7}} ${7*7} #{7*7} %s %(x)s {0} {0.__class__}",
    "[bold red]markup[/] [/nothing] [link=http://evil.example]x[/link]",
    "../../etc/passwd",
    'a="1"} 1\napplication_up{x="',
    "👩‍👩‍👧 шоп 店 🏳️‍🌈",
    "𝕬" * 40,
    "e" + "\u0301" * 60,
    "constructor",
    "__proto__",
)
"""Texts that break what shows them, if it can be broken: one of a kind each."""


def _hostile_texts(longest: int) -> st.SearchStrategy[str]:
    pieces = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8"), max_size=10))
    return st.lists(pieces, min_size=1, max_size=3).map(lambda some: "".join(some)[:longest]).filter(bool)


@pytest.fixture
def hostile() -> Callable[..., st.SearchStrategy[str]]:
    """Texts of 1 to `longest` characters that try to break what shows them; no half of a surrogate pair."""
    return lambda longest=200: _hostile_texts(longest)


@pytest.fixture
def hostile_kinds() -> tuple[str, ...]:
    """One hostile text of each kind."""
    return HOSTILE


def _nested(depth: int) -> Any:
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


_NUMBERS: tuple[int | float, ...] = (
    -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**400, 1e308, 5e-324, -0.0,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
_INSTANTS = (
    "", "now", "2026-11-23", "2026-11-23T08:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59",
    "2026-02-30T00:00:00Z", "2026-11-23T08:00:00.000Z", "10000-01-01T00:00:00Z", "-1", "1970-01-01T00:00:00Z",
)  # fmt: skip
_LETTERS = ("\ud800", "a\udfff", "1", "0.5", "true", "null", "run:", "run:x", "constructor", "__proto__")
_WRONG: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(_NUMBERS),
    st.sampled_from(_INSTANTS),
    st.sampled_from(_LETTERS),
    _hostile_texts(300),
    st.sampled_from(("x" * 10_000, ["x"] * 2_000, dict.fromkeys(map(str, range(1_000))), _nested(60), _nested(400))),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=10,
    ),
)
_ILL: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers() | st.sampled_from(_NUMBERS),
    float: st.floats() | st.sampled_from(_NUMBERS),
    str: st.sampled_from(_INSTANTS) | st.sampled_from(_LETTERS) | _hostile_texts(300),
}
"""By type: values that are of it, and yet may break what uses them."""


def _edited(draw: st.DrawFn, value: Any) -> Any:
    """The value with one thing in it replaced, left out or added."""
    keys: list[Any] = list(range(len(value))) if isinstance(value, list) else []
    keys = list(value) if isinstance(value, dict) else keys
    if not keys or not draw(st.integers(0, 7)):
        return draw(_ILL.get(type(value), _WRONG) if draw(st.booleans()) else _WRONG)
    key = draw(st.sampled_from(keys))
    copy = value.copy()
    way = draw(st.integers(0, 7))
    if way == 0:
        del copy[key]
    elif way == 1 and isinstance(copy, dict):
        copy[draw(st.text(max_size=5))] = draw(_WRONG)
    else:
        copy[key] = _edited(draw, copy[key])
    return copy


@pytest.fixture
def damaged() -> Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]:
    """Makes of JSON that is sound JSON in which up to three things were replaced, left out or added."""

    @st.composite
    def edit(draw: st.DrawFn, sound: st.SearchStrategy[Any]) -> Any:
        value = draw(sound)
        for _ in range(draw(st.sampled_from((1, 1, 1, 0, 2, 3)))):
            value = _edited(draw, value)
        return value

    return edit


class Target:
    """What checks look at: answers 200 to `/up`, and 500 with whatever was put into `says` under the path."""

    def __init__(self) -> None:
        self.says: dict[str, bytes] = {}
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = target.says.get(self.path, b"ok")
                with suppress(OSError):
                    self.send_response(500 if self.path in target.says else 200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        """Answer nothing any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def target() -> Iterator[Target]:
    """Something to check."""
    target = Target()
    yield target
    target.close()


class ServerProcess:
    """`appsentry serve` on a free port, its log in a file."""

    def __init__(self, folder: Path, applications: list[dict[str, Any]], *words: str, **sections: Any) -> None:
        self.folder = folder
        self._log = folder / "log"
        (folder / "appsentry.yaml").write_text(yaml.safe_dump({"applications": applications, **sections}))
        command = [sys.executable, "-m", "appsentry_server", "serve", "--port", "0", *words]
        command += ["--config", str(folder / "appsentry.yaml"), "--data-dir", str(folder / "data")]
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("AppSentry is listening on "):
            self.close()
            raise AssertionError(line + self.log)
        self.url = line.split()[-1]

    @property
    def log(self) -> str:
        """What it wrote to its standard error so far."""
        return self._log.read_text()

    def end(self) -> int:
        """End it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it at once, if it has not ended."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server of these applications as a process of its own: `serve(applications, "--dev")`."""
    started: list[ServerProcess] = []

    def start(applications: list[dict[str, Any]], *words: str, **sections: Any) -> ServerProcess:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        started.append(ServerProcess(folder, applications, *words, **sections))
        return started[-1]

    yield start
    for server in started:
        server.close()
