"""The AsyncAPI document: every event and every request of the contract, with all their fields."""

import json

import pytest

from appsentry_contract import events
from appsentry_contract.events import EVENTS
from appsentry_contract.requests import REQUESTS
from appsentry_server.api import asyncapi


@pytest.fixture(scope="module")
def document():
    return asyncapi.document()


def _resolved(document, node):
    """What a node refers to, followed to its end."""
    while "$ref" in node:
        target = document
        assert node["$ref"].startswith("#/"), node
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def _references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_the_server_answers_with_it(with_door, document):
    async def main(door):
        assert json.loads((await door.get("/api/asyncapi.json")).body) == document

    with_door(main)


def test_it_has_the_shape_of_asyncapi_3(document):
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    assert document.keys() == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    (channel,) = document["channels"].values()
    assert channel["address"] == "/socket.io/"
    for name, operation in document["operations"].items():
        assert operation["action"] == ("send" if name in EVENTS else "receive")
        assert operation["channel"] == {"$ref": "#/channels/socket"}
        # An operation's messages are those of its channel, and are referred to there.
        assert operation["messages"] == [{"$ref": f"#/channels/socket/messages/{name}"}]


def test_every_reference_leads_somewhere(document):
    references = list(_references(document))
    assert references
    for reference in references:
        assert _resolved(document, reference)


def test_every_event_and_every_request_is_in_it_and_nothing_else(document):
    expected = EVENTS.keys() | REQUESTS.keys()
    assert document["channels"]["socket"]["messages"].keys() == expected
    assert document["operations"].keys() == expected
    assert document["components"]["messages"].keys() == expected


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_an_event_is_described(document, name):
    message = document["components"]["messages"][name]
    payload = _resolved(document, message["payload"])
    kind = EVENTS[name].payload
    assert set(payload["properties"]) == set(kind.__required_keys__ | kind.__optional_keys__)
    assert set(payload["required"]) == set(kind.__required_keys__)
    assert message["summary"]
    assert message["x-stream"] == EVENTS[name].stream
    assert message["x-volatile"] is EVENTS[name].volatile


@pytest.mark.parametrize("name", REQUESTS)
def test_every_field_of_a_request_is_described(document, name):
    payload = _resolved(document, document["components"]["messages"][name]["payload"])
    assert set(payload["properties"]) == {field.alias for field in REQUESTS[name].model_fields.values()}


def test_words_are_described_as_closed_sets(document):
    metric = document["components"]["schemas"][events.HealthMetricUpdate.__name__]
    assert metric["properties"]["status"]["enum"] == ["up", "degraded", "down", "unknown"]
