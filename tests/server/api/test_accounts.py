"""What accounts are made from, over HTTP: in every form, of the window and the applications that are asked for."""

import asyncio
import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from appsentry_contract.columns import LATENCY_COLUMNS, SPAN_COLUMNS
from appsentry_server.api.encodings import ENCODINGS
from appsentry_sources.arrow import schema_of

SPAN = "from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"
PATHS = {"/api/spans": SPAN_COLUMNS, "/api/latencies": LATENCY_COLUMNS}


def _fill(cursor):
    """Two applications, a hundred results each, a minute apart; the tenth of each is down."""
    cursor.execute(
        """
        insert into results (seq, published_ms, result_id, due_ms, application, "check", type, status, response_ms,
            attempt, late_ms, interval_ms, location, simulated)
        select i + 1, 0, i::varchar, epoch_ms(timestamp '2026-11-01 06:00:00') + i // 2 * 60000,
            ['pay', 'shop'][i % 2 + 1], 'health', 'health', if(i // 2 = 9, 'down', 'up'), 100.0 * (1 + i % 2), 1, 0,
            60000, 'here', false
        from range(200) as t(i)
        """
    )


def _rows(content_type, body):
    if content_type == "application/json":
        return json.loads(body)
    if content_type == "text/csv":
        return list(csv.DictReader(io.StringIO(body.decode())))
    if content_type.endswith("parquet"):
        return pa.parquet.read_table(io.BytesIO(body)).to_pylist()
    return pa.ipc.open_stream(body).read_all().to_pylist()


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.content_type)
@pytest.mark.parametrize("path", PATHS)
def test_every_form_has_the_same_rows_and_columns(with_door, path, encoding):
    async def main(door):
        await door.services.history.write(_fill)
        answer = await door.get(f"{path}?{SPAN}", headers={"Accept": encoding.content_type})
        rows = _rows(encoding.content_type, answer.body)
        assert [row["application"] for row in rows] == sorted(row["application"] for row in rows)
        assert sum(int(row["results"]) for row in rows) == {"/api/spans": 200, "/api/latencies": 198}[path]
        assert list(rows[0]) == list(PATHS[path])

    with_door(main)


@pytest.mark.parametrize("path", PATHS)
def test_only_what_is_asked_for_comes(with_door, path):
    async def main(door):
        await door.services.history.write(_fill)
        one = json.loads((await door.get(f"{path}?{SPAN}&application=shop&application=nobody")).body)
        assert {row["application"] for row in one} == {"shop"}
        arrow = {"Accept": "application/vnd.apache.arrow.stream"}
        nothing = await door.get(f"{path}?from=2025-01-01T00:00:00Z&to=2025-01-02T00:00:00Z", headers=arrow)
        table = pa.ipc.open_stream(nothing.body).read_all()
        assert (table.num_rows, table.schema) == (0, schema_of(PATHS[path]))
        wrong = await door.get(f"{path}?{SPAN}&resolution=raw")
        assert (wrong.code, json.loads(wrong.body)["errors"][0]["name"]) == (422, "resolution")

    with_door(main)


def test_both_may_be_asked_for_at_once(with_door):
    async def main(door):
        await door.services.history.write(_fill)
        answers = await asyncio.gather(*(door.get(f"{path}?{SPAN}") for path in list(PATHS) * 20))
        assert [len(json.loads(answer.body)) for answer in answers] == [200, 2] * 20

    with_door(main)
