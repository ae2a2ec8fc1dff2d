"""Restarts, orderly and by `kill -9`: what was told is not told again, what was counted goes on, no run is lost."""

import asyncio
import json
import os
import random
import sys
from collections import defaultdict
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
import pytest
import socketio

SEED = 20261124
DEADLINE_S = 60
CONFIRM = 3


class _Server:
    """A server of these applications on one history, and a socket to it."""

    def __init__(self, process, url, http, socket):
        self.process, self.url, self.http, self.socket = process, url, http, socket

    async def ask(self, name, **request):
        answer = await self.socket.call(name, request, timeout=DEADLINE_S)
        assert answer["ok"], answer
        return answer

    async def get(self, path):
        async with self.http.get(self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def stream(self, name):
        """Every durable event of a stream so far."""
        place = {"epoch": (await self.ask("subscribe", stream=name, since=None))["epoch"], "seq": 0}
        events, more = [], True
        while more:
            page = await self.ask("subscribe", stream=name, since=place)
            assert "reset" not in page, page
            events += page["events"]
            more, place["seq"] = page["more"], events[-1][1]["seq"] if events else 0
        assert [payload["seq"] for _, payload in events] == list(range(1, len(events) + 1))
        return events

    async def run(self):
        """Run every check once, to its end."""
        run_id = (await self.ask("startTestRun"))["testRunId"]
        async with asyncio.timeout(DEADLINE_S):
            while (await self.get(f"/api/test-runs/{run_id}"))["state"] == "running":
                await asyncio.sleep(0.02)

    async def alive_for(self, seconds):
        with_time_over = await asyncio.wait({asyncio.ensure_future(self.process.wait())}, timeout=seconds)
        assert not with_time_over[0], "the server ended by itself"


@asynccontextmanager
async def _serving(folder, applications):
    (folder / "appsentry.yaml").write_text(json.dumps({"applications": applications}))
    words = ["--port", "0", "--config", str(folder / "appsentry.yaml"), "--data-dir", str(folder / "history")]
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "appsentry_server", "serve", *words,
            stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            line = (await process.stdout.readline()).decode()
        assert "listening on" in line, (folder / "log").read_text()
        async with aiohttp.ClientSession() as http:
            socket = socketio.AsyncClient(reconnection=False, http_session=http)
            try:
                await socket.connect(line.split()[-1], transports=["websocket"], wait_timeout=DEADLINE_S)
                yield _Server(process, line.split()[-1], http, socket)
            finally:
                await socket.eio.disconnect(abort=True)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _application(name, target, **check):
    settings = {"type": "health", "url": f"{target.url}/{name}", "timeout": "2s", "confirm": CONFIRM}
    return {"id": name, "checks": [{**settings, **check}]}


def _turns(results):
    """What must have been told of an application's results, counted anew: `error` at each confirmed outage's last
    needed result, `success` at its end."""
    turns, downs = [], 0
    for payload in results:
        if payload["status"] == "down":
            downs += 1
            turns += ["error"] if downs == CONFIRM else []
        elif payload["status"] != "unknown":
            turns += ["success"] if downs >= CONFIRM else []
            downs = 0
    return turns


def _facts(payload):
    return [payload["status"], payload["sla"]["status"], payload["name"], payload["group"], payload["tags"]]


def _check_told(metrics, applications):
    """Each outage and its end once, and no state twice in a row."""
    results, notes, facts = defaultdict(list), defaultdict(list), defaultdict(list)
    for _, payload in metrics:
        results[payload["applicationId"]].append(payload)
    for name, payload in applications:
        if name == "notification" and payload["applicationId"]:
            notes[payload["applicationId"]].append(payload["type"])
        elif name == "applicationStatusUpdate":
            facts[payload["id"]].append(_facts(payload))
    for application_id, those in results.items():
        assert notes[application_id] == _turns(those), application_id
        told = facts[application_id]
        assert all(one != other for one, other in pairwise(told)), application_id
    return sum(map(len, notes.values()))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("clean", [False, True])
def test_an_outage_that_is_one_down_short_of_confirmed_is_told_once_whatever_ends_the_server(tmp_path, target, clean):
    application = _application("edge", target, interval="1h", retry_interval="30m")

    async def restart(server):
        server.process.terminate() if clean else server.process.kill()
        await server.process.wait()

    async def told(server):
        return [(name, p) for name, p in await server.stream("applications") if name != "applicationRemoved"]

    async def scenario():
        async with _serving(tmp_path, [application]) as server:
            await server.run()
            target.says["/edge"] = b"broken"
            for _ in range(CONFIRM - 1):
                await server.run()
            before = await told(server)
            assert not [p for name, p in before if name == "notification"]
            await restart(server)
        async with _serving(tmp_path, [application]) as server:
            assert await told(server) == before, "the start told something again"
            await server.run()
            (note,) = [p for name, p in await told(server) if name == "notification"]
            assert note["type"] == "error"
            assert (await server.get("/api/applications/edge"))["status"] == "down"
            confirmed = await told(server)
            await restart(server)
        async with _serving(tmp_path, [application]) as server:
            assert await told(server) == confirmed
            await server.run()
            assert await told(server) == confirmed, "a known outage was told again"
            del target.says["/edge"]
            await server.run()
            assert _check_told(await server.stream("metrics"), await told(server)) == 2

    asyncio.run(scenario())


async def _live_and_die(folder, applications, target, dice, acknowledged):
    """One life with other outages than the last, ended by a kill at a random moment."""
    for application in applications:
        if dice.random() < 0.5:
            target.says["/" + application["id"]] = b"broken"
        else:
            target.says.pop("/" + application["id"], None)
    async with _serving(folder, applications) as server:
        await server.alive_for(dice.uniform(0.5, 3.0))
        for _ in range(2):
            acknowledged.append((await server.ask("startTestRun"))["testRunId"])
        await server.alive_for(dice.choice([0.0, dice.uniform(0.0, 0.1), dice.uniform(0.0, 1.0)]))
        server.process.kill()
        await server.process.wait()


@pytest.mark.timeout(1200)
def test_kills_at_random_moments_neither_repeat_nor_lose_what_is_told(tmp_path, target, form, show):
    kills = form(3, 60)
    applications = [_application(f"app-{n}", target, interval="1s", retry_interval="1s") for n in range(12)]

    async def scenario():
        dice, acknowledged = random.Random(SEED), []
        for _ in range(kills):
            await _live_and_die(tmp_path, applications, target, dice, acknowledged)
        async with _serving(tmp_path, applications) as server:
            async with asyncio.timeout(5):
                while any(run["state"] == "running" for run in await _runs(server)):
                    await asyncio.sleep(0.02)
            kept = {run["testRunId"]: run["state"] for run in await _runs(server)}
            runs = await server.stream("runs")
            told = _check_told(*[await server.stream(name) for name in ("metrics", "applications")])
        assert not set(acknowledged) - set(kept), "a run that was acknowledged is lost"
        ends = [p["testRunId"] for name, p in runs if name in ("testRunCompleted", "testRunInterrupted")]
        assert sorted(ends) == sorted(kept)
        show(
            f"{kills} kills, {len(kept)} runs, {list(kept.values()).count('interrupted')} of them cut off, {told} turns"
        )

    asyncio.run(scenario())


async def _runs(server):
    runs, cursor = [], ""
    while cursor is not None:
        page = await server.get("/api/test-runs?limit=500" + (cursor and f"&cursor={cursor}"))
        runs, cursor = runs + page["items"], page["next"]
    return runs
