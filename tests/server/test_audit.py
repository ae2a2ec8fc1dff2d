"""The audit log: a line for each command, for its owner alone, rotated, and never in the way."""

import json
import logging

import pytest

from appsentry_server.audit import FILE_ORIGIN, Audit, Origin

SOCKET = Origin(door="socket", address="10.0.0.7", agent="a notebook", token=True)


def _lines(path):
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def test_a_line_says_who_did_what_and_when(tmp_path, moved_clock):
    audit = Audit(tmp_path, moved_clock)
    audit.record("cancel", SOCKET, testRunId="run-1")
    audit.record("rotateToken", FILE_ORIGIN)
    audit.close()
    cancelled, rotated = _lines(tmp_path / "audit.jsonl")
    at = "2026-09-21T14:13:20.000Z"
    who = {"door": "socket", "address": "10.0.0.7", "agent": "a notebook", "token": True}
    assert cancelled == {"at": at, "action": "cancel", **who, "testRunId": "run-1"}
    assert rotated == {
        "at": at,
        "action": "rotateToken",
        "door": "file",
        "address": None,
        "agent": None,
        "token": False,
    }
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_was_written_stays_and_full_files_are_kept_five_deep(tmp_path, moved_clock):
    for number in range(30):
        audit = Audit(tmp_path, moved_clock, most_bytes=600)
        audit.record("start", SOCKET, testRunId=f"run-{number}", agent="\n\u2028 x")
        audit.close()
    files = [tmp_path / "audit.jsonl", *(tmp_path / f"audit.jsonl.{number}" for number in range(1, 6))]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    kept = [line["testRunId"] for file in reversed(files) for line in _lines(file)]
    assert kept == [f"run-{number}" for number in range(30 - len(kept), 30)]
    assert all(file.stat().st_size <= 600 and file.stat().st_mode & 0o777 == 0o600 for file in files)


@pytest.mark.parametrize("obstacle", ["a folder in its place", "no folder"])
def test_what_cannot_be_written_is_in_the_servers_log(tmp_path, moved_clock, caplog, obstacle):
    folder = tmp_path / "data"
    if obstacle != "no folder":
        (folder / "audit.jsonl").mkdir(parents=True)
    audit = Audit(folder, moved_clock)
    with caplog.at_level(logging.ERROR):
        audit.record("start", SOCKET, testRunId="run-1")
        audit.close()
    assert "cannot be written" in caplog.text
    assert '"testRunId":"run-1"' in caplog.text
