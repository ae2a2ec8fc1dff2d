"""A notebook's kernel without the notebook: the real screen and widget, fed with made events, read over a WebSocket.

`python -m benchmarks.dashboard_kernel` prints the address of a page that runs the widget's real module. Whoever opens
`board?cards=…&rate=…&form=…` there is sent frames until it goes away.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from appsentry_contract.instants import to_wire
from appsentry_kernel.clock import SystemClock
from appsentry_kernel.feed import Feed
from appsentry_kernel.picture.board import BEATS_LENGTH, Delta
from appsentry_kernel.screen import FRAME_S, Screen
from appsentry_kernel.widgets import Dashboard
from appsentry_kernel.widgets.joined import joined_module, joined_styles
from appsentry_kernel.widgets.still import as_html

_PAGE = Path(__file__).with_name("dashboard_page.html")
_STEPS_A_FRAME = 2
_STEP_S = FRAME_S / _STEPS_A_FRAME
"""Between two batches of events; the server's commits are as far apart."""

_STATUS_EVERY = 50
"""One event in so many changes an application's status; the others are results."""

_STATUSES = ("healthy", "healthy", "healthy", "degraded", "down")

Event = tuple[str, dict[str, Any]]


class _View:
    """One browser's dashboard. `message` is what its newest frame is to be sent as."""

    def __init__(self, form: str) -> None:
        self._dashboard = Dashboard()
        self._dashboard.send = self._send
        self._form = _FORMS[form]
        self.message: dict[str, Any] | None = None

    @property
    def closed(self) -> bool:
        return self._dashboard.closed

    def show(self, delta: Delta | None) -> None:
        self._dashboard.show(delta)

    def close(self) -> None:
        self._dashboard.close()

    @property
    def dropped(self) -> dict[str, int]:
        """How many events the picture could not use, by cause."""
        return self._dashboard.board["counts"]

    def _send(self, content: dict[str, Any], buffers: object = None) -> None:
        self.message = content

    def frame(self, sent_ms: float) -> str | None:
        """The newest message, if there is one, as text that says when its making began and how long it is."""
        if self.message is None:
            return None
        content = orjson.dumps(self._form(self._dashboard, self.message))
        self.message = None
        return f'{{"sent": {sent_ms}, "bytes": {len(content)}, "content": {content.decode()}}}'


_FORMS: Mapping[str, Callable[[Dashboard, dict[str, Any]], dict[str, Any]]] = {
    "deltas": lambda dashboard, message: {"message": message},
    "traits": lambda dashboard, message: {"message": dashboard.get_state()["snapshot"]},
    "html": lambda dashboard, message: {"html": as_html(dashboard.board)},
}


def _application(number: int, status: str = "healthy") -> dict[str, Any]:
    now = to_wire(SystemClock().now_ms())
    check = {"checkId": "health", "testType": "health", "status": "up", "responseTime": 5.0, "lastChecked": now}
    return {
        "id": f"app-{number:04}", "name": f"Application {number:04}", "status": status, "responseTime": 120.5,
        "uptime": 99.95, "group": f"Group {number % 50:02}", "tags": ["web"], "lastChecked": now, "simulated": False,
        "sla": {"status": "met", "target": 99.0, "actual": 99.95, "errorBudgetRemaining": 0.9},
        "checks": [{**check, "failure": None}],
    }  # fmt: skip


def _event(seq: int, cards: int, chance: random.Random) -> Event:
    number = seq % cards
    place = {"seq": seq + 1, "epoch": "e", "at": to_wire(SystemClock().now_ms())}
    if seq % _STATUS_EVERY == 0:
        changed = _application(chance.randrange(cards), chance.choice(_STATUSES))
        return "applicationStatusUpdate", {"stream": "applications", **place, **changed}
    return "healthMetricUpdate", {
        "stream": "metrics", **place, "applicationId": f"app-{number:04}", "checkId": "health", "testType": "health",
        "resultId": f"r{seq}", "testRunId": None, "dueAt": place["at"], "lateMs": 0.0, "intervalMs": 1000,
        "timings": None, "responseTime": chance.uniform(5, 900), "status": "up", "attempt": 1, "failure": None,
        "location": "here", "steps": None, "message": None,
    }  # fmt: skip


@cache
def _screen(cards: int) -> tuple[Screen, list[Event]]:
    """A screen that has seen as many results as its cards show, and events that can be told it again and again."""
    chance = random.Random(cards)
    screen = Screen(Feed(), SystemClock())
    screen.connection("live", None)
    screen.load([_application(number) for number in range(cards)], [])
    events = [_event(seq, cards, chance) for seq in range(BEATS_LENGTH * cards)]
    for name, payload in events:
        screen.apply(name, payload)
    screen.show()
    return screen, events[: 3 * cards]


async def _board(request: web.Request) -> web.WebSocketResponse:
    cards, rate, form = int(request.query["cards"]), int(request.query["rate"]), request.query["form"]
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    screen, events = _screen(cards)
    view = _View(form)
    await screen.add(view)
    assert not any(view.dropped.values()), f"the picture could not use these events: {view.dropped}"
    telling = asyncio.create_task(_tell(socket, screen, view, cycle(events), rate))
    try:
        await socket.receive()
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        view.close()
    return socket


async def _tell(socket: web.WebSocketResponse, screen: Screen, view: _View, events: "cycle[Event]", rate: int) -> None:
    """Events at their rate, whatever the frames take; what falls due while one is being sent goes into the next."""
    await _send(socket, view, _now_ms())
    began, told = time.perf_counter(), 0
    while True:
        await asyncio.sleep(max(0, began + (told + 1) * _STEP_S - time.perf_counter()))
        due = int((time.perf_counter() - began) / _STEP_S)
        at = to_wire(SystemClock().now_ms())
        for name, payload in islice(events, (due - told) * round(rate * _STEP_S)):
            payload["at"] = at
            screen.apply(name, payload)
        if due // _STEPS_A_FRAME > told // _STEPS_A_FRAME:
            sent_ms = _now_ms()
            screen.show()
            await _send(socket, view, sent_ms)
        told = due


async def _send(socket: web.WebSocketResponse, view: _View, sent_ms: float) -> None:
    text = view.frame(sent_ms)
    if text is not None:
        await socket.send_str(text)


def _now_ms() -> float:
    return time.time_ns() / 1e6


async def _main() -> None:
    texts = {
        "/": (_PAGE.read_text("utf-8"), "text/html"),
        "/joined.js": (joined_module("dashboard"), "text/javascript"),
        "/joined.css": (joined_styles(), "text/css"),
        "/favicon.ico": ("", "image/x-icon"),
    }

    async def text(request: web.Request) -> web.Response:
        body, kind = texts[request.path]
        return web.Response(text=body, content_type=kind)

    application = web.Application()
    application.add_routes([*(web.get(path, text) for path in texts), web.get("/board", _board)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
