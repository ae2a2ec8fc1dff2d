"""A running server, as commands speak to it over HTTP."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import tornado.httpclient

from appsentry_contract.errors import AppSentryError
from appsentry_contract.instants import to_wire
from appsentry_sources.files import whole

_CONNECT_S = 5.0
_EXPORT_S = 3_600.0
_LARGEST_EXPORT = 2**40


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
        self._client = tornado.httpclient.HTTPClient(max_body_size=_LARGEST_EXPORT)

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

    def save_history(self, path: Path, from_ms: int, to_ms: int, applications: Sequence[str], *, accept: str) -> int:
        """Write the results due from `from_ms` up to `to_ms` to a file as they arrive; gives its size in bytes.

        The file takes its place when all of it is there. Raises `ServerUnreachable`, `RequestRefused` or `NotWritten`.
        """
        query = [("from", to_wire(from_ms)), ("to", to_wire(to_ms)), *(("application", one) for one in applications)]
        with whole(path) as file:

            def take(chunk: bytes) -> None:
                file.write(chunk)

            answer = self._fetch(
                f"/api/history?{urlencode(query)}",
                headers=self._headers | {"Accept": accept},
                streaming_callback=take,
                request_timeout=_EXPORT_S,
            )
            size = file.tell()
            if answer.code != 200:
                file.seek(0)
                self._read(answer, file.read())
            return size

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else orjson.dumps(body)
        answer = self._fetch(path, method=method, headers=headers, body=content)
        return self._read(answer, answer.body)

    def _fetch(self, path: str, **request: Any) -> tornado.httpclient.HTTPResponse:
        try:
            return self._client.fetch(self.url + path, connect_timeout=_CONNECT_S, raise_error=False, **request)
        except (OSError, tornado.httpclient.HTTPError, ValueError) as error:
            raise ServerUnreachable(
                f"no server answers at {self.url} ({error}): start one with `appsentry serve`, or name it with --url"
            ) from error

    def _read(self, answer: tornado.httpclient.HTTPResponse, body: bytes) -> dict[str, Any]:
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            content = None
        if answer.code >= 400 or not isinstance(content, dict):
            detail = content.get("detail") or content.get("title") if isinstance(content, dict) else None
            raise RequestRefused(f"{self.url} answered {answer.code}: {detail or answer.reason}")
        return content
