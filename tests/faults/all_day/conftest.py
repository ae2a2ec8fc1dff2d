"""A day for a session to live through: time that a test lets pass, a server with much to tell, a page that draws it."""

import asyncio
import heapq
import itertools
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
import socketio
from aiohttp import web

from appsentry_contract.instants import from_wire, to_wire
from appsentry_kernel.widgets.joined import joined_module, joined_styles

MORNING_MS = from_wire("2026-11-23T08:00:00.000Z")
PATIENCE_S = 30.0
JOURNAL = 200
"""Events of each stream that the server remembers: more than anybody misses while a line is cut."""

Event = tuple[str, dict[str, Any]]


class VirtualClock:
    """Time that passes only when it is told to, on the session's own thread, waking its sleepers in their order."""

    def __init__(self) -> None:
        self._ms = MORNING_MS
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @property
    def asleep(self) -> int:
        """How many wait for a time to come."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def now_ms(self) -> int:
        return self._ms

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._ms + round(1_000 * seconds), next(self._numbers), woken))
        await woken

    async def pass_until(self, ms: int) -> None:
        """Let it become this late, each sleeper going on before the next one is woken."""
        while self._sleepers and self._sleepers[0][0] <= ms:
            self._ms, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
                await asyncio.sleep(0)
        self._ms = max(self._ms, ms)


class Journal:
    """The events of the streams, numbered, as far back as anybody may ask."""

    def __init__(self) -> None:
        self._streams: dict[str, deque[Event]] = {}
        self._heads: dict[str, int] = {}

    def head(self, stream: str) -> int:
        return self._heads.get(stream, 0)

    def add(self, stream: str, name: str, fields: dict[str, Any]) -> Event:
        """Number an event and keep it."""
        number = self._heads[stream] = self.head(stream) + 1
        event = (name, {**fields, "stream": stream, "seq": number, "epoch": "e1"})
        self._streams.setdefault(stream, deque(maxlen=JOURNAL)).append(event)
        return event

    def page(self, stream: str, after: int) -> list[Event]:
        """The next events after that number, at most 500."""
        later = [event for event in self._streams.get(stream, ()) if event[1]["seq"] > after]
        assert len(later) == self.head(stream) - after, f"{stream} reaches not as far back as {after}"
        return later[:500]

    def forget_old_runs(self) -> None:
        """Remember the tests of the last few runs only."""
        runs = [stream for stream in self._streams if stream.startswith("run:")]
        for stream in runs[:-20]:
            del self._streams[stream], self._heads[stream]


class DayServer:
    """Socket.IO that speaks the contract, on a thread of its own."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._journal = Journal()
        # What watches a line that was cut goes with the next ping: at once, instead of half a minute of a short day.
        self._sockets = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1)
        self._sockets.on("subscribe", self._subscribe)
        self._sockets.on("unsubscribe", self._unsubscribe)
        self._sockets.on("startTestRun", self._start_run)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner = self.do(self._listen())
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def do(self, work: Any) -> Any:
        """Run a coroutine on the server's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def close(self) -> None:
        """Go away."""
        self.do(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def begin(self, run_id: str) -> None:
        """Somebody's run of two tests starts, and the first of them passes."""
        chosen = {"applicationCount": 2, "testCount": 2, "applicationIds": ["a", "b"], "testTypes": ["health"]}
        await self._tell("runs", "testRunStarted", testRunId=run_id, trigger="api", **chosen)
        await self._test(run_id, "a", "testCompleted", status="passed", timings=None)
        place = {"stream": f"run:{run_id}", "epoch": "e1", "after": self._journal.head(f"run:{run_id}")}
        progress = {"testRunId": run_id, "completed": 1, "total": 2, "currentApplication": "b", "at": self._now()}
        await self._sockets.emit("progressUpdate", {**place, **progress}, to=f"run:{run_id}")

    async def finish(self, run_id: str) -> None:
        """The other test fails, an application goes down or recovers, and the run ends."""
        failure = {"class": "refused", "message": "nobody listens", "step": None}
        await self._test(run_id, "b", "testFailed", status="failed", failure=failure)
        was_down = self._journal.head("applications") % 4
        await self._tell(
            "applications", "applicationStatusUpdate", **application("b", "healthy" if was_down else "down")
        )
        notice = {"type": "info", "message": run_id, "timestamp": self._now(), "applicationId": "b"}
        await self._tell("applications", "notification", **notice)
        tally = {"passed": 1, "degraded": 0, "failed": 1, "unknown": 0}
        await self._tell("runs", "testRunCompleted", testRunId=run_id, duration=10.0, **tally)
        self._journal.forget_old_runs()

    async def check(self, sealed: int) -> None:
        """Scheduled results come in until there are a multiple of so many."""
        while number := -self._journal.head("metrics") % sealed:
            await self._result("a", f"scheduled-{number}", None)

    async def _test(self, run_id: str, app_id: str, ended: str, **outcome: Any) -> None:
        test = {"testRunId": run_id, "applicationId": app_id, "testId": app_id, "testType": "health"}
        test["checkId"] = "health"
        await self._tell(f"run:{run_id}", "testStarted", **test, attempt=1)
        await self._result(app_id, f"{run_id}-{app_id}", run_id)
        await self._tell(f"run:{run_id}", ended, **test, resultId=f"{run_id}-{app_id}", duration=5.0, **outcome)

    async def _result(self, app_id: str, result_id: str, run_id: str | None) -> None:
        result = {
            "applicationId": app_id, "responseTime": 5.0, "status": "up", "resultId": result_id, "checkId": "health",
            "testType": "health", "dueAt": self._now(), "lateMs": 0.0, "intervalMs": 30_000, "timings": None,
            "steps": None, "testRunId": run_id, "attempt": 1, "failure": None, "message": None, "location": "here",
        }  # fmt: skip
        await self._tell("metrics", "healthMetricUpdate", **result)

    async def _tell(self, stream: str, name: str, /, **fields: Any) -> None:
        event = self._journal.add(stream, name, {"at": self._now(), **fields})
        if stream in ("applications", "metrics"):
            await self._sockets.emit("eventBatch", {"events": [event]}, to=stream)
        else:
            await self._sockets.emit(*event, to=stream)

    def _now(self) -> str:
        return to_wire(self._clock.now_ms())

    async def _subscribe(self, sid: str, request: dict[str, Any]) -> dict[str, Any]:
        stream, since = request["stream"], request["since"]
        await self._sockets.enter_room(sid, stream)
        place = {"ok": True, "epoch": "e1", "head": self._journal.head(stream)}
        if since is None:
            applications = [application(app_id, "healthy") for app_id in "ab"]
            return {**place, "snapshot": {"applications": applications, "runs": []}}
        page = self._journal.page(stream, since["seq"])
        return {**place, "events": page, "more": since["seq"] + len(page) < place["head"]}

    async def _unsubscribe(self, sid: str, request: dict[str, Any]) -> dict[str, Any]:
        await self._sockets.leave_room(sid, request["stream"])
        return {"ok": True}

    async def _start_run(self, sid: str, request: dict[str, Any]) -> dict[str, Any]:
        run_id = f"asked-for-{self._journal.head('runs')}"
        await self._sockets.enter_room(sid, f"run:{run_id}")
        self._sockets.start_background_task(self._whole, run_id)
        return {"ok": True, "testRunId": run_id}

    async def _whole(self, run_id: str) -> None:
        await self.begin(run_id)
        await self.finish(run_id)

    async def _listen(self) -> web.AppRunner:
        app = web.Application()
        self._sockets.attach(app)
        app.router.add_get("/healthz", self._healthz)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _hang_up(self) -> None:
        await self._sockets.shutdown()
        await self._runner.cleanup()
        watches = asyncio.all_tasks() - {asyncio.current_task()}
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)


