"""Parquet and CSV: our own exports come back as they were, and others' columns are found by their names."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from appsentry_sources.reading import Reading, SourceUnreadable, table_of

Read = Callable[..., Reading]
INSTANT_US = 1_780_000_000_123_456


@pytest.fixture
def table() -> pa.Table:
    return table_of(
        {
            "result_id": ["r-1", "r-2"],
            "ts": [INSTANT_US, INSTANT_US + 30_000_000],
            "application": ["Shop_EU.1", 'a"b,c\nd'],
            "check": ["health", "login"],
            "type": ["health", "login"],
            "status": ["up", "down"],
            "response_ms": [0.1 + 0.2, None],
            "message": [None, 'expected "200", found 503'],
            "attempt": [1, 3],
            "interval_s": [30.0, 60.0],
            "simulated": [False, True],
        }
    )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_our_own_export_comes_back_as_it_was(tmp_path: Path, read: Read, table: pa.Table, kind: str) -> None:
    path = tmp_path / f"export.{kind}"
    write = pyarrow.parquet.write_table if kind == "parquet" else pyarrow.csv.write_csv
    write(table, path)
    reading = read(path)
    assert reading.format == kind
    assert reading.table.equals(table)


def test_other_tools_columns_are_found_by_their_names(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "Timestamp,Monitor,Success,Latency,Region\n"
        "2026-01-01 00:00:30,Shop (EU),true,12.5,a\n"
        "2026-01-01T01:00:00+01:00,shop eu,FALSE,,a\n"
        "2026-01-01T00:00:00Z,Blog,maybe,3,b\n"
    )
    reading = read(path)
    rows = reading.table.select(["ts", "application", "check", "status", "response_ms"]).to_pylist()
    assert [(row["ts"].isoformat(), *list(row.values())[1:]) for row in rows] == [
        ("2026-01-01T00:00:00+00:00", "shop-eu", "health", "down", None),
        ("2026-01-01T00:00:30+00:00", "shop-eu", "health", "up", 12.5),
    ]
    assert reading.left_out == {"rows of no known status": 1}


def test_a_series_of_values_is_named_after_its_file_and_has_no_status(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "EC2 latency.csv"
    path.write_text("timestamp,value\n2014-03-07 03:41:00,45.868\n")
    (row,) = read(path).table.to_pylist()
    assert (row["application"], row["status"], row["response_ms"]) == ("ec2-latency", None, 45.868)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,status\na,up\n", "no column of instants"),
        ("ts,status\nyesterday,up\n", "expected instants such as"),
        ("ts,status\n,up\n", "1 rows have no instant"),
        ("ts,response_ms\n2026-01-01T00:00:00Z,fast\n", "column 'response_ms'"),
        ("ts,status\n2026-01-01T00:00:00Z,up,extra\n", "no CSV"),
        ("", "no CSV"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, read: Read, text: str, why: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(SourceUnreadable, match=why):
        read(path, "csv")


def test_half_a_parquet_file_is_refused_in_words(tmp_path: Path, read: Read, table: pa.Table) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(table, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceUnreadable, match="no whole Parquet file"):
        read(path)


def test_a_file_that_is_not_there_or_is_nothing_we_know_is_said(tmp_path: Path, read: Read) -> None:
    with pytest.raises(SourceUnreadable, match="No such file"):
        read(tmp_path / "absent.csv")
    (tmp_path / "noise").write_bytes(b"\x00\x01")
    with pytest.raises(SourceUnreadable, match=r"of no format that can be read \(kuma, gatus, .*prometheus\)"):
        read(tmp_path / "noise")
    with pytest.raises(SourceUnreadable, match="unknown format 'excel': expected one of kuma"):
        read(tmp_path / "noise", "excel")
