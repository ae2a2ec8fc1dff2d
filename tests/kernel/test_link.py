"""The socket: what happens when the line is cut, refused, silent or slow."""

import asyncio
import json
import socket
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.request import urlopen

import pytest

import appsentry_kernel as sentry
from appsentry_kernel import link as link_module
from appsentry_kernel.clock import SystemClock
from appsentry_kernel.errors import ServerUnreachable
from appsentry_kernel.link import DELAYS_S, PROBE_S, Link
from appsentry_kernel.session import Session

Eventually = Callable[[Callable[[], object]], None]


class ImpatientClock(SystemClock):
    """Never waits, and remembers how long it should have; after so many waits it waits for ever."""

    def __init__(self, patience: int) -> None:
        self.waits: list[float] = []
        self.asleep = asyncio.Event()
        self._patience = patience

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) >= self._patience:
            self.asleep.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


def link_to_nobody(
    clock: ImpatientClock, reports: list[tuple[str, str | None]], chance: Callable[[], float] = lambda: 0.5
) -> Link:
    async def welcome() -> None:
        """Nobody is there to be welcomed."""

    def receive(name: str, payload: object) -> None:
        raise AssertionError("nobody is there to send anything")

    def report(state: str, detail: str | None) -> None:
        reports.append((state, detail))

    return Link("http://127.0.0.1:9", None, clock=clock, receive=receive, welcome=welcome, report=report, chance=chance)


def test_five_attempts_ever_further_apart_then_slow_probes_and_a_hurry_starts_anew() -> None:
    async def scenario() -> None:
        clock, reports = ImpatientClock(patience=7), list[tuple[str, str | None]]()
        link = link_to_nobody(clock, reports)
        staying = asyncio.create_task(link.stay())
        await clock.asleep.wait()
        assert clock.waits == [*DELAYS_S, PROBE_S, PROBE_S]
        assert [state for state, _ in reports] == ["connecting"] * 5 + ["disconnected"] * 2
        assert reports[1][1] is not None
        assert "attempt 2 of 5" in reports[1][1]
        clock._patience = 9
        clock.asleep.clear()
        link.reconnect()
        await clock.asleep.wait()
        assert clock.waits[7:] == list(DELAYS_S[1:3])
        staying.cancel()
        await asyncio.wait([staying])

    asyncio.run(scenario())


def test_those_who_lost_the_same_server_do_not_return_at_the_same_time() -> None:
    async def waits(chance: Callable[[], float]) -> list[float]:
        clock = ImpatientClock(patience=6)
        staying = asyncio.create_task(link_to_nobody(clock, [], chance).stay())
        await clock.asleep.wait()
        staying.cancel()
        await asyncio.wait([staying])
        return clock.waits

    plain = [*DELAYS_S, PROBE_S]
    assert asyncio.run(waits(lambda: 0.0)) == [pause / 2 for pause in plain]
    assert asyncio.run(waits(lambda: 1.0)) == [pause * 1.5 for pause in plain]
    one, other = (asyncio.run(waits(Random(seed).random)) for seed in (1, 2))
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_server_that_never_shakes_hands_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "HANDSHAKE_S", 0.1)

    async def scenario(port: int) -> None:
        link = link_to_nobody(ImpatientClock(1), [])
        link._url = f"http://127.0.0.1:{port}"
        with pytest.raises(ServerUnreachable, match="no answer to the handshake"):
            await link.open()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(scenario(silent.getsockname()[1]))


def seen_live(session: Session) -> list[str]:
    return session.results.query("application == 'payment-api' and run_id.isna()")["result_id"].tolist()


def seen_are_all_that_were_kept(session: Session) -> bool:
    """Whether the results of one application seen live are, in order, those of the history over the same time."""
    seen = seen_live(session)
    kept = session.history("1h", application="payment-api").query("run_id.isna()")["result_id"].tolist()
    return kept[kept.index(seen[0]) : kept.index(seen[-1]) + 1] == seen