def application(app_id: str, status: str) -> dict[str, Any]:
    """An application as the server shows it."""
    sla = {"status": "met", "target": 99.0, "actual": 99.9, "errorBudgetRemaining": 0.9}
    return {
        "id": app_id, "name": app_id.upper(), "status": status, "responseTime": 5.0, "uptime": 99.9, "sla": sla,
        "lastChecked": None, "group": None, "tags": [], "simulated": False, "checks": [],
    }  # fmt: skip


class Board:
    """A bare page with a view of the dashboard, which is told what the dashboard sends."""

    def __init__(self, chromium: Any) -> None:
        self._page = chromium.new_page(viewport={"width": 1200, "height": 900})
        self.errors: list[str] = []
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.set_content('<body><div id="here"></div></body>')
        self._page.add_style_tag(content=joined_styles())
        self._page.evaluate(VIEW, joined_module("dashboard"))
        self._devtools = self._page.context.new_cdp_session(self._page)
        self._devtools.send("Performance.enable")

    def draw(self, messages: list[Any]) -> None:
        """Hear these messages and draw what they say."""
        self._page.evaluate("async (all) => { all.forEach(hear); await new Promise(requestAnimationFrame); }", messages)

    def dismiss(self) -> None:
        """Have every notification go."""
        self._page.evaluate("document.querySelectorAll('.as-toast button').forEach((button) => button.click())")

    def text(self, selector: str) -> list[str]:
        """What these elements say."""
        return list(self._page.locator(selector).all_inner_texts())

    def held(self) -> dict[str, int]:
        """What the page holds."""
        self._devtools.send("HeapProfiler.collectGarbage")
        found = {metric["name"]: metric["value"] for metric in self._devtools.send("Performance.getMetrics")["metrics"]}
        return {
            "page timers": self._page.evaluate("ticking"),
            "nodes": int(found["Nodes"]),
            "listeners": int(found["JSEventListeners"]),
            "page heap": int(found["JSHeapUsedSize"]),
        }

    def close(self) -> None:
        """Leave the page; nothing in it may have failed."""
        self._page.close()
        assert self.errors == []


# A model as anywidget hands it to a module, and a count of the timers that are set and not cleared.
VIEW = """async (source) => {
    window.ticking = 0;
    const [set, clear] = [window.setInterval, window.clearInterval];
    window.setInterval = (...rest) => { ticking += 1; return set(...rest); };
    window.clearInterval = (id) => { ticking -= 1; clear(id); };
    const listeners = new Set();
    window.hear = (message) => listeners.forEach((listener) => listener(message));
    const model = {
        get: (name) => ({snapshot: {}, parts: ["connection", "progress", "cards", "feed"]})[name],
        send: () => {},
        on: (name, listener) => listeners.add(listener),
        off: (name, listener) => listeners.delete(listener),
    };
    const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
    const widget = await (await import(url)).default();
    await widget.initialize({model});
    await widget.render({model, el: document.getElementById("here")});
}"""


@pytest.fixture
def clock() -> VirtualClock:
    """It is eight in the morning."""
    return VirtualClock()


@pytest.fixture
def day_server(clock: VirtualClock) -> Iterator[DayServer]:
    """A server that lives by that clock."""
    server = DayServer(clock)
    yield server
    server.close()


@pytest.fixture
def board(chromium: Any) -> Iterator[Board]:
    """A page with the dashboard."""
    board = Board(chromium)
    yield board
    board.close()
