"""docs/dashboard.md is held to what the board shows."""

import re
from pathlib import Path

import pytest

from appsentry_kernel.widgets.joined import HERE

pytestmark = pytest.mark.documentation

PAGE = Path(__file__).parents[3] / "docs" / "dashboard.md"


def test_the_page_lists_every_glyph_with_its_words():
    listed = {}
    for glyph, words in re.findall(r"^\| (\S) \| ([\w, ]+) \| \w+ \|$", PAGE.read_text("utf-8"), re.MULTILINE):
        listed |= dict.fromkeys(words.split(", "), glyph)
    table = re.search(r"const GLYPHS = \{(.*?)\};", (HERE / "words.js").read_text("utf-8"), re.DOTALL)
    assert table
    shown = dict(re.findall(r'(\w+): "(.)"', table[1]))
    assert listed == shown | {"unknown": "?"}


def test_the_page_explains_every_state_of_the_connection():
    labels = re.findall(r'label: "([^"]+)"', (HERE / "connection.js").read_text("utf-8"))
    assert len(labels) == 5
    for label in labels:
        assert f"| {label} |" in PAGE.read_text("utf-8")


def test_the_page_s_pictures_are_there_and_small():
    pictures = re.findall(r"\((images/[^)]+)\)", PAGE.read_text("utf-8"))
    assert pictures
    for picture in pictures:
        assert (PAGE.parent / picture).stat().st_size < 200_000
