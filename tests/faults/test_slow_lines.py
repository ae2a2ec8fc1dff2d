"""A line of 1 KB/s that stalls and is cut: what a session has seen is what the history holds, nothing lost or twice."""

import asyncio
import json
import random
import socket
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from appsentry_kernel import connect
from appsentry_kernel import link as link_module

SEED = 20261124
DEADLINE_S = 400
BUFFER = 4_096


class _SlowLine:
    """A proxy that passes so many bytes a second to its client, and stalls or is cut when told to."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._writers, self._tasks = set(), set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.bytes_per_s = None
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=BUFFER)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()

    def stall(self):
        self._flowing.clear()

    def flow(self):
        self._flowing.set()

    async def _connected(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _join(self, reader, writer):
        line = socket.socket()
        # Little may be under way unseen: what waits, waits at the server.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, self._target)
        onward_reader, onward = await asyncio.open_connection(sock=line, limit=BUFFER)
        self._writers |= {writer, onward}
        try:
            await asyncio.gather(self._pass_on(reader, onward), self._pass_on(onward_reader, writer))
        finally:
            self._writers -= {writer, onward}
            onward.transport.abort()

    async def _pass_on(self, reader, writer):
        with suppress(OSError):
            while chunk := await reader.read((self.bytes_per_s or 655_360) // 10):
                await self._flowing.wait()
                if self.bytes_per_s is not None:
                    await asyncio.sleep(len(chunk) / self.bytes_per_s)
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


def _run_all(url):
    """Start a run of every application, by a client with a good line; its address."""
    asked = Request(f"{url}/api/test-runs", data=b"{}", headers={"Content-Type": "application/json"})
    with urlopen(asked) as answer:
        return f"{url}/api/test-runs/{json.load(answer)['testRunId']}"


def _has_ended(run):
    with urlopen(run) as answer:
        return json.load(answer)["state"] == "completed"


async def _until(holds, what):
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await asyncio.to_thread(holds):
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(what())


def _kept(url):
    with urlopen(Request(f"{url}/api/history", headers={"Accept": "application/json"})) as answer:
        return {row["result_id"] for row in json.load(answer)}


def _is_level(session, kept):
    if session.state != "live":
        session.reconnect()  # without waiting for its next attempt
    return session.state == "live" and kept <= set(session.results["result_id"])


async def _misbehave(line, url, dice):
    """Stall and cut the line in the middle of a run, and make more behind it than it carries in time."""
    run = await asyncio.to_thread(_run_all, url)
    await asyncio.sleep(dice.random() / 10)
    line.stall()
    await _until(partial(_has_ended, run), lambda: "a run did not end")
    line.cut()
    line.flow()


@pytest.mark.timeout(900)
def test_a_session_on_a_slow_line_holds_what_the_history_holds(serve, target, form, show, monkeypatch):
    # The long form is 1 KB/s and a session's own patience; the short one is the same, much faster.
    bytes_per_s, patience_s = form(24_576, 1_024), form(1, 10)
    monkeypatch.setattr(link_module, "_ANSWER_S", patience_s)
    dice = random.Random(SEED)
    checks = [{"type": "health", "url": target.url + "/up", "interval": "1h"}]
    server = serve([{"id": f"app-{number}", "checks": checks} for number in range(30)])

    async def scenario():
        async with _SlowLine(server.url) as line:
            session = await asyncio.to_thread(connect, line.url)
            try:
                await follow(line, session)
            finally:
                await asyncio.to_thread(session.close)

    async def follow(line, session):
        early = await asyncio.to_thread(_kept, server.url)
        line.bytes_per_s = bytes_per_s
        for _ in range(form(1, 3)):
            await _misbehave(line, server.url, dice)
        kept = await asyncio.to_thread(_kept, server.url)
        assert len(kept - early) >= form(30, 90)
        await _until(
            lambda: _is_level(session, kept - early),
            lambda: f"{len(session.results)} of {len(kept)} results are here, {session.state}: {session.detail}",
        )
        show(f"{len(kept - early)} results over {bytes_per_s} bytes a second, {line.connections} connections")
        seen = session.results
        assert not seen["result_id"].duplicated().any()
        assert all(times.is_monotonic_increasing for _, times in seen.groupby("application")["ts"])

    asyncio.run(scenario())
