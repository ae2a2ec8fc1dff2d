"""The AsyncAPI 3.0 description of the socket: every event and every request, made from the contract's own types."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from appsentry_contract import __version__
from appsentry_contract.events import EVENTS
from appsentry_contract.requests import REQUESTS
from appsentry_server.api.prose import first_paragraph

_REFERENCE = "#/components/schemas/{model}"
_CHANNEL = "#/channels/socket"


def document() -> dict[str, Any]:
    """The whole document, as plain JSON values. A message is named as its event or request is on the wire."""
    payloads: dict[str, type] = {
        **{name: kind.payload for name, kind in EVENTS.items()},
        **REQUESTS,
    }
    schemas, definitions = _schemas(payloads)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AppSentry",
            "version": __version__,
            "description": "Socket.IO protocol 5 at /socket.io/: each message is an event with one JSON object.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/socket.io/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in payloads},
            }
        },
        "operations": {
            **{name: _operation(name, "send") for name in EVENTS},
            **{name: _operation(name, "receive") for name in REQUESTS},
        },
        "components": {
            "messages": {name: _message(name, payload, schemas[name]) for name, payload in payloads.items()},
            "schemas": definitions,
        },
    }


def _schemas(payloads: Mapping[str, type]) -> tuple[dict[str, Any], dict[str, Any]]:
    found, rest = TypeAdapter.json_schemas(
        [(name, "validation", TypeAdapter(payload)) for name, payload in payloads.items()], ref_template=_REFERENCE
    )
    return {name: schema for (name, _), schema in found.items()}, rest["$defs"]


def _operation(name: str, action: str) -> dict[str, Any]:
    messages = [{"$ref": f"{_CHANNEL}/messages/{name}"}]
    return {"action": action, "channel": {"$ref": _CHANNEL}, "messages": messages}


def _message(name: str, payload: type, schema: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "summary": first_paragraph(payload), "payload": schema}
    kind = EVENTS.get(name)
    if kind is not None:
        message["x-stream"] = kind.stream
        message["x-volatile"] = kind.volatile
    return message
