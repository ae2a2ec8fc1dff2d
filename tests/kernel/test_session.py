"""A session with the real server: what is seen, what is left when it closes."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest

import appsentry_kernel as sentry
from appsentry_contract.columns import RESULT_COLUMNS
from appsentry_kernel.errors import AppSentryError, RequestRefused, ServerUnreachable, SessionClosed, TokenRefused
from appsentry_kernel.frames import DTYPES
from appsentry_kernel.session import Session, current

Eventually = Callable[[Callable[[], object]], None]


def io_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(("appsentry", "asyncio_"))]


def connections() -> list[Any]:
    return psutil.Process().net_connections()


def test_applications_are_known_as_soon_as_the_session_is_open(session: Session) -> None:
    assert session.state == "live"
    assert session.applications.index.tolist() == ["held", "markup", "payment-api", "search"]
    assert session.applications.loc["payment-api", "tags"] == ("tier-1",)


def test_an_application_changes_as_its_checks_come_in(session: Session, eventually: Eventually) -> None:
    eventually(lambda: session.applications["status"].to_dict()["search"] == "down")
    eventually(lambda: session.applications["status"].to_dict()["payment-api"] == "healthy")
    assert session.applications.loc["payment-api", "response_ms"] > 0


def test_results_seen_live_are_what_the_history_holds(session: Session, eventually: Eventually) -> None:
    eventually(lambda: len(session.results) >= 4)
    seen = session.results
    assert {name: str(dtype) for name, dtype in seen.dtypes.items()} == {
        name: DTYPES[column.kind] for name, column in RESULT_COLUMNS.items()
    }
    assert seen["result_id"].is_unique
    assert seen.attrs["trimmed"] == 0
    kept = session.history("1h").set_index("result_id").loc[seen["result_id"]].reset_index()
    assert kept[seen.columns].equals(seen.reset_index(drop=True))


def test_at_most_keep_results_are_held(server: Any, eventually: Eventually) -> None:
    with sentry.connect(server.url, keep=2) as session:
        eventually(lambda: session.results.attrs["trimmed"] >= 1)
        assert len(session.results) == 2


def test_simulated_results_are_left_out_unless_asked_for(server: Any, eventually: Eventually) -> None:
    with sentry.connect(server.url) as plain, sentry.connect(server.url, simulated=True) as asked:
        simulate(asked, kind="activity", seed=7)
        eventually(lambda: True in asked.results["simulated"].tolist())
        assert not plain.results["simulated"].any()
        assert not plain.history("1h")["simulated"].any()
        assert plain.history("1h", simulated=True)["simulated"].any()
        assert asked.history("1h")["simulated"].any()


def simulate(session: Session, **request: object) -> None:
    """What a development page's button asks for; a session has no word for it."""
    reader = session._reader
    reader.thread.call(lambda: reader._link.request("simulate", request))


async def waits(run: sentry.Run) -> sentry.Run:
    return await run


def test_a_run_is_given_back_at_once_and_awaited_by_several(session: Session) -> None:
    run = session.run_tests(["payment-api", "search"])

    async def both() -> list[sentry.Run]:
        return await asyncio.gather(waits(run), waits(run))

    assert asyncio.run(both()) == [run, run]
    assert run.state == "completed"
    assert run.progress == (2, 2)
    results = run.results.set_index("application")
    assert results["status"].to_dict() == {"payment-api": "up", "search": "down"}
    assert results["failure"].to_dict()["search"] == "status"
    assert set(results["run_id"]) == {run.id}
    assert results["late_ms"].notna().all(), "each row is the whole result, not only what the run said of it"


def test_giving_up_waiting_leaves_the_run_and_other_waiters_alone(session: Session, target: Any) -> None:
    with target.held():
        run = session.run_tests(["held"])

        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waits(run), 0.01)

        asyncio.run(give_up())
    assert run.wait().state == "completed"


def test_waiting_in_a_script_gives_the_ended_run(session: Session) -> None:
    run = session.run_tests_sync(["payment-api"], types="health")
    assert (run.state, len(run.results)) == ("completed", 1)


def test_waiting_in_a_script_ends_at_its_deadline(session: Session, target: Any) -> None:
    with target.held():
        run = session.run_tests(["held"])
        with pytest.raises(TimeoutError):
            run.wait(timeout=0.01)
    assert run.wait().state == "completed"


def test_tags_and_applications_intersect(session: Session) -> None:
    run = session.run_tests_sync(["payment-api", "markup"], tags="tier-1")
    assert run.results["application"].tolist() == ["payment-api"]


def test_a_run_is_paused_resumed_and_cancelled(session: Session, target: Any, eventually: Eventually) -> None:
    with target.held():
        run = session.run_tests(["held"])
        run.pause()
        eventually(lambda: run.state == "paused")
        run.resume()
        eventually(lambda: run.state == "running")
        run.cancel()
        assert run.wait().state == "cancelled"
    assert run.reason
    cut_off = run.results
    assert cut_off[["status", "failure"]].values.tolist() == [["unknown", "cancelled"]]
    assert cut_off["result_id"].isna().all()
    with pytest.raises(RequestRefused) as refused:
        run.cancel()
    assert refused.value.code == "conflict"


