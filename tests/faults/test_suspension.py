"""A server that is stopped for a while: what it was in the middle of, what it missed, and what its readers keep."""

import re
import signal
import threading
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import appsentry_kernel as sentry

DEADLINE_S = 90
APPS = [f"app-{number}" for number in range(5)]
MOMENT = threading.Event()


def _until(holds):
    """Wait until this gives something true, and give it."""
    for _ in range(DEADLINE_S * 20):
        if found := holds():
            return found
        MOMENT.wait(0.05)
    raise AssertionError("it did not come to hold")


class _Target:
    """Answers at once, but for `/held` while it holds."""

    def __init__(self):
        self.free, self.holding = threading.Event(), threading.Event()
        self.free.set()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/held" and not target.free.is_set():
                    target.holding.set()
                    target.free.wait(2 * DEADLINE_S)
                with suppress(OSError):
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self):
        self.free.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def held_target():
    target = _Target()
    yield target
    target.close()


def _application(name, url):
    check = {"type": "health", "url": url, "interval": "1s", "timeout": "2s", "confirm": 1}
    return {"id": name, "checks": [check]}


def _metric(server, name):
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=DEADLINE_S) as answer:
        return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)[1])


@pytest.mark.timeout(300)
def test_a_stopped_server_blames_nobody_makes_no_burst_and_its_readers_lose_nothing(held_target, serve, form, show):
    stopped_s = form(4, 60)
    applications = [_application(name, f"{held_target.url}/up") for name in APPS]
    server = serve([*applications, _application("held", f"{held_target.url}/held")])
    session = sentry.connect(server.url)
    earlier = set(session.history("1d")["result_id"])

    def each_has(count):
        return session.results.groupby("application").size().reindex([*APPS, "held"], fill_value=0).min() >= count

    _until(lambda: each_has(3))
    held_target.free.clear()
    assert held_target.holding.wait(DEADLINE_S)
    server.process.send_signal(signal.SIGSTOP)
    try:
        # The time that it is stopped is what is tested.
        MOMENT.wait(stopped_s)
    finally:
        server.process.send_signal(signal.SIGCONT)
    _until(lambda: "internal" in set(session.results["failure"].dropna()))
    held_target.free.set()
    before = session.results.groupby("application").size().min()
    _until(lambda: each_has(before + 4))

    history = session.history("1d")
    _until(lambda: set(history["result_id"]) - earlier <= set(session.results["result_id"]))
    seen = session.results
    assert seen["result_id"].is_unique
    assert set(seen[seen["ts"] <= history["ts"].max()]["result_id"]) <= set(session.history("1d")["result_id"])
    session.close()

    assert set(history["status"]) == {"up", "unknown"}
    unknown = history[history["status"] == "unknown"]
    assert set(unknown["application"]) == {"held"}
    assert set(unknown["failure"]) == {"internal"}
    assert unknown["message"].str.contains("the monitor stood still for").all()
    for name in APPS:
        dues = history[history["application"] == name]["ts"].sort_values()
        # The first look is made at once, wherever the grid is.
        steps_s = dues.diff().dropna().iloc[1:].dt.total_seconds()
        assert steps_s.min() >= 0.9, "checks were made up for"
        assert steps_s.max() >= stopped_s - 2, "the gap was covered up"
    assert "the monitor stood still for" in server.log
    assert _metric(server, "appsentry_stood_still_seconds_total") >= stopped_s - 1
    assert server.end() == 0
    show(f"stopped for {stopped_s} s: {len(history)} results, {len(unknown)} internal, 0 down")
