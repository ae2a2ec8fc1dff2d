"""A wall clock that jumps by an hour under a whole server: schedule, checks, history and events."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from appsentry_contract.instants import from_wire
from appsentry_server.clock import SystemClock
from appsentry_server.composition import compose
from appsentry_server.configuration.loading import load_text

DEADLINE_S = 60
HOUR_S = 3600
APPS = ["shop", "pay", "mail"]


class _SetClock(SystemClock):
    """The machine's clock, with a wall time that a test sets."""

    ahead_s = 0

    def now_ms(self):
        return super().now_ms() + self.ahead_s * 1000


class _Life:
    """One life of a server, and all it says."""

    def __init__(self, server):
        self.server = server
        self.heard = []
        self._moved = asyncio.Event()

    async def hear(self, event):
        self.heard.append(event)
        self._moved.set()

    async def until(self, holds):
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                self._moved.clear()
                await self._moved.wait()

    async def results(self, count):
        """The next results: at least this many of each application, in their order."""
        start = len(self.heard)
        found = defaultdict(list)

        def holds():
            found.clear()
            for event in self.heard[start:]:
                if event.name == "healthMetricUpdate":
                    found[event.payload["applicationId"]].append(event.payload)
            return all(len(found[name]) >= count for name in APPS)

        await self.until(holds)
        return dict(found)

    async def notice(self, words):
        """Wait until people were told this."""
        await self.until(lambda: any(e.name == "notification" and words in e.payload["message"] for e in self.heard))

    async def status(self, status):
        """Wait until every application is said to be so."""

        def holds():
            newest = {e.payload["id"]: e.payload["status"] for e in self.heard if e.name == "applicationStatusUpdate"}
            return all(newest.get(name) == status for name in APPS)

        await self.until(holds)


@asynccontextmanager
async def _living(folder, url, clock):
    lines = "".join(f"\n  - {{id: {name}, checks: [{{type: health, url: '{url}/up', interval: 1s}}]}}" for name in APPS)
    server = await compose(load_text(f"applications:{lines}").with_server(data_dir=folder), clock)
    life = _Life(server)
    server.services.publisher.listen(life.hear)
    try:
        await server.start()
        yield life
    finally:
        await server.stop()


def _said(results):
    return {(one["status"], one["failure"] and one["failure"]["class"]) for some in results.values() for one in some}


def _dues(results):
    return [[from_wire(one["dueAt"]) for one in results[name]] for name in APPS]


def _calm(results):
    """No check was made sooner after the one before it than the interval says, by what the clock then said."""
    return all(b - a >= 900 for dues in _dues(results) for a, b in pairwise(dues))


@pytest.mark.timeout(180)
def test_an_hour_forward_is_a_gap_and_an_hour_back_is_not_counted_twice(tmp_path, target, form, show):
    clock = _SetClock()

    async def scenario():
        async with _living(tmp_path, target.url, clock) as life:
            await life.results(2)
            for _ in range(form(1, 5)):
                clock.ahead_s += HOUR_S
                forward = await life.results(3)
                assert _said(forward) == {("up", None)}
                assert _calm(forward)
                await life.notice("set forward by 1h")
                await life.status("healthy")
            clock.ahead_s -= HOUR_S
            await life.results(1)
            back = await life.results(3)
            assert _said(back) == {("unknown", "internal")}
            assert all("set back" in one["failure"]["message"] for some in back.values() for one in some)
            await life.notice("set back by 1h")
            await life.status("unknown")
            first = life.heard
        async with _living(tmp_path, target.url, clock) as life:
            again = await life.results(2)
            assert _said(again) == {("unknown", "internal")}, "a restart forgot what was counted"
            clock.ahead_s += HOUR_S
            await life.results(1)
            after = await life.results(3)
            assert _said(after) == {("up", None)}
            assert _calm(after)
            await life.status("healthy")
            applications = life.server.services.published.applications.values()
            assert {one["uptime"] for one in applications} == {100.0}
            heard = [*first, *life.heard]
        durable = [event.payload for event in heard if event.seq is not None and event.name != "healthMetricUpdate"]
        assert [one["at"] for one in durable] == sorted(one["at"] for one in durable)
        for name in APPS:
            dues = [
                e.payload["dueAt"] for e in heard if e.payload.get("applicationId") == name and "dueAt" in e.payload
            ]
            assert all(a < b for a, b in pairwise(dues)), "results out of order"
        assert not [event for event in heard if event.payload.get("status") == "down"]
        show(f"{len(durable)} durable events in order, 0 down")

    asyncio.run(scenario())
