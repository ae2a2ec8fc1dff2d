"""The page on figures has a section for each, with the columns of its table."""

import re
from pathlib import Path

import pytest

import appsentry_kernel as sentry

PAGE = (Path(__file__).parents[3] / "docs" / "figures.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))

pytestmark = pytest.mark.documentation


def _columns(section):
    """The columns of each table in a section."""
    return [re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) for table in SECTIONS[section].split("| column |")[1:]]


def test_every_figure_has_its_section_and_every_section_its_figure():
    assert sorted(SECTIONS) == sorted(sentry.fig.__all__)


@pytest.mark.parametrize("name", ["latency", "latency_heatmap", "phases", "heartbeats", "daily", "timeline", "rhythm"])
def test_a_section_lists_the_columns_of_the_table(name, beats):
    frame = beats(shop="+" * 30).assign(dns_ms=1.0)
    draw = getattr(sentry.fig, name)
    drawn = [draw(frame, show=show) for show in ("downtime", "p95")] if name == "rhythm" else [draw(frame)]
    assert _columns(name) == [list(figure.table.columns) for figure in drawn]


def test_the_defaults_of_the_page_are_the_code_s():
    for name, argument in (("heartbeats", "beats=50"), ("daily", "days=90"), ("daily", "target=99.0")):
        word, value = argument.split("=")
        assert argument in SECTIONS[name]
        assert getattr(sentry.fig, name).__kwdefaults__[word] == float(value)
