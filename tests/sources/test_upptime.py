"""Upptime's commit log is read as results, and what is none is counted."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from appsentry_sources.arrow import RESULT_SCHEMA
from appsentry_sources.reading import Reading, SourceUnreadable

Read = Callable[..., Reading]


LINES = """\
2026-06-05T23:32:10-06:00|🟥 Shop is down (0 in 0 ms) [skip ci] [upptime]
2026-06-05T23:30:09+00:00|🟥 Shop is down (200 in 12 ms) [skip ci] [upptime]
2026-06-05T23:30:08+00:00|🟥 Blog is down (503 in 7 ms) [skip ci] [upptime]
2026-06-05T23:29:08Z|🟨 Blog has degraded performance (200 in 9000 ms) [skip ci] [upptime]
2026-06-05T23:28:08+00:00|:pencil: Update summary in README
not a commit at all
2026-06-05T23:27:08+00:00|🟩 Shop is up (200 in 300 ms) [skip ci] [upptime]
"""


@pytest.mark.parametrize("zipped", [False, True])
def test_a_line_is_a_result_or_is_counted(tmp_path: Path, zipped: bool, read: Read) -> None:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(LINES.encode()) if zipped else LINES.encode())
    reading = read(path)
    assert reading.format == "upptime"
    assert reading.left_out == {"other commits": 2}
    assert reading.table.schema == RESULT_SCHEMA
    rows = reading.table.select(["application", "status", "response_ms", "failure", "message"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("shop", "up", 300.0, None, "status 200 in 300 ms"),
        ("blog", "degraded", 9000.0, None, "status 200 in 9000 ms"),
        ("blog", "down", 7.0, "status", "status 503 in 7 ms"),
        ("shop", "down", 12.0, "expectation", "status 200 in 12 ms"),
        ("shop", "down", None, "deadline", "timed out"),
    ]
    assert reading.table["ts"][-1].as_py().isoformat() == "2026-06-06T05:32:10+00:00"
    assert reading.table["interval_s"].null_count == len(rows)


def test_a_log_without_a_result_is_refused_with_what_was_expected(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "log"
    path.write_text("2026-06-05T23:28:08+00:00|Update README\n")
    with pytest.raises(SourceUnreadable, match=r"log: none of its 1 lines is a result of Upptime, such as"):
        read(path)


def test_thirteen_real_weeks_are_read_whole(upptime_log: Path, read: Read) -> None:
    reading = read(upptime_log)
    assert reading.table.num_rows == 13_617
    assert reading.left_out == {"other commits": 2_101}
    assert reading.table["status"].to_pylist().count("down") == 746
    assert len(reading.names) == 16
    assert reading.names["alpine-login-node-ssh-tcp-reachability"].startswith("⛰️")
