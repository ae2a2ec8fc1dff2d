"""The processes of a measurement: each on its own core, asked line by line, ended with the block that started it."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psutil

_ANSWER_WITHIN_S = 60
_END_WITHIN_S = 15


class NoAnswer(RuntimeError):
    """A process of the measurement ended, or fell silent."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running process that says one line when it is ready, and one for every line it is asked."""

    name: str
    ready: str
    _process: subprocess.Popen[str]

    def ask(self, question: str) -> Any:
        """The JSON that it answers. Raises `NoAnswer`."""
        assert self._process.stdin is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return orjson.loads(_line(self.name, self._process))

    def cpu_s(self) -> float:
        """The CPU seconds it has taken so far, of all its threads, in user and system mode."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)


def cores() -> tuple[int, int]:
    """The core for what is measured and the one for everything else; the same where there is one, or no choice."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started in the block stay on one core, with all their threads, where the system lets us."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def running(name: str, *command: str, core: int, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A Python module with its arguments, on one core, from its first line of output to the end of the block.

    `environment` stands in place of this process's own.
    """
    with on_core(core):
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
    try:
        yield Process(name, _line(name, process).strip(), process)
    finally:
        _end(process)


def end_in_order(*_: object) -> None:
    """Let a request to end unwind the blocks, so that no process is left behind."""
    sys.exit(128 + signal.SIGTERM)


def _line(name: str, process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(_ANSWER_WITHIN_S) else ""
    if not line:
        raise NoAnswer(f"the {name} said nothing within {_ANSWER_WITHIN_S} s or ended; what it wrote stands above")
    return line


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
