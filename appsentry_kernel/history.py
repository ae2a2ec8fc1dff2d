"""The server's HTTP side as the notebook uses it: whether it is there, and its history as an Arrow table."""

import asyncio
import json
import os
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp
import pyarrow as pa

from appsentry_contract.columns import RESOLUTIONS, Column, columns_of
from appsentry_contract.instants import from_datetime, to_wire
from appsentry_kernel.errors import AppSentryError, RequestRefused, ServerUnreachable, TokenRefused
from appsentry_kernel.frames import conform
from appsentry_kernel.http import http_session

ARROW = "application/vnd.apache.arrow.stream"
_ANSWER_S = 5.0
_SILENCE_S = 60.0


class Api:
    """One server's HTTP API. Used on the I/O thread alone."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http: aiohttp.ClientSession | None = None

    async def greet(self) -> None:
        """Make sure that an AppSentry server listens. Raises `ServerUnreachable` within seconds when none does."""
        try:
            timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
            async with self._session().get(f"{self._url}/healthz", timeout=timeout) as answer:
                if answer.status == 200:
                    return
                found = f"something else answers there: HTTP {answer.status} for /healthz"
        except TimeoutError:
            found = f"nothing answered within {_ANSWER_S:g} s"
        except aiohttp.ClientConnectorCertificateError as error:
            found = _untrusted(error.certificate_error)
        except aiohttp.ClientConnectorError as error:
            found = os.strerror(error.os_error.errno) if error.os_error.errno else str(error)
        except (aiohttp.ClientError, OSError) as error:
            found = str(error) or type(error).__name__
        raise ServerUnreachable(found)

    async def simulates(self) -> bool:
        """Whether the server is in development mode. Raises `RequestRefused` when it is too old to say."""
        answer = await self._get("/api/server", (), accept="application/json")
        try:
            return json.loads(answer)["dev"] is True
        except (ValueError, KeyError, TypeError) as error:
            raise ServerUnreachable(f"GET {self._url}/api/server is not of the agreed form: {error!r}") from error

    async def history(
        self,
        start: datetime,
        end: datetime,
        *,
        applications: Sequence[str],
        types: Sequence[str],
        resolution: str,
        simulated: bool,
    ) -> bytes:
        """The history's rows as an Arrow IPC stream, for `table_of` to read."""
        if resolution not in RESOLUTIONS:
            raise ValueError(f"resolution={resolution!r} is not one of {', '.join(RESOLUTIONS)}")
        query = [("from", to_wire(from_datetime(start))), ("to", to_wire(from_datetime(end)))]
        query += [("resolution", resolution), ("simulated", str(simulated).lower())]
        query += [("application", application) for application in applications]
        query += [("type", check_type) for check_type in types]
        return await self._get("/api/history", query, accept=ARROW)

    async def window(self, start: datetime, end: datetime, *, applications: Sequence[str]) -> tuple[bytes, bytes]:
        """The spans and the counted response times of a window, as Arrow IPC streams."""
        query = [("from", to_wire(from_datetime(start))), ("to", to_wire(from_datetime(end)))]
        query += [("application", application) for application in applications]
        spans, latencies = await asyncio.gather(
            self._get("/api/spans", query, accept=ARROW), self._get("/api/latencies", query, accept=ARROW)
        )
        return spans, latencies

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=_SILENCE_S)
            self._http = http_session(headers=self._headers, timeout=timeout)
        return self._http

    async def _get(self, path: str, query: Sequence[tuple[str, str]], *, accept: str) -> bytes:
        try:
            async with self._session().get(self._url + path, params=query, headers={"Accept": accept}) as answer:
                if answer.status == 401:
                    raise TokenRefused(f"{path}: {await _problem(answer)}")
                if answer.status != 200:
                    raise RequestRefused(await _problem(answer), code=str(answer.status))
                return await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise ServerUnreachable(f"GET {self._url}{path}: {str(error) or type(error).__name__}") from error


def table_of(stream: bytes, *, resolution: str) -> pa.Table:
    """The rows of an Arrow IPC stream in the columns of the resolution. Raises as `read_stream` does."""
    return read_stream(stream, columns_of(resolution))


def read_stream(stream: bytes, columns: Mapping[str, Column]) -> pa.Table:
    """The rows of an Arrow IPC stream in these columns.

    Raises `AppSentryError` when it is no such stream, or breaks off.
    """
    try:
        with pa.ipc.open_stream(stream) as reader:
            table = reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise AppSentryError(f"the server's history is not a whole Arrow stream: {error}; ask again") from error
    return conform(table, columns)


def _untrusted(error: Exception) -> str:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return (
        f"its certificate is not trusted ({reason}). Name the file of the authority that signed it, or of the "
        "certificate itself, in SSL_CERT_FILE before the kernel starts"
    )


async def _problem(answer: aiohttp.ClientResponse) -> str:
    """What an `application/problem+json` says, or the bare status."""
    found: Any = None
    if answer.content_type in ("application/problem+json", "application/json"):
        found = await answer.json(content_type=None)
    if not isinstance(found, dict):
        return f"HTTP {answer.status} {answer.reason}"
    return str(found.get("detail") or found.get("title") or f"HTTP {answer.status}")
