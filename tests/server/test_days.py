"""Hours are folded into days once they cannot grow, and nothing is counted twice or lost on the way."""

import asyncio

import duckdb
import pytest

from appsentry_contract.accounting.sketch import Sketch
from appsentry_server.latencies import HOUR_MS
from appsentry_server.store import days, summaries
from appsentry_server.store.days import STEP_CHECKS
from appsentry_server.store.history import History
from appsentry_server.store.summaries import DAY_MS, Summaries

CHECKS = [(f"app-{number:03d}", "health") for number in range(STEP_CHECKS + 20)]


def _sketch(*values_ms):
    sketch = Sketch()
    for value_ms in values_ms:
        sketch.add(value_ms)
    return sketch


async def _keep(history, hours_ms, checks=CHECKS):
    """A response time of its own in every hour of every check."""
    sketches = {(key, hour_ms): _sketch(1.0 + hour_ms / HOUR_MS) for key in checks for hour_ms in hours_ms}
    await history.write(summaries.keep(Summaries(seq=1, spans={}, sketches=sketches)))


def _counts(cursor):
    """How many response times are in hours, how many in days, by check."""
    found = []
    for table in ("sketches", "day_sketches"):
        rows = cursor.execute(f"select application, sketch from {table}").fetchall()
        counts = {}
        for application, packed in rows:
            counts[application] = counts.get(application, 0) + len(Sketch.from_bytes(packed))
        found.append(counts)
    return found


def _in_history(tmp_path, scenario):
    async def whole():
        history = await History.open(tmp_path)
        try:
            await scenario(history)
        finally:
            await history.close()

    asyncio.run(whole())


def test_days_that_have_passed_are_folded_step_by_step_and_the_rest_stays(tmp_path):
    async def scenario(history):
        hours = [*range(0, 2 * DAY_MS, HOUR_MS), 2 * DAY_MS]
        await _keep(history, hours)
        steps = 0
        while await history.write(days.fold(2 * DAY_MS + 2 * HOUR_MS)):
            steps += 1
            in_hours, in_days = await history.read(_counts)
            assert all(in_hours[name] + in_days.get(name, 0) == len(hours) for name, _ in CHECKS)
        assert steps == 4
        assert in_hours == {name: 1 for name, _ in CHECKS}
        assert await history.read(days.folded_up_to) == 2 * DAY_MS

    _in_history(tmp_path, scenario)


def test_a_day_is_left_alone_while_its_last_hours_may_grow(tmp_path):
    async def scenario(history):
        await _keep(history, [DAY_MS - HOUR_MS])
        assert not await history.write(days.fold(DAY_MS + 2 * HOUR_MS - 1))
        assert await history.write(days.fold(DAY_MS + 2 * HOUR_MS))

    _in_history(tmp_path, scenario)


def test_an_hour_that_comes_late_is_taken_into_its_day(tmp_path):
    async def scenario(history):
        await _keep(history, [0, HOUR_MS], CHECKS[:1])
        await history.write(days.fold(2 * DAY_MS))
        await _keep(history, [HOUR_MS], CHECKS[:1])
        await history.write(days.fold(2 * DAY_MS))
        in_hours, in_days = await history.read(_counts)
        assert (in_hours, in_days) == ({}, {CHECKS[0][0]: 3})

    _in_history(tmp_path, scenario)


def test_a_step_that_is_cut_off_has_not_happened(tmp_path):
    async def scenario(history):
        await _keep(history, [0, HOUR_MS])
        fold = days.fold(2 * DAY_MS)

        def cut_off(cursor):
            fold(cursor)
            raise duckdb.IOException("no space left on device")

        before = await history.read(_counts)
        with pytest.raises(duckdb.IOException):
            await history.write(cut_off)
        assert await history.read(_counts) == before
        assert await history.read(days.folded_up_to) == 0

    _in_history(tmp_path, scenario)


def test_a_history_from_before_there_were_days_gets_them(tmp_path):
    async def scenario(history):
        await _keep(history, [0])
        await history.write(lambda cursor: cursor.execute("drop table day_sketches"))

    async def again(history):
        assert await history.write(days.fold(3 * DAY_MS))
        assert (await history.read(_counts))[1][CHECKS[0][0]] == 1

    _in_history(tmp_path, scenario)
    _in_history(tmp_path, again)


def test_days_that_are_too_old_are_forgotten(tmp_path):
    async def scenario(history):
        await _keep(history, [0, DAY_MS], CHECKS[:1])
        while await history.write(days.fold(3 * DAY_MS)):
            pass
        await history.write(summaries.forget(DAY_MS))
        assert (await history.read(_counts))[1] == {CHECKS[0][0]: 2}
        await history.write(summaries.forget(DAY_MS + 1))
        assert (await history.read(_counts))[1] == {CHECKS[0][0]: 1}

    _in_history(tmp_path, scenario)
