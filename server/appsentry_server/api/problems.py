"""Problems: what a refused or failed request is answered with, as RFC 9457 tells it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NotRequired

import orjson
from typing_extensions import TypedDict

from appsentry_contract.errors import AppSentryError
from appsentry_contract.vocabulary import RunState
from appsentry_server.runs.plan import NothingToTest, UnknownApplication
from appsentry_server.runs.registry import HistoryFailing, RunConflict, ServerStopping, UnknownRun
from appsentry_server.store.opening import HistoryUnavailable

CONTENT_TYPE = "application/problem+json"


class Mistake(TypedDict):
    """One thing wrong with a request: `where` is `query`, `path` or `body`, `name` the field's path in it."""

    where: str
    name: str
    detail: str


class ProblemDetails(TypedDict):
    """The body of every answer that is not a success. `code` is the word the socket uses for the same refusal."""

    title: str
    status: int
    detail: str
    code: NotRequired[str]
    state: NotRequired[RunState]
    errors: NotRequired[list[Mistake]]


class Problem(AppSentryError):
    """A request ends here; `members` and `headers` go out with the answer."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        self.members = members

    def body(self) -> bytes:
        """The JSON text of the problem."""
        place = {"title": title(self.status), "status": self.status, "detail": str(self)}
        return orjson.dumps({**place, **self.members})


def title(status: int) -> str:
    """What a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def problem_of(error: AppSentryError) -> Problem:
    """The problem that an error of the core is to a client. Raises the error again when it is nobody's mistake."""
    known: dict[type[AppSentryError], tuple[int, str]] = {
        UnknownApplication: (422, "unknown_application"),
        NothingToTest: (422, "malformed"),
        UnknownRun: (404, "unknown_run"),
        RunConflict: (409, "conflict"),
        ServerStopping: (503, "conflict"),
        HistoryFailing: (503, "internal"),
        HistoryUnavailable: (503, "internal"),
    }
    if isinstance(error, Problem):
        return error
    if type(error) not in known:
        raise error
    status, code = known[type(error)]
    members: dict[str, Any] = {"state": error.state} if isinstance(error, RunConflict) else {}
    return Problem(status, str(error), code=code, **members)
