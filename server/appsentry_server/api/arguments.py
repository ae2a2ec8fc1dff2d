"""Queries and bodies as validated values; everything wrong with them is told at once."""

from collections.abc import Iterable, Mapping
from typing import TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appsentry_server.api.problems import Mistake, Problem

ModelT = TypeVar("ModelT", bound=BaseModel)

_TOLD = 5
_LISTED = 100


def read_query(model: type[ModelT], query: str) -> ModelT:
    """The query of a URL. A name given several times is a list where the model has one. Raises `Problem` 422."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", separator="&")
    except ValueError as error:
        raise _problem([{"where": "query", "name": "", "detail": f"cannot be read: {error}"}]) from None
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    repeatable = _repeatable(model)
    repeated = [name for name, values in given.items() if len(values) > 1 and name not in repeatable]
    mistakes: list[Mistake] = [{"where": "query", "name": name, "detail": "give it once"} for name in repeated]
    values = {name: values if name in repeatable else values[0] for name, values in given.items()}
    return _validated(model, values, mistakes)


def read_body(model: type[ModelT], body: bytes, content_type: str) -> ModelT:
    """The body of a POST; none at all is an empty object. Raises `Problem` 415, 400 or 422."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        found = repr(media_type) if media_type else "none"
        raise Problem(415, f"the body must be application/json, and Content-Type is {found}")
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        if details[0]["type"] == "json_invalid":
            raise Problem(400, f"the body is not JSON: {details[0]['msg']}", code="malformed") from None
        raise _problem(_mistakes("body", details)) from None


def _validated(model: type[ModelT], values: Mapping[str, object], mistakes: list[Mistake]) -> ModelT:
    try:
        validated = model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise _problem([*mistakes, *_mistakes("query", details)]) from None
    if mistakes:
        raise _problem(mistakes)
    return validated


def _repeatable(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(
        field.alias or name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple
    )


def _mistakes(where: str, details: Iterable[ErrorDetails]) -> list[Mistake]:
    return [
        {"where": where, "name": ".".join(map(str, one["loc"])), "detail": one["msg"].removeprefix("Value error, ")}
        for one in details
    ]


def _problem(mistakes: list[Mistake]) -> Problem:
    told = "; ".join(f"{one['name'] or one['where']}: {one['detail']}" for one in mistakes[:_TOLD])
    more = f"; and {len(mistakes) - _TOLD} more" if len(mistakes) > _TOLD else ""
    return Problem(422, told + more, code="malformed", errors=mistakes[:_LISTED])
