"""What the cards' lines begin with: the newest results of the server's history, in order, bounded, nothing twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from aiohttp import web

import appsentry_kernel as sentry
from appsentry_contract.instants import from_wire, to_wire
from appsentry_kernel.errors import RequestRefused, ServerUnreachable
from appsentry_kernel.frames import RESULT_SCHEMA
from appsentry_kernel.history import Api
from appsentry_kernel.past import PIECE_ROWS, ROWS, past_results
from appsentry_kernel.picture import PastResult
from appsentry_kernel.picture.beats import short
from appsentry_kernel.session import Session

Eventually = Callable[[Callable[[], object]], None]
NOW_MS = 1_795_420_800_000


class Historian:
    """A server that has only a history: each application was checked at its interval for ever."""

    def __init__(self, intervals_ms: dict[str, int], status: int = 200) -> None:
        self._intervals = intervals_ms
        self._status = status
        self.rows: list[int] = []
        self.named: list[list[str]] = []

    def applications(self) -> list[dict[str, Any]]:
        """What the snapshot lists."""
        return [
            {"id": name, "lastChecked": to_wire(NOW_MS), "checks": [{"checkId": "health"}]} for name in self._intervals
        ]

    async def answer(self, request: web.Request) -> web.Response:
        """The rows of the time asked for, oldest first."""
        start, end = from_wire(request.query["from"]), min(from_wire(request.query["to"]), NOW_MS + 1)
        named = request.query.getall("application", [])
        due = [
            (at, name)
            for name, interval in self._intervals.items()
            if not named or name in named
            for at in range(-(-start // interval) * interval, end, interval)
        ]
        self.rows.append(len(due))
        self.named.append(named)
        rows = [
            {"result_id": f"{name} {at}", "ts": at * 1_000, "application": name, "check": "health", "type": "health",
             "status": "up", "response_ms": 1.0, "attempt": 1, "late_ms": 0.0, "interval_s": 1.0, "location": "here",
             "simulated": False}
            for at, name in sorted(due)
        ]  # fmt: skip
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, RESULT_SCHEMA) as writer:
            writer.write_table(pa.Table.from_pylist(rows, schema=RESULT_SCHEMA))
        return web.Response(status=self._status, body=sink.getvalue().to_pybytes())

    def ask(self) -> list[PastResult]:
        """What the cards would begin with."""

        async def ask() -> list[PastResult]:
            application = web.Application()
            application.add_routes([web.get("/api/history", self.answer)])
            runner = web.AppRunner(application)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            api = Api(f"http://127.0.0.1:{runner.addresses[0][1]}", None)
            try:
                return await past_results(api, self.applications())
            finally:
                await api.close()
                await runner.cleanup()

        return asyncio.run(ask())


def test_every_line_is_filled_whatever_the_intervals_oldest_first():
    historian = Historian({"fast": 1_000, "slow": 300_000, "seldom": 3_600_000})
    found = historian.ask()
    instants = [int(result.result_id.split()[1]) for result in found]
    assert instants == sorted(instants)
    assert len({result.result_id for result in found}) == len(found)
    lines = {name: sum(result.application_id == name for result in found) for name in ("fast", "slow", "seldom")}
    assert lines["fast"] >= 30
    assert lines["slow"] >= 30
    assert lines["seldom"] in (24, 25)
    assert sum(historian.rows) < 2_000, "those whose lines are full are asked for no more"


def test_thousands_are_asked_for_in_short_pieces_and_no_more_than_enough():
    historian = Historian(dict.fromkeys((f"app-{n}" for n in range(2_000)), 1_000))
    found = historian.ask()
    assert len(found) >= 20 * 2_000
    assert max(historian.rows) <= 1.3 * PIECE_ROWS
    assert sum(historian.rows) <= 1.3 * ROWS


def test_nothing_is_asked_for_where_nothing_was_checked_yet():
    historian = Historian({})
    assert historian.ask() == []
    assert historian.rows == []


def test_a_history_that_refuses_says_so():
    with pytest.raises(RequestRefused):
        Historian({"a": 1_000}, status=503).ask()


def test_a_dashboard_begins_with_what_was_before_and_goes_on_with_what_comes(
    server: Any, session: Session, eventually: Eventually
) -> None:
    eventually(lambda: (session.results["application"] == "payment-api").sum() >= 3)
    with sentry.connect(server.url) as later:
        board = later.dashboard()
        eventually(lambda: board.board["cards"]["payment-api"]["heard"] >= 3)
        heard = board.board["cards"]["payment-api"]["heard"]
        eventually(lambda: board.board["cards"]["payment-api"]["heard"] >= heard + 2)

        def is_the_history() -> bool:
            history = later.history("5m", application="payment-api")
            wanted = [short(ms) for ms in history["response_ms"]][-30:]
            return [ms for ms, _ in board.board["cards"]["payment-api"]["beats"]] == wanted

        eventually(is_the_history)


def test_without_its_history_a_dashboard_shows_what_comes_live(
    server: Any, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> list[PastResult]:
        raise ServerUnreachable("the history is gone")

    monkeypatch.setattr("appsentry_kernel.reader.past_results", lost)
    with sentry.connect(server.url) as session:
        board = session.dashboard()
        eventually(lambda: board.board["cards"]["payment-api"]["heard"] >= 2)
        assert board.board["problem"] is None
