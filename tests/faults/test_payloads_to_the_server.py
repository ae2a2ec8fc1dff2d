"""Whatever a client sends, it gets an answer of the contract, and everybody else goes on as if nothing had come."""

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, get_args

import aiohttp
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_contract.requests import REQUESTS, ErrorCode

BURST = 40
"""Requests that one socket may make at once."""

PATIENCE_S = 30.0
CODES = set(get_args(ErrorCode)) - {"internal"}

_WORD = st.sampled_from(("shop", "broken", "tier-1", "health", "nobody", "applications", "metrics", "runs", "run:x"))
_WORDS = st.lists(_WORD, max_size=3)
_SINCE = st.none() | st.fixed_dictionaries({"epoch": _WORD, "seq": st.integers(0, 10)})
_SOUND: dict[str, st.SearchStrategy[Any]] = {
    "subscribe": st.one_of(
        st.fixed_dictionaries({"testRunId": _WORD}, optional={"batch": st.booleans()}),
        st.fixed_dictionaries({"stream": _WORD}, optional={"since": _SINCE, "batch": st.booleans()}),
    ),
    "unsubscribe": st.one_of(st.fixed_dictionaries({"testRunId": _WORD}), st.fixed_dictionaries({"stream": _WORD})),
    "startTestRun": st.fixed_dictionaries(
        {"applicationIds": _WORDS}, optional={"tags": _WORDS, "testTypes": _WORDS}
    ),
    **dict.fromkeys(
        ("cancelTestRun", "pauseTestRun", "resumeTestRun"), st.fixed_dictionaries({"testRunId": _WORD})
    ),
    "simulate": st.fixed_dictionaries(
        {"kind": st.sampled_from(("statusUpdate", "bogus"))}, optional={"seed": st.integers()}
    ),
}  # fmt: skip


class Line:
    """Socket.IO by hand, so that anything can be sent; a new connection before the server would call it a flood."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/socket.io/?EIO=4&transport=websocket"
        self._runner = asyncio.Runner()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._asked = 0

    def ask(self, arguments: str) -> Any:
        """What is acknowledged to the event whose name and arguments are this JSON."""
        return self._runner.run(self._ask(arguments))

    def send(self, packet: str) -> bool:
        """Send a packet; whether the connection still answers afterwards."""
        return self._runner.run(self._send(packet))

    def close(self) -> None:
        """Hang up."""
        self._runner.run(self._hang_up())
        self._runner.close()

    async def _ask(self, arguments: str) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            socket = await self._connected()
            await socket.send_str(f"42{self._asked}{arguments}")
            (answer,) = json.loads(await self._hear(f"43{self._asked}"))
            return answer

    async def _send(self, packet: str) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            socket = await self._connected()
            await socket.send_str(packet)
            await socket.send_str('42999["unsubscribe",{"stream":"x"}]')
            try:
                await self._hear("43999")
            except ConnectionError:
                await self._hang_up()
                return False
            return True

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        self._asked += 1
        if self._socket is None or self._asked > BURST // 2:
            await self._hang_up()
            self._asked = 1
            self._http = aiohttp.ClientSession()
            self._socket = await self._http.ws_connect(self._url, max_msg_size=0)
            await self._hear("0")
            await self._socket.send_str("40")
            await self._hear("40")
        return self._socket

    async def _hear(self, beginning: str) -> str:
        """The rest of the next packet that begins so."""
        assert self._socket is not None
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            if message.data.startswith(beginning):
                return str(message.data.removeprefix(beginning))
        raise ConnectionError("the server has hung up")

    async def _hang_up(self) -> None:
        if self._socket is not None and self._http is not None:
            await self._socket.close()
            await self._http.close()
            self._socket = self._http = None


@pytest.fixture
def server(serve: Callable[..., Any], target: Any) -> Any:
    """A server in development mode that checks two applications, one of them broken."""
    target.says["/broken"] = b"no"
    applications = [
        {"id": "shop", "tags": ["tier-1"], "checks": [{"type": "health", "url": f"{target.url}/up", "interval": "1h"}]},
        {"id": "broken", "checks": [{"type": "health", "url": f"{target.url}/broken", "interval": "1h"}]},
    ]
    return serve(applications, "--dev")


@pytest.fixture
def lines(server: Any) -> Iterator[Callable[[], Line]]:
    """Makes connections to the server."""
    made: list[Line] = []

    def make() -> Line:
        made.append(Line(server.url))
        return made[-1]

    yield make
    for line in made:
        line.close()


def is_an_answer(answer: Any) -> bool:
    """Whether the contract has this acknowledgement."""
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        return False
    return answer["ok"] or (
        answer["code"] in CODES and isinstance(answer["message"], str) and len(answer["message"]) < 2_000
    )


def _is_json(text: str) -> bool:
    """Whether it is JSON to the letter: no NaN, no half of a surrogate pair, nothing without end."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def ended_well(server: Any) -> None:
    """The server ends in order, and its log tells of no fault of its own."""
    assert server.end() == 0
    assert "Traceback" not in server.log


