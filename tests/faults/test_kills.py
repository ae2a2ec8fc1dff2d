"""`kill -9` in the middle of everything: what a reader has applied is what the history holds, once and in order."""

import asyncio
import json
import os
import random
import sys
from pathlib import Path

import aiohttp
import pytest
import socketio
import tornado.httpserver
import tornado.netutil
import tornado.web

KILLS = 200 if os.environ.get("APPSENTRY_FAULTS") == "long" else 5
"""`make faults` kills 200 times."""

SEED = 20261123
DEADLINE_S = 60


class _Handler(tornado.web.RequestHandler):
    def get(self):
        self.write({"status": "ok"})


class _Reader:
    """Applies two streams in order, each number once, across any number of servers."""

    def __init__(self):
        self.applied = {"metrics": [], "runs": []}
        self.epoch = None

    async def follow(self, url, commands):
        """Resume where it was, hear `commands` out, and go on hearing until cancelled."""
        async with aiohttp.ClientSession() as http:
            socket = socketio.AsyncClient(reconnection=False, http_session=http)
            for name, stream in (("healthMetricUpdate", "metrics"), ("testRunStarted", "runs"),
                                 ("testRunCompleted", "runs"), ("testRunInterrupted", "runs")):  # fmt: skip
                socket.on(name, lambda payload, name=name, stream=stream: self._apply(stream, name, payload))
            try:
                await socket.connect(url, transports=["websocket"], wait_timeout=DEADLINE_S)
                for stream in self.applied:
                    await self._resume(socket, stream)
                await commands(socket)
            finally:
                await socket.eio.disconnect(abort=True)

    async def _resume(self, socket, stream):
        more = self.epoch is not None
        while more:
            place = {"epoch": self.epoch, "seq": len(self.applied[stream])}
            answer = await socket.call("subscribe", {"stream": stream, "since": place}, timeout=DEADLINE_S)
            assert answer["ok"], answer
            assert "reset" not in answer, answer
            for name, payload in answer["events"]:
                self._apply(stream, name, payload)
            more = answer["more"]

    def _apply(self, stream, name, payload):
        self.epoch = self.epoch or payload["epoch"]
        applied = self.applied[stream]
        # A number it has, or one that a page in flight will bring in its order, is dropped.
        if payload["seq"] == len(applied) + 1:
            applied.append((name, payload.get("resultId"), payload.get("testRunId")))


class _Server:
    """`appsentry serve` on one history, to be killed."""

    def __init__(self, folder):
        self._folder = folder

    async def __aenter__(self):
        words = ["--port", "0", "--config", self._folder / "appsentry.yaml", "--data-dir", self._folder / "history"]
        with (self._folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "appsentry_server", "serve", *map(str, words),
                stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, "XDG_RUNTIME_DIR": str(self._folder)},
            )  # fmt: skip
        async with asyncio.timeout(DEADLINE_S):
            line = (await self.process.stdout.readline()).decode()
        assert "listening on" in line, (self._folder / "log").read_text()
        self.url = line.split()[-1]
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


def _configure(folder, url):
    check = {"type": "health", "url": url, "interval": "1s"}
    applications = [{"id": f"app-{number}", "checks": [check]} for number in range(10)]
    (folder / "appsentry.yaml").write_text(json.dumps({"applications": applications}))


async def _live_and_die(folder, reader, dice, acknowledged):
    """One life: resume, start runs, and be killed at a random moment."""

    async def commands(socket):
        for _ in range(3):
            answer = await socket.call("startTestRun", {}, timeout=DEADLINE_S)
            acknowledged.append(answer["testRunId"])
        await asyncio.Event().wait()

    async with _Server(folder) as server:
        following = asyncio.create_task(reader.follow(server.url, commands))
        await asyncio.wait({following}, timeout=0.3 + dice.random())
        server.process.kill()
        following.cancel()
        (ended,) = await asyncio.gather(following, return_exceptions=True)
        assert not isinstance(ended, AssertionError), ended


@pytest.mark.timeout(60 + 10 * KILLS)
def test_what_a_reader_applied_is_the_history_whenever_the_server_is_killed(tmp_path: Path) -> None:
    async def scenario():
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        application = tornado.web.Application([("/", _Handler)], log_function=lambda handler: None)
        target = tornado.httpserver.HTTPServer(application)
        target.add_sockets(sockets)
        _configure(tmp_path, f"http://127.0.0.1:{sockets[0].getsockname()[1]}/")
        dice, reader, acknowledged = random.Random(SEED), _Reader(), []
        for _ in range(KILLS):
            await _live_and_die(tmp_path, reader, dice, acknowledged)
        witness = _Reader()

        async def settled(socket):
            async with asyncio.timeout(DEADLINE_S):
                while _open_runs(reader):
                    await asyncio.sleep(0.05)

        async with _Server(tmp_path) as server:
            await reader.follow(server.url, settled)
            witness.epoch = reader.epoch
            await witness.follow(server.url, lambda _: asyncio.sleep(0))
        target.stop()
        await target.close_all_connections()
        for stream, applied in reader.applied.items():
            common = min(len(applied), len(witness.applied[stream]))
            assert common > KILLS
            assert applied[:common] == witness.applied[stream][:common]
        results = [result_id for _, result_id, _ in witness.applied["metrics"]]
        assert len(results) == len(set(results))
        started = [run_id for name, _, run_id in reader.applied["runs"] if name == "testRunStarted"]
        ended = [run_id for name, _, run_id in reader.applied["runs"] if name != "testRunStarted"]
        assert sorted(started) == sorted(ended)
        assert len(started) == len(set(started))
        assert acknowledged, "no run was ever acknowledged"

    asyncio.run(scenario())


def _open_runs(reader):
    started = {run_id for name, _, run_id in reader.applied["runs"] if name == "testRunStarted"}
    return started - {run_id for name, _, run_id in reader.applied["runs"] if name != "testRunStarted"}
