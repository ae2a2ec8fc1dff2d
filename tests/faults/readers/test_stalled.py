"""A reader that stops reading is cut at a bounded backlog and resumes; nobody else notices."""

import asyncio
import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

MEBIBYTE = 1024 * 1024
MOST_GROWTH = 20 * MEBIBYTE


class _Calm:
    """A reader that takes everything at once, and notes the numbers of the results."""

    def __init__(self):
        self.seqs = []
        self.epoch = None

    def hear(self, text):
        name, payload = orjson.loads(text)
        if name == "healthMetricUpdate":
            self.epoch = payload["epoch"]
            self.seqs.append(payload["seq"])

    def missed_nothing(self):
        return self.seqs == list(range(self.seqs[0], self.seqs[0] + len(self.seqs)))


async def _over_websocket(server, place):
    """Asks for the same page again and again over a WebSocket, sends pongs that nobody asked for, and reads nothing."""
    stalled = await server.socket(receive_bytes=4096)
    stalled.transport.pause_reading()
    number = 0
    while not stalled.transport.is_closing():
        stalled.send(f"42{number}" + json.dumps(["subscribe", {"stream": "metrics", "since": place}]))
        stalled.send("3")
        number += 1
        await asyncio.sleep(0.05)


async def _over_polling(server, place):
    """The same in POSTs, beside a poll whose answer is never read."""
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as answer:
            sid = orjson.loads((await answer.read())[1:])["sid"]
        await (await http.post(f"{url}&sid={sid}", data="40")).read()
        await (await http.get(f"{url}&sid={sid}")).read()
        parts, loop = urlsplit(url), asyncio.get_running_loop()
        with socket.socket() as poll:
            poll.setblocking(False)
            poll.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(poll, (parts.hostname, parts.port))
            request = f"GET {parts.path}?{parts.query}&sid={sid} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
            await loop.sock_sendall(poll, request.encode())
            status, number = 200, 0
            while status == 200:
                number += 1
                packet = f"42{number}" + json.dumps(["subscribe", {"stream": "metrics", "since": place}])
                async with http.post(f"{url}&sid={sid}", data=f"{packet}\x1e3") as answer:
                    status = answer.status
                await asyncio.sleep(0.05)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("stall", [_over_websocket, _over_polling], ids=["websocket", "polling"])
def test_one_who_never_reads_and_sends_pongs_unprompted_is_cut(serving, until, form, show, stall):
    async def scenario():
        count = form(1, 20)
        async with serving(250) as server:
            calm, socket_ = _Calm(), await server.socket()
            socket_.on_event = calm.hear
            await until(lambda: len(calm.seqs) > 600)
            place = {"epoch": calm.epoch, "seq": calm.seqs[0] - 1}
            before = most = server.bytes
            stalling = [asyncio.ensure_future(stall(server, place)) for _ in range(count)]
            while not all(task.done() for task in stalling):
                await asyncio.wait(stalling, timeout=0.1)
                most = max(most, server.bytes)
            with suppress(aiohttp.ClientError, asyncio.CancelledError):
                await asyncio.gather(*stalling)
            assert await server.count("cut_backlog") == count
            heard = len(calm.seqs)
            await until(lambda: len(calm.seqs) > heard + 100)
            assert calm.missed_nothing()
            again = await server.socket()
            answer = await again.ask("subscribe", {"stream": "metrics", "since": place}, 1)
            assert [payload["seq"] for _, payload in answer["events"]] == list(
                range(place["seq"] + 1, place["seq"] + 501)
            )
            show(f"{count} cut at once; the server grew by {(most - before) / MEBIBYTE:.1f} MiB")
            assert most - before < MOST_GROWTH * count
            assert "Traceback" not in server.log

    asyncio.run(scenario())
