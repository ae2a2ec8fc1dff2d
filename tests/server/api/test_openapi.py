"""The OpenAPI document: valid, complete, and true of real answers."""

import json

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from appsentry_server.api.history import HistoryQuery
from appsentry_server.api.operations import OPERATIONS
from appsentry_server.api.selection import BUCKET_MS


async def _document(door):
    return json.loads((await door.get("/api/openapi.json")).body)


def test_the_document_is_valid(with_door):
    async def main(door):
        OpenAPIV31SpecValidator(await _document(door)).validate()

    with_door(main)


def test_every_operation_is_described_and_no_other(with_door):
    async def main(door):
        described = {
            (method.upper(), path, one["operationId"])
            for path, methods in (await _document(door))["paths"].items()
            for method, one in methods.items()
        }
        assert described == {(one.method, one.path, one.name) for one in OPERATIONS}

    with_door(main)


def test_every_parameter_is_described(with_door):
    async def main(door):
        parameters = (await _document(door))["paths"]["/api/history"]["get"]["parameters"]
        assert [one["name"] for one in parameters] == [
            field.alias or name for name, field in HistoryQuery.model_fields.items()
        ]
        resolution = next(one for one in parameters if one["name"] == "resolution")
        assert resolution["schema"]["enum"] == ["raw", *BUCKET_MS]

    with_door(main)


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/healthz", "/healthz", 200),
        ("GET", "/readyz", "/readyz", 200),
        ("GET", "/api/server", "/api/server", 200),
        ("GET", "/api/applications", "/api/applications", 200),
        ("GET", "/api/applications/pay", "/api/applications/{id}", 200),
        ("GET", "/api/applications/nope", "/api/applications/{id}", 404),
        ("POST", "/api/test-runs", "/api/test-runs", 202),
        ("GET", "/api/test-runs", "/api/test-runs", 200),
        ("GET", "/api/test-runs?limit=x", "/api/test-runs", 422),
        ("GET", "/api/test-runs/RUN", "/api/test-runs/{id}", 200),
        ("POST", "/api/test-runs/RUN/pause", "/api/test-runs/{id}/pause", 409),
        ("GET", "/api/history", "/api/history", 200),
        ("GET", "/api/history?resolution=1h", "/api/history", 200),
        ("GET", "/api/spans", "/api/spans", 200),
        ("GET", "/api/latencies?application=pay", "/api/latencies", 200),
        ("GET", "/api/openapi.json", "/api/openapi.json", 200),
        ("GET", "/api/asyncapi.json", "/api/asyncapi.json", 200),
    ],
)
def test_real_answers_are_as_described(with_door, method, path, route, status):
    async def main(door):
        run_id = json.loads((await door.post("/api/test-runs")).body)["testRunId"]
        while door.services.runs.active(run_id):
            await door.services.publisher.settled()
        document = await _document(door)
        answer = await door.call(method, path.replace("RUN", run_id))
        assert answer.code == status
        described = document["paths"][route][method.lower()]["responses"][str(status)]
        schema = described["content"][answer.headers["Content-Type"]]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(json.loads(answer.body))

    with_door(main)
