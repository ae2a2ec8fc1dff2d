"""Starts the sample applications in a process that ends with the one that started it, however that ends."""

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from appsentry_contract.errors import AppSentryError

USERNAME = "APPSENTRY_SAMPLE_USERNAME"
PASSWORD = "APPSENTRY_SAMPLE_PASSWORD"  # noqa: S105 - the name of a variable
_READY_WITHIN_S = 60


class SampleError(AppSentryError, RuntimeError):
    """The sample applications did not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the sample applications are: base URLs without a final slash, by id; and the authority of the TLS one."""

    urls: Mapping[str, str]
    ca: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleProcess:
    """The running sample applications. As a context manager it stops them at the end."""

    addresses: Addresses
    environment: Mapping[str, str]
    """The variables that the sample configuration refers to."""
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """End the process and wait for it. Does nothing the second time."""
        _end(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def start(*, seed: int = 1) -> SampleProcess:
    """Start them and wait until they answer. Raises `SampleError`."""
    command = [sys.executable, "-m", "appsentry_server.samples", "--leash", "--seed", str(seed)]
    # The leash: this end of the pipe closes with this process, even when nothing is left to close it.
    process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own words
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        ready = _ready(process)
    except BaseException:
        _end(process)
        raise
    return SampleProcess(
        addresses=Addresses(urls=ready["urls"], ca=Path(ready["ca"])),
        environment={USERNAME: ready["username"], PASSWORD: ready["password"]},
        process=process,
    )


def _ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], _READY_WITHIN_S)
    line = process.stdout.readline() if readable else ""
    if not line:
        why = "it ended" if readable else f"it was silent for {_READY_WITHIN_S} s"
        raise SampleError(f"the sample applications did not start: {why}; run python -m appsentry_server.samples")
    ready: dict[str, Any] = json.loads(line)
    return ready


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate()
