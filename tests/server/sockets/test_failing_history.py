"""What readers and callers meet while the history keeps nothing: a fake disk that fails until a test mends it."""

import asyncio
import logging

import aiohttp
import duckdb
import pytest

from appsentry_contract.events import RUN_ENDS
from appsentry_server.runs import registry
from appsentry_server.streams import publisher as publisher_module
from appsentry_server.streams.waiting import Room


class _Disk:
    """Lets commits through, or refuses them, or holds them up."""

    def __init__(self, history):
        self.full = False
        self.held = None
        self._commit = history.commit
        history.commit = self._try

    async def _try(self, batch):
        if self.held is not None:
            await self.held.wait()
        if self.full:
            raise duckdb.IOException('Could not write file "/x": No space left on device')
        await self._commit(batch)


async def _until(holds):
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def _failing(running, disk):
    """Let the next commit fail, and wait until it has."""
    disk.full = True
    running.server._intake.announce("info", "something to keep")
    await _until(lambda: running.services.publisher.failing_since_ms is not None)


def test_results_without_room_are_given_up_and_nothing_follows_from_them(serving, app, monkeypatch, caplog):
    monkeypatch.setattr(publisher_module, "Room", lambda: Room(entries=12))
    caplog.set_level(logging.WARNING)

    async def scenario():
        applications = [app(f"app-{n}", interval="1s") for n in range(4)]
        for application in applications:
            # A result holds for two intervals, or two time-outs when those are longer.
            application["checks"][0]["timeout"] = "1s"
        async with serving(*applications) as running, running.reader() as reader:
            publisher = running.services.publisher
            await reader.until(lambda heard: sum(name == "healthMetricUpdate" for name, _ in heard) >= 4)
            disk = _Disk(running.services.history)
            await _failing(running, disk)
            await _until(lambda: publisher.outages.given_up >= 6)
            given_up, waiting = publisher.outages.given_up, publisher.waiting
            # What waits stays bounded: only what must be kept comes on top, here at most a status each.
            assert waiting <= 12 + 2 * 4
            await _until(lambda: publisher.outages.given_up >= given_up + 8)
            # By now no result has held for so long that every application is unknown, and none is down.
            await _until(lambda: {a["status"] for a in _board(running)} == {"unknown"})
            disk.full = False
            told = await reader.until_event("notification", type="warning")
            lost = publisher.outages.given_up
            assert f"{lost} had no room and were given up" in told["message"]
            await reader.until(lambda heard: heard[-1][0] == "healthMetricUpdate")
            await _until(lambda: {a["status"] for a in _board(running)} == {"healthy"})
            await publisher.settled()
            counted = sum(int(spans.arrays().n.sum()) for _, spans in running.server._intake._board.spans())
            assert counted == publisher.last_result, "a figure counts what the history has not"
            statuses = {payload["status"] for _, payload in reader.named("applicationStatusUpdate")}
            assert statuses <= {"healthy", "unknown"}
            seqs = [payload["seq"] for _, payload in reader.named("healthMetricUpdate")]
            assert seqs == list(range(1, len(seqs) + 1))

    asyncio.run(scenario())
    lines = [record for record in caplog.records if record.name.endswith("outages")]
    assert len(lines) == 2


def _board(running):
    return running.server._intake._board.applications(running.services.clock.now_ms())


def test_a_run_whose_results_are_given_up_still_ends_with_sums_that_agree(serving, app, monkeypatch):
    async def scenario():
        applications = [app(f"app-{n}", "held") for n in range(10)]
        async with serving(*applications) as running, running.reader() as reader:
            publisher = running.services.publisher
            await _until(lambda: running.services.journal.head("metrics") == 10)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await _until(lambda: running.target.waiting == 8)
            disk = _Disk(running.services.history)
            await _failing(running, disk)
            publisher._waiting._room = Room(entries=0)
            running.target.gate.set()
            await _until(lambda: publisher.outages.given_up == 10)
            disk.full = False
            ending = await reader.until_event("testRunCompleted", testRunId=run_id)
            assert (ending["passed"], ending["unknown"]) == (0, 10)
            tests = [p for name, p in reader.named("testFailed") if p["testRunId"] == run_id]
            assert len(tests) == 10
            assert {(p["status"], p["failure"]["class"], p["resultId"]) for p in tests} == {
                ("unknown", "internal", None)
            }
            assert sum(name in RUN_ENDS for name, _ in reader.heard) == 1

    asyncio.run(scenario())


