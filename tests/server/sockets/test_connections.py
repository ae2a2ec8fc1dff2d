"""Connections by hand: silence, strangers, order, polls, and what waits for a reader."""

import asyncio
import json
from contextlib import suppress
from functools import partial

import aiohttp
import orjson
import pytest

from appsentry_server import composition
from appsentry_server.sockets import outbox, transport

DEADLINE_S = 30


class Line:
    """A WebSocket or a polled line that does what it is told, and answers no ping by itself."""

    def __init__(self, url, way):
        self._url = f"{url}/socket.io/?EIO=4&transport={way}"
        self._way = way
        self._unread = []

    async def __aenter__(self):
        self.http = aiohttp.ClientSession()
        if self._way == "websocket":
            self.websocket = await self.http.ws_connect(self._url, max_msg_size=0)
            opened = (await self.websocket.receive()).data
        else:
            async with self.http.get(self._url) as answer:
                opened = await answer.text()
        self.sid = json.loads(opened[1:])["sid"]
        return self

    async def __aexit__(self, *_):
        await self.http.close()

    async def connect(self, token=None):
        await self.send("40" + ("" if token is None else json.dumps({"token": token})))
        return await self.until("40", "44")

    async def send(self, *packets):
        """Send packets, over polling in one POST; gives its status."""
        if self._way == "websocket":
            for packet in packets:
                await self.websocket.send_str(packet)
            return 200
        async with self.http.post(f"{self._url}&sid={self.sid}", data="\x1e".join(packets)) as answer:
            return answer.status

    async def poll(self):
        """The status and the packets of one poll."""
        async with self.http.get(f"{self._url}&sid={self.sid}") as answer:
            return answer.status, (await answer.text()).split("\x1e")

    async def receive(self):
        """The next packet; None when the line is closed."""
        if self._way == "websocket":
            message = await asyncio.wait_for(self.websocket.receive(), DEADLINE_S)
            return message.data if message.type == aiohttp.WSMsgType.TEXT else None
        if not self._unread:
            status, self._unread = await self.poll()
            if status != 200:
                return None
        return self._unread.pop(0)

    async def until(self, *beginnings):
        """The next packet that begins so."""
        while True:
            packet = await self.receive()
            assert packet is not None, "the line was closed"
            if packet.startswith(beginnings):
                return packet


def _ask(number, name, **request):
    return f"42{number}" + json.dumps([name, request])


async def _until(holds):
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.02)


async def _hanging_poll(line):
    """A poll for which there is nothing at the moment."""
    while True:
        poll = asyncio.ensure_future(line.poll())
        if not (await asyncio.wait({poll}, timeout=0.5))[0]:
            return poll


async def _quiet(line):
    """Wait until nothing is said any more; what is told at most once a second is then told."""
    with suppress(TimeoutError):
        while True:
            await asyncio.wait_for(line.receive(), 2)


def _counts(running):
    return running.services.transport.counts


both_ways = pytest.mark.parametrize("way", ["websocket", "polling"])


@both_ways
def test_a_half_open_line_is_noticed_and_its_reader_forgotten(serving, app, monkeypatch, way):
    quick = partial(transport.Transport, ping_every_s=1, ping_timeout_s=1)
    monkeypatch.setattr(composition, "Transport", quick)

    async def scenario():
        async with serving(app("shop", interval="1s")) as running, running.reader() as calm:
            async with Line(running.url, way) as line:
                await line.connect()
                assert running.services.transport.connected == 2
                await _until(lambda: running.services.transport.connected == 1)
                assert all(len(room) == 1 for room in running.services.transport._rooms.values())
            heard = len(calm.heard)
            await calm.until(lambda events: len(events) > heard + 2)

    asyncio.run(scenario())


@both_ways
def test_one_who_answers_pings_stays(serving, app, monkeypatch, way):
    quick = partial(transport.Transport, ping_every_s=1, ping_timeout_s=1)
    monkeypatch.setattr(composition, "Transport", quick)

    async def scenario():
        async with serving(app("shop")) as running, Line(running.url, way) as line:
            await line.connect()
            for _ in range(4):
                await line.until("2")
                await line.send("3")
            assert running.services.transport.connected == 1

    asyncio.run(scenario())


