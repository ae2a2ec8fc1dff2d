"""Test runs over HTTP: start, list, show and command them."""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from appsentry_contract.events import TestRun, TestView, run_stream
from appsentry_contract.requests import StartTestRun
from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_server.api.call import Arguments, Call, NoBody, Reply, json_reply
from appsentry_server.api.problems import Problem
from appsentry_server.runs.plan import Choice
from appsentry_server.runs.registry import UnknownRun
from appsentry_server.runs.views import run_view, test_view, tests_from
from appsentry_server.services import Services
from appsentry_server.store import reading
from appsentry_server.store.rows import RunRow

_ALL_TESTS = 1_000_000
_PATIENCE_S = 2.0


class TestRunChoice(StartTestRun):
    """What to test. Ids and tags intersect; without either every application is tested; an empty list is refused."""

    model_config = ConfigDict(extra="forbid")


class Page(Arguments):
    """Which part of a list: at most `limit` items, from where `next` of the page before left off."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=300)] | None = None


class TestRunName(TypedDict):
    """The id of the run that the call was about."""

    testRunId: str


class TestRuns(TypedDict):
    """Runs, newest first; `next` is the `cursor` of the next page, null on the last."""

    items: list[TestRun]
    next: str | None


class TestRunWithTests(TestRun):
    """A run with its tests: in the order of their beginning while it goes on, of their end afterwards."""

    tests: list[TestView]


async def start(call: Call[Any, TestRunChoice]) -> Reply:
    """Start a run; its beginning is in the history by the answer, and it goes on afterwards."""
    body = call.body
    choice = Choice(application_ids=body.application_ids, tags=body.tags, test_types=body.test_types)
    services = call.api.services
    run_id = services.runs.start(choice, "api")
    await services.runs.begun(run_id)
    services.audit.record("start", call.origin, testRunId=run_id, **body.model_dump(by_alias=True, exclude_none=True))
    return json_reply({"testRunId": run_id}, status=202)


async def list_runs(call: Call[Page, Any]) -> Reply:
    """A page of runs. A run's place in the list never changes, so that pages neither repeat nor skip one."""
    services, limit = call.api.services, call.query.limit
    await _caught_up(services)
    place = None if call.query.cursor is None else _place(call.query.cursor)
    # Those in progress are looked at first: one that ends in the meantime is then found in the history.
    begun = [run.row() for run in services.runs.in_progress]
    started_ms, run_id = place or (None, "")
    kept = await services.history.read(reading.runs_before(started_ms, run_id, limit + 1))
    rows = {row.run_id: row for row in begun if place is None or _order(row) < place}
    rows |= {row.run_id: row for row in kept}
    page = sorted(rows.values(), key=_order, reverse=True)
    more = len(page) > limit
    page = page[:limit]
    return json_reply({"items": await _views(services, page), "next": _cursor(page[-1]) if more else None})


async def show(call: Call[Any, Any]) -> Reply:
    """One run with its tests."""
    services = call.api.services
    await _caught_up(services)
    active = services.runs.active(call.id)
    row = await services.history.read(reading.run(call.id))
    if row is None and active is not None:
        row = active.row()
    if row is None:
        raise UnknownRun(f"no run is called {call.id!r}; GET /api/test-runs lists them")
    if row.state in ENDED_RUN_STATES:
        kept = await services.history.read(reading.tests_of([row.run_id]))
        tests = [test_view(test) for test in kept]
    else:
        tests = tests_from(await services.journal.after(run_stream(row.run_id), 0, _ALL_TESTS))
    (view,) = await _views(services, [row])
    return json_reply({**view, "tests": tests})


def command(name: Literal["pause", "resume", "cancel"]) -> Any:
    """The answer to one command."""

    async def answer(call: Call[Any, NoBody]) -> Reply:
        runs = call.api.services.runs
        if runs.active(call.id) is None:
            await _caught_up(call.api.services)
        await runs.command(call.id, name, str(call.origin))
        call.api.services.audit.record(name, call.origin, testRunId=call.id)
        return json_reply({"testRunId": call.id})

    return answer


async def _caught_up(services: Services) -> None:
    """Let the history catch up with what has happened: a run may start and end between two commits.

    While the history refuses commits, its own past and the runs in progress are all there is to show.
    """
    if services.publisher.failing_since_ms is None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await services.publisher.settled()


async def _views(services: Services, rows: Iterable[RunRow]) -> list[TestRun]:
    """The runs as their streams last described them, ended ones as the history has them."""
    rows = list(rows)
    told = services.published.runs
    views = {row.run_id: told[row.run_id] for row in rows if row.state not in ENDED_RUN_STATES and row.run_id in told}
    others = [row for row in rows if row.run_id not in views]
    counts = await services.history.read(reading.counts_of([row.run_id for row in others])) if others else {}
    views |= {row.run_id: run_view(row, counts[row.run_id]) for row in others}
    return [views[row.run_id] for row in rows]


def _order(row: RunRow) -> tuple[int, str]:
    return row.started_ms, row.run_id


def _cursor(row: RunRow) -> str:
    return base64.urlsafe_b64encode(f"{row.started_ms}/{row.run_id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, str]:
    """What `_cursor` wrote. Raises `Problem`."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        started_ms, slash, run_id = text.partition("/")
        if slash and abs(int(started_ms)) < 2**62:
            return int(started_ms), run_id
    except (binascii.Error, ValueError):
        pass
    detail = "the cursor is none that this server gave: take it from `next`"
    raise Problem(422, detail, code="malformed", errors=[{"where": "query", "name": "cursor", "detail": detail}])