def test_commands_are_refused_while_nothing_is_kept_and_a_cancel_stays_done(serving, app, monkeypatch):
    monkeypatch.setattr(registry, "_KEPT_WITHIN_S", 0.1)

    async def scenario():
        async with serving(app("shop", "held")) as running, running.reader() as reader:
            await _until(lambda: running.services.journal.head("metrics") == 1)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            disk = _Disk(running.services.history)
            await _failing(running, disk)
            for name, request in (("startTestRun", {}), ("pauseTestRun", {"testRunId": run_id})):
                answer = await reader.ask(name, request)
                assert (answer["ok"], answer["code"]) == (False, "internal")
                assert "No space left on device" in answer["message"]
            async with aiohttp.ClientSession() as http, http.post(running.url + "/api/test-runs", json={}) as answer:
                assert answer.status == 503
            answer = await reader.ask("cancelTestRun", {"testRunId": run_id})
            assert (answer["ok"], answer["code"]) == (False, "internal")
            assert "is cancelled, but the history has not kept that yet" in answer["message"]
            disk.full = False
            await reader.until_event("testRunCancelled", testRunId=run_id)
            assert len(reader.named("testRunStarted")) == 1

    asyncio.run(scenario())


def test_a_run_is_acknowledged_when_it_is_kept_and_cancelled_when_that_takes_too_long(serving, app, monkeypatch):
    monkeypatch.setattr(registry, "_KEPT_WITHIN_S", 0.2)

    async def scenario():
        async with serving(app("shop", "held")) as running, running.reader() as reader:
            await _until(lambda: running.services.journal.head("metrics") == 1)
            running.target.gate.clear()
            disk = _Disk(running.services.history)
            disk.held = asyncio.Event()
            answer = await reader.ask("startTestRun", {})
            assert (answer["ok"], answer["code"]) == (False, "internal")
            assert "is cancelled" in answer["message"]
            assert not reader.named("testRunStarted")
            disk.held.set()
            ending = await reader.until_event("testRunCancelled")
            assert "did not keep" in ending["reason"]

    asyncio.run(scenario())


def test_a_commit_that_hangs_is_told_as_one_that_fails_and_no_check_waits_for_it(serving, app, monkeypatch):
    monkeypatch.setattr(publisher_module, "_SLOW_S", 0.1)

    async def scenario():
        async with serving(app("shop", interval="1s")) as running, running.reader() as reader:
            await _until(lambda: running.services.journal.head("metrics") >= 1)
            disk = _Disk(running.services.history)
            disk.held = asyncio.Event()
            outages = running.services.publisher.outages
            await _until(lambda: outages.since_ms is not None and running.services.publisher.last_result >= 4)
            assert "has not ended within 0.1 s" in outages.reason
            head = running.services.journal.head("metrics")
            disk.held.set()
            await reader.until(lambda heard: sum(name == "healthMetricUpdate" for name, _ in heard) > head + 2)
            late = [p for _, p in reader.named("healthMetricUpdate")]
            assert {p["status"] for p in late} == {"up"}
            assert max(p["lateMs"] for p in late) < 1000

    asyncio.run(scenario())


@pytest.mark.parametrize("flaps", [30])
def test_a_history_that_flaps_is_not_told_of_each_time(serving, app, caplog, flaps):
    caplog.set_level(logging.WARNING)

    async def scenario():
        async with serving(app("shop")) as running:
            disk = _Disk(running.services.history)
            for _ in range(flaps):
                running.services.publisher.outages.failed("No space left on device", waiting=1)
                running.services.publisher.outages.over(waited=1)
            await running.services.publisher.settled()
            assert not disk.full
            heard = await running.services.journal.after("applications", 0, 1_000)
            assert sum(event.name == "notification" for event in heard) == 1

    asyncio.run(scenario())
    assert len([record for record in caplog.records if record.name.endswith("outages")]) == 2
