"""The page on the architecture names every room, and no room that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("server/appsentry_server", "server/appsentry_sources", "server/appsentry_contract", "appsentry_kernel")

pytestmark = pytest.mark.documentation


def _rooms():
    for package in PACKAGES:
        for entry in (ROOT / package).iterdir():
            if entry.is_dir() and any(entry.glob("*.py")):
                yield f"{package}/{entry.name}/"
            elif entry.suffix == ".py" and not entry.name.startswith("__"):
                yield f"{package}/{entry.name}"


def _named():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def test_every_room_is_on_the_page_once():
    assert sorted(_named()) == sorted(_rooms())


def test_every_link_of_the_documentation_leads_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_decision_says_what_was_asked_chosen_and_what_would_change_it():
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert re.match(r"# \S", text), page.name
        assert "change our mind" in text.lower(), page.name
