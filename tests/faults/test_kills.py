"""`kill -9` in the middle of everything, behind a line that is cut and stalls: what readers applied is the history."""

import asyncio
import json
import os
import random
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
import socketio

from appsentry_kernel import connect

SEED = 20261123
DEADLINE_S = 90
JAVASCRIPT = Path(__file__).parents[1] / "javascript"
ENDS = ("testRunCompleted", "testRunInterrupted", "testRunCancelled")


class _Line:
    """One address for whichever server is alive; it cuts and stalls at random."""

    def __init__(self, dice):
        self._dice = dice
        self._writers = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks = set()
        self.target = None
        self.cuts = self.stalls = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._mischief = asyncio.create_task(self._make_mischief())
        return self

    async def __aexit__(self, *_):
        self._mischief.cancel()
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._mischief, *self._tasks, return_exceptions=True)

    def cut(self):
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()

    async def be_good(self):
        """No more cuts and stalls."""
        self._mischief.cancel()
        await asyncio.gather(self._mischief, return_exceptions=True)
        self._flowing.set()

    async def _make_mischief(self):
        while True:
            await asyncio.sleep(0.3 + 2 * self._dice.random())
            if self._dice.random() < 0.5:
                self.cut()
            else:
                self.stalls += 1
                self._flowing.clear()
                await asyncio.sleep(self._dice.random())
                self._flowing.set()

    async def _connected(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            # Cancelled at the end, it must end well: what asyncio started would report it.
            with suppress(OSError, asyncio.CancelledError):
                onward_reader, onward = await asyncio.open_connection(*self.target)
                self._writers |= {writer, onward}
                try:
                    await asyncio.gather(self._pass_on(reader, onward), self._pass_on(onward_reader, writer))
                finally:
                    self._writers -= {writer, onward}
                    onward.transport.abort()
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pass_on(self, reader, writer):
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


class _Server:
    """`appsentry serve` on one history, to be killed."""

    def __init__(self, folder, line, begun):
        self._folder, self._line, self._begun = folder, line, begun

    async def __aenter__(self):
        words = ["--port", "0", "--config", self._folder / "appsentry.yaml", "--data-dir", self._folder / "history"]
        self._begun.append(datetime.now(UTC))
        with (self._folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "appsentry_server", "serve", *map(str, words),
                stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, "XDG_RUNTIME_DIR": str(self._folder)},
            )  # fmt: skip
        async with asyncio.timeout(DEADLINE_S):
            line = (await self.process.stdout.readline()).decode()
        assert "listening on" in line, (self._folder / "log").read_text()
        self.url = line.split()[-1]
        self._line.target = ("127.0.0.1", int(self.url.rpartition(":")[2]))
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def streams(self):
        """Every event of the streams that the history holds, by stream, and of every run's own."""
        async with aiohttp.ClientSession() as http:
            socket = socketio.AsyncClient(reconnection=False, http_session=http)
            try:
                await socket.connect(self.url, transports=["websocket"], wait_timeout=DEADLINE_S)
                epoch = (await self._ask(socket, "subscribe", stream="runs", since=None))["epoch"]
                told = {stream: await self._stream(socket, stream, epoch) for stream in ("metrics", "runs")}
                for run_id in [payload["testRunId"] for name, payload in told["runs"] if name == "testRunStarted"]:
                    told[f"run:{run_id}"] = await self._stream(socket, f"run:{run_id}", epoch)
                return told
            finally:
                await socket.eio.disconnect(abort=True)

    async def kept(self):
        """Every result that the history holds, by its id."""
        url = f"{self.url}/api/history?resolution=raw"
        async with aiohttp.ClientSession() as http, http.get(url, headers={"Accept": "application/json"}) as answer:
            return [row["result_id"] for row in await answer.json()]

    async def _stream(self, socket, stream, epoch):
        events, more = [], True
        while more:
            since = {"epoch": epoch, "seq": len(events)}
            page = await self._ask(socket, "subscribe", stream=stream, since=since)
            assert "reset" not in page, page
            events += page["events"]
            more = page["more"]
        await self._ask(socket, "unsubscribe", stream=stream)
        return events

    async def _ask(self, socket, name, **request):
        """As often as it takes to be no hurry; one who does not wait keeps every subscription, which are too many."""
        while True:
            answer = await socket.call(name, request, timeout=DEADLINE_S)
            if answer["ok"]:
                return answer
            assert "more than 20 requests a second" in answer["message"], answer
            await asyncio.sleep(0.1)


