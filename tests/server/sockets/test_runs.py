"""Test runs as readers hear them."""

import asyncio
from itertools import pairwise

import pytest

from appsentry_contract.events import RUN_ENDS, validator

TESTS = ("testStarted", "testCompleted", "testFailed")


def _story(reader, run_id):
    return [
        (name, payload)
        for name, payload in reader.heard
        if payload.get("testRunId") == run_id and name != "healthMetricUpdate"
    ]


def _check_story(story, total):
    """What must be true of every run, whatever happened to it."""
    for name, payload in story:
        validator(name).validate_python(payload)
    names = [name for name, _ in story]
    assert names[0] == "testRunStarted"
    assert names[-1] in RUN_ENDS
    assert sum(name in RUN_ENDS for name in names) == 1
    started = [payload["testId"] for name, payload in story if name == "testStarted"]
    ended = [payload["testId"] for name, payload in story if name in ("testCompleted", "testFailed")]
    assert len(started) == len(set(started))
    assert sorted(started) == sorted(ended)
    tests = [payload for name, payload in story if name in TESTS]
    assert [payload["seq"] for payload in tests] == list(range(1, len(tests) + 1))
    last_progress = [payload for name, payload in story if name == "progressUpdate"][-1]
    assert names[-2] == "progressUpdate"
    assert last_progress["completed"] == len(ended)
    assert last_progress["total"] == total
    assert last_progress["currentApplication"] is None


def test_a_run_is_heard_from_its_first_event_to_its_last(serving, app):
    async def scenario():
        async with serving(app("shop"), app("search"), app("broken", "bad")) as running, running.reader() as reader:
            answer = await reader.ask("startTestRun", {})
            run_id = answer["testRunId"]
            ending = await reader.until_event("testRunCompleted", testRunId=run_id)
            story = _story(reader, run_id)
            _check_story(story, 3)
            assert (ending["passed"], ending["failed"], ending["unknown"]) == (2, 1, 0)
            failed = next(payload for name, payload in story if name == "testFailed")
            assert failed["failure"]["class"] == "status"
            assert "503" in failed["failure"]["message"]
            metrics = [p for n, p in reader.heard if n == "healthMetricUpdate" and p["testRunId"] == run_id]
            assert {p["applicationId"] for p in metrics} == {"shop", "search", "broken"}
            updated = [p["id"] for n, p in reader.named("applicationStatusUpdate")]
            assert set(updated) == {"shop", "search", "broken"}

    asyncio.run(scenario())


def test_one_who_comes_late_is_told_everything_in_order_and_the_end_again(serving, app):
    async def scenario():
        async with serving(*(app(f"app-{n}") for n in range(20))) as running, running.reader() as first:
            run_id = (await first.ask("startTestRun", {}))["testRunId"]
            await first.until_event("testRunCompleted", testRunId=run_id)
            async with running.reader() as late:
                assert (await late.ask("subscribe", {"testRunId": run_id}))["ok"]
                await late.until_event("testRunCompleted", testRunId=run_id)
                told = [(n, p) for n, p in late.heard if n in TESTS]
                assert told == [(n, p) for n, p in first.heard if n in TESTS]
                assert late.heard[-1] == first.named("testRunCompleted")[-1]

    asyncio.run(scenario())


def test_joining_in_the_middle_loses_nothing_and_repeats_nothing(serving, app):
    async def scenario():
        async with serving(*(app(f"app-{n}") for n in range(60))) as running:
            run_id = running.services.runs.start(_choice(), "api")
            joined = []
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(_join(running, run_id, joined))
            for reader in joined:
                seqs = [p["seq"] for n, p in reader.heard if n in TESTS and p["testRunId"] == run_id]
                assert seqs == list(range(1, 121))

    asyncio.run(scenario())


def _choice(**fields):
    from appsentry_server.runs.plan import Choice

    return Choice(**fields)


async def _join(running, run_id, joined):
    async with running.reader() as reader:
        await reader.ask("subscribe", {"testRunId": run_id})
        await reader.until_event("testRunCompleted", testRunId=run_id)
        await reader.until(lambda heard: sum(n in ("testCompleted", "testFailed") for n, _ in heard) == 60)
        joined.append(reader)


