"""The whole server at work: `appsentry serve` with its history, checking a target, readers listening."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.latency import Latency, latency
from benchmarks.process import Process, cores, running

READERS = 5
"""Sockets that listen meanwhile; one of them is a notebook's."""

_INTERVAL_S = 1.0
_SETTLE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Checks that the target answered, the CPU seconds the server took, and the latency of their events."""

    checks: int
    cpu_s: float
    seconds: float
    told: int
    """Results that the readers without the notebook were told, together."""
    latency: Latency


def measure(target: Process, applications: int, *, warm_s: float, seconds: float) -> Measured:
    """Let a new server check that many applications once a second each, and look at it for so long."""
    core, other = cores()
    with ExitStack() as stack:
        server = stack.enter_context(_server(target.ready, applications, core))
        url = server.ready.rpartition(" ")[2]
        readers = stack.enter_context(running("readers", "benchmarks.readers", url, str(READERS - 1), core=other))
        notebook = stack.enter_context(running("notebook", "benchmarks.notebook", url, core=other))
        time.sleep(warm_s)
        target.ask("forget")
        since_ms = time.time_ns() // 1_000_000
        told, cpu_s, began = readers.ask("told"), server.cpu_s(), time.monotonic()
        time.sleep(seconds)
        cpu_s, elapsed = server.cpu_s() - cpu_s, time.monotonic() - began
        checks, told = target.ask("count"), readers.ask("told") - told
        # What is under way arrives a moment later.
        time.sleep(_SETTLE_S)
        events = latency(target.ask("answers"), notebook.ask("noted"), since_ms)
        return Measured(checks=checks, cpu_s=cpu_s, seconds=elapsed, told=told, latency=events)


@contextmanager
def _server(target: str, applications: int, core: int) -> Iterator[Process]:
    with TemporaryDirectory(prefix="appsentry-bench-") as folder:
        configuration = Path(folder) / "appsentry.yaml"
        configuration.write_text(json.dumps(_configuration(target, applications)))
        serve = ("appsentry_server", "serve", "--config", str(configuration), "--port", "0", "--data-dir", folder)
        # Its note for notebooks goes where none looks, and no token or address of this shell's reaches it.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("APPSENTRY_")}
        with running("server", *serve, core=core, environment={**environment, "XDG_RUNTIME_DIR": folder}) as server:
            yield server


def _configuration(target: str, applications: int) -> dict[str, object]:
    ids = [f"application-{number:05}" for number in range(applications)]
    checks = {id_: [{"type": "health", "url": f"{target}/{id_}", "interval": f"{_INTERVAL_S:g}s"}] for id_ in ids}
    return {
        # Everything here is on one host.
        "server": {"limits": {"checks": 512, "checks_per_host": 512}},
        "applications": [{"id": id_, "sla": {"target": 99.9}, "checks": checks[id_]} for id_ in ids],
    }
