"""A working day: after thousands of runs and reconnections a session and its board hold what they held in the morning.

The session is the real one, and so are its sockets, the cable that is cut under them, and the browser that draws what
its dashboard sends. Only the clock is the test's: eight hours pass in the time that their events take.
"""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
import pytest

from appsentry_kernel.session import Session

DAY_MS = 8 * 3_600_000
DAY_RUNS = 10_000
SETTLED_IN = 120
"""Runs after which everything that is bounded has reached its bound."""

A_CUT_EACH = 10
"""Runs between two cuts of the line."""

SEALED = 2_048
"""Results that a session seals at once, and that this one keeps: after each so many it holds as much again."""

COUNTED = frozenset({"threads", "sockets", "files", "tasks", "timers", "waits", "page timers", "listeners"})
"""What may not be more in the evening than it was in the morning."""

GROWTH = {"objects": 3_000, "blocks": 30_000, "nodes": 20, "page heap": 500_000}
"""By how much these may grow: other words on the page, and caches of libraries; not an object for every third run."""

PATIENCE_S = 30.0


class Day:
    """One session that is worked with, and its dashboard on a page."""

    def __init__(self, server: Any, line: Any, clock: Any, board: Any) -> None:
        self._server, self._line, self._clock, self._board = server, line, clock, board
        self._morning = clock.now_ms()
        self._sent: list[Any] = []
        self._moment = threading.Event()
        self.reconnections = 0
        self.session = Session(line.url, token=None, keep=SEALED, simulated=False, clock=clock)
        self.dashboard = self.session.dashboard()
        self.dashboard.send = self._sent.append  # in place of a notebook's front end
        self._reader = self.session._reader

    def work(self, runs: range) -> None:
        """These runs, each at its time of day, our own and others'; in the middle of some the line is cut."""
        for number in runs:
            self._pass_until(self._morning + number * DAY_MS // DAY_RUNS)
            if number % A_CUT_EACH == A_CUT_EACH - 1:
                self._lose_the_line_in_a_run(f"cut-{number}", attempts=number // A_CUT_EACH % 8)
                self.draw()
            elif number % 2:
                assert len(self.session.run_tests().wait(PATIENCE_S).results) == 2
            else:
                self._server.do(self._server.begin(f"seen-{number}"))
                self._server.do(self._server.finish(f"seen-{number}"))
                self._await_end(f"seen-{number}")

    def draw(self) -> None:
        """Show the page what the dashboard sent since the last time."""
        sent, self._sent[:] = list(self._sent), []
        self._board.draw(sent)

    def rest(self) -> None:
        """Come to where nothing is under way, and as many results are held as ever at such a point."""
        self._server.do(self._server.check(SEALED))
        self._until(lambda: self._reader.results.rows == SEALED and len(self._reader.feed.followed) == 3)
        self._pass_until(self._clock.now_ms() + 60_000)
        self.draw()
        self._board.dismiss()

    def held(self) -> dict[str, int]:
        """What there is of everything that could leak; memory aside, it is exact."""
        return process() | memory() | self._reader.thread.call(self._tasks) | self._board.held()

    async def _tasks(self) -> dict[str, int]:
        loop = asyncio.get_running_loop()
        timers = sum(not timer.cancelled() for timer in loop._scheduled)
        return {"tasks": len(asyncio.all_tasks()) - 1, "timers": timers, "waits": self._clock.asleep}

    def _lose_the_line_in_a_run(self, run_id: str, *, attempts: int) -> None:
        """Cut the line, end the run meanwhile, and mend the line when so many attempts, at most all, were in vain."""
        self._server.do(self._server.begin(run_id))
        self._line.cut()
        self._until(lambda: self.session.state != "live")
        self._server.do(self._server.finish(run_id))
        self._until(lambda: self.session.state == "disconnected" or self._attempt() > attempts)
        self._line.mend()
        if attempts == 7:
            self.session.reconnect()
        self._until(lambda: self.session.state == "live")
        self._await_end(run_id)
        self.reconnections += 1

    def _attempt(self) -> int:
        retry = self._reader._link.retry
        return retry.attempt if retry is not None and retry.attempt is not None else 0

    def _await_end(self, run_id: str) -> None:
        run = self._reader.runs.track(run_id)
        run.end().result(PATIENCE_S)
        assert run.view()["state"] == "completed"
        assert run.results().num_rows == 2

    def _pass_until(self, ms: int) -> None:
        self._reader.thread.call(partial(self._clock.pass_until, ms))

    def _until(self, holds: Callable[[], bool]) -> None:
        """Let time pass until something holds: the day's, and enough of ours for the sockets to get a word through."""
        for _ in range(int(PATIENCE_S / 0.002)):
            if holds():
                return
            self._pass_until(self._clock.now_ms() + 500)
            self._moment.wait(0.002)
        raise AssertionError("it did not come to hold")


def process() -> dict[str, int]:
    """What this process has open: the session, and the server and the line, which are in it too."""
    own = psutil.Process()
    return {"threads": threading.active_count(), "sockets": len(own.net_connections()), "files": own.num_fds()}


def memory() -> dict[str, int]:
    """What it remembers."""
    gc.collect()
    resident = psutil.Process().memory_info().rss // 1024
    return {"objects": len(gc.get_objects()), "blocks": sys.getallocatedblocks(), "resident kB": resident}


def more(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    """What there is more of than there may be."""
    limits = {what: before[what] + GROWTH.get(what, 0) for what in COUNTED | GROWTH.keys()}
    return {what: now[what] for what, limit in limits.items() if now[what] > limit}


def patiently(holds: Callable[[], bool]) -> None:
    """Wait until something holds, or long enough: what a line leaves behind goes when the other side has noticed."""
    moment = threading.Event()
    for _ in range(30):
        if holds():
            return
        moment.wait(0.2)


@pytest.mark.timeout(3_600)
def test_a_session_holds_in_the_evening_what_it_held_in_the_morning(
    day_server: Any,
    clock: Any,
    board: Any,
    cable: Callable[[str], Any],
    caplog: pytest.LogCaptureFixture,
    form: Callable[[int, int], int],
    show: Callable[[str], None],
) -> None:
    line = cable(day_server.url)
    before = process()
    day = Day(day_server, line, clock, board)
    day.work(range(SETTLED_IN))
    day.rest()
    caplog.clear()  # what the libraries say of each cut
    morning = day.held()
    day.work(range(SETTLED_IN, form(300, DAY_RUNS)))
    day.rest()
    caplog.clear()
    patiently(lambda: not more(morning, day.held()))
    evening = day.held()
    show(f"after {day.reconnections} reconnections: " + ", ".join(f"{n:,} {what}" for what, n in evening.items()))
    show("in the morning: " + ", ".join(f"{n:,} {what}" for what, n in morning.items()))
    assert more(morning, evening) == {}
    assert board.text(".as-pill") == ["Live Updates"]
    day.session.close()
    day.dashboard.close()
    patiently(lambda: process() == before)
    assert process() == before
