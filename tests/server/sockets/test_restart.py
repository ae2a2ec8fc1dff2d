"""What a restart and a new configuration leave as it was."""

import asyncio
import json

import pytest

from appsentry_server import server as server_module
from appsentry_server.clock import SystemClock
from appsentry_server.configuration.loading import load_text
from appsentry_server.configuration.problems import ConfigurationError, Problem
from appsentry_server.runs.plan import Choice
from appsentry_server.runs.registry import ServerStopping


async def _metrics(running, count):
    async with asyncio.timeout(30):
        while running.services.journal.head("metrics") < count:
            await asyncio.sleep(0.02)


async def _snapshot(reader):
    answer = await reader.ask("subscribe", {"stream": "applications", "since": None})
    return {item["id"]: item for item in answer["snapshot"]["applications"]}, answer["head"]


def test_statuses_survive_a_restart_and_nothing_is_announced_twice(serving, app):
    async def scenario():
        applications = [app("shop"), app("broken", "bad"), app("kept", sla={"target": 99.9})]
        async with serving(*applications) as running, running.reader() as reader:
            await _metrics(running, 3)
            await running.services.publisher.settled()
            before, head = await _snapshot(reader)
            assert {one: item["status"] for one, item in before.items()} == {
                "shop": "healthy",
                "broken": "down",
                "kept": "healthy",
            }
        async with serving(*applications) as running, running.reader() as reader:
            after, head_after = await _snapshot(reader)
            assert {one: item["status"] for one, item in after.items()} == {
                one: item["status"] for one, item in before.items()
            }
            assert after["broken"]["checks"] == before["broken"]["checks"]
            assert after["kept"]["sla"]["status"] == "met"
            assert head_after == head, "something was announced again"

    asyncio.run(scenario())


def test_an_application_removed_while_the_server_was_off_is_told_gone_once(serving, app):
    async def scenario():
        async with serving(app("shop"), app("goes")) as running:
            await _metrics(running, 2)
        removals = []
        for _ in range(2):
            async with serving(app("shop")) as running, running.reader() as reader:
                await running.services.publisher.settled()
                place = {"epoch": running.services.journal.epoch, "seq": 0}
                answer = await reader.ask("subscribe", {"stream": "applications", "since": place})
                removals.append([payload for name, payload in answer["events"] if name == "applicationRemoved"])
                assert "goes" not in (await _snapshot(reader))[0]
        assert [[one["applicationId"] for one in some] for some in removals] == [["goes"], ["goes"]]
        assert removals[0] == removals[1]

    asyncio.run(scenario())


def test_a_kill_loses_no_figure(serving, app):
    async def scenario():
        applications = [app("shop", interval="1s"), app("broken", "bad", "1s")]
        async with serving(*applications) as running:
            await _metrics(running, 8)
            # A kill keeps no summaries: they are made again from the results.
            running.server.keep_summaries = lambda: asyncio.sleep(0)
            await running.services.publisher.settled()
            counted = running.services.journal.head("metrics")
        async with serving(*applications) as running:
            spans = dict(running.server._intake._board.spans())
            assert sum(int(one.arrays().n.sum()) for one in spans.values()) >= counted
            async with running.reader() as reader:
                shown, _ = await _snapshot(reader)
                assert shown["shop"]["uptime"] == 100.0
                assert shown["broken"]["uptime"] == 0.0

    asyncio.run(scenario())


def test_a_new_configuration_swaps_only_what_it_changes(serving, app):
    async def scenario():
        async with serving(app("stays"), app("goes"), app("renamed")) as running, running.reader() as reader:
            await _metrics(running, 3)
            kept = running.services.runs.checks["stays", "health"]
            text = json.dumps({"applications": [app("stays"), app("renamed", name="New name"), app("comes")]})
            running.server._reload(load_text(text.replace("TARGET", running.target.url)))
            gone = await reader.until_event("applicationRemoved")
            assert gone["applicationId"] == "goes"
            await reader.until_event("applicationStatusUpdate", id="renamed", name="New name")
            await reader.until_event("healthMetricUpdate", applicationId="comes")
            mended = [app("stays"), app("renamed", "bad", name="New name"), app("comes")]
            text = json.dumps({"applications": mended}).replace("TARGET", running.target.url)
            running.server._reload(load_text(text))
            await reader.until_event("healthMetricUpdate", applicationId="renamed", status="down")
            assert running.services.runs.checks["stays", "health"] is kept
            told = await reader.until_event("notification", type="info")
            assert len(reader.named("applicationRemoved")) == 1
            assert "1 application added, 1 application removed, 1 application changed" in told["message"]
            shown, _ = await _snapshot(reader)
            assert set(shown) == {"stays", "renamed", "comes"}
            assert shown["renamed"]["status"] == "down"
            answer = await reader.ask("startTestRun", {"applicationIds": ["goes"]})
            assert answer["code"] == "unknown_application"

    asyncio.run(scenario())


