"""The pages on events and on the API, held to the code."""

import json
import re
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from appsentry_contract import events
from appsentry_contract.columns import LATENCY_COLUMNS, RESULT_COLUMNS, ROLLUP_COLUMNS, SPAN_COLUMNS
from appsentry_contract.events import EVENTS, Application, Durable, Volatile
from appsentry_contract.requests import REQUESTS, ErrorCode
from appsentry_server.api import asyncapi
from appsentry_server.api.encodings import ENCODINGS
from appsentry_server.api.operations import OPERATIONS
from appsentry_server.api.problems import ProblemDetails

DOCS = Path(__file__).parents[3] / "docs"
EVENTS_PAGE = (DOCS / "events.md").read_text()
API_PAGE = (DOCS / "api.md").read_text()
PLACE = Durable.__annotations__.keys() | Volatile.__annotations__.keys()
VALUES = ("Timings", "Failure", "StepTime", "Sla", "CheckState")


def _sections(page, above):
    """The sections of third order under a heading of second order, by what stands in backticks."""
    part = re.search(rf"^## {above}\n(.*?)(?=^## |\Z)", page, re.S | re.M)[1]
    titles = re.split(r"^### `(\w+)`\n", part, flags=re.M)
    return dict(zip(titles[1::2], titles[2::2], strict=True))


def _named(text):
    """What stands in backticks in the first cells of tables."""
    cells = re.findall(r"^\| (`[^|]*`) \|", text, re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def _examples(text):
    return [json.loads(example) for example in re.findall(r"```json\n(.*?)\n```", text, re.S)]


def _validate(name, payload):
    document = asyncapi.document()
    schema = {**document["components"]["messages"][name]["payload"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(payload)


def test_the_page_has_every_event_every_request_and_every_value_and_no_other():
    assert list(_sections(EVENTS_PAGE, "Events")) == list(EVENTS)
    assert list(_sections(EVENTS_PAGE, "Requests")) == list(REQUESTS)
    assert tuple(_sections(EVENTS_PAGE, "Values")) == VALUES


def test_the_page_tells_the_place_of_an_event():
    streams = re.search(r"^## Streams\n(.*?)^## ", EVENTS_PAGE, re.S | re.M)[1]
    assert _named(streams) >= PLACE


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_an_event_is_on_its_page(name):
    kind = EVENTS[name]
    text = _sections(EVENTS_PAGE, "Events")[name]
    own = set(kind.payload.__required_keys__ | kind.payload.__optional_keys__)
    if name == "applicationStatusUpdate":
        own = set(Application.__annotations__)
    elif name != "streamHead":
        own -= PLACE
    assert _named(text) == own
    assert kind.stream == "any" or f"`{kind.stream}`, " in text
    assert ("volatile" if kind.volatile else "durable") in text or name == "eventBatch"


@pytest.mark.parametrize("name", EVENTS)
def test_the_example_of_an_event_is_one(name):
    (example,) = _examples(_sections(EVENTS_PAGE, "Events")[name])
    _validate(name, example)
    assert events.validator(name).validate_python(example)
    kind = EVENTS[name].payload
    assert example.keys() <= kind.__required_keys__ | kind.__optional_keys__
    for inner_name, payload in example.get("events", ()):
        _validate(inner_name, payload)


@pytest.mark.parametrize("name", VALUES)
def test_every_field_of_a_value_is_on_its_page(name):
    assert _named(_sections(EVENTS_PAGE, "Values")[name]) == set(getattr(events, name).__annotations__)


@pytest.mark.parametrize("name", REQUESTS)
def test_every_field_of_a_request_is_on_its_page_and_its_example_is_one(name):
    text = _sections(EVENTS_PAGE, "Requests")[name]
    fields = {field.alias for field in REQUESTS[name].model_fields.values()}
    assert _named(text) == fields
    example, answer = _examples(text)
    assert example.keys() <= fields
    _validate(name, example)
    REQUESTS[name].model_validate(example)
    assert answer["ok"] is True


def test_every_code_of_a_refusal_is_on_the_page():
    refusals = EVENTS_PAGE.partition("\n## Refusals\n")[2]
    assert _named(refusals) == set(get_args(ErrorCode)) | {"code"}
    (example,) = _examples(refusals)
    assert example["code"] in get_args(ErrorCode)


def test_the_page_has_every_operation_and_no_other():
    assert list(_sections(API_PAGE, "Operations")) == [operation.name for operation in OPERATIONS]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_is_told_with_its_parameters_fields_and_statuses(operation):
    text = _sections(API_PAGE, "Operations")[operation.name]
    assert text.strip().startswith(f"`{operation.method} {operation.path}` → ")
    for model in (operation.query, operation.body):
        for name, field in model.model_fields.items():
            assert (field.alias or name) in _named(text)
    for status in operation.problems:
        assert str(status) in text
    assert ("Needs no token" in text) is not operation.needs_token


@pytest.mark.parametrize(("name", "kind"), [("listTestRuns", events.TestRun), ("showTestRun", events.TestView)])
def test_the_fields_of_an_answer_are_told(name, kind):
    text = _sections(API_PAGE, "Operations")[name]
    for field in kind.__annotations__:
        assert f"`{field}`" in text


def test_the_history_is_told_with_its_columns_and_forms():
    named = _named(_sections(API_PAGE, "Operations")["readHistory"])
    assert named >= RESULT_COLUMNS.keys() | ROLLUP_COLUMNS.keys() | {one.content_type for one in ENCODINGS}


@pytest.mark.parametrize(("name", "columns"), [("readSpans", SPAN_COLUMNS), ("readLatencies", LATENCY_COLUMNS)])
def test_what_accounts_are_made_from_is_told_with_its_columns(name, columns):
    assert _named(_sections(API_PAGE, "Operations")[name]) >= columns.keys()


def test_problems_are_told_with_their_members():
    problems = re.search(r"^## Problems\n(.*?)^## ", API_PAGE, re.S | re.M)[1]
    assert _named(problems) >= ProblemDetails.__annotations__.keys()
    (example,) = _examples(problems)
    assert example.keys() <= ProblemDetails.__annotations__.keys()


def test_every_figure_is_told_and_no_other(with_door):
    async def main(door):
        text = (await door.get("/metrics")).body.decode()
        told = {cell.partition("{")[0] for cell in _named(_sections(API_PAGE, "Operations")["metrics"])}
        # The text announces each family, also one that has no sample yet.
        families = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
        ours = {name for name in families if name.startswith("appsentry_")}
        assert {name for name in told if name.startswith("appsentry_")} == ours
        assert {name for name in told if name.startswith("process_")} <= families

    with_door(main)
