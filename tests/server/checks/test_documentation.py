"""The pages of the checks tell every option and every failure class."""

import re
from pathlib import Path
from types import NoneType
from typing import get_args

import pytest
from pydantic import BaseModel

from appsentry_contract.vocabulary import DOWN_CLASSES, UNKNOWN_CLASSES
from appsentry_server.checks.kind import CheckSettings
from appsentry_server.checks.table import KINDS
from appsentry_server.configuration.loading import load_text

pytestmark = pytest.mark.documentation

PAGES = Path(__file__).parents[3] / "docs/checks"


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def options(settings: type[BaseModel]) -> set[str]:
    """Every option of a kind as it is written, nested ones with a dot."""
    found = set()
    for name, field in settings.model_fields.items():
        written = field.alias or name
        members = [part for part in (field.annotation, *get_args(field.annotation)) if part is not NoneType]
        nested = next((part for part in members if isinstance(part, type) and issubclass(part, BaseModel)), None)
        found |= {f"{written}.{inner}" for inner in options(nested)} if nested else {written}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_tells_its_options_and_no_others(kind):
    page = (PAGES / f"{kind}.md").read_text()
    table = first_cells(page.partition("| option |")[2].partition("\n\n")[0])

    assert set(table) == options(KINDS[kind].settings) - CheckSettings.model_fields.keys()
    assert len(table) == len(set(table))


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_kind_can_be_loaded(kind, monkeypatch, tmp_path):
    monkeypatch.setenv("PAY_USER", "x")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pay-password").write_text("x")
    page = (PAGES / f"{kind}.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    indented = "".join(f"    {line}\n" for line in example.splitlines())

    configuration = load_text("applications:\n  - id: pay\n" + indented, directory=tmp_path)

    assert configuration.applications[0].checks[0].type == kind


def test_every_failure_class_is_told_under_its_verdict():
    down, unknown = (PAGES / "failures.md").read_text().partition("## Down")[2].split("## Unknown")

    assert set(first_cells(down)) == DOWN_CLASSES
    assert set(first_cells(unknown)) == UNKNOWN_CLASSES
