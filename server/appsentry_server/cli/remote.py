"""A running server, as commands speak to it over HTTP."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
import tornado.httpclient

from appsentry_contract.errors import AppSentryError

_CONNECT_S = 5.0


class ServerUnreachable(AppSentryError, ConnectionError):
    """No server answered at the address."""


class RequestRefused(AppSentryError, ValueError):
    """The server answered, and refused."""


class RemoteServer:
    """Asks one server, a request at a time."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._client = tornado.httpclient.HTTPClient()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def start_test_run(self, choice: Mapping[str, Any]) -> str:
        """Start a run and give its id. Raises `ServerUnreachable` or `RequestRefused`."""
        return str(self._ask("POST", "/api/test-runs", choice)["testRunId"])

    def test_run(self, run_id: str) -> dict[str, Any]:
        """The run as it now is, with its tests. Raises `ServerUnreachable` or `RequestRefused`."""
        return self._ask("GET", f"/api/test-runs/{quote(run_id, safe='')}")

    def cancel_test_run(self, run_id: str) -> None:
        """End the run. Raises `ServerUnreachable` or `RequestRefused`, also when it has ended."""
        self._ask("POST", f"/api/test-runs/{quote(run_id, safe='')}/cancel", {})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._client.fetch(
                self.url + path,
                method=method,
                headers=headers,
                body=None if body is None else orjson.dumps(body),
                connect_timeout=_CONNECT_S,
                raise_error=False,
            )
        except (OSError, tornado.httpclient.HTTPError, ValueError) as error:
            raise ServerUnreachable(
                f"no server answers at {self.url} ({error}): start one with `appsentry serve`, or name it with --url"
            ) from error
        return self._read(answer)

    def _read(self, answer: tornado.httpclient.HTTPResponse) -> dict[str, Any]:
        try:
            content = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            content = None
        if answer.code >= 400 or not isinstance(content, dict):
            detail = content.get("detail") or content.get("title") if isinstance(content, dict) else None
            raise RequestRefused(f"{self.url} answered {answer.code}: {detail or answer.reason}")
        return content
