"""Commit, then publish: what readers hear is what the history holds, in one order."""

import asyncio
import threading

import duckdb
import orjson
import pytest

from appsentry_contract.events import validator
from appsentry_server import payloads
from appsentry_server.clock import SystemClock
from appsentry_server.results import Failure, Outcome, Phases, Result
from appsentry_server.store import reading, retention
from appsentry_server.store.history import History
from appsentry_server.store.opening import HistoryUnavailable
from appsentry_server.store.rows import RunRow, result_of
from appsentry_server.streams import publisher as publisher_module
from appsentry_server.streams.journal import Journal
from appsentry_server.streams.publisher import Publisher


def _result(n=0, *, failure=None, due_ms=None, simulated=False):
    return Result(
        result_id=f"result-{n}",
        due_ms=1_790_000_000_000 + n if due_ms is None else due_ms,
        application_id="shop",
        check_id="health",
        test_type="health",
        outcome=Outcome(
            verdict="down" if failure else "up",
            response_ms=12.5,
            phases=Phases(dns_ms=0.1, connect_ms=0.2, first_byte_ms=11.0, transfer_ms=1.2),
            failure=failure,
            steps=(("form", 3.25), ("submit", 4.5)),
        ),
        run_id=None,
        attempt=1,
        late_ms=0.25,
        interval_ms=30_000,
        location="local",
        simulated=simulated,
    )


class _Streams:
    """A history, its journal and its publisher, and everything a listener heard."""

    def __init__(self, directory):
        self.directory = directory
        self.heard = []

    async def __aenter__(self):
        self.history = await History.open(self.directory)
        heads = await self.history.read(reading.heads)
        floors = await self.history.read(retention.floors(0))
        self.journal = Journal(self.history, heads, floors)
        self.publisher = Publisher(self.history, self.journal, SystemClock())
        self.publisher.listen(self._hear)
        self._task = asyncio.create_task(self.publisher.work())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.history.close()

    async def _hear(self, event):
        self.heard.append(event)


