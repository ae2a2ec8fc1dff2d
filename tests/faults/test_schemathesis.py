"""The API answers whatever its own description lets one ask, and much that it does not, only as described."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode, checks

HELD = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
)
PATIENCE_S = 60.0
LONGEST = 60_000
"""A request whose head is longer than 64 KiB gets no answer: the connection is closed."""


@pytest.fixture
def server(serve: Callable[..., Any], target: Any) -> Any:
    """A server with applications that pass and fail, whose checks are made at once."""
    target.says["/broken"] = b"no"
    applications = [
        {"id": name, "tags": [name], "checks": [{"type": "health", "url": f"{target.url}/{path}", "interval": "1h"}]}
        for name, path in (("shop", "up"), ("broken", "broken"))
    ]
    return serve(applications)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """Connections that are used again."""
    with requests.Session() as session:
        yield session


def test_every_answer_is_a_described_one(
    server: Any, http: requests.Session, generated: Callable[..., settings], show: Callable[[str], None]
) -> None:
    described = http.get(f"{server.url}/api/openapi.json", timeout=PATIENCE_S).json()
    run_id = http.post(f"{server.url}/api/test-runs", json={}, timeout=PATIENCE_S).json()["testRunId"]
    schema = schemathesis.openapi.from_dict(described)
    statuses: Counter[int] = Counter()
    operations = [result.ok() for result in schema.get_all_operations()]

    def asked(operation: Any, mode: GenerationMode, known: str | None = None) -> None:
        @generated(2, 100)
        @given(operation.as_strategy(mode))
        def holds(case: Any) -> None:
            if known is not None:
                case.path_parameters["id"] = known
            if len(case.as_curl_command()) > LONGEST:
                return
            answer = case.call(base_url=server.url, session=http, timeout=PATIENCE_S)
            case.validate_response(answer, checks=list(HELD))
            statuses[answer.status_code] += 1

        holds()

    for operation in operations:
        asked(operation, GenerationMode.POSITIVE)
        if operation.path_parameters:
            asked(operation, GenerationMode.POSITIVE, known="shop" if "applications" in operation.path else run_id)
        if operation.body or operation.query:
            asked(operation, GenerationMode.NEGATIVE)
    assert {200, 202, 404, 409, 422} <= statuses.keys()
    assert server.end() == 0
    assert "Traceback" not in server.log
    show(f"{len(operations)} operations, {statuses.total()} requests, by status: {dict(sorted(statuses.items()))}")
