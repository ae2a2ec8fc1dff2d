"""Large answers: streamed, bounded, given up when nobody reads them, never passed off as whole when they are not."""

import asyncio
import csv
import io
import json
import socket
import struct

import duckdb
import psutil
import pyarrow as pa
import pyarrow.parquet
import pytest

from appsentry_server.api.encodings import ENCODINGS
from appsentry_server.api.exports import AT_ONCE, MOST_WAITING, Exports
from appsentry_server.api.problems import Problem
from appsentry_server.api.selection import Selection
from appsentry_server.store.history import History

ROWS = 200_000
SPAN = "from=1970-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"
MEGABYTE = 1024 * 1024
LAST_CHUNK = b"\r\n0\r\n\r\n"


def _fill(rows):
    """A history of as many results, one a second, of a hundred applications, the newest first."""

    def fill(connection):
        connection.execute(
            """
            insert into results
            select i, 0, 'r' || i, 1795435200000 - i * 1000, 'app-' || (i % 100), 'health', 'health',
                if(i % 10 = 0, 'down', 'up'), if(i % 10 = 0, null, i % 1000), 1.0, 2.0, null, 3.0, 4.0,
                if(i % 10 = 0, 'refused', null), if(i % 10 = 0, 'expected a connection, found it refused', null),
                null, null, null, 1, 0.5, 30000, 'here', false
            from range(1, ? + 1) rows(i)
            """,
            [rows],
        )

    return fill


def _count(content_type, body):
    if content_type == "application/json":
        return len(json.loads(body))
    if content_type == "text/csv":
        return sum(1 for _ in csv.reader(io.StringIO(body.decode()))) - 1
    if content_type == "application/vnd.apache.parquet":
        return pa.parquet.read_table(io.BytesIO(body)).num_rows
    return pa.ipc.open_stream(body).read_all().num_rows


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.content_type)
def test_a_large_answer_is_whole_in_every_form(with_door, encoding):
    async def main(door):
        await door.services.history.write(_fill(ROWS))
        answer = await door.get(f"/api/history?{SPAN}", headers={"Accept": encoding.content_type})
        assert await asyncio.to_thread(_count, encoding.content_type, answer.body) == ROWS

    with_door(main)


def test_a_large_answer_is_in_the_order_of_time_across_slices(with_door):
    async def main(door):
        await door.services.history.write(_fill(ROWS))
        answer = await door.get(f"/api/history?{SPAN}", headers={"Accept": "application/vnd.apache.arrow.stream"})
        table = pa.ipc.open_stream(answer.body).read_all()
        instants = table.column("ts").cast(pa.int64()).to_numpy()
        assert (instants[1:] > instants[:-1]).all()

    with_door(main)


def test_roll_ups_of_many_slices_have_each_bucket_once(with_door):
    async def main(door):
        await door.services.history.write(_fill(3 * ROWS))
        for resolution, length_s in (("1m", 60), ("1h", 3_600), ("1d", 86_400)):
            answer = await door.get(f"/api/history?{SPAN}&resolution={resolution}&application=app-7")
            rows = json.loads(answer.body)
            assert len({row["ts"] for row in rows}) == len(rows)
            assert sum(row["checks"] for row in rows) == 3 * ROWS // 100
            assert max(row["checks"] for row in rows) <= length_s / 100 + 1

    with_door(main)


def test_memory_does_not_grow_with_the_answer(with_door):
    async def main(door):
        await door.services.history.write(_fill(10 * ROWS))
        process = psutil.Process()
        most = taken = 0

        def take(chunk):
            nonlocal most, taken
            taken += len(chunk)
            most = max(most, process.memory_info().rss)

        await door.get("/api/history", headers={"Accept": "application/vnd.apache.arrow.stream"})
        before = process.memory_info().rss
        accept = {"Accept": "application/vnd.apache.arrow.stream"}
        await door.get(f"/api/history?{SPAN}", headers=accept, streaming_callback=take)
        assert taken > 300 * MEGABYTE
        assert most - before < 250 * MEGABYTE

    with_door(main)


