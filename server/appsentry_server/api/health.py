"""Whether the server lives, whether it is ready, what it is, and what its figures are."""

import asyncio
from typing import Any, Literal

import duckdb
from typing_extensions import TypedDict

from appsentry_contract import __version__
from appsentry_contract.instants import to_wire
from appsentry_server.api.call import Api, Call, Reply, json_reply
from appsentry_server.api.problems import Problem
from appsentry_server.store.history import Cursor
from appsentry_server.store.opening import HistoryUnavailable
from appsentry_server.telemetry import CONTENT_TYPE

_PATIENCE_S = 5.0


class Liveness(TypedDict):
    """The server answers."""

    status: Literal["ok"]


class Readiness(TypedDict):
    """The history is open and commits, and checks are scheduled."""

    status: Literal["ready"]


class ServerView(TypedDict):
    """What runs here; with `dev`, clients may `simulate`."""

    version: str
    dev: bool


async def healthz(call: Call[Any, Any]) -> Reply:
    """Answer, which is all there is to say."""
    return json_reply({"status": "ok"})


async def readyz(call: Call[Any, Any]) -> Reply:
    """Answer, or say everything that stands in the way."""
    obstacles = [*_obstacles(call.api), *await _history_obstacles(call.api)]
    if obstacles:
        raise Problem(503, "; ".join(obstacles), headers={"Retry-After": "5"})
    return json_reply({"status": "ready"})


async def server(call: Call[Any, Any]) -> Reply:
    """The version, and whether development mode is on."""
    return json_reply({"version": __version__, "dev": call.api.services.requests.simulates})


async def metrics(call: Call[Any, Any]) -> Reply:
    """The Prometheus text."""
    return Reply(content=call.api.telemetry.text(), content_type=CONTENT_TYPE)


def _obstacles(api: Api) -> list[str]:
    obstacles = []
    if not api.scheduling():
        obstacles.append("no checks are scheduled")
    failing_since_ms = api.services.publisher.failing_since_ms
    if failing_since_ms is not None:
        reason = api.services.publisher.outages.reason
        obstacles.append(f"the history has refused to commit since {to_wire(failing_since_ms)}: {reason}")
    return obstacles


async def _history_obstacles(api: Api) -> list[str]:
    def ask(cursor: Cursor) -> None:
        cursor.execute("select 1").fetchone()

    try:
        async with asyncio.timeout(_PATIENCE_S):
            await api.services.history.read(ask)
    except TimeoutError:
        return [f"the history has not answered for {_PATIENCE_S:g} s"]
    except HistoryUnavailable as error:
        return [str(error)]
    except (duckdb.Error, RuntimeError):
        return ["the history is closed"]
    return []
