"""The audit log: who started, stopped and changed what, as JSON lines in the data directory."""

import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from appsentry_contract.instants import to_wire
from appsentry_server.clock import Clock

FILE = "audit.jsonl"
_MOST_BYTES = 10_000_000
_FILES_KEPT = 5
_MOST_WAITING = 10_000
MOST_AGENT = 200
"""Letters of a program's name for itself that are kept."""

_log = logging.getLogger(__name__)

Action = Literal["start", "cancel", "pause", "resume", "simulate", "reconfigure", "rotateToken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a command came from: by which door, from which address and program, and whether a token was shown."""

    door: Literal["socket", "api", "file"]
    address: str | None = None
    agent: str | None = None
    token: bool = False

    def __str__(self) -> str:
        doors = {"socket": f"a socket from {self.address}", "api": f"the API from {self.address}", "file": "a file"}
        return doors[self.door]


FILE_ORIGIN = Origin(door="file")
"""Of what is changed by writing a file of the server's."""


class Audit:
    """Appends to `audit.jsonl`, for its owner's eyes alone; full files become `audit.jsonl.1` to `.5`, then go.

    Writing has a thread of its own, so that a slow disk holds up nobody. What cannot be written is reported in the
    server's log and given up: the commands themselves do not wait for it.
    """

    def __init__(self, directory: Path, clock: Clock, *, most_bytes: int = _MOST_BYTES) -> None:
        self._path = directory / FILE
        self._clock = clock
        self._most_bytes = most_bytes
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")

    def record(self, action: Action, origin: Origin, **details: object) -> None:
        """Note that this was done, with the fields that say to what."""
        entry = {"at": to_wire(self._clock.now_ms()), "action": action, **asdict(origin), **details}
        if self._waiting >= _MOST_WAITING:
            _log.error("the audit log does not keep up, lost: %s", orjson.dumps(entry).decode())
            return
        self._waiting += 1
        self._thread.submit(self._write, entry)

    def close(self) -> None:
        """Let what was recorded be written; what a dead disk holds up is not waited for beyond the line in hand."""
        self._thread.shutdown(wait=True)

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = orjson.dumps(entry) + b"\n"
        try:
            if self._path.exists() and self._path.stat().st_size + len(line) > self._most_bytes:
                self._rotate()
            with open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                file.write(line)
        except OSError as error:
            _log.error("the audit log %s cannot be written (%s), lost: %s", self._path, error, line.decode().rstrip())
        finally:
            self._waiting -= 1

    def _rotate(self) -> None:
        for number in range(_FILES_KEPT - 1, 0, -1):
            older = self._path.with_name(f"{FILE}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{FILE}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{FILE}.1"))
