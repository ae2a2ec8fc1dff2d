"""Past days are laid out by application: each result stays in the history once, and every answer is what it was."""

import asyncio
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pyarrow as pa
import pytest

from appsentry_server.api.selection import Selection
from appsentry_server.store import past, reading, retention, summaries
from appsentry_server.store.history import Batch, History
from appsentry_server.store.rows import ResultRow
from appsentry_server.store.summaries import DAY_MS, Summaries

APPLICATIONS = [f"application-{number:02d}" for number in range(6)]
INTERVAL_MS = 600_000
DAYS = 4
END_MS = DAYS * DAY_MS + 3 * 3_600_000


def _row(seq, due_ms, application, published_ms=None, **other):
    words = {"failure": None, "message": None, "step": None, "steps": None, "run_id": None, "attempt": 1}
    values = {"late_ms": 0.0, "interval_ms": INTERVAL_MS, "location": "here", "simulated": False}
    phases = dict.fromkeys(("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "transfer_ms"))
    row = {"seq": seq, "published_ms": due_ms + 9 if published_ms is None else published_ms, "result_id": f"r{seq}"}
    row |= {"due_ms": due_ms, "application": application, "check": "health", "type": "health", "status": "up"}
    return ResultRow(**{**row, "response_ms": seq / 7, **phases, **words, **values, **other})


def _rows():
    """Every application in turn, in the order of time; one is simulated, and one application ended days ago."""
    rows = []
    for due_ms in range(0, END_MS, INTERVAL_MS):
        for application in APPLICATIONS:
            rows.append(_row(len(rows) + 1, due_ms, application, simulated=len(rows) == 10))
        if due_ms < DAY_MS:
            rows.append(_row(len(rows) + 1, due_ms, "ended"))
    return rows


def _in_history(folder, scenario, rows=None, kept=None):
    rows = _rows() if rows is None else rows

    async def whole():
        history = await History.open(folder)
        try:
            await history.commit(Batch(results=rows))
            await history.write(summaries.keep(Summaries(seq=kept or rows[-1].seq, spans={}, sketches={})))
            await scenario(history)
        finally:
            await history.close()

    asyncio.run(whole())


async def _lay_out(history, before_ms=END_MS, rows=200):
    steps = 0
    while planned := await history.read(past.plan(before_ms, rows)):
        for step in planned:
            await history.read(step)
            steps += 1
    return steps


def _numbers(history, table):
    return history.read_here(lambda cursor: [seq for (seq,) in cursor.execute(f"select seq from {table}").fetchall()])


def _answer(history, **chosen):
    selection = Selection(**{"from_ms": 0, "to_ms": END_MS, "simulated": True, **chosen})
    return history.read_here(lambda cursor: pa.Table.from_batches(list(selection.batches(cursor, "arrow"))))


def test_each_result_of_a_past_day_is_moved_once_and_the_newest_of_every_check_stays(tmp_path):
    async def scenario(history):
        steps = await _lay_out(history)
        stayed, moved = _numbers(history, "results"), _numbers(history, "past_results")
        assert sorted(stayed + moved) == [row.seq for row in _rows()]
        due = {row.seq: row for row in _rows()}
        assert all(due[seq].due_ms < DAYS * DAY_MS for seq in moved)
        assert [due[seq].application for seq in stayed if due[seq].due_ms < DAYS * DAY_MS] == ["ended"]
        assert steps > DAYS, "in several steps a day"
        assert [row.seq for row in history.read_here(reading.last_results)] == [
            max(row.seq for row in _rows() if row.application == name) for name in ("ended", *APPLICATIONS)
        ]

    _in_history(tmp_path, scenario)


def test_an_application_lies_together_within_its_day(tmp_path):
    async def scenario(history):
        await _lay_out(history)
        query = "select due_ms // ?, application from past_results order by rowid"
        seen = history.read_here(lambda cursor: cursor.execute(query, [DAY_MS]).fetchall())
        changes = sum(one != other for one, other in pairwise(seen))
        assert changes + 1 == len(set(seen)), "no application of a day is in two places"
        days = [day for day, _ in seen]
        assert days == sorted(days)

    _in_history(tmp_path, scenario)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"applications": ("application-03",)},
        {"applications": ("application-05", "ended", "nobody"), "from_ms": DAY_MS // 2},
        {"types": ("health",), "simulated": False},
        {"resolution": "1h"},
        {"resolution": "1d", "applications": ("application-01",)},
    ],
    ids=str,
)
def test_the_history_answers_as_before(tmp_path, chosen):
    async def scenario(history):
        before = _answer(history, **chosen)
        for step in (await history.read(past.plan(END_MS, 200)))[:3]:
            await history.read(step)
            assert _answer(history, **chosen).equals(before), "half-way"
        await _lay_out(history)
        assert _answer(history, **chosen).equals(before)
        assert before.num_rows > 0

    _in_history(tmp_path, scenario)


def test_what_may_be_asked_for_by_number_stays(tmp_path):
    rows = _rows()
    told_late = _row(rows[-1].seq + 1, DAY_MS + 1, "application-00", published_ms=END_MS)
    newest = _row(rows[-1].seq + 2, END_MS, "application-00")
    unkept = next(row.seq for row in rows if row.due_ms >= 3 * DAY_MS)

    async def scenario(history):
        await _lay_out(history)
        stayed = set(_numbers(history, "results"))
        assert told_late.seq in stayed, "its number is a new one, though its day has passed"
        assert {row.seq for row in rows if row.seq > unkept} <= stayed, "the summaries are made from them at a start"

    _in_history(tmp_path, scenario, rows=[*rows, told_late, newest], kept=unkept)


def test_what_is_too_old_goes_from_both_places(tmp_path):
    async def scenario(history):
        await _lay_out(history)
        since_ms = 2 * DAY_MS + 1
        while await history.write(retention.trim_results(since_ms)):
            pass
        left = _numbers(history, "results") + _numbers(history, "past_results")
        assert sorted(left) == [row.seq for row in _rows() if row.due_ms >= since_ms]

    _in_history(tmp_path, scenario)


def test_a_history_from_before_is_laid_out_like_any_other(tmp_path):
    async def before(history):
        await history.write(lambda cursor: cursor.execute("drop table past_results").fetchall())

    async def after(history):
        await _lay_out(history)
        assert sorted(_numbers(history, "results") + _numbers(history, "past_results")) == [row.seq for row in _rows()]

    async def again():
        history = await History.open(tmp_path)
        try:
            await after(history)
        finally:
            await history.close()

    _in_history(tmp_path, before)
    asyncio.run(again())


_LAYING_OUT = """
import asyncio, sys
from pathlib import Path
from appsentry_server.store import past
from appsentry_server.store.history import History

async def main():
    history = await History.open(Path(sys.argv[1]))
    while steps := await history.read(past.plan(int(sys.argv[2]), 50)):
        for step in steps:
            await history.read(step)
            print("step", flush=True)

asyncio.run(main())
"""


def test_killed_at_any_step_no_result_is_lost_or_there_twice(tmp_path):
    async def nothing(_):
        pass

    _in_history(tmp_path, nothing)
    for steps in (1, 2, 4, 7):
        command = [sys.executable, "-c", _LAYING_OUT, str(tmp_path), str(END_MS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(steps):
                assert process.stdout is not None
                assert process.stdout.readline() == "step\n"
            os.kill(process.pid, signal.SIGKILL)

        async def whole():
            history = await History.open(tmp_path)
            numbers = _numbers(history, "results") + _numbers(history, "past_results")
            await history.close()
            assert sorted(numbers) == [row.seq for row in _rows()]

        asyncio.run(whole())