def test_a_run_keeps_what_it_was_planned_with_through_a_reload(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", "held") for n in range(12)]
        async with serving(*applications) as running, running.reader() as reader:
            await _metrics(running, 12)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until(lambda heard: sum(n == "testStarted" for n, _ in heard) == 8)
            changed = [app(f"app-{n}", "held") for n in range(11)]
            for one in changed:
                one["checks"][0]["confirm"] = 2
            text = json.dumps({"applications": changed}).replace("TARGET", running.target.url)
            running.server._reload(load_text(text))
            running.target.gate.set()
            ending = await reader.until_event("testRunCompleted", testRunId=run_id)
            assert (ending["passed"], ending["failed"], ending["unknown"]) == (12, 0, 0)

    asyncio.run(scenario())


class _ShiftedClock(SystemClock):
    """The machine's clock, set to another time by a test."""

    shift_ms = 0

    def now_ms(self):
        return super().now_ms() + self.shift_ms


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wall_clock_that_is_set_anew_stops_no_check(serving, app, hours):
    async def scenario():
        clock = _ShiftedClock()
        async with serving(app("shop", interval="1s"), clock=clock) as running:
            await _metrics(running, 2)
            clock.shift_ms = hours * 3_600_000
            await _metrics(running, running.services.journal.head("metrics") + 4)

    asyncio.run(scenario())


def test_what_is_too_old_goes_and_the_streams_go_on(serving, app):
    async def scenario():
        clock = _ShiftedClock()
        async with serving(app("shop", interval="1s"), clock=clock) as running, running.reader() as reader:
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until_event("testRunCompleted", testRunId=run_id)
            await _metrics(running, 3)
            await running.server.keep_summaries()
            clock.shift_ms = 401 * 24 * 3_600_000
            await running.server._trim()
            journal = running.services.journal
            place = {"epoch": journal.epoch, "seq": 0}
            for stream in ("metrics", "runs", "applications"):
                assert journal.floor(stream) > 1
                answer = await reader.ask("subscribe", {"stream": stream, "since": place})
                assert answer["reason"] == "trimmed"
            assert (await reader.ask("subscribe", {"testRunId": run_id}))["code"] == "unknown_run"
            head = journal.head("metrics")
            await _metrics(running, head + 2)
            place["seq"] = head
            answer = await reader.ask("subscribe", {"stream": "metrics", "since": place})
            assert answer["events"][0][1]["seq"] == head + 1

    asyncio.run(scenario())


def test_a_stop_begins_nothing_and_marks_what_it_cuts_off(serving, app, monkeypatch):
    monkeypatch.setattr(server_module, "_FINISH_S", 0.2)

    async def scenario():
        async with serving(app("held", "held", interval="1s"), app("shop")) as running:
            await _metrics(running, 2)
            running.target.gate.clear()
            async with asyncio.timeout(30):
                while not running.target.waiting:
                    await asyncio.sleep(0.02)
            stopping = asyncio.create_task(running.server.stop())
            await asyncio.sleep(0)
            with pytest.raises(ServerStopping):
                running.services.runs.start(Choice(), "api")
            await stopping
        async with serving(app("held", "held", interval="1h"), app("shop")) as running, running.reader() as reader:
            shown, _ = await _snapshot(reader)
            (check,) = shown["held"]["checks"]
            assert check["status"] == "unknown"
            assert check["failure"]["class"] == "interrupted"

    asyncio.run(scenario())


def test_a_file_with_ten_thousand_mistakes_makes_a_short_message(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            place = {"file": "appsentry.yaml", "path": "applications", "message": "expected a mapping"}
            problems = tuple(Problem(line=n, **place) for n in range(10_000))
            running.server._reload(ConfigurationError(problems))
            told = await reader.until_event("notification", type="error")
            assert "and 9995 more" in told["message"]
            assert len(told["message"]) < 1_000

    asyncio.run(scenario())


def test_a_bad_configuration_is_reported_and_the_old_one_stays(serving, app, caplog):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            await reader.until_event("healthMetricUpdate")
            problem = Problem(file="appsentry.yaml", line=3, path="applications[0]", message="expected a mapping")
            running.server._reload(ConfigurationError((problem,)))
            told = await reader.until_event("notification", type="error")
            assert "appsentry.yaml:3" in told["message"]
            assert list(running.services.runs.checks) == [("shop", "health")]

    asyncio.run(scenario())
    assert "the old one stays in force" in caplog.text


def test_an_outage_and_its_end_are_told_once_each(serving, app):
    async def scenario():
        async with serving(app("held", "held", interval="1s", name="Held")) as running, running.reader() as reader:
            await _metrics(running, 1)
            running.target.broken = True
            await reader.until_event("notification", type="error", applicationId="held")
            await _metrics(running, running.services.journal.head("metrics") + 2)
            running.target.broken = False
            await reader.until_event("notification", type="success", applicationId="held")
            assert [payload["type"] for _, payload in reader.named("notification")] == ["error", "success"]

    asyncio.run(scenario())
