"""Validation errors in the words of the configuration file: what was expected, what was found.

A value is quoted only where it cannot be a secret: a number out of bounds, a word out of a fixed set. Elsewhere its
kind is named.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from appsentry_server import durations

_LONGEST_NAME = 100
_KINDS: Mapping[type, str] = {
    type(None): "nothing",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
}
_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "path_type": "a path",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_PATTERNS: Mapping[str, str] = {
    r"^\w[\w.-]*$": "a name of letters, digits, '_', '.' and '-', starting with a letter, a digit or '_'",
}


def wording(error: ErrorDetails, model: type[BaseModel]) -> str:
    """The message for one pydantic error of `model`."""
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown("key", str(error["loc"][-1]), _known_keys(model, error["loc"][:-1]))
    if kind == "missing":
        return "expected this key, found none"
    if kind == "value_error":
        return str(context["error"])
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"expected {words} {_bound(context[bound])}, found {_bounded(found)}"
    if kind in _EXPECTED:
        quotes = "; put it in quotes" if kind == "string_type" and isinstance(found, bool | int | float) else ""
        return f"expected {_EXPECTED[kind]}, found {kind_of(found)}{quotes}"
    if kind == "literal_error":
        return f"expected {context['expected']}, found {_word(found)}"
    return _of_text(error) or f"{error['msg']}, found {kind_of(found)}"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """That a name is not known, the nearest known one if any is near, and all of them."""
    name = name[:_LONGEST_NAME]
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {name!r}; {hint}known: {', '.join(names) or 'none'}"


def shown(name: str) -> str:
    """A name from the file as it can stand in one line of a message."""
    short = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return short if short.isprintable() else repr(short)


def kind_of(found: object) -> str:
    """What kind of value it is, in the words of the file's author."""
    return _KINDS.get(type(found), type(found).__name__)


def _of_text(error: ErrorDetails) -> str | None:
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        pattern = _PATTERNS.get(context["pattern"], f"text that matches {context['pattern']}")
        return f"expected {pattern}, found {_word(found)}"
    if kind == "path_not_file":
        return f"expected the path of a file, found {_word(str(found))}, where there is none"
    if kind == "string_too_long":
        return f"expected at most {context['max_length']} characters, found {len(found)}"
    if kind == "string_too_short":
        return "expected text, found none"
    if kind == "too_short":
        return f"expected at least {context['min_length']}, found {context['actual_length']}"
    return None


def _word(found: object) -> str:
    return repr(found) if isinstance(found, str) and len(found) <= _LONGEST_NAME else kind_of(found)


def _bounded(found: object) -> str:
    return durations.write(found) if isinstance(found, timedelta) else str(found)[:50]


def _bound(bound: object) -> str:
    # pydantic hands a timedelta over as its repr.
    if isinstance(bound, str) and bound.startswith("datetime.timedelta("):
        parts = {unit: int(count) for unit, count in re.findall(r"(\w+)=(\d+)", bound)}
        return durations.write(timedelta(**parts))
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    models = [model]
    for step in location:
        # A step that is no field is a list's index or a union's member: the models stay the same.
        inner = [_field_models(one, step) for one in models]
        models = [found for group in inner for found in group] or models
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _field_models(model: type[BaseModel], step: int | str) -> list[type[BaseModel]]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return list(_models_in(fields[step].annotation)) if step in fields else []


def _models_in(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