def test_every_request_of_a_socket_is_answered(
    server: Any,
    lines: Callable[[], Line],
    generated: Callable[..., settings],
    damaged: Callable[..., st.SearchStrategy[Any]],
    hostile: Callable[..., st.SearchStrategy[str]],
    show: Callable[[str], None],
) -> None:
    names = st.sampled_from((*sorted(REQUESTS), "*", "message", "")) | hostile()
    sound = st.sampled_from(sorted(REQUESTS)).flatmap(lambda name: st.tuples(st.just(name), damaged(_SOUND[name])))
    others = st.tuples(names, damaged(st.just({"testRunId": "x"})))
    more = st.lists(damaged(st.just({})), max_size=2)
    line, bystander = lines(), lines()
    told: Counter[str] = Counter()

    @generated(80, 4_000)
    @given(st.tuples(sound | others, more).map(lambda parts: json.dumps([*parts[0], *parts[1]])).filter(_is_json))
    def holds(request: str) -> None:
        answer = line.ask(request)
        assert is_an_answer(answer), answer
        told[answer.get("code", "ok")] += 1

    holds()
    assert is_an_answer(bystander.ask('["subscribe",{"stream":"runs","since":null}]'))
    assert {"ok", "malformed", "unknown_run"} <= told.keys()
    ended_well(server)
    show(f"{told.total()} requests: {dict(told)}")


def test_packets_that_are_none_harm_nobody(
    server: Any,
    lines: Callable[[], Line],
    generated: Callable[..., settings],
    damaged: Callable[..., st.SearchStrategy[Any]],
    hostile: Callable[..., st.SearchStrategy[str]],
) -> None:
    request = st.just(["subscribe", {"stream": "runs", "since": None}])
    events = damaged(request).map(lambda content: f"42{json.dumps(content)}")
    beginnings = st.sampled_from(("42", "420", "43", "430", "41", "44", "40", "451-", "42/x,", "42/,0", "46", "5", "9"))
    packets = st.one_of(
        events,
        st.builds(lambda beginning, event: beginning + event[2:], beginnings, events),
        st.builds(lambda event, length: event[:length], events, st.integers(1, 60)),
        st.builds(lambda beginning, text: beginning + text, beginnings, hostile()),
        st.integers(1, 100_000).map(lambda depth: f'42["subscribe",{"[" * depth}{"]" * depth}]'),
    )
    line, bystander = lines(), lines()
    bystander.ask('["subscribe",{"stream":"runs"}]')
    before = len(server.log)

    @generated(60, 2_000)
    @given(packets)
    def holds(packet: str) -> None:
        line.send(packet)

    holds()
    assert is_an_answer(bystander.ask('["subscribe",{"stream":"runs","since":null}]'))
    assert len(server.log) - before < 20_000
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=PATIENCE_S) as figures:
        assert b'appsentry_socket_events_total{what="cut_malformed"}' in figures.read()
    ended_well(server)


async def _post(http: aiohttp.ClientSession, url: str, body: bytes | str, kind: str) -> tuple[int, str, bytes]:
    async with http.post(url, data=body, headers={"Content-Type": kind}) as answer:
        return answer.status, answer.content_type, await answer.read()


def test_every_body_of_a_post_is_answered(
    server: Any,
    generated: Callable[..., settings],
    damaged: Callable[..., st.SearchStrategy[Any]],
    hostile: Callable[..., st.SearchStrategy[str]],
    show: Callable[[str], None],
) -> None:
    bodies = st.one_of(
        damaged(_SOUND["startTestRun"]).map(json.dumps),
        st.builds(
            lambda text, length: text[:length], damaged(_SOUND["startTestRun"]).map(json.dumps), st.integers(0, 50)
        ),
        st.binary(max_size=50),
        st.integers(1, 100_000).map(lambda depth: f'{{"tags":{"[" * depth}{"]" * depth}}}'),
    )
    kinds = st.sampled_from(("application/json",) * 5 + ("text/plain", "application/json; charset=latin-1", ""))
    paths = st.sampled_from(("", "/nobody/cancel", "/%00/pause", "/%ff/resume", "/..%2f..%2fx/cancel", "/x/bogus"))
    statuses: Counter[int] = Counter()

    with asyncio.Runner() as runner:
        http = runner.run(_session())

        @generated(80, 4_000)
        @given(paths, bodies, kinds)
        def holds(path: str, body: bytes | str, kind: str) -> None:
            status, content_type, said = runner.run(_post(http, f"{server.url}/api/test-runs{path}", body, kind))
            assert status < 500, said
            problem = json.loads(said)
            assert status == 202 or (content_type == "application/problem+json" and problem["status"] == status)
            statuses[status] += 1

        try:
            holds()
            assert runner.run(_healthy(http, server.url))
        finally:
            runner.run(http.close())
    ended_well(server)
    show(f"{statuses.total()} bodies, by status: {dict(statuses)}")


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


async def _healthy(http: aiohttp.ClientSession, url: str) -> bool:
    async with http.get(f"{url}/readyz") as answer:
        return answer.status == 200