def test_every_event_is_in_the_history_before_anyone_hears_of_it(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            missing = []

            async def look(event):
                if event.seq is not None:
                    kept = await streams.history.read(reading.results_after(event.seq - 1, event.seq, 1))
                    missing.extend([] if kept else [event.seq])

            streams.publisher.listen(look)
            for n in range(200):
                streams.publisher.result(_result(n))
            await streams.publisher.settled()
            assert missing == []
            assert len(streams.heard) == 200

    asyncio.run(scenario())


def test_numbers_count_each_stream_from_one_without_holes_across_restarts(tmp_path):
    async def scenario():
        heard = []
        for _ in range(3):
            async with _Streams(tmp_path) as streams:
                for n in range(5):
                    streams.publisher.result(_result(n))
                    streams.publisher.event("runs", "testRunPaused", {"testRunId": "r", "completed": n, "total": 5})
                await streams.publisher.settled()
                heard += streams.heard
                epoch = streams.journal.epoch
        for stream in ("metrics", "runs"):
            assert [event.seq for event in heard if event.stream == stream] == list(range(1, 16))
        assert {event.payload["epoch"] for event in heard} == {epoch}

    asyncio.run(scenario())


def test_what_is_replayed_is_what_was_said(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            failure = Failure(failure_class="expectation", message="expected ‘ok’, found <b>", step="verify")
            for result in (_result(1), _result(2, failure=failure), _result(3, simulated=True)):
                streams.publisher.result(result)
            streams.publisher.event("runs", "testRunPaused", {"testRunId": "r", "completed": 1, "total": 5})
            await streams.publisher.settled()
            said = [(event.name, dict(event.payload)) for event in streams.heard]
        async with _Streams(tmp_path) as streams:
            for stream in ("metrics", "runs"):
                replayed = await streams.journal.after(stream, 0, 100)
                assert [(e.name, dict(e.payload)) for e in replayed] == [s for s in said if s[1]["stream"] == stream]
            rows = await streams.history.read(reading.results_after(0, 10, 10))
            assert [result_of(row) for row in rows] == [
                _result(1),
                _result(2, failure=failure),
                _result(3, simulated=True),
            ]
        for name, payload in said:
            validator(name).validate_python(payload)
            assert orjson.loads(orjson.dumps(payload)) == payload

    asyncio.run(scenario())


def test_volatile_events_keep_their_place_and_are_not_replayed(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            streams.publisher.event("run:r", "testStarted", {"n": 1})
            streams.publisher.volatile("run:r", "progressUpdate", {"n": 2})
            streams.publisher.event("run:r", "testCompleted", {"n": 3})
            streams.publisher.volatile("run:r", "progressUpdate", {"n": 4})
            await streams.publisher.settled()
            assert [event.payload["n"] for event in streams.heard] == [1, 2, 3, 4]
            assert [event.payload.get("after") for event in streams.heard] == [None, 1, None, 2]
            assert [event.payload["n"] for event in await streams.journal.after("run:r", 0, 10)] == [1, 3]

    asyncio.run(scenario())


def test_a_history_that_refuses_delays_everything_and_loses_nothing(tmp_path, monkeypatch):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            whole, refusals = streams.history._append, iter(range(3))

            def failing(batch):
                if next(refusals, None) is not None:
                    raise duckdb.IOException("no space left on device")
                whole(batch)

            monkeypatch.setattr(streams.history, "_append", failing)
            for n in range(10):
                streams.publisher.result(_result(n))
            settled = asyncio.create_task(streams.publisher.settled())
            await asyncio.sleep(0.1)
            assert streams.heard == []
            assert streams.publisher.failing_since_ms is not None
            await settled
            assert [event.seq for event in streams.heard] == list(range(1, 11))
            assert streams.publisher.failing_since_ms is None
            assert len(await streams.history.read(reading.results_after(0, 100, 100))) == 10

    asyncio.run(scenario())


def test_a_listener_that_fails_does_not_silence_the_others(tmp_path, caplog):
    async def scenario():
        async with _Streams(tmp_path) as streams:

            async def fail(event):
                raise ValueError("broken")

            heard = []

            async def hear(event):
                heard.append(event)

            streams.publisher.listen(fail)
            streams.publisher.listen(hear)
            streams.publisher.result(_result(1))
            await streams.publisher.settled()
            assert len(heard) == 1

    asyncio.run(scenario())
    assert "a listener failed on healthMetricUpdate" in caplog.text


def test_a_second_server_on_the_same_history_is_told_why_it_cannot(tmp_path):
    async def scenario():
        async with _Streams(tmp_path):
            code = (
                "import asyncio, sys; from pathlib import Path; from appsentry_server.store.history import *\n"
                "async def main():\n"
                "    try: await History.open(Path(sys.argv[1]))\n"
                "    except HistoryUnavailable as error: print(error)\n"
                "asyncio.run(main())"
            )
            import sys

            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, str(tmp_path), stdout=asyncio.subprocess.PIPE
            )
            output, _ = await process.communicate()
            assert b"cannot be opened" in output
            assert b"--data-dir" in output

    asyncio.run(scenario())


def test_old_rows_go_in_small_steps_and_numbers_are_never_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr(retention, "STEP_ROWS", 10)

    async def scenario():
        async with _Streams(tmp_path) as streams:
            for n in range(35):
                streams.publisher.result(_result(n, due_ms=1000 + n))
                streams.publisher.event("runs", "testRunPaused", {"n": n})
            await streams.publisher.settled()
            steps = 0
            while await streams.history.write(retention.trim_results(1030)):
                steps += 1
            assert steps == 3
            left = await streams.history.read(reading.results_after(0, 100, 100))
            assert [row.due_ms for row in left] == list(range(1030, 1035))
            while await streams.history.write(retention.trim_results(10_000)):
                pass
            while await streams.history.write(retention.trim_events(2**60)):
                pass
        async with _Streams(tmp_path) as streams:
            assert streams.journal.head("metrics") == 35
            assert streams.journal.floor("metrics") == 36
            assert streams.journal.floor("runs") == 36
            streams.publisher.result(_result(99))
            streams.publisher.event("runs", "testRunPaused", {"n": 99})
            await streams.publisher.settled()
            assert {event.seq for event in streams.heard} == {36}

    asyncio.run(scenario())


def test_the_journal_keeps_the_newest_events_when_there_are_too_many(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            for n in range(30):
                streams.publisher.event("runs", "testRunPaused", {"n": n})
            await streams.publisher.settled()
            while await streams.history.write(retention.trim_events(0, most=10)):
                pass
            kept = await streams.history.read(reading.events_after("runs", 0, 100, 100))
            assert [row.seq for row in kept] == list(range(21, 31))

    asyncio.run(scenario())


def test_commits_happen_on_one_thread_and_never_on_the_event_loop(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            name = await streams.history.write(lambda _: threading.current_thread().name)
            assert name.startswith("history-writer")

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", [None, Failure(failure_class="refused", message="nobody listens")])
def test_a_metric_event_is_valid_under_the_contract(tmp_path, failure):
    from appsentry_server.store.rows import result_row

    payload = payloads.metric(result_row(7, 1_790_000_000_123, _result(1, failure=failure)), "e")
    assert validator("healthMetricUpdate").validate_python(payload, strict=True)
    assert payload["at"] == "2026-09-21T14:13:20.123Z"


def test_what_belongs_to_a_result_is_committed_with_it_however_much_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(publisher_module, "_MOST_AT_ONCE", 3)

    async def scenario():
        async with _Streams(tmp_path) as streams:
            whole, sizes = streams.history._append, []

            def append(batch):
                sizes.append((len(batch.results), len(batch.events)))
                whole(batch)

            monkeypatch.setattr(streams.history, "_append", append)
            for n in range(4):
                streams.publisher.result(_result(n))
                for _ in range(4):
                    streams.publisher.event("applications", "notification", {"n": n})
            await streams.publisher.settled()
            assert sizes == [(1, 4)] * 4
            assert [event.seq for event in streams.heard if event.stream == "applications"] == list(range(1, 17))

    asyncio.run(scenario())


def test_a_commit_that_reached_the_disk_and_yet_failed_is_not_made_twice(tmp_path, monkeypatch):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            whole, failures = streams.history._transact, iter(range(1))

            def transact(statement):
                answer = whole(statement)
                if next(failures, None) is not None:
                    raise duckdb.FatalException(
                        "Transaction COMMIT succeeded and is durable, but the checkpoint failed"
                    )
                return answer

            monkeypatch.setattr(streams.history, "_transact", transact)
            streams.publisher.result(_result(1))
            streams.publisher.event("runs", "testRunPaused", {"n": 1})
            await streams.publisher.settled()
            rows = await streams.history.read(reading.results_after(0, 10, 10))
            events = await streams.history.read(reading.events_after("runs", 0, 10, 10))
            assert (len(rows), len(events)) == (1, 1)
            assert len(streams.heard) == 2

    asyncio.run(scenario())


def test_waiting_for_a_failing_history_takes_no_room(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            streams.publisher.result(_result(1))
            waiting = [asyncio.ensure_future(streams.publisher.settled()) for _ in range(1_000)]
            for one in waiting[1:]:
                one.cancel()
            await asyncio.wait(waiting)
            assert streams.publisher.waiting == 0
            waiting = [asyncio.ensure_future(streams.publisher.settled()) for _ in range(1_000)]
            await asyncio.sleep(0)
            assert streams.publisher.waiting <= 1
            await asyncio.gather(*waiting)

    asyncio.run(scenario())


def _run(run_id, state, ended_ms=None):
    return RunRow(run_id, state, "api", False, 1, ended_ms, None, ["shop"], ["health"], 1)


def test_the_tests_of_a_run_that_goes_on_stay_and_the_head_of_an_ended_one_is_forgotten(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            publisher, journal = streams.publisher, streams.journal
            for run_id, state in (("paused", "paused"), ("ended", "completed")):
                publisher.run(_run(run_id, state, 5 if state == "completed" else None))
                publisher.event("runs", "testRunStarted", {"testRunId": run_id})
                publisher.event(f"run:{run_id}", "testStarted", {"testRunId": run_id, "testId": "t"})
                publisher.event(f"run:{run_id}", "testCompleted", {"testRunId": run_id, "testId": "t"})
            publisher.event("runs", "testRunCompleted", {"testRunId": "ended"})
            await publisher.settled()
            while await streams.history.write(retention.trim_events(2**60)):
                pass
            journal.raise_floors(await streams.history.read(retention.floors(2**60)))
            assert [event.seq for event in await journal.after("run:paused", 0, 10)] == [1, 2]
            assert (journal.floor("run:paused"), journal.head("run:paused")) == (1, 2)
            assert "run:ended" not in journal.heads
            assert journal.floor("run:ended") > journal.head("run:ended") + 1
            assert journal.floor("runs") == journal.head("runs") + 1

    asyncio.run(scenario())


def test_what_was_told_is_known_however_long_the_journal_is(tmp_path):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            for application_id in ("stays", "goes", "turns"):
                streams.publisher.event("applications", "applicationStatusUpdate", {"id": application_id, "n": 1})
            await streams.publisher.settled()
            while await streams.history.write(retention.trim_events(2**60)):
                pass
            streams.publisher.event("applications", "applicationStatusUpdate", {"id": "turns", "n": 2})
            streams.publisher.event("applications", "applicationRemoved", {"applicationId": "goes"})
            await streams.publisher.settled()
            for _ in range(2):
                told = map(orjson.loads, await streams.history.read(reading.applications_told))
                assert sorted((one["id"], one["n"]) for one in told) == [("stays", 1), ("turns", 2)]
                while await streams.history.write(retention.trim_events(2**60)):
                    pass

    asyncio.run(scenario())


def _overwritten(contents):
    """The same file with everything behind its headers made nonsense."""
    return contents[:12_288] + b"\x55" * (len(contents) - 12_288)


@pytest.mark.parametrize(
    ("damage", "advice"),
    [
        (lambda path: path.write_bytes(b"this is no history" * 1000), "move it and history.duckdb.wal away"),
        (lambda path: path.write_bytes(path.read_bytes()[:20_000]), "move it and history.duckdb.wal away"),
        (lambda path: path.write_bytes(_overwritten(path.read_bytes())), "move it and history.duckdb.wal away"),
        (lambda path: (path.unlink(), path.mkdir()), "--data-dir"),
    ],
    ids=["no history", "a short one", "a damaged one", "a folder"],
)
def test_a_history_that_cannot_be_read_is_told_with_what_to_do(tmp_path, damage, advice):
    async def scenario():
        async with _Streams(tmp_path) as streams:
            for n in range(2_000):
                streams.publisher.result(_result(n))
            await streams.publisher.settled()
        damage(tmp_path / "history.duckdb")
        with pytest.raises(HistoryUnavailable, match="cannot be opened") as refusal:
            await History.open(tmp_path)
        assert advice in str(refusal.value)

    asyncio.run(scenario())
