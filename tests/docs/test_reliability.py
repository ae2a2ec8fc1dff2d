"""The page on reliability names tests that exist, and leaves none of the tests under faults out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))

pytestmark = pytest.mark.documentation


def test_every_row_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert rows
    for row in rows:
        assert re.search(r"`tests/[\w/]+\.py`", row), row
    assert not [name for name in NAMED if not (ROOT / name).is_file()]


def test_every_test_under_faults_has_its_row() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert there <= NAMED
