"""A notebook's side of a session, without the notebook: the kernel package's own reader, noting when it has a result.

`python -m benchmarks.notebook URL` connects, says so, and answers each line on its input with all it has noted.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

import orjson

from appsentry_contract.instants import from_wire
from appsentry_kernel.clock import SystemClock
from appsentry_kernel.reader import Reader
from appsentry_kernel.results import ResultLog


class _Noted(ResultLog):
    """The log behind `Session.results`, with the moment at which each result was in it."""

    def __init__(self) -> None:
        super().__init__(keep=1_000_000, clock=SystemClock())
        self.notes: list[tuple[str, int, int, int]] = []
        """Application, when the check was due, when its event was numbered (ms), when it was here (ns)."""

    def add(self, metric: Mapping[str, Any]) -> None:
        super().add(metric)
        here_ns = time.time_ns()
        self.notes.append((metric["applicationId"], from_wire(metric["dueAt"]), from_wire(metric["at"]), here_ns))


def _follow(url: str) -> None:
    reader = Reader(url, None, keep=1, simulated=False, clock=SystemClock())
    reader.results = log = _Noted()
    reader.thread.call(reader.open)
    print("a notebook's reader", flush=True)
    while sys.stdin.readline():
        print(orjson.dumps(log.notes).decode(), flush=True)
    reader.thread.close()


if __name__ == "__main__":
    _follow(sys.argv[1])
