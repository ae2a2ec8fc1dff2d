"""`docs/configuration.md` lists every setting with its type and default, and its examples can be loaded."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from appsentry_server import durations
from appsentry_server.checks.kind import CheckSettings
from appsentry_server.checks.patterns import Regex
from appsentry_server.checks.statuses import Statuses
from appsentry_server.checks.table import KINDS
from appsentry_server.configuration.loading import load_text
from appsentry_server.configuration.model import ApplicationSettings, CheckDefaults, ServerSettings
from appsentry_server.references import Reference

pytestmark = pytest.mark.documentation

PAGE = (Path(__file__).parents[3] / "docs/configuration.md").read_text()
Table = dict[str, tuple[str, str]]

TYPES: Mapping[type, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration", Path: "path",
    Reference: "reference", Statuses: "statuses", Regex: "regular expression",
}  # fmt: skip
SPECIAL_DEFAULTS = {("applications", "name"): "its id", ("Every check", "id"): "its type"}


def parts_of(annotation: Any) -> list[Any]:
    """The members of a union without None, with what annotates them removed."""
    arguments = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return parts_of(arguments[0])
    if arguments and NoneType in arguments:
        return [part for one in arguments if one is not NoneType for part in parts_of(one)]
    return [annotation]


def type_of(annotation: Any) -> str:
    (part,) = parts_of(annotation)
    if get_origin(part) is tuple:
        return f"list of {type_of(get_args(part)[0])}"
    if get_origin(part) is Mapping:
        return "mapping"
    if isinstance(part, type) and issubclass(part, BaseModel):
        return "mapping"
    # A literal is a word from a fixed set, and a serialisation marker stands around the class it marks.
    return TYPES.get(part, "text" if get_args(part) else "mapping")


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "see below"
    if default is None:
        return "none"
    if default in ((), {}):
        return "empty"
    if isinstance(default, timedelta):
        return f"`{durations.write(default)}`"
    if isinstance(default, Statuses):
        return f"`{default.written.replace('–', '-')}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def table_of(section: str, model: type[BaseModel], *, without: Collection[str]) -> Table:
    rows = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in without:
            rows[key] = type_of(field.annotation), SPECIAL_DEFAULTS.get((section, key), default_of(field))
    return rows


def sections(name: str, model: type[BaseModel], *, without: Collection[str] = ()) -> Iterator[tuple[str, Table]]:
    yield name, table_of(name, model, without=without)
    for key, field in model.model_fields.items():
        (part, *_) = parts_of(field.annotation)
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from sections(f"{name}.{field.alias or key}", part)


def expected() -> dict[str, Table]:
    common = set(CheckSettings.model_fields)
    found = dict(sections("server", ServerSettings))
    found |= dict(sections("defaults", CheckDefaults)) | dict(sections("applications", ApplicationSettings))
    found |= dict(sections("Every check", CheckSettings))
    for kind, row in KINDS.items():
        found |= dict(sections(kind, row.settings, without=common))
    return found


def written() -> dict[str, Table]:
    """Section, key, type and default as the page has them."""
    found: dict[str, Table] = {}
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", body, flags=re.MULTILINE)
        found[title.strip("`")] = {key: (kind, default) for key, kind, default in rows}
    return found


@pytest.mark.parametrize("section", sorted(set(expected()) | set(written())))
def test_every_setting_is_documented_with_its_type_and_default(section: str) -> None:
    assert written().get(section) == expected().get(section)


def test_the_sections_of_the_model_are_really_found() -> None:
    assert set(expected()) > {"server.limits", "defaults", "applications.sla", "Every check", "health.expect"}


EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_can_be_loaded(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"env:(\w+)", example):
        monkeypatch.setenv(name, "a secret")
    assert load_text(example).applications