def test_a_paused_run_starts_nothing_and_a_resumed_one_goes_on(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", "held" if n < 8 else "ok") for n in range(12)]
        async with serving(*applications) as running, running.reader() as reader:
            await _first_results(running, 12)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until(lambda heard: sum(n == "testStarted" for n, _ in heard) == 8)
            assert (await reader.ask("pauseTestRun", {"testRunId": run_id})) == {"ok": True}
            await reader.until_event("testRunPaused")
            running.target.gate.set()
            await reader.until(lambda heard: sum(n == "testCompleted" for n, _ in heard) == 8)
            again = await reader.ask("pauseTestRun", {"testRunId": run_id})
            assert again["code"] == "conflict"
            assert sum(n == "testStarted" for n, _ in reader.heard) == 8
            await reader.ask("resumeTestRun", {"testRunId": run_id})
            await reader.until_event("testRunCompleted")
            _check_story(_story(reader, run_id), 12)

    asyncio.run(scenario())


def test_a_resume_and_a_pause_in_one_breath_start_nothing(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", "held") for n in range(12)]
        async with serving(*applications) as running, running.reader() as reader:
            await _first_results(running, 12)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until(lambda heard: sum(n == "testStarted" for n, _ in heard) == 8)
            await reader.ask("pauseTestRun", {"testRunId": run_id})
            running.target.gate.set()
            await reader.until(lambda heard: sum(n == "testCompleted" for n, _ in heard) == 8)
            run = running.services.runs.active(run_id)
            run.resume()
            run.pause()
            await running.services.publisher.settled()
            await reader.until(lambda heard: sum(n == "testRunPaused" for n, _ in heard) == 2)
            assert sum(n == "testStarted" for n, _ in reader.heard) == 8
            await reader.ask("resumeTestRun", {"testRunId": run_id})
            await reader.until_event("testRunCompleted")

    asyncio.run(scenario())


@pytest.mark.parametrize("paused", [False, True])
def test_a_cancelled_run_ends_its_running_tests_as_cancelled(serving, app, paused):
    async def scenario():
        applications = [app(f"app-{n}", "held") for n in range(10)]
        async with serving(*applications) as running, running.reader() as reader:
            await _first_results(running, 10)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until(lambda heard: sum(n == "testStarted" for n, _ in heard) == 8)
            if paused:
                await reader.ask("pauseTestRun", {"testRunId": run_id})
            answers = [await reader.ask("cancelTestRun", {"testRunId": run_id}) for _ in range(2)]
            assert answers[0] == {"ok": True}
            await reader.until_event("testRunCancelled")
            story = _story(reader, run_id)
            _check_story(story, 10)
            failed = [payload for name, payload in story if name == "testFailed"]
            assert {(p["status"], p["failure"]["class"]) for p in failed} == {("unknown", "cancelled")}
            assert len(failed) == 8
            ending = story[-1][1]
            assert (ending["completed"], ending["total"]) == (8, 10)
            await running.services.publisher.settled()
            assert story == _story(reader, run_id)
            snapshot = (await reader.ask("subscribe", {"stream": "runs", "since": None}))["snapshot"]
            (shown,) = [run for run in snapshot["runs"] if run["testRunId"] == run_id]
            assert shown["state"] == "cancelled"
            assert shown["duration"] >= 0

    asyncio.run(scenario())


async def _first_results(running, count):
    """Wait until every check has been looked at once, so that none is in flight."""
    async with asyncio.timeout(30):
        while running.services.journal.head("metrics") < count:
            await asyncio.sleep(0.02)


def test_several_runs_at_once_keep_apart_and_never_make_one_check_twice_at_once(serving, app):
    async def scenario():
        async with serving(*(app(f"app-{n}") for n in range(10))) as running, running.reader() as reader:
            ids = [(await reader.ask("startTestRun", {}))["testRunId"] for _ in range(4)]
            for run_id in ids:
                await reader.until_event("testRunCompleted", testRunId=run_id)
                _check_story(_story(reader, run_id), 10)
            metrics = [p for n, p in reader.heard if n == "healthMetricUpdate"]
            for number in range(10):
                dues = [p["dueAt"] for p in metrics if p["applicationId"] == f"app-{number}"]
                assert all(a <= b for a, b in pairwise(dues))

    asyncio.run(scenario())


def test_ids_and_tags_intersect_and_types_restrict(serving, app):
    async def scenario():
        shop, search = app("shop", tags=["tier-1"]), app("search", tags=["tier-2"])
        async with serving(shop, search) as running, running.reader() as reader:
            answer = await reader.ask("startTestRun", {"applicationIds": ["shop", "search"], "tags": ["tier-2"]})
            started = await reader.until_event("testRunStarted", testRunId=answer["testRunId"])
            assert started["applicationIds"] == ["search"]
            refused = {
                "malformed": [{"applicationIds": []}, {"tags": ["none"]}, {"testTypes": ["login"]}],
                "unknown_application": [{"applicationIds": ["shop", "nobody"]}],
            }
            for code, requests in refused.items():
                for request in requests:
                    answer = await reader.ask("startTestRun", request)
                    assert (answer["ok"], answer["code"]) == (False, code)
            assert "nobody" in answer["message"]

    asyncio.run(scenario())


def test_runs_the_server_died_under_end_as_interrupted_at_the_next_start(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", "held") for n in range(10)]
        async with serving(*applications) as running, running.reader() as reader:
            await _first_results(running, 10)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until(lambda heard: sum(n == "testStarted" for n, _ in heard) == 8)
            # As a kill would leave it: nothing more is told or kept.
            running.server._tasks["publisher"].cancel()
            heads = dict(running.services.journal.heads)
        async with serving(*applications) as running, running.reader() as reader:
            async with asyncio.timeout(30):
                while running.services.journal.head("runs") == heads["runs"]:
                    await asyncio.sleep(0.02)
            place = {"epoch": running.services.journal.epoch, "seq": heads["runs"]}
            answer = await reader.ask("subscribe", {"stream": "runs", "since": place})
            ((name, ending),) = [event for event in answer["events"] if event[1]["testRunId"] == run_id]
            assert name == "testRunInterrupted"
            assert (ending["completed"], ending["total"]) == (8, 10)
            place["seq"] = 0
            answer = await reader.ask("subscribe", {"testRunId": run_id, "since": place})
            failed = [payload for name, payload in answer["events"] if name == "testFailed"]
            assert len(failed) == 8
            assert {payload["failure"]["class"] for payload in failed} == {"interrupted"}
            snapshot = (await reader.ask("subscribe", {"testRunId": run_id, "since": None}))["snapshot"]
            assert snapshot["run"]["state"] == "interrupted"
            assert len(snapshot["tests"]) == 8

    asyncio.run(scenario())


def test_an_orderly_stop_marks_the_runs_it_ends(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", "held") for n in range(3)]
        async with serving(*applications) as running:
            await _first_results(running, 3)
            running.target.gate.clear()
            run_id = running.services.runs.start(_choice(), "api")
            await running.services.publisher.settled()
        async with serving(*applications) as running, running.reader() as reader:
            snapshot = (await reader.ask("subscribe", {"stream": "runs", "since": None}))["snapshot"]
            (run,) = [run for run in snapshot["runs"] if run["testRunId"] == run_id]
            assert run["state"] == "interrupted"
            assert run["reason"] == "the server was stopped"

    asyncio.run(scenario())


def test_a_simulated_run_is_marked_everywhere_repeatable_and_counts_nowhere(serving, app):
    async def scenario():
        async with serving(app("shop"), app("search"), dev=True) as running, running.reader() as reader:
            await _first_results(running, 2)
            before = (await reader.ask("subscribe", {"stream": "applications", "since": None}))["snapshot"]
            stories = []
            for _ in range(2):
                answer = await reader.ask("simulate", {"kind": "activity", "seed": 7})
                run_id = answer["testRunId"]
                await reader.until_event("testRunCompleted", testRunId=run_id)
                story = _story(reader, run_id)
                _check_story(story, 1)
                assert all(payload["simulated"] for _, payload in story)
                metric = next(p for n, p in reader.heard if n == "healthMetricUpdate" and p["testRunId"] == run_id)
                assert metric["simulated"] is True
                stories.append((metric["applicationId"], metric["status"], metric["responseTime"]))
            assert stories[0] == stories[1]
            assert 1000 <= stories[0][2] < 4000
            after = (await reader.ask("subscribe", {"stream": "applications", "since": None}))["snapshot"]
            assert after == before
            assert (await reader.ask("simulate", {"kind": "statusUpdate", "seed": 1})) == {"ok": True}
            await reader.until_event("applicationStatusUpdate", simulated=True)

    asyncio.run(scenario())


def test_simulation_is_refused_outside_development_mode(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            answer = await reader.ask("simulate", {"kind": "testRun"})
            assert answer["code"] == "dev_only"
            assert "--dev" in answer["message"]

    asyncio.run(scenario())