@both_ways
def test_one_who_never_says_who_it_is_or_says_it_wrong_is_cut(serving, app, monkeypatch, tmp_path, way):
    monkeypatch.setattr(transport, "_STRANGER_S", 0.5)
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("right")

    async def scenario():
        async with (
            serving(app("shop"), token_file=tmp_path / "token") as running,
            Line(running.url, way),
            Line(running.url, way) as wrong,
            Line(running.url, way) as right,
        ):
            assert json.loads((await wrong.connect("wrong"))[2:])["data"] == {"code": "forbidden"}
            await right.connect("right")
            await _until(lambda: _counts(running)["cut_never_connected"] == 2)
            assert running.services.transport.connected == 1

    asyncio.run(scenario())


@both_ways
def test_guessing_is_told_when_to_come_back(serving, app, tmp_path, way):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("right")

    async def scenario():
        async with serving(app("shop"), token_file=tmp_path / "token") as running:
            for number in range(11):
                async with Line(running.url, way) as line:
                    refusal = json.loads((await line.connect(f"wrong-{number}"))[2:])
            assert refusal["data"]["code"] == "rate_limited"
            assert 1 <= refusal["data"]["retryAfter"] <= 6
            # The same table stands behind the HTTP API.
            async with (
                aiohttp.ClientSession(headers={"Authorization": "Bearer right"}) as http,
                http.get(f"{running.url}/api/applications") as answer,
            ):
                assert answer.status == 429
                assert 1 <= int(answer.headers["Retry-After"]) <= 6
                assert orjson.loads(await answer.read())["code"] == "rate_limited"

    asyncio.run(scenario())


def test_only_the_sockets_of_the_old_token_are_disconnected(serving, app, tmp_path):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("old")

    async def scenario():
        async with (
            serving(app("shop"), token_file=tmp_path / "token") as running,
            Line(running.url, "websocket") as old,
            Line(running.url, "websocket") as new,
        ):
            await old.connect("old")
            (tmp_path / "token").write_text("new")
            await new.connect("new")
            await old.until("41")
            assert running.services.transport.connected == 1
            await new.send(_ask(1, "subscribe", stream="runs"))
            await new.until("431")

    asyncio.run(scenario())


@both_ways
def test_requests_are_answered_in_their_order(serving, app, way):
    async def scenario():
        async with serving(app("shop")) as running, Line(running.url, way) as line:
            await line.connect()
            # Those that read the history, and those that need nothing.
            names = [("subscribe", {"testRunId": "none"}), ("unsubscribe", {"stream": "runs"})] * 15
            assert await line.send(*(_ask(n, name, **request) for n, (name, request) in enumerate(names))) == 200
            answers = [await line.until("43") for _ in names]
            numbers = [int(answer[2:].partition("[")[0]) for answer in answers]
            assert numbers == list(range(30))

    asyncio.run(scenario())


@both_ways
def test_a_stop_says_the_last_and_lets_clients_come_back_by_themselves(serving, app, way):
    async def scenario():
        async with serving(app("held", "held")) as running, Line(running.url, way) as line:
            running.target.gate.clear()
            await line.connect()
            await line.send(_ask(1, "startTestRun"))
            await line.until('42["testStarted"')
            stopping = asyncio.ensure_future(running.server.stop())
            await line.until('42["testRunInterrupted"')
            left = []
            # Over polling the end is a packet of Engine.IO's own, and then there is no such session.
            while (packet := await line.receive()) not in (None, "1"):
                left.append(packet)
            running.target.gate.set()
            await stopping
            assert "41" not in left, "socket.io-client would not come back by itself"
            if way == "websocket":
                assert line.websocket.close_code == 1001
            assert running.services.transport.connected == 0

    asyncio.run(scenario())