def test_an_unknown_application_is_refused_by_name(session: Session) -> None:
    with pytest.raises(RequestRefused, match="paymnt-api") as refused:
        session.run_tests(["paymnt-api"])
    assert refused.value.code == "unknown_application"


def test_choosing_nothing_is_refused_before_it_is_sent(session: Session) -> None:
    with pytest.raises(ValueError, match=r"applications=\[\] chooses nothing: leave it out"):
        session.run_tests([])


def test_a_run_that_somebody_else_starts_is_followed(server: Any, session: Session, eventually: Eventually) -> None:
    with sentry.connect(server.url) as other:
        run = other.run_tests_sync(["payment-api"])
        followed = session._reader.runs.track(run.id)
        eventually(lambda: followed.settled)
        assert followed.results().num_rows == 1


def test_names_are_shown_as_text(session: Session) -> None:
    assert "<script>" in session.applications.loc["markup", "name"]
    assert "<script>" not in session.applications._repr_html_()
    run = session.run_tests_sync(["markup"])
    run._tracked.load({**run._tracked.view(), "reason": "<script>alert(1)</script>"})
    assert "<script>" not in run._repr_html_() + session._repr_html_()


def test_closing_leaves_no_thread_and_no_socket(server: Any) -> None:
    before = connections()
    session = sentry.connect(server.url)
    session.history("1h")
    session.dashboard()
    assert io_threads()
    session.close()
    assert io_threads() == []
    assert connections() == before
    session.close()


def test_a_closed_session_can_be_read_and_says_how_to_go_on(server: Any, target: Any, eventually: Eventually) -> None:
    session = sentry.connect(server.url)
    eventually(lambda: len(session.results))
    with target.held():
        run = session.run_tests(["held"])
        session.close()
    assert len(session.applications) == 4
    assert len(session.results)
    assert session.state == "closed"
    for call in (session.history, session.run_tests, session.reconnect, run.cancel):
        with pytest.raises(SessionClosed, match=r"sentry\.connect\(\)"):
            call()
    with pytest.raises(SessionClosed):
        run.wait()


def test_a_forgotten_session_is_closed(server: Any, eventually: Eventually) -> None:
    session = sentry.connect(server.url)
    session.dashboard()
    del session
    gc.collect()
    eventually(lambda: io_threads() == [])


def test_connecting_again_leaves_the_session_before_alone(server: Any) -> None:
    with sentry.connect(server.url) as first, sentry.connect(server.url) as second:
        assert current() is second
        assert first.run_tests_sync(["payment-api"]).state == "completed"
        second.close()
        assert current() is first
    assert current() is None


def test_a_run_in_the_hand_keeps_its_session(server: Any) -> None:
    run = sentry.connect(server.url).run_tests(["payment-api"])
    gc.collect()
    assert run.wait().state == "completed"
    run._session.close()


def test_the_interpreter_ends_in_order_while_a_session_is_open(server: Any) -> None:
    code = "import sys, appsentry_kernel as sentry; s = sentry.connect(sys.argv[1]); s.run_tests(['payment-api'])"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, server.url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_nobody_there_is_said_with_the_address_and_what_to_type() -> None:
    with pytest.raises(
        ConnectionError, match=r"http://127\.0\.0\.1:9 \(the url= you gave\): .*refused.*appsentry demo"
    ):
        sentry.connect("http://127.0.0.1:9")
    assert io_threads() == []


def test_something_else_there_is_said(target: Any) -> None:
    with pytest.raises(ServerUnreachable, match="something else answers there: HTTP 503"):
        sentry.connect(target.url + "/down")


def test_an_unknown_keyword_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"connect\(\) knows no tokn=; did you mean token=\?"):
        sentry.connect(tokn="x")
    with pytest.raises(TypeError, match="it takes url=, token=, keep=, simulated="):
        sentry.connect(retries=3)


def test_keeping_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keep at least 1"):
        sentry.connect(keep=0)


def test_a_wrong_token_is_said_and_the_right_one_found_nearby(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(token="right-token-0123456789")
    with pytest.raises(TokenRefused, match=r"refused the token: .*wrong.*APPSENTRY_TOKEN"):
        sentry.connect(server.url, token="wrong")
    monkeypatch.setenv("XDG_RUNTIME_DIR", server.environment["XDG_RUNTIME_DIR"])
    with sentry.connect() as session:
        assert session.url == server.url
        assert len(session.history("1h").columns) == len(RESULT_COLUMNS)
    monkeypatch.setenv("APPSENTRY_TOKEN", "wrong")
    with pytest.raises(AppSentryError):
        sentry.connect()
    assert "right-token" not in repr(session) + os.fspath(session.url)