class _Page:
    """The JavaScript reference client in a process of its own."""

    def __init__(self, epoch):
        self._places = {stream: {"epoch": epoch, "seq": 0} for stream in ("metrics", "runs")}
        self.applied = {}
        self.resets = []

    async def open(self, url):
        self._process = await asyncio.create_subprocess_exec(
            "node", str(JAVASCRIPT / "follower.mjs"), url, json.dumps(self._places),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        while line := await self._process.stdout.readline():
            name, payload = json.loads(line)
            if name == "reset":
                self.resets.append(payload)
            elif "seq" in payload:
                self.applied.setdefault(payload["stream"], []).append([name, payload])

    async def close(self):
        self._process.stdin.close()
        await self._process.wait()
        await self._reading


async def _live_and_die(server, dice, acknowledged):
    """Start runs, each acknowledged, and be killed at a random moment."""

    async def work():
        async with aiohttp.ClientSession() as http:
            for _ in range(3):
                async with http.post(f"{server.url}/api/test-runs", json={}) as answer:
                    if answer.status == 202:
                        acknowledged.append((await answer.json())["testRunId"])

    working = asyncio.create_task(work())
    await asyncio.sleep(0.5 + 1.5 * dice.random())
    server.process.kill()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def _until(holds, what):
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(what())


def _is_level(page, told):
    """Whether it has as much as was told of every stream."""
    return all(len(page.applied.get(stream, [])) >= len(events) for stream, events in told.items())


def _standing(page, told):
    places = [(stream, len(page.applied.get(stream, [])), len(events)) for stream, events in told.items()]
    return f"a page stands at {[place for place in places if place[1] < place[2]]}"


async def _all_runs_ended(server):
    async with aiohttp.ClientSession() as http, asyncio.timeout(DEADLINE_S):
        while True:
            async with http.get(f"{server.url}/api/test-runs") as answer:
                if all(run["state"] not in ("running", "paused") for run in (await answer.json())["items"]):
                    return
            await asyncio.sleep(0.05)


def _configure(folder, target):
    check = {"type": "health", "url": target.url + "/up", "interval": "1s"}
    applications = [{"id": f"app-{number}", "checks": [check]} for number in range(10)]
    (folder / "appsentry.yaml").write_text(json.dumps({"applications": applications}))


def _seconds_to_interrupt(runs, begun):
    """From the start of a server until it told that a run was interrupted, for each of them."""
    for name, payload in runs:
        if name == "testRunInterrupted":
            at = datetime.fromisoformat(payload["at"])
            yield min((at - start).total_seconds() for start in begun if start <= at)


def _assert_each_run_ends_once(told, acknowledged):
    started = [payload["testRunId"] for name, payload in told["runs"] if name == "testRunStarted"]
    ended = [payload["testRunId"] for name, payload in told["runs"] if name in ENDS]
    assert sorted(started) == sorted(set(started)) == sorted(ended)
    assert set(acknowledged) <= set(started)
    assert {name for name, _ in told["runs"]} >= {"testRunInterrupted"}
    for run_id in started:
        names = [name for name, _ in told[f"run:{run_id}"]]
        assert names.count("testStarted") == names.count("testCompleted") + names.count("testFailed")


def _assert_applied(applied, told, who):
    """The same events in the same order, each once, from the beginning."""
    assert all(later["seq"] == earlier["seq"] + 1 for (_, earlier), (_, later) in pairwise(applied)), who
    assert [payload["seq"] for _, payload in applied] == [payload["seq"] for _, payload in told], who
    assert applied == told, who


@pytest.mark.timeout(3_600)
def test_what_readers_applied_is_the_history_whenever_the_server_is_killed(tmp_path, target, form, show):
    kills, pages_there, sessions_there = form(4, 200), form(1, 3), form(2, 6)
    dice, acknowledged, sessions, begun = random.Random(SEED), [], [], []
    _configure(tmp_path, target)

    async def scenario():
        async with _Line(dice) as line:
            async with _Server(tmp_path, line, begun) as server:
                # Sessions see what is published from here on; pages follow from the first event.
                opened = [asyncio.to_thread(connect, line.url) for _ in range(sessions_there)]
                sessions.extend(await asyncio.gather(*opened))
                pages = [_Page(await _epoch(server.url)) for _ in range(pages_there)]
                for page in pages:
                    await page.open(line.url)
                await _live_and_die(server, dice, acknowledged)
            for _ in range(kills - 1):
                async with _Server(tmp_path, line, begun) as server:
                    await _live_and_die(server, dice, acknowledged)
            async with _Server(tmp_path, line, begun) as server:
                await _all_runs_ended(server)
                await line.be_good()
                told = await _compare(server, pages, sessions)
            slowest = max(_seconds_to_interrupt(told["runs"], begun))
            show(f"runs were interrupted {slowest:.1f} s after a start, at the latest")
            show(
                f"{kills} kills, {line.cuts} cuts, {line.stalls} stalls, {len(acknowledged)} runs acknowledged, "
                f"{len(told['metrics'])} results, each once with {pages_there} pages and {sessions_there} sessions"
            )
            for page in pages:
                await page.close()

    async def _epoch(url):
        async with aiohttp.ClientSession() as http:
            socket = socketio.AsyncClient(reconnection=False, http_session=http)
            try:
                await socket.connect(url, transports=["websocket"], wait_timeout=DEADLINE_S)
                return (await socket.call("subscribe", {"stream": "runs", "since": None}, timeout=DEADLINE_S))["epoch"]
            finally:
                await socket.eio.disconnect(abort=True)

    async def _compare(server, pages, sessions):
        told = await server.streams()
        last = told["metrics"][-1][1]["seq"]
        for page in pages:
            await _until(partial(_is_level, page, told), partial(_standing, page, told))
            assert [one for one in page.resets if one["reason"]] == []
            for stream, events in told.items():
                _assert_applied(page.applied.get(stream, [])[: len(events)], events, f"a page, {stream}")
        known = [payload["resultId"] for _, payload in told["metrics"]]
        told_of, kept = set(known), await server.kept()
        assert len(known) == len(told_of) == last
        assert len(kept) == len(set(kept))
        assert told_of <= set(kept)
        for session in sessions:
            await asyncio.to_thread(session.reconnect)
            await _until(
                lambda session=session: set(session.results["result_id"]) >= set(known[-1:]),
                lambda session=session: f"a session is {session.state}: {session.detail}",
            )
            seen = [one for one in session.results["result_id"] if one in told_of]
            assert seen == known[-len(seen) :], "a session has a hole"
        _assert_each_run_ends_once(told, acknowledged)
        return told

    try:
        asyncio.run(scenario())
    finally:
        for session in sessions:
            session.close()
    assert acknowledged, "no run was ever acknowledged"
