"""Requests from sockets: validated, limited, answered; a bad one harms nobody else."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from appsentry_contract.errors import AppSentryError
from appsentry_contract.requests import (
    REQUESTS,
    ErrorCode,
    NameTestRun,
    Request,
    Simulate,
    StartTestRun,
)
from appsentry_server.audit import Audit
from appsentry_server.clock import Clock
from appsentry_server.runs.plan import Choice, NothingToTest, UnknownApplication
from appsentry_server.runs.registry import HistoryFailing, RunConflict, Runs, ServerStopping, UnknownRun
from appsentry_server.sockets.readers import Reader
from appsentry_server.sockets.subscriptions import Ack, Subscriptions, TooManySubscriptions, UnknownStream
from appsentry_server.store.opening import HistoryUnavailable

_log = logging.getLogger(__name__)

_CODES: Mapping[type[AppSentryError], ErrorCode] = {
    UnknownApplication: "unknown_application",
    NothingToTest: "malformed",
    UnknownRun: "unknown_run",
    RunConflict: "conflict",
    UnknownStream: "unknown_stream",
    TooManySubscriptions: "rate_limited",
    ServerStopping: "conflict",
    HistoryFailing: "internal",
    HistoryUnavailable: "internal",
}


class Simulation(Protocol):
    """What answers `simulate` in development mode."""

    async def simulate(self, request: Simulate, joined: Callable[[str], Awaitable[None]]) -> Ack:
        """Play what was asked for."""
        ...


class Requests:
    """Answers every request of the contract, by name."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        runs: Runs,
        clock: Clock,
        simulation: Simulation | None = None,
        *,
        audit: Audit,
    ) -> None:
        self._audit = audit
        self._subscriptions = subscriptions
        self._runs = runs
        self._clock = clock
        self._simulation = simulation
        self.refused: Counter[ErrorCode] = Counter()
        """How many requests were refused, by code."""
        self._answers: Mapping[str, Callable[[Reader, Any], Awaitable[Ack]]] = {
            "subscribe": subscriptions.subscribe,
            "unsubscribe": subscriptions.unsubscribe,
            "startTestRun": self._start,
            "cancelTestRun": lambda reader, request: self._command(reader, request, "cancel"),
            "pauseTestRun": lambda reader, request: self._command(reader, request, "pause"),
            "resumeTestRun": lambda reader, request: self._command(reader, request, "resume"),
            "simulate": self._simulate,
        }

    @property
    def simulates(self) -> bool:
        """Whether the server runs in development mode."""
        return self._simulation is not None

    async def answer(self, reader: Reader, name: str, arguments: tuple[object, ...]) -> Ack:
        """The acknowledgement of a request; never raises for what a client can send."""
        if not reader.may_ask(self._clock):
            return self.refuse("rate_limited", "more than 20 requests a second: wait a little")
        try:
            if name not in REQUESTS:
                known = ", ".join(REQUESTS)
                return self.refuse("malformed", f"no request is called {name[:50]!r}; there are {known}")
            request = _parse(name, arguments)
            return await self._answers[name](reader, request)
        except ValidationError as error:
            return self.refuse("malformed", _first_problem(name, error))
        except tuple(_CODES) as error:
            return self.refuse(_CODES[type(error)], str(error))
        except Exception:  # noqa: BLE001 - told to the one who asked, and logged
            # The fault is ours, and one who waits for an answer must get one.
            _log.exception("the request %s could not be answered", name)
            return self.refuse("internal", f"{name} could not be answered: this is a fault of the server")

    async def _start(self, reader: Reader, request: StartTestRun) -> Ack:
        choice = Choice(application_ids=request.application_ids, tags=request.tags, test_types=request.test_types)
        run_id = self._runs.start(choice, "socket")
        # Nothing of it is heard before the next turn of the loop, so this joins before its first event.
        await self._subscriptions.follow_from_now(reader, run_id)
        await self._runs.begun(run_id)
        self._audit.record("start", reader.origin, testRunId=run_id, **_said(request))
        return {"ok": True, "testRunId": run_id}

    async def _command(
        self, reader: Reader, request: NameTestRun, command: Literal["pause", "resume", "cancel"]
    ) -> Ack:
        await self._runs.command(request.test_run_id, command, str(reader.origin))
        self._audit.record(command, reader.origin, testRunId=request.test_run_id)
        return {"ok": True}

    async def _simulate(self, reader: Reader, request: Simulate) -> Ack:
        if self._simulation is None:
            return self.refuse("dev_only", "the server does not run in development mode: start it with --dev")
        answer = await self._simulation.simulate(
            request, lambda run_id: self._subscriptions.follow_from_now(reader, run_id)
        )
        self._audit.record("simulate", reader.origin, **_said(request))
        return answer

    def refuse(self, code: ErrorCode, message: str) -> Ack:
        """A refusal, counted."""
        self.refused[code] += 1
        return {"ok": False, "code": code, "message": message}


def _parse(name: str, arguments: tuple[object, ...]) -> Request:
    # A request without an argument asks for the defaults; more than one was never agreed on.
    argument = arguments[0] if arguments else {}
    return REQUESTS[name].model_validate(argument)


def _said(request: Request) -> dict[str, Any]:
    return request.model_dump(by_alias=True, exclude_none=True)


def _first_problem(name: str, error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{name}: {place}: {message}" if place else f"{name}: {message}"
