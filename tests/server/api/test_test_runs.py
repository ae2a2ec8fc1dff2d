"""Test runs over HTTP: started, listed, shown, commanded."""

import asyncio
import json

import pytest
from pydantic import TypeAdapter

from appsentry_server.api import test_runs
from appsentry_server.store.history import Batch
from appsentry_server.store.rows import RunRow


def _json(answer):
    return json.loads(answer.body)


async def _started(door, body=None):
    answer = await door.post("/api/test-runs", body)
    assert answer.code == 202, answer.body
    return _json(answer)["testRunId"]


async def _until(door, run_id, state):
    """Wait until the run is shown in this state."""
    while True:
        await door.services.publisher.settled()
        shown = _json(await door.get(f"/api/test-runs/{run_id}"))
        if shown["state"] == state:
            return shown


def test_a_run_is_started_and_shown_with_its_tests(with_door):
    async def main(door):
        run_id = await _started(door)
        shown = await _until(door, run_id, "completed")
        TypeAdapter(test_runs.TestRunWithTests).validate_python(shown, strict=True)
        assert shown["testRunId"] == run_id
        assert shown["trigger"] == "api"
        assert shown["applicationIds"] == ["shop", "pay", "mail"]
        assert (shown["completed"], shown["total"], shown["passed"]) == (3, 3, 3)
        assert {test["applicationId"] for test in shown["tests"]} == {"shop", "pay", "mail"}
        assert {test["status"] for test in shown["tests"]} == {"passed"}

    with_door(main)


def test_a_run_is_started_without_a_body(with_door):
    async def main(door):
        answer = await door.post("/api/test-runs", body=b"", headers={"Content-Type": "application/json"})
        assert answer.code == 202

    with_door(main)


def test_ids_and_tags_intersect(with_door):
    async def main(door):
        run_id = await _started(door, {"applicationIds": ["pay", "mail"], "tags": ["tier-1"], "testTypes": ["health"]})
        assert (await _until(door, run_id, "completed"))["applicationIds"] == ["pay"]

    with_door(main)


def test_unknown_applications_are_named_and_nothing_starts(with_door):
    async def main(door):
        answer = await door.post("/api/test-runs", {"applicationIds": ["pay", "nope", "nix"]})
        assert answer.code == 422
        assert _json(answer)["code"] == "unknown_application"
        assert "'nope', 'nix'" in _json(answer)["detail"]
        assert _json(await door.get("/api/test-runs"))["items"] == []

    with_door(main)


@pytest.mark.parametrize(
    "body", [{"tags": ["none"]}, {"testTypes": ["login"]}, {"applicationIds": ["mail"], "tags": ["money"]}]
)
def test_a_choice_that_leaves_nothing_to_test_is_refused(with_door, body):
    async def main(door):
        answer = await door.post("/api/test-runs", body)
        assert answer.code == 422
        assert _json(answer)["code"] == "malformed"

    with_door(main)


def test_a_run_in_progress_shows_the_tests_that_have_begun(with_door):
    async def main(door):
        door.gate.clear()
        run_id = await _started(door)
        while True:
            shown = await _until(door, run_id, "running")
            if len(shown["tests"]) == 3:
                break
        TypeAdapter(test_runs.TestRunWithTests).validate_python(shown, strict=True)
        assert {test["status"] for test in shown["tests"]} == {"running"}
        assert shown["completed"] == 0
        assert shown["endedAt"] is None
        door.gate.set()
        await _until(door, run_id, "completed")

    with_door(main)


def test_a_run_is_listed_and_shown_from_the_moment_it_is_answered(with_door):
    async def main(door):
        door.gate.clear()
        for _ in range(5):
            run_id = await _started(door)
            assert run_id == _json(await door.get("/api/test-runs"))["items"][0]["testRunId"]
            assert _json(await door.get(f"/api/test-runs/{run_id}"))["state"] == "running"

    with_door(main)


def test_a_run_is_paused_resumed_and_cancelled(with_door):
    async def main(door):
        door.gate.clear()
        run_id = await _started(door)
        for command, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            answer = await door.post(f"/api/test-runs/{run_id}/{command}")
            assert answer.code == 200
            assert _json(answer) == {"testRunId": run_id}
            shown = await _until(door, run_id, state)
        assert shown["reason"] == "cancelled by the API from 127.0.0.1"
        assert {test["failure"]["class"] for test in shown["tests"]} == {"cancelled"}

    with_door(main)