def test_a_cut_line_leaves_no_hole_and_no_repeat(
    server: Any, cable: Callable[[str], Any], eventually: Eventually
) -> None:
    line = cable(server.url)
    with sentry.connect(line.url) as session, sentry.connect(server.url) as witness:
        eventually(lambda: seen_live(session))
        line.cut()
        eventually(lambda: session.state == "connecting")
        assert "attempt 1 of 5" in str(session.detail)
        missed = len(witness.results)
        eventually(lambda: len(witness.results) >= missed + 2)
        before = len(session.results)
        line.mend()
        session.reconnect()
        eventually(lambda: session.state == "live")
        eventually(lambda: len(session.results) >= before + 2)
        assert seen_are_all_that_were_kept(session)


def test_a_run_is_whole_although_the_line_was_cut_in_its_midst(
    server: Any, target: Any, cable: Callable[[str], Any], eventually: Eventually
) -> None:
    line = cable(server.url)
    with sentry.connect(line.url) as session:
        with target.held():
            run = session.run_tests(["held", "payment-api", "search"])
            line.cut()
            eventually(lambda: session.state == "connecting")
        with pytest.raises(ServerUnreachable, match="no connection to"):
            run.pause()
        line.mend()
        session.reconnect()
        assert run.wait().state == "completed"
        assert sorted(run.results["application"]) == ["held", "payment-api", "search"]
        assert run.results["late_ms"].notna().all()


def _tests_of(url: str, run_id: str) -> list[Any]:
    with urlopen(f"{url}/api/test-runs/{run_id}") as answer:
        tests: list[Any] = json.load(answer)["tests"]
    return tests


def test_a_run_that_the_server_died_under_ends_as_interrupted(
    serve: Callable[..., Any], target: Any, eventually: Eventually
) -> None:
    server = serve()
    with sentry.connect(server.url) as session, target.held():
        eventually(lambda: seen_live(session))
        run = session.run_tests(["held"])
        # What the server shows of a run is in its history.
        eventually(lambda: _tests_of(server.url, run.id))
        server.kill()
        eventually(lambda: session.state == "connecting")
        again = serve(port=int(server.url.rsplit(":", 1)[1]))
        assert again.url == server.url
        session.reconnect()
        assert run.wait().state == "interrupted"
        assert run.results[["status", "failure"]].values.tolist() == [["unknown", "interrupted"]]
        assert seen_are_all_that_were_kept(session)


def test_another_history_at_the_same_address_starts_the_frame_anew(
    serve: Callable[..., Any], tmp_path: Any, target: Any, eventually: Eventually
) -> None:
    server = serve()
    with sentry.connect(server.url) as session, target.held():
        eventually(lambda: len(session.results) >= 2)
        run = session.run_tests(["held"])
        server.kill()
        for file in (tmp_path / "own" / "data").iterdir():
            file.unlink()
        serve(port=int(server.url.rsplit(":", 1)[1]))
        eventually(lambda: session.state == "connecting")
        session.reconnect()
        eventually(lambda: session.state == "live" and seen_live(session))
        assert session.results.attrs["trimmed"] >= 2
        assert seen_are_all_that_were_kept(session)
        with pytest.raises(sentry.AppSentryError, match="no run is called"):
            run.wait()


def test_where_websockets_do_not_pass_polling_does(server: Any, cable: Callable[[str], Any]) -> None:
    line = cable(server.url)
    line.refuse_websockets()
    with sentry.connect(line.url) as session:
        assert session.run_tests_sync(["payment-api"]).state == "completed"
        tried = line.refused
        runs = [session.run_tests(["payment-api", "search", "markup"]) for _ in range(15)]
        assert {run.wait().state for run in runs} == {"completed"}
        # A line that a burst had broken would have been tried anew, over a WebSocket first.
        assert line.refused == tried


def test_more_requests_than_the_server_takes_are_sent_more_slowly(session: Session) -> None:
    runs = [session.run_tests(["payment-api"]) for _ in range(50)]
    assert {run.wait().state for run in runs} == {"completed"}
