"""The door: one Tornado handler for every operation, and the rules each request meets before it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, stream_request_body

from appsentry_contract.errors import AppSentryError
from appsentry_server.admission import bearer
from appsentry_server.api import problems
from appsentry_server.api.arguments import read_body, read_query
from appsentry_server.api.call import Api, Call, Operation, Reply
from appsentry_server.api.problems import Problem, problem_of
from appsentry_server.audit import MOST_AGENT, Origin

MOST_BODY_BYTES = 1_000_000
_MOST_PASSED_OVER_BYTES = 64 * 1024 * 1024
"""A body that is too large is read to its end, unkept, so that its sender hears why; up to here."""

_STALLED_S = 60.0
"""A client that has taken nothing for so long is let go: what it reads holds a turn."""


@stream_request_body
class Door(RequestHandler):
    """Admits a request, validates it, calls its operation and writes the reply or the problem."""

    def initialize(self, api: Api, operations: Mapping[str, Operation]) -> None:
        self._api = api
        self._operations = operations
        self._body = bytearray()
        self._body_bytes = 0
        self._serving: asyncio.Task[None] | None = None
        self._gone = False

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Vary", "Origin, Accept")

    def prepare(self) -> None:
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(_MOST_PASSED_OVER_BYTES)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """The value, in which bytes that are no UTF-8 are left for `_call` to refuse.

        Refused here, before the body is read, the connection would be closed under the next request on it.
        """
        return value.decode(errors="surrogateescape")

    def data_received(self, chunk: bytes) -> None:
        self._body_bytes += len(chunk)
        if self._body_bytes <= MOST_BODY_BYTES:
            self._body += chunk

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._gone = True
        if self._serving is not None:
            self._serving.cancel()

    async def _serve(self, *path_id: str) -> None:
        # A task of its own, so that a client that goes away ends the work for it and nothing else.
        self._serving = asyncio.create_task(self._answer(*path_id))
        try:
            await self._serving
        except asyncio.CancelledError:
            if not self._gone:
                raise

    get = head = post = put = patch = delete = options = _serve

    async def _answer(self, path_id: str = "") -> None:
        try:
            self._admit_page()
            if self.request.method == "OPTIONS":
                self._answer_preflight()
                return
            operation = self._operation()
            self._admit_token(operation)
            await self._send(await operation.answer(self._call(operation, path_id)))
        except AppSentryError as error:
            self._refuse(problem_of(error))

    def _admit_page(self) -> None:
        request, admission = self.request, self._api.services.admission
        if not admission.admits_host(request.host):
            raise Problem(403, "this host name is not one of the server's: add it to server.hosts", code="forbidden")
        origin = request.headers.get("Origin")
        if not admission.admits_origin(origin, request.host):
            raise Problem(403, "pages of this origin are not let in: add it to server.origins", code="forbidden")
        if origin is not None:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate")

    def _answer_preflight(self) -> None:
        self.set_header("Access-Control-Allow-Methods", ", ".join(self._operations))
        self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
        self.set_header("Access-Control-Max-Age", "600")
        self.set_header("Allow", self._allowed())
        self.set_status(204)

    def _operation(self) -> Operation:
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        if not self._operations:
            raise Problem(404, f"nothing is at {self.request.path}; GET /api/openapi.json lists what there is")
        if method not in self._operations:
            detail = f"{method} is not answered here, {self._allowed()} are"
            raise Problem(405, detail, headers={"Allow": self._allowed()})
        return self._operations[method]

    def _allowed(self) -> str:
        return ", ".join(["HEAD"] * ("GET" in self._operations) + ["OPTIONS", *self._operations])

    def _admit_token(self, operation: Operation) -> None:
        if not operation.needs_token:
            return
        services = self._api.services
        given = bearer(self.request.headers.get("Authorization"))
        verdict = services.admission.judge(given, self._address(), services.clock.monotonic())
        if verdict.retry_after_s is not None:
            headers = {"Retry-After": str(verdict.retry_after_s)}
            raise Problem(429, str(verdict.problem), headers=headers, code="rate_limited")
        if not verdict.admitted:
            detail = f"{verdict.problem}: send the header Authorization: Bearer TOKEN"
            raise Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="AppSentry"'}, code="forbidden")

    def _address(self) -> str:
        forwarded = self.request.headers.get_list("X-Forwarded-For")
        return self._api.services.admission.address(str(self.request.remote_ip), forwarded)

    def _origin(self) -> Origin:
        agent = self.request.headers.get("User-Agent", "")[:MOST_AGENT]
        token = self._api.services.admission.asks_for_token
        return Origin(door="api", address=self._address(), agent=agent, token=token)

    def _call(self, operation: Operation, path_id: str) -> Call[Any, Any]:
        headers = self.request.headers
        if not _is_text(path_id):
            raise Problem(400, "the path is no UTF-8 once its %-escapes are undone")
        body: BaseModel = operation.body.model_construct()
        if operation.method == "POST":
            if self._body_bytes > MOST_BODY_BYTES:
                raise Problem(413, f"the body has {self._body_bytes} bytes, and at most {MOST_BODY_BYTES} are read")
            body = read_body(operation.body, bytes(self._body), headers.get("Content-Type", ""))
        return Call(
            api=self._api,
            id=path_id,
            query=read_query(operation.query, self.request.query),
            body=body,
            accept=", ".join(headers.get_list("Accept")),
            origin=self._origin(),
        )

    async def _send(self, reply: Reply) -> None:
        self.set_status(reply.status)
        self.set_header("Content-Type", reply.content_type)
        if isinstance(reply.content, bytes):
            self.write(reply.content)
        elif self.request.method != "HEAD":
            await self._stream(reply.content)

    async def _stream(self, chunks: AsyncGenerator[bytes]) -> None:
        async with aclosing(chunks):
            try:
                async for chunk in chunks:
                    self.write(chunk)
                    async with asyncio.timeout(_STALLED_S):
                        await self.flush()
            except (StreamClosedError, TimeoutError):
                self._break_off()
            except Exception as error:
                if not self._headers_written:
                    raise
                # The status is sent: only a broken connection still says that the answer is not whole.
                self._break_off()
                if not isinstance(error, AppSentryError):
                    raise

    def _break_off(self) -> None:
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        connection.close()

    def _refuse(self, problem: Problem) -> None:
        self._api.telemetry.refused[str(problem.status)] += 1
        self.set_status(problem.status)
        for name, value in problem.headers.items():
            self.set_header(name, value)
        self.set_header("Content-Type", problems.CONTENT_TYPE)
        self.finish(problem.body())

    def write_error(self, status_code: int, **_: Any) -> None:
        """What Tornado itself refuses, and our own faults: the log has the traceback, the answer has none."""
        detail = "the server failed: its log says why" if status_code >= 500 else problems.title(status_code)
        self._refuse(Problem(status_code, detail))


def _is_text(decoded: str) -> bool:
    """Whether every byte that it was decoded from was UTF-8."""
    try:
        decoded.encode()
    except UnicodeEncodeError:
        return False
    return True
