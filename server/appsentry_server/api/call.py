"""A call as an operation sees it, and the reply it gives."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict

from appsentry_server.api.exports import Exports
from appsentry_server.audit import Origin
from appsentry_server.services import Services
from appsentry_server.telemetry import Telemetry

QueryT = TypeVar("QueryT", bound="Arguments")
BodyT = TypeVar("BodyT", bound=BaseModel)


class Arguments(BaseModel):
    """The query of a call that takes none; those that do subclass it. A name it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoBody(BaseModel):
    """The body of a call that needs none: nothing, or an empty object."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What every operation can reach."""

    services: Services
    exports: Exports
    telemetry: Telemetry
    scheduling: Callable[[], bool]
    """Whether the schedule is being worked off."""
    documents: dict[str, bytes] = field(default_factory=dict)
    """The generated documents by name, as JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[QueryT, BodyT]):
    """One request, validated: `id` is the one in its path, empty where there is none."""

    api: Api
    id: str
    query: QueryT
    body: BodyT
    accept: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: whole, or in chunks that are made while they are read."""

    content: bytes | AsyncGenerator[bytes]
    content_type: str = "application/json"
    status: int = 200


Answer = Callable[[Call[Any, Any]], Awaitable[Reply]]


def json_reply(value: object, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(content=orjson.dumps(value), status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the table: what is called how, and everything that its description and its validation need."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    answer: Answer
    response: Any
    """The type of the JSON it answers with, or `bytes` when `content_types` say it all."""
    content_types: tuple[str, ...] = ("application/json",)
    rows: tuple[str, ...] = ()
    """What its rows may be, when it answers with rows: names of `ROWS` in the OpenAPI document."""
    query: type[Arguments] = Arguments
    body: type[BaseModel] = NoBody
    status: int = 200
    problems: tuple[int, ...] = ()
    """Statuses of its own refusals, besides those every operation has."""
    needs_token: bool = True
