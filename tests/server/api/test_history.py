"""The history over HTTP: which rows, in which columns, in which form."""

import csv
import io
import json
import statistics
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet
import pytest

from appsentry_contract.columns import RESOLUTIONS, RESULT_COLUMNS, ROLLUP_COLUMNS, columns_of
from appsentry_contract.instants import to_wire
from appsentry_server.store.history import Batch
from appsentry_server.store.rows import ResultRow
from appsentry_sources.arrow import schema_of

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NOON_MS = 1_795_435_200_000
HOUR_MS = 3_600_000
ALL = {"from": "1970-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


def row(number, *, due_ms=NOON_MS, **fields):
    result = ResultRow(
        seq=number, published_ms=due_ms, result_id=f"r{number}", due_ms=due_ms, application="pay", check="health",
        type="health", status="up", response_ms=10.0, dns_ms=1.0, connect_ms=2.0, tls_ms=None, first_byte_ms=3.0,
        transfer_ms=4.0, failure=None, message=None, step=None, steps=None, run_id=None, attempt=1, late_ms=0.5,
        interval_ms=30_000, location="here", simulated=False,
    )  # fmt: skip
    return result._replace(**fields)


async def _kept(door, *rows):
    await door.services.history.commit(Batch(results=list(rows)))


def _table(answer):
    """An answer in any of the four forms as an Arrow table."""
    assert answer.code == 200, answer.body
    body = io.BytesIO(answer.body)
    if answer.headers["Content-Type"] == ARROW:
        return pa.ipc.open_stream(body).read_all()
    return pa.parquet.read_table(body)


async def _rows(door, **query):
    answer = await door.get("/api/history", query={**ALL, **query})
    assert answer.code == 200, answer.body
    return json.loads(answer.body)


async def _ids(door, **query):
    return [one["result_id"] for one in await _rows(door, **query)]


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_an_empty_answer_has_the_columns_of_a_full_one_in_all_four_forms(with_door, resolution):
    async def main(door):
        columns = columns_of(resolution)
        for accept in (ARROW, PARQUET):
            answer = await door.get("/api/history", query={"resolution": resolution}, headers={"Accept": accept})
            table = _table(answer)
            assert table.num_rows == 0
            assert table.schema.equals(schema_of(columns))
        answer = await door.get("/api/history", query={"resolution": resolution}, headers={"Accept": "text/csv"})
        assert next(csv.reader(io.StringIO(answer.body.decode()))) == list(columns)
        answer = await door.get("/api/history", query={"resolution": resolution})
        assert json.loads(answer.body) == []

    with_door(main)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_all_four_forms_say_the_same(with_door, resolution):
    async def main(door):
        await _kept(
            door,
            row(1, due_ms=NOON_MS),
            row(
                2,
                due_ms=NOON_MS + 1_234,
                status="down",
                response_ms=None,
                failure="refused",
                message="connect: refused",
            ),
            row(3, due_ms=NOON_MS + 90 * 60_000, status="degraded", response_ms=1234.5678, run_id="run-1", attempt=2),
        )
        query = {**ALL, "resolution": resolution}
        arrow, parquet = [
            _table(await door.get("/api/history", query=query, headers={"Accept": accept}))
            for accept in (ARROW, PARQUET)
        ]
        assert arrow.schema.equals(schema_of(columns_of(resolution)))
        assert parquet.schema.equals(arrow.schema)
        assert parquet.equals(arrow)
        expected = [{name: _wire(value) for name, value in one.items()} for one in arrow.to_pylist()]
        assert await _rows(door, resolution=resolution) == expected
        answer = await door.get("/api/history", query=query, headers={"Accept": "text/csv"})
        assert answer.headers["Content-Type"] == "text/csv"
        told = list(csv.DictReader(io.StringIO(answer.body.decode())))
        assert [{name: _typed(name, text, resolution) for name, text in one.items()} for one in told] == expected

    with_door(main)


def _wire(value):
    return to_wire(round(value.timestamp() * 1000)) if isinstance(value, datetime) else value


def _typed(name, text, resolution):
    kind = columns_of(resolution)[name].kind
    if text == "":
        return None
    return {"number": float, "count": int, "flag": {"true": True, "false": False}.get}.get(kind, str)(text)


def test_instants_are_due_times_in_utc(with_door):
    async def main(door):
        await _kept(door, row(1, due_ms=NOON_MS + 7))
        (one,) = await _rows(door)
        assert one["ts"] == "2026-11-23T12:00:00.007Z"
        table = _table(await door.get("/api/history", query=ALL, headers={"Accept": ARROW}))
        assert table.schema.field("ts").type == pa.timestamp("us", tz="UTC")
        assert table.column("ts")[0].as_py() == datetime(2026, 11, 23, 12, 0, 0, 7_000, tzinfo=UTC)

    with_door(main)


def test_rows_come_in_the_order_of_their_due_times(with_door):
    async def main(door):
        await _kept(door, row(1, due_ms=NOON_MS + 9), row(2, due_ms=NOON_MS), row(3, due_ms=NOON_MS + 9))
        assert await _ids(door) == ["r2", "r1", "r3"]

    with_door(main)


def test_a_span_holds_its_first_instant_and_not_its_last(with_door):
    async def main(door):
        await _kept(door, *(row(number, due_ms=NOON_MS + number) for number in range(1, 6)))
        assert await _ids(door, **{"from": to_wire(NOON_MS + 2), "to": to_wire(NOON_MS + 4)}) == ["r2", "r3"]
        assert await _ids(door, **{"from": to_wire(NOON_MS + 2), "to": to_wire(NOON_MS + 2)}) == []
        # Any offset will do.
        assert await _ids(door, **{"from": "2026-11-23T13:00:00.005+01:00"}) == ["r5"]

    with_door(main)


def test_without_a_span_the_last_24_hours_are_answered(with_door):
    async def main(door):
        now_ms = door.services.clock.now_ms()
        day = 24 * HOUR_MS
        await _kept(
            door, row(1, due_ms=now_ms - day - HOUR_MS), row(2, due_ms=now_ms - day + HOUR_MS), row(3, due_ms=now_ms)
        )
        assert [one["result_id"] for one in json.loads((await door.get("/api/history")).body)] == ["r2", "r3"]
        answer = await door.get("/api/history", query={"to": to_wire(now_ms - HOUR_MS)})
        assert [one["result_id"] for one in json.loads(answer.body)] == ["r1", "r2"]

    with_door(main)


def test_applications_and_types_are_chosen_and_may_be_several(with_door):
    async def main(door):
        await _kept(
            door,
            row(1, application="pay"),
            row(2, application="pay", type="login", check="login"),
            row(3, application="shop"),
            row(4, application="mail"),
        )
        assert await _ids(door, application="pay") == ["r1", "r2"]
        assert await _ids(door, application=["pay", "mail", "pay"]) == ["r1", "r2", "r4"]
        assert await _ids(door, application=["pay", "mail"], type="login") == ["r2"]
        assert await _ids(door, type=["login", "health"]) == ["r1", "r2", "r3", "r4"]
        assert await _ids(door, application="none") == []

    with_door(main)


def test_simulated_rows_are_left_out_unless_asked_for(with_door):
    async def main(door):
        await _kept(door, row(1), row(2, simulated=True))
        assert await _ids(door) == ["r1"]
        assert await _ids(door, simulated="true") == ["r1", "r2"]
        assert [one["checks"] for one in await _rows(door, resolution="1h")] == [1]
        assert [one["checks"] for one in await _rows(door, resolution="1h", simulated="true")] == [2]

    with_door(main)


def test_a_span_that_runs_backwards_is_refused(with_door):
    async def main(door):
        answer = await door.get("/api/history?from=2026-11-23T12:00:00Z&to=2026-11-22T12:00:00Z")
        assert answer.code == 422
        assert "`from` is later than `to`" in json.loads(answer.body)["detail"]

    with_door(main)


@pytest.mark.parametrize(
    "instant", ["yesterday", "2026-11-23", "2026-11-23T12:00:00", "0", "", "2026-13-01T00:00:00Z", "9" * 400]
)
def test_an_instant_without_an_offset_or_a_meaning_is_refused(with_door, instant):
    async def main(door):
        answer = await door.get("/api/history", query={"from": instant})
        assert answer.code == 422
        (mistake,) = json.loads(answer.body)["errors"]
        assert mistake["name"] == "from"
        assert mistake["detail"].startswith("expected an instant such as 2026-11-23T08:00:00Z, found ")

    with_door(main)


def test_the_farthest_instants_are_answered(with_door):
    async def main(door):
        await _kept(door, row(1))
        for resolution in RESOLUTIONS:
            span = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
            assert len(await _rows(door, resolution=resolution, **span)) == 1

    with_door(main)


def test_a_form_nobody_has_is_refused(with_door):
    async def main(door):
        answer = await door.get("/api/history", headers={"Accept": "text/html"})
        assert answer.code == 406
        assert "text/csv" in json.loads(answer.body)["detail"]

    with_door(main)


@pytest.mark.parametrize(("resolution", "bucket_ms"), [("1m", 60_000), ("1h", HOUR_MS), ("1d", 24 * HOUR_MS)])
def test_roll_ups_count_by_bucket_and_take_exact_quantiles_of_what_answered(with_door, resolution, bucket_ms):
    async def main(door):
        times = [float(n * n % 997) for n in range(200)]
        statuses = ["up", "degraded", "down", "unknown"]
        rows = [
            row(
                n + 1, due_ms=NOON_MS + n * 7 * 60_000, status=statuses[n % 4], response_ms=times[n], late_ms=float(n),
                application="pay" if n % 3 else "shop",
            )
            for n in range(200)
        ]  # fmt: skip
        await _kept(door, *rows)
        answered = await _rows(door, resolution=resolution)
        assert answered == sorted(answered, key=lambda one: (one["ts"], one["application"]))
        groups = {}
        for one in rows:
            groups.setdefault((one.due_ms // bucket_ms * bucket_ms, one.application), []).append(one)
        assert {(one["ts"], one["application"]) for one in answered} == {(to_wire(ts), who) for ts, who in groups}
        for one in answered:
            (group,) = [
                found for (ts, who), found in groups.items() if (to_wire(ts), who) == (one["ts"], one["application"])
            ]
            assert one["checks"] == len(group)
            for status in statuses:
                assert one[status] == sum(found.status == status for found in group)
            known = [found.response_ms for found in group if found.status in ("up", "degraded")]
            assert one["late_max_ms"] == max(found.late_ms for found in group)
            assert one["response_max_ms"] == (max(known) if known else None)
            assert one["response_min_ms"] == (min(known) if known else None)
            if known:
                assert one["response_mean_ms"] == pytest.approx(statistics.fmean(known))
                for share in (50, 95, 99):
                    assert one[f"response_p{share}_ms"] == pytest.approx(_quantile(known, share / 100))

    with_door(main)


def _quantile(values, share):
    values = sorted(values)
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def test_a_bucket_at_the_edge_holds_only_what_is_in_the_span(with_door):
    async def main(door):
        await _kept(door, *(row(n, due_ms=NOON_MS + n * 60_000) for n in range(1, 11)))
        span = {"from": to_wire(NOON_MS + 5 * 60_000), "to": to_wire(NOON_MS + 8 * 60_000)}
        (one,) = await _rows(door, resolution="1h", **span)
        assert (one["ts"], one["checks"]) == ("2026-11-23T12:00:00.000Z", 3)

    with_door(main)


HOSTILE = [
    'quotes " and "" more',
    "commas, semicolons; tabs\t",
    "lines\r\nand\nlines",
    "nul \x00 bell \x07 del \x7f",
    "</script><img src=x onerror=alert(1)>",
    "'; drop table results; --",
    "\\ \\\\ \\u0000 \\n",
    "umlaut ü, kanji 漢, emoji 🦆, rtl \u202e, separators \u2028\u2029, bom \ufeff",
    "",
    "null",
    " leading and trailing ",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_through_every_form_unchanged(with_door, text):
    async def main(door):
        await _kept(door, row(1, message=text, application=text, status="degraded"), row(2, message=None))
        (told,) = await _rows(door, application=text) if text else [(await _rows(door))[0]]
        assert (told["message"], told["application"]) == (text, text)
        for accept in (ARROW, PARQUET):
            table = _table(await door.get("/api/history", query=ALL, headers={"Accept": accept}))
            assert table.column("message").to_pylist() == [text, None]
        body = (await door.get("/api/history", query=ALL, headers={"Accept": "text/csv"})).body
        first, second = csv.DictReader(io.StringIO(body.decode(), newline=""))
        assert (first["message"], first["application"]) == (text, text)
        assert (second["message"], second["application"]) == ("", "pay")

    with_door(main)


def test_csv_tells_an_empty_text_from_a_missing_one(with_door):
    async def main(door):
        await _kept(door, row(1, message=""), row(2, message=None))
        body = (await door.get("/api/history", query=ALL, headers={"Accept": "text/csv"})).body
        table = pa.csv.read_csv(io.BytesIO(body), convert_options=_STRICT)
        assert table.column("message").to_pylist() == ["", None]

    with_door(main)


_STRICT = pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "=cmd|' /C calc'!A0"])
def test_csv_disarms_what_a_spreadsheet_takes_for_a_formula_and_the_other_forms_do_not(with_door, text):
    async def main(door):
        await _kept(door, row(1, message=text, response_ms=-1.5))
        body = (await door.get("/api/history", query=ALL, headers={"Accept": "text/csv"})).body
        (told,) = csv.DictReader(io.StringIO(body.decode(), newline=""))
        assert told["message"] == "'" + text
        assert told["response_ms"] == "-1.5"
        assert (await _rows(door))[0]["message"] == text

    with_door(main)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_say_is_null_there(with_door, number):
    async def main(door):
        await _kept(door, row(1, response_ms=number))
        assert (await _rows(door))[0]["response_ms"] is None

    with_door(main)


def test_columns_are_those_of_the_contract(with_door):
    async def main(door):
        await _kept(door, row(1))
        assert list((await _rows(door))[0]) == list(RESULT_COLUMNS)
        assert list((await _rows(door, resolution="1d"))[0]) == list(ROLLUP_COLUMNS)

    with_door(main)
