"""Gatus' tables are read whole: results before sums, never both."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from appsentry_sources.reading import Reading, SourceUnreadable

Read = Callable[..., Reading]
Insert = Callable[[str, list[tuple[object, ...]]], None]

HOUR = 3_600
NOON = 1_780_000_000 // 86_400 * 86_400 + 12 * HOUR
SCHEMA = """
create table endpoints (
    endpoint_id integer primary key, endpoint_key text unique, endpoint_name text not null, endpoint_group text not null
);
create table endpoint_results (
    endpoint_result_id integer primary key, endpoint_id integer not null, success integer not null,
    errors text not null, connected integer not null, status integer not null, dns_rcode text not null,
    certificate_expiration integer not null, domain_expiration integer not null,
    hostname text not null, ip text not null, duration integer not null,
    timestamp timestamp not null, suite_result_id integer
);
create table endpoint_uptimes (
    endpoint_uptime_id integer primary key, endpoint_id integer not null, hour_unix_timestamp integer not null,
    total_executions integer not null, successful_executions integer not null, total_response_time integer not null
);
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "gatus.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("insert into endpoints values (1, 'core_api', 'API', 'core'), (2, '_web', 'Web', '')")
        connection.commit()
    return path


@pytest.fixture
def insert(database: Path) -> Insert:
    def rows(statement: str, values: list[tuple[object, ...]]) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.executemany(statement, values)
            connection.commit()

    return rows


RESULT = "insert into endpoint_results values (null, ?, ?, ?, 1, ?, '', 0, 0, '', '', ?, ?, null)"
SUM = "insert into endpoint_uptimes values (null, ?, ?, ?, ?, 0)"


def test_a_result_is_a_result_however_go_wrote_its_instant(database: Path, insert: Insert, read: Read) -> None:
    insert(
        RESULT,
        [
            (1, 1, "", 200, 42_000_000, "2026-08-17 21:22:58.123456789+00:00"),
            (1, 0, "refused|~|again", 0, 1_000_000, "2026-08-17 21:23:58 +0000 UTC"),
            (2, 0, "", 503, 2_000_000, "2026-08-17T23:24:58.5+02:00"),
        ],
    )
    reading = read(database)
    rows = reading.table.select(["application", "status", "response_ms", "message"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("core-api", "up", 42.0, None),
        ("core-api", "down", 1.0, "refused; again"),
        ("web", "down", 2.0, "status 503"),
    ]
    assert [instant.isoformat() for instant in reading.table["ts"].to_pylist()] == [
        "2026-08-17T21:22:58.123456+00:00",
        "2026-08-17T21:23:58+00:00",
        "2026-08-17T21:24:58.500000+00:00",
    ]
    assert reading.names == {"core-api": "core API", "web": "Web"}


def test_sums_of_hours_and_days_add_what_the_results_do_not_have(database: Path, insert: Insert, read: Read) -> None:
    days = [(1, NOON - 12 * HOUR - day * 86_400, 1_440, 1_400) for day in range(3, 10)]
    hours = [(1, NOON - hour * HOUR, 60, 59) for hour in range(48)]
    insert(SUM, days + hours)
    # The last half hour, one by one: one of its thirty results is down.
    beats = [(1, int(minute != 45), "", 200, 1, f"2026-05-28 12:{minute:02}:00Z") for minute in range(30, 60)]
    assert NOON == 1_779_969_600
    insert(RESULT, beats)
    reading = read(database)
    statuses = Counter(reading.table["status"].to_pylist())
    assert sum(statuses.values()) == 7 * 1_440 + 48 * 60
    assert statuses["down"] == 7 * 40 + 48
    assert reading.placed == sum(statuses.values()) - 30
    by_minute = Counter(instant.replace(minute=0, second=0) for instant in reading.table["ts"].to_pylist()[-60:])
    assert len(by_minute) == 1


def test_a_database_without_a_result_is_refused(database: Path, read: Read) -> None:
    with pytest.raises(SourceUnreadable, match=r"gatus\.db: none of its 2 endpoints has a result"):
        read(database)


def test_an_instant_of_another_kind_is_refused(database: Path, insert: Insert, read: Read) -> None:
    insert(RESULT, [(1, 1, "", 200, 42, "yesterday")])
    with pytest.raises(SourceUnreadable, match="expected an instant of Gatus, found 'yesterday'"):
        read(database)
