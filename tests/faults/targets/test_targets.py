"""Every target that misbehaves gets its own class, in time, in bounded memory, and no other check notices."""

import asyncio
import json
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.resolver import Resolver
from appsentry_server.checks.table import KINDS

PATIENCE_S = 60
TIMEOUT = "3s"
GROWTH_MIB = 128
JSON = {"expect": {"json": {"$.a": "fine"}}}
FILTERED = {"expect": {"json": {"$..[?@.a == 1]": "fine"}}}
LOGIN = {"type": "login", "username": "env:APP_USER", "password": "env:APP_PASSWORD", "expect": {}}

CLASSES = {
    "a gigabyte": "too_large",
    "five megabytes": "too_large",
    "a body without end": "too_large",
    "a gzip bomb": "too_large",
    "gzip of nothing without end": "too_large",
    "a gzip header without end": "too_large",
    "no brotli": "expectation",
    "fifty encodings": "expectation",
    "a slow body": "deadline",
    "slow headers": "deadline",
    "a chunk's name without end": "deadline",
    "trailers without end": "too_large",
    "headers without end": "too_large",
    "large headers": "too_large",
    "a header without end": "too_large",
    "a status line without end": "too_large",
    "hints without end": "too_large",
    "continue without end": "too_large",
    "no UTF-8": "expectation",
    "a NUL in the body": "expectation",
    "a NUL in a header": "status",
    "no HTTP": "status",
    "noise": "status",
    "a length too long": "reset",
    "a length too short": "expectation",
    "a length below zero": "status",
    "a charset that is no text": "expectation",
    "a charset that takes long": "expectation",
    "deep JSON": "expectation",
    "JSON of small arrays": "expectation",
    "hanging up": "reset",
    "no answer": "deadline",
    "a redirect to itself": "status",
    "a redirect to metadata": "internal",
    "a redirect to metadata, mapped": "internal",
    "a redirect to metadata as a number": "internal",
    "a redirect to a file": "status",
    "an expired certificate": "tls_expired",
    "a certificate that is not valid yet": "tls_other",
    "a certificate for another host": "tls_host",
    "a self-signed certificate": "tls_other",
    "a TLS handshake that hangs": "connect_timeout",
    "http://nowhere.test/": "dns_not_found",
    "http://app.broken.test/": "dns_timeout",
    **{f"http://n{n}.silent.test/": "dns_timeout" for n in range(20)},
}
OWN_SETTINGS = {
    "deep JSON": JSON,
    "JSON of small arrays": FILTERED,
    "a TLS handshake that hangs": {"connect_timeout": "1s"},
}

# Reading these takes seconds, on a slow machine until the deadline.
READ_LONG = {
    "a login page that nests without end": LOGIN,
    "a login page of one tag": LOGIN,
}


@contextmanager
def targets(folder):
    """All the targets in a process of their own; its authority is in the folder."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, Path(__file__).parent / "hostile.py", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield json.loads(process.stdout.readline()) | {"authority": str(folder / "authority.pem")}
    finally:
        process.communicate(timeout=PATIENCE_S)


def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


class Looks:
    """Checks of the hostile targets, and of healthy ones for as long as those are under way."""

    def __init__(self, http, hostile, healthy):
        self._http = http
        self._hostile = hostile
        self._healthy = healthy
        self.healthy = []
        self.largest_mib = 0.0

    async def look(self, name, **settings):
        probe = self._probe(self._hostile, name, settings)
        try:
            return await probe.run()
        finally:
            probe.close()

    async def keep_looking(self, name):
        probe = self._probe(self._healthy, name, {})
        try:
            while True:
                self.healthy.append(await probe.run())
                self.largest_mib = max(self.largest_mib, resident_mib())
        finally:
            probe.close()

    def _probe(self, served, name, settings):
        tls = "certificate" in name or "TLS" in name
        url = name if "://" in name else f"{'https' if tls else 'http'}://127.0.0.1:{served['ports'][name]}/"
        settings = {"type": "health", "expect": {"text": "fine"}, "timeout": TIMEOUT, **settings, "url": url}
        settings |= {"tls": {"ca": served["authority"]}} if tls else {}
        kind = KINDS[settings["type"]]
        return kind.prepare(kind.settings.model_validate(settings), self._http)


def test_what_targets_send_decides_their_own_class_and_nothing_else(tmp_path, monkeypatch, form, show):
    monkeypatch.setenv("APP_USER", "alice")
    monkeypatch.setenv("APP_PASSWORD", "hunter22")
    rounds = form(1, 8)

    async def main(hostile, healthy):
        http = HttpClient(Resolver(servers=[hostile["dns"]]))
        looks = Looks(http, hostile, healthy)
        others = [asyncio.create_task(looks.keep_looking(name)) for name in ("healthy", "a good certificate")]
        names = [*CLASSES, *READ_LONG]
        settings = OWN_SETTINGS | READ_LONG
        try:
            async with asyncio.timeout(PATIENCE_S):
                outcomes = [
                    outcome
                    for _ in range(rounds)
                    for outcome in await asyncio.gather(*(looks.look(name, **settings.get(name, {})) for name in names))
                ]
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await http.close()
        return list(zip(names * rounds, outcomes, strict=True)), looks

    before_mib = resident_mib()
    # The healthy ones elsewhere: what is measured is the monitor, not how busy the hostile ones are.
    with targets(tmp_path / "hostile") as hostile, targets(tmp_path / "healthy") as well:
        outcomes, looks = asyncio.run(main(hostile, well))
    healthy, grown_mib = looks.healthy, looks.largest_mib - before_mib

    show(f"{len(outcomes)} hostile targets, {len(healthy)} other checks meanwhile, {grown_mib:.0f} MiB grown")
    found = {(name, outcome.failure.failure_class) for name, outcome in outcomes if name in CLASSES}
    assert found == set(CLASSES.items())
    read_long = {outcome.failure.failure_class for name, outcome in outcomes if name in READ_LONG}
    assert read_long <= {"too_large", "deadline"}
    assert {outcome.verdict for outcome in healthy} == {"up"}
    assert len(healthy) >= 10
    assert grown_mib < GROWTH_MIB
