"""The OpenAPI 3.1 description of the table of operations, made from the types themselves."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from appsentry_contract import __version__
from appsentry_contract.columns import LATENCY_COLUMNS, RESULT_COLUMNS, ROLLUP_COLUMNS, SPAN_COLUMNS, Column, Kind
from appsentry_server.api.call import Operation
from appsentry_server.api.problems import CONTENT_TYPE, ProblemDetails

_REFERENCE = "#/components/schemas/{model}"
_EVERYWHERE = (403, 500)
_POST = (400, 413, 415)
_NO_REQUEST = {"description": "No HTTP, or a query of more than 1,000 parameters: answered without a body"}
"""What Tornado refuses before anything of ours sees it."""

_COLUMN_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "instant": {"type": "string", "format": "date-time"},
    "text": {"type": ["string", "null"]},
    "word": {"type": ["string", "null"]},
    "number": {"type": ["number", "null"]},
    "count": {"type": "integer"},
    "flag": {"type": "boolean"},
}

ROWS: Mapping[str, Mapping[str, Column]] = {
    "HistoryResult": RESULT_COLUMNS,
    "HistoryRollup": ROLLUP_COLUMNS,
    "Span": SPAN_COLUMNS,
    "Latency": LATENCY_COLUMNS,
}
"""The rows that are answered, by the names of their schemas."""


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document, as plain JSON values."""
    operations = list(operations)
    schemas, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AppSentry",
            "version": __version__,
            "description": "Applications, test runs and the history of an AppSentry server.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                **definitions,
                **{name: _row(columns) for name, columns in ROWS.items()},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: Iterable[Operation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of every type that is answered or read, and the definitions they refer to."""
    answered = {operation.response for operation in operations if operation.response is not bytes}
    read = {operation.body for operation in operations if operation.method == "POST"}
    wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        (kind, "serialization", TypeAdapter(kind)) for kind in (*answered, ProblemDetails)
    ]
    wanted += [(model, "validation", TypeAdapter(model)) for model in read]
    found, rest = TypeAdapter.json_schemas(wanted, ref_template=_REFERENCE)
    return {kind: schema for (kind, _), schema in found.items()}, rest["$defs"]


def _described(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
    }
    if operation.method == "POST":
        # Of every one, also where an empty object says all: a POST that is not JSON is refused.
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.needs_token:
        # The empty alternative: a server on loopback may have been started without a token.
        described["security"] = [{"token": []}, {}]
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if "{id}" in operation.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    schema = operation.query.model_json_schema()
    for name, value in schema["properties"].items() if "properties" in schema else ():
        one: dict[str, Any] = {"name": name, "in": "query", "required": False}
        if "description" in value:
            one["description"] = value.pop("description")
        parameters.append({**one, "schema": value})
    return parameters


def _responses(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    problem = {"content": {CONTENT_TYPE: {"schema": schemas[ProblemDetails]}}}
    statuses = {*_EVERYWHERE, *operation.problems, 422}
    statuses |= {401, 429} if operation.needs_token else set()
    statuses |= set(_POST) if operation.method == "POST" else set()
    success = {
        "description": HTTPStatus(operation.status).phrase,
        "content": {
            content_type: _content(operation, content_type, schemas) for content_type in operation.content_types
        },
    }
    refused = {str(status): {"description": HTTPStatus(status).phrase, **problem} for status in sorted(statuses)}
    return {str(operation.status): success, "400": _NO_REQUEST, **refused}


def _content(operation: Operation, content_type: str, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if operation.response is not bytes:
        return {"schema": schemas[operation.response]}
    if content_type == "application/json":
        rows = [{"$ref": _REFERENCE.format(model=model)} for model in operation.rows]
        return {"schema": {"type": "array", "items": {"oneOf": rows}}}
    return {}


def _row(columns: Mapping[str, Column]) -> dict[str, Any]:
    properties = {
        name: {**_COLUMN_SCHEMAS[column.kind], "description": column.meaning} for name, column in columns.items()
    }
    return {"type": "object", "properties": properties, "required": list(columns), "additionalProperties": False}