def test_many_histories_at_once_are_all_answered_and_few_are_made_at_a_time(with_door):
    async def main(door):
        await door.services.history.write(_fill(ROWS // 10))
        asked = [
            door.get(f"/api/history?{SPAN}", headers={"Accept": ENCODINGS[number % 4].content_type})
            for number in range(20)
        ]
        answers = await asyncio.gather(*asked)
        for answer in answers:
            assert answer.code == 200
            assert _count(answer.headers["Content-Type"], answer.body) == ROWS // 10
        assert (await door.get("/readyz")).code == 200

    with_door(main)


async def _open(door, *, reset=False):
    """A client that has read the first piece of a long answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port, limit=4_096)
    request = f"GET /api/history?{SPAN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    writer.write(request.encode())
    assert (await reader.readuntil(b"\r\n")) == b"HTTP/1.1 200 OK\r\n"
    if reset:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return reader, writer


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_clients_that_go_away_midway_leave_nothing_behind(with_door, caplog, reset):
    async def main(door):
        await door.services.history.write(_fill(ROWS))
        for _ in range(3):
            # As many as there are turns: were one lost, what follows would wait for ever.
            clients = [await _open(door, reset=reset) for _ in range(AT_ONCE)]
            for _, writer in clients:
                writer.transport.abort() if reset else writer.close()
        answer = await door.get("/api/history?from=2026-11-23T11:59:59Z&to=2026-11-23T12:00:00Z")
        assert len(json.loads(answer.body)) == 1

    with_door(main)
    assert caplog.text == ""


def test_clients_that_stop_reading_hold_no_memory_and_not_the_rest_of_the_server(with_door):
    async def main(door):
        await door.services.history.write(_fill(ROWS))
        before = psutil.Process().memory_info().rss
        clients = [await _open(door) for _ in range(AT_ONCE)]
        for path in ("/healthz", "/readyz", "/metrics", "/api/test-runs", "/api/applications"):
            assert (await door.get(path)).code == 200
        assert (await door.post("/api/test-runs")).code == 202
        await door.services.publisher.settled()
        assert psutil.Process().memory_info().rss - before < 400 * MEGABYTE
        for _, writer in clients:
            writer.close()

    with_door(main)


def test_a_client_that_takes_nothing_for_too_long_is_let_go(with_door, monkeypatch):
    async def main(door):
        monkeypatch.setattr("appsentry_server.api.door._STALLED_S", 0.05)
        await door.services.history.write(_fill(ROWS))
        clients = [await _open(door) for _ in range(AT_ONCE)]
        answer = await door.get("/api/history?from=2026-11-23T11:59:59Z&to=2026-11-23T12:00:00Z")
        assert len(json.loads(answer.body)) == 1
        while door.exports.opened:
            await asyncio.sleep(0)
        for reader, writer in clients:
            assert not (await reader.read()).endswith(LAST_CHUNK)
            writer.close()

    with_door(main)


def test_stopping_breaks_off_what_is_being_read_and_refuses_what_waits(with_door, caplog):
    async def main(door):
        await door.services.history.write(_fill(ROWS))
        clients = [await _open(door) for _ in range(AT_ONCE)]
        waiting = asyncio.create_task(door.get("/api/history"))
        while door.exports.opened <= AT_ONCE:
            await asyncio.sleep(0)
        await door.exports.close()
        for reader, writer in clients:
            assert not (await reader.read()).endswith(LAST_CHUNK)
            writer.close()
        for answer in (await waiting, await door.get("/api/history")):
            assert answer.code == 503
            assert json.loads(answer.body)["detail"] == "the server is stopping"

    with_door(main)
    assert caplog.text == ""


def test_an_answer_that_breaks_off_is_not_passed_off_as_whole(with_door, monkeypatch, caplog):
    async def main(door):
        await door.services.history.write(_fill(10))

        def breaks_off(self, cursor, form):
            yield pa.record_batch({"json": ["{}"]})
            raise duckdb.IOException("the disk is gone")

        monkeypatch.setattr(Selection, "batches", breaks_off)
        reader, writer = await _open(door)
        everything = await reader.read()
        writer.close()
        assert b"{}" in everything
        assert not everything.endswith(LAST_CHUNK)

    with_door(main)
    assert "the disk is gone" in caplog.text


def test_an_answer_that_cannot_begin_is_a_problem(with_door, monkeypatch, caplog):
    async def main(door):
        def breaks_off(self, cursor, form):
            raise duckdb.IOException("the disk is gone")

        monkeypatch.setattr(Selection, "batches", breaks_off)
        answer = await door.get("/api/history")
        assert answer.code == 500
        assert json.loads(answer.body)["detail"] == "the server failed: its log says why"

    with_door(main)
    assert "the disk is gone" in caplog.text


def test_too_many_waiting_exports_are_refused(tmp_path):
    async def main():
        history = await History.open(tmp_path)
        await history.write(_fill(ROWS))
        exports = Exports(history)
        selection = Selection(from_ms=0, to_ms=2**42)
        opened = [exports.stream(selection, ENCODINGS[0]) for _ in range(AT_ONCE)]
        for stream in opened:
            assert await anext(stream)
        waiting = [asyncio.ensure_future(anext(exports.stream(selection, ENCODINGS[0]))) for _ in range(MOST_WAITING)]
        await asyncio.wait(waiting, timeout=0)
        with pytest.raises(Problem, match="104 histories are being read: ask again in a little while"):
            await anext(exports.stream(selection, ENCODINGS[0]))
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
        for stream in opened:
            await stream.aclose()
        assert exports.opened == 0
        async for _ in exports.stream(Selection(from_ms=0, to_ms=1), ENCODINGS[0]):
            pass
        await exports.close()
        await history.close()

    asyncio.run(main())
