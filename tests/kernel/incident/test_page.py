"""The page on incidents is true: its blocks run, its examples and numbers are the code's."""

import re
from pathlib import Path

import pytest

import appsentry_kernel as sentry
from appsentry_kernel.incident.changes import SHIFT, WIDENING
from appsentry_kernel.incident.incident import Incident
from appsentry_kernel.incident.scan import LEAST
from appsentry_kernel.tables.cofailure import ENOUGH

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "incidents.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.documentation


def test_every_block_runs():
    names = {"frame": sentry.read_history(ROOT / "notebooks" / "data" / "03_incident.parquet")}
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(block, names)
    assert names["one"].first == "tie"


@pytest.mark.parametrize("example", re.findall(r"```first\n(.*?)\n```", PAGE, re.DOTALL))
def test_who_was_first_is_what_the_page_says(frame_of, example):
    *lines, said = example.splitlines()
    (one,) = sentry.incidents(frame_of(dict(line.split() for line in lines), apart=0))
    assert said == f"first {one.first}"


def test_every_part_of_an_incident_is_there():
    named = {
        name for row in re.findall(r"^\| (`one.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"one\.(\w+)", row)
    }
    public = {name for name in dir(Incident) if not name.startswith("_")}
    assert named <= public
    assert public - named <= {"duration", "text"}


def test_the_limits_are_the_code_s():
    assert (SHIFT, WIDENING, LEAST, ENOUGH) == (0.1, 1.5, 5, 5)
    assert "by at least a tenth (`shift`), a spread by a factor of at least 1.5 (`widening`)" in " ".join(PAGE.split())
    assert "tells from anomalies is 5 results" in PAGE
    assert "fewer than 5 outages" in PAGE