def test_a_command_that_the_state_does_not_admit_is_a_conflict_that_says_the_state(with_door):
    async def main(door):
        door.gate.clear()
        run_id = await _started(door)

        async def conflict(command):
            answer = await door.post(f"/api/test-runs/{run_id}/{command}")
            assert answer.code == 409
            assert _json(answer)["code"] == "conflict"
            return _json(answer)["state"]

        assert await conflict("resume") == "running"
        await door.post(f"/api/test-runs/{run_id}/pause")
        assert await conflict("pause") == "paused"
        await door.post(f"/api/test-runs/{run_id}/resume")
        door.gate.set()
        await _until(door, run_id, "completed")
        for command in ("pause", "resume", "cancel"):
            assert await conflict(command) == "completed"

    with_door(main)


@pytest.mark.parametrize("run_id", ["run-none", "%3Cb%3E", "' or 1=1 --", "x" * 5_000])
def test_an_unknown_run_is_a_problem(with_door, run_id):
    async def main(door):
        path = f"/api/test-runs/{run_id}".replace(" ", "%20")
        for answer in (await door.get(path), await door.post(f"{path}/cancel"), await door.post(f"{path}/pause")):
            assert answer.code == 404
            assert _json(answer)["code"] == "unknown_run"

    with_door(main)


def _row(number, started_ms):
    return RunRow(
        f"old-{number:03}", "completed", "api", False, started_ms, started_ms + 5, None, ["pay"], ["health"], 1
    )  # fmt: skip


async def _pages(door, limit, between=None):
    runs, query = [], {"limit": limit}
    while True:
        page = _json(await door.get("/api/test-runs", query=query))
        TypeAdapter(test_runs.TestRuns).validate_python(page, strict=True)
        assert len(page["items"]) <= limit
        runs += [run["testRunId"] for run in page["items"]]
        if page["next"] is None:
            return runs
        query["cursor"] = page["next"]
        if between is not None:
            await between()


@pytest.mark.parametrize("limit", [1, 3, 7, 500])
def test_pages_hold_every_run_once_newest_first(with_door, limit):
    async def main(door):
        # Runs of one instant too: their ids then decide.
        rows = [_row(number, 1_000 * (number // 4)) for number in range(21)]
        await door.services.history.commit(Batch(runs=rows))
        door.gate.clear()
        going = [await _started(door) for _ in range(2)]
        pages = await _pages(door, limit)
        assert set(pages[:2]) == set(going)
        assert pages[2:] == [row.run_id for row in reversed(rows)]

    with_door(main)


def test_runs_that_start_while_pages_are_read_shift_nothing(with_door):
    async def main(door):
        rows = [_row(number, number) for number in range(10)]
        await door.services.history.commit(Batch(runs=rows))
        assert await _pages(door, 2, lambda: _started(door)) == [row.run_id for row in reversed(rows)]

    with_door(main)


def test_runs_that_end_while_they_are_listed_are_listed_once(with_door):
    async def main(door):
        started = [await _started(door) for _ in range(30)]
        lists = await asyncio.gather(*(door.get("/api/test-runs") for _ in range(20)))
        for answer in lists:
            listed = [run["testRunId"] for run in _json(answer)["items"]]
            assert sorted(listed) == sorted(started)

    with_door(main)


@pytest.mark.parametrize("cursor", ["", "x", "####", "bm9uZQ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5L2E", "ä", "/////w"])
def test_a_cursor_of_another_make_is_refused(with_door, cursor):
    async def main(door):
        answer = await door.get("/api/test-runs", query={"cursor": cursor})
        assert answer.code == 422
        assert _json(answer)["errors"][0]["name"] == "cursor"

    with_door(main)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "1.5", ""])
def test_a_limit_out_of_bounds_is_refused(with_door, limit):
    async def main(door):
        answer = await door.get("/api/test-runs", query={"limit": limit})
        assert answer.code == 422
        assert _json(answer)["errors"][0]["name"] == "limit"

    with_door(main)
