"""A server that loses, repeats, shuffles and garbles: nothing of it harms the session, and no result is lost."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import socketio
from aiohttp import web

import appsentry_kernel as sentry
from appsentry_kernel import link as link_module

Eventually = Callable[[Callable[[], object]], None]
Metric = Callable[..., dict[str, Any]]

EPOCH = "e1"
PAGE = 7


class UnrulyServer:
    """Socket.IO as the contract has it, but for what a test changes in `answer`; runs on a thread of its own."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.head = 0
        self.asked: list[dict[str, Any]] = []
        self._sockets = socketio.AsyncServer(async_mode="aiohttp")
        self._sockets.on("subscribe", self._subscribe)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._runner: web.AppRunner = self._do(self._start())
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def answer(self, request: dict[str, Any]) -> Any:
        """The acknowledgement of a `subscribe`."""
        place = {"ok": True, "epoch": EPOCH, "head": self.head if request["stream"] == "metrics" else 0}
        if request["since"] is None:
            return {**place, "snapshot": {"applications": [], "runs": []}}
        first = request["since"]["seq"] + 1
        page = [["healthMetricUpdate", self.event(seq)] for seq in range(first, min(first + PAGE, self.head + 1))]
        return {**place, "events": page, "more": first + PAGE <= self.head}

    def event(self, seq: int) -> dict[str, Any]:
        """Number `seq` of the results."""
        return self._metric(seq, dueAt="2999-01-01T00:00:00.000Z")

    def send(self, *events: tuple[str, Any]) -> None:
        """Send to everyone."""

        async def emit() -> None:
            for name, payload in events:
                await self._sockets.emit(name, payload)

        self._do(emit())

    def drop_everyone(self) -> None:
        """Disconnect every socket, by Socket.IO's own word for it."""

        async def drop() -> None:
            for sid, _ in list(self._sockets.manager.get_participants("/", None)):
                await self._sockets.disconnect(sid)

        self._do(drop())

    def close(self) -> None:
        """Go away."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _subscribe(self, sid: str, request: dict[str, Any]) -> Any:
        self.asked.append(request)
        return self.answer(request)

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        self._sockets.attach(app)
        app.router.add_get("/healthz", self._healthz)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def _end(self) -> None:
        await self._sockets.shutdown()
        await self._runner.cleanup()
        pings = asyncio.all_tasks() - {asyncio.current_task()}
        for ping in pings:
            ping.cancel()
        await asyncio.gather(*pings, return_exceptions=True)

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@pytest.fixture
def unruly(metric: Metric) -> Iterator[UnrulyServer]:
    """An unruly server."""
    server = UnrulyServer(metric)
    yield server
    server.close()


def ids(session: sentry.Session) -> list[str]:
    return session.results["result_id"].tolist()


def test_what_is_lost_repeated_and_shuffled_is_seen_once_and_in_order(
    unruly: UnrulyServer, eventually: Eventually
) -> None:
    chance = random.Random(11)
    with sentry.connect(unruly.url) as session:
        for _ in range(20):
            fresh = list(range(unruly.head + 1, unruly.head + 31))
            unruly.head += 30
            arriving = [seq for seq in fresh if chance.random() < 0.7] + chance.choices(fresh, k=5)
            chance.shuffle(arriving)
            half = len(arriving) // 2
            batch = {"events": [["healthMetricUpdate", unruly.event(seq)] for seq in arriving[:half]]}
            single = [("healthMetricUpdate", unruly.event(seq)) for seq in arriving[half:]]
            unruly.send(("eventBatch", batch), *single)
        unruly.send(("streamHead", {"stream": "metrics", "epoch": EPOCH, "head": unruly.head}))
        eventually(lambda: len(ids(session)) >= 600)
        assert ids(session) == [f"r{seq}" for seq in range(1, 601)]
        assert session.malformed == 0


def test_garbage_is_counted_and_harms_nothing(unruly: UnrulyServer, eventually: Eventually) -> None:
    garbage = [None, 7, "text", [], {}, {"stream": "metrics"}, {"stream": "metrics", "epoch": EPOCH, "seq": "x"}]
    with sentry.connect(unruly.url) as session:
        unruly.send(
            *[("healthMetricUpdate", each) for each in garbage], ("moonPhase", {"full": True}), ("eventBatch", 3)
        )
        unruly.head = 1
        unruly.send(("healthMetricUpdate", unruly.event(1)))
        eventually(lambda: ids(session) == ["r1"])
        assert session.malformed == len(garbage) + 1
        assert session.unknown == {"moonPhase": 1}


def test_what_cannot_be_replayed_starts_the_frame_anew(unruly: UnrulyServer, eventually: Eventually) -> None:
    with sentry.connect(unruly.url) as session:
        unruly.head = 2
        unruly.send(*[("healthMetricUpdate", unruly.event(seq)) for seq in (1, 2)])
        eventually(lambda: len(ids(session)) == 2)
        ordinary = unruly.answer

        def trimmed(request: dict[str, Any]) -> Any:
            if request["stream"] != "metrics":
                return ordinary(request)
            place = {"epoch": EPOCH, "head": unruly.head}
            return {"ok": True, "reset": True, "reason": "trimmed", "snapshot": {}, **place}

        unruly.answer = trimmed  # type: ignore[method-assign] # what this server is for
        unruly.head = 9
        unruly.send(("healthMetricUpdate", unruly.event(9)))
        eventually(lambda: session.results.attrs["trimmed"] == 2)
        unruly.send(("healthMetricUpdate", unruly.event(10)))
        eventually(lambda: ids(session) == ["r10"])


def test_a_socket_that_the_server_disconnects_comes_back(unruly: UnrulyServer, eventually: Eventually) -> None:
    with sentry.connect(unruly.url) as session:
        before = len(unruly.asked)
        unruly.drop_everyone()
        eventually(lambda: session.state == "connecting")
        session.reconnect()
        eventually(lambda: session.state == "live")
        assert [request["stream"] for request in unruly.asked[before:]] == ["applications", "runs", "metrics"]
        assert unruly.asked[-1]["since"] == {"epoch": EPOCH, "seq": 0}


@pytest.mark.parametrize("answer", [{"ok": True}, {"ok": True, "snapshot": 5, "epoch": EPOCH, "head": 0}, None, "yes"])
def test_an_answer_that_makes_no_sense_is_said_and_leaves_nothing_open(unruly: UnrulyServer, answer: Any) -> None:
    unruly.answer = lambda request: answer  # type: ignore[method-assign] # what this server is for
    with pytest.raises(ConnectionError, match=r"not of the agreed form|instead of an object"):
        sentry.connect(unruly.url)
    assert [thread for thread in threading.enumerate() if thread.name == "appsentry-io"] == []


def test_a_request_that_is_never_answered_ends_at_its_deadline(
    unruly: UnrulyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sentry.connect(unruly.url) as session:
        monkeypatch.setattr(link_module, "_ANSWER_S", 0.05)
        with pytest.raises(ConnectionError, match=r"startTestRun: the server did not answer within 0\.05 s"):
            session.run_tests()