def test_two_polls_at_once_end_the_connection(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, Line(running.url, "polling") as line:
            await line.connect()
            first = await _hanging_poll(line)
            status, _ = await line.poll()
            assert status == 400
            assert _counts(running)["cut_overlap"] == 1
            await asyncio.gather(first, return_exceptions=True)

    asyncio.run(scenario())


def test_a_poll_that_is_given_up_ends_the_connection_at_once(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, Line(running.url, "polling") as line:
            await line.connect()
            (await _hanging_poll(line)).cancel()
            await _until(lambda: running.services.transport.connected == 0)
            assert _counts(running)["cut_lost"] == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("body", ["x", "", "4\x1ex", "44", "42[]"], ids=repr)
def test_a_post_of_no_packets_ends_the_connection(serving, app, body):
    async def scenario():
        async with serving(app("shop")) as running, Line(running.url, "polling") as line:
            await line.connect()
            await line.send(body)
            await _until(lambda: _counts(running)["cut_malformed"] == 1)
            assert running.services.transport.connected == 0

    asyncio.run(scenario())


def test_an_answer_larger_than_the_bound_arrives_and_a_second_behind_it_ends_the_connection(serving, app, monkeypatch):
    async def scenario():
        async with serving(*(app(f"app-{n}") for n in range(60))) as running, Line(running.url, "websocket") as line:
            await line.connect()
            await _quiet(line)
            monkeypatch.setattr(outbox, "MOST_BACKLOG_BYTES", 12_000)
            monkeypatch.setattr(outbox, "_LARGE_BYTES", 10_000)
            await line.send(_ask(1, "subscribe", stream="applications", since=None))
            answer = orjson.loads((await line.until("431"))[3:])[0]
            assert len(answer["snapshot"]["applications"]) == 60
            # Nobody takes what is written, as if the line were full.
            box = running.services.transport.connection(line.sid).outbox
            box._writing = True
            await line.send(*(_ask(n, "subscribe", stream="applications", since=None) for n in (2, 3)))
            await _until(lambda: _counts(running)["cut_backlog"] == 1)

    asyncio.run(scenario())


@both_ways
def test_what_was_is_told_no_faster_than_it_is_taken(serving, app, monkeypatch, way):
    async def scenario():
        async with serving(*(app(f"app-{n}") for n in range(60))) as running, Line(running.url, way) as first:
            await first.connect()
            await first.send(_ask(1, "startTestRun"))
            ended = await first.until('42["testRunCompleted"')
            run_id = json.loads(ended[2:])[1]["testRunId"]
            await running.services.publisher.settled()
            monkeypatch.setattr(outbox, "MOST_BACKLOG_BYTES", 12_000)
            monkeypatch.setattr(outbox, "_CALM_BYTES", 4_000)
            async with Line(running.url, way) as late:
                await late.connect()
                await late.send(_ask(1, "subscribe", testRunId=run_id))
                packets = [await late.until('42["test') for _ in range(121)]
                assert packets[-1].startswith('42["testRunCompleted"')
                assert [json.loads(packet[2:])[1]["seq"] for packet in packets[:-1]] == list(range(1, 121))
            assert not _counts(running)["cut_backlog"]

    asyncio.run(scenario())


@both_ways
def test_nothing_is_kept_of_those_who_are_gone(serving, app, way):
    async def scenario():
        async with serving(app("shop")) as running:
            kept = running.services.transport
            for ending in ("1", "41", "x", None):
                async with Line(running.url, way) as line:
                    await line.connect()
                    if ending is not None:
                        await line.send(ending)
                    if ending == "41":
                        await _until(lambda: not kept.connected)
                        await line.send("1")
                    if ending is None and way == "polling":
                        (await _hanging_poll(line)).cancel()
                await _until(lambda: not kept._connections and not kept._server.eio.sockets)
                assert not kept._rooms
                assert not kept._sids
                assert not kept._server.environ
                assert not any(kept._server.manager.rooms.values())

    asyncio.run(scenario())
