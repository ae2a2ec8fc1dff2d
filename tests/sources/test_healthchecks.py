"""Flips of Healthchecks are read as results."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appsentry_sources.reading import Reading, SourceUnreadable

Read = Callable[..., Reading]
FLIPS = [
    {"timestamp": "2026-03-23T10:18:23+00:00", "up": 1},
    {"timestamp": "2026-03-22T08:00:00+02:00", "up": 0},
]


def test_a_flip_is_a_result_of_the_check_the_file_is_named_after(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "Nightly backup.json"
    path.write_text(json.dumps(FLIPS))
    reading = read(path)
    rows = reading.table.select(["application", "check", "status", "response_ms"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("nightly-backup", "push", "down", None),
        ("nightly-backup", "push", "up", None),
    ]
    assert reading.names == {"nightly-backup": "Nightly backup"}
    assert reading.table["ts"][0].as_py().isoformat() == "2026-03-22T06:00:00+00:00"


def test_an_object_names_its_checks(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "flips.json"
    path.write_text(json.dumps({"A": FLIPS, "B": [], "C": FLIPS[:1]}))
    reading = read(path)
    assert reading.names == {"a": "A", "c": "C"}
    assert reading.left_out == {"checks without a flip": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"up": "timestamp"}',
        '[{"timestamp": "2026-03-23T10:18:23", "up": 1}]',
        '[{"timestamp": 5, "up": 1}]',
        "[",
    ],
)
def test_what_is_no_list_of_flips_is_refused_with_an_example(tmp_path: Path, read: Read, text: str) -> None:
    path = tmp_path / "flips.json"
    path.write_text(text)
    with pytest.raises(SourceUnreadable, match=r'flips\.json: not flips of Healthchecks, such as \[\{"timestamp"'):
        read(path, "healthchecks")


def test_no_flip_at_all_is_said(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "flips.json"
    path.write_text("[]")
    with pytest.raises(SourceUnreadable, match="holds no flip"):
        read(path, "healthchecks")
