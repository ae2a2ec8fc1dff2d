"""What these tests share: a server process whose memory is watched, and sockets made by hand, thousands if need be."""

import asyncio
import json
import os
import re
import socket as sockets
import struct
import sys
import urllib.request
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson
import psutil
import pytest
import tornado.httpserver
import tornado.netutil
import tornado.web

DEADLINE_S = 90


class Socket(asyncio.Protocol):
    """A WebSocket that speaks Socket.IO, by hand: it can stop reading, and send what no library would."""

    def __init__(self, token=None):
        loop = asyncio.get_running_loop()
        self.opened, self.connected, self.gone = loop.create_future(), loop.create_future(), loop.create_future()
        self.heard = 0
        self.on_event = None
        self.answers = {}
        self.transport = None
        self._token = token
        self._buffer = bytearray()
        self._upgraded = False

    @classmethod
    async def open(cls, url, *, receive_bytes=None, connect=True, **options):
        """Shake hands, and connect to the namespace unless told otherwise; a small receive buffer stalls sooner."""
        parts, loop = urlsplit(url), asyncio.get_running_loop()
        self = cls(**options)
        sock = sockets.socket()
        sock.setblocking(False)
        if receive_bytes is not None:
            sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_bytes)
        await loop.sock_connect(sock, (parts.hostname, parts.port))
        await loop.create_connection(lambda: self, sock=sock)
        self.transport.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyEhIQ==\r\n\r\n".encode()
        )
        async with asyncio.timeout(DEADLINE_S):
            await self.opened
            if connect:
                self.send("40" + ("" if self._token is None else json.dumps({"token": self._token})))
                await self.connected
        return self

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if not self.gone.done():
            self.gone.set_result(error)
        for future in (self.opened, self.connected, *self.answers.values()):
            future.cancel()

    def data_received(self, data):
        self._buffer += data
        if not self._upgraded:
            head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._buffer = True, bytearray(rest)
        at, buffer = 0, self._buffer
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == 126 and len(buffer) >= start + 2:
                (size,), start = struct.unpack_from("!H", buffer, start), start + 2
            elif size == 127 and len(buffer) >= start + 8:
                (size,), start = struct.unpack_from("!Q", buffer, start), start + 8
            elif size >= 126:
                break
            if len(buffer) < start + size:
                break
            if buffer[at] == 0x81:
                self._text(bytes(buffer[start : start + size]))
            elif buffer[at] == 0x88:
                self.transport.close()
            at = start + size
        del buffer[:at]

    def _text(self, text):
        if text[:2] == b"42":
            self.heard += 1
            if self.on_event is not None:
                self.on_event(text[2:])
        elif text[:1] == b"2":
            self.send("3")
        elif text[:2] == b"43":
            number, _, content = text[2:].partition(b"[")
            answer = self.answers.pop(int(number), None)
            if answer is not None and not answer.done():
                answer.set_result(orjson.loads(b"[" + content)[0])
        elif text[:1] == b"0":
            self.opened.set_result(orjson.loads(text[1:]))
        elif text[:2] == b"40":
            self.connected.set_result(None)

    def send(self, text, opcode=0x81):
        """Send a frame; it is masked with zeros, as a client may."""
        content = text if isinstance(text, bytes) else text.encode()
        if len(content) < 126:
            head = struct.pack("!BB", opcode, 0x80 | len(content))
        elif len(content) < 1 << 16:
            head = struct.pack("!BBH", opcode, 0x80 | 126, len(content))
        else:
            head = struct.pack("!BBQ", opcode, 0x80 | 127, len(content))
        self.transport.write(head + bytes(4) + content)

    def ask(self, name, request, number):
        """Send a request; the future has its acknowledgement."""
        self.answers[number] = asyncio.get_running_loop().create_future()
        self.send(f"42{number}" + json.dumps([name, request]))
        return self.answers[number]

    def close(self):
        """Break the line."""
        if self.transport is not None:
            self.transport.abort()


class Serving:
    """`appsentry serve` as a process."""

    def __init__(self, process, url, folder):
        self.process, self.url, self._folder = process, url, folder
        self._memory = psutil.Process(process.pid)
        self._sockets = []

    async def socket(self, **options):
        """A new socket to it, broken at the end at the latest."""
        self._sockets.append(await Socket.open(self.url, **options))
        return self._sockets[-1]

    async def break_all(self):
        """Break every socket."""
        for one in self._sockets:
            one.close()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(one.gone for one in self._sockets))

    @property
    def bytes(self):
        """Its resident memory."""
        return self._memory.memory_info().rss

    @property
    def cpu_s(self):
        """What it has used of the processor."""
        times = self._memory.cpu_times()
        return times.user + times.system

    @property
    def log(self):
        """What it wrote to its standard error."""
        return (self._folder / "log").read_text()

    async def ask(self, path):
        """The text it answers."""
        return await asyncio.to_thread(
            lambda: urllib.request.urlopen(self.url + path, timeout=DEADLINE_S).read().decode()
        )

    async def count(self, what):
        """How often this has happened on its sockets."""
        found = re.search(rf'appsentry_socket_events_total{{what="{what}"}} (\S+)', await self.ask("/metrics"))
        return float(found[1]) if found else 0.0


class _Handler(tornado.web.RequestHandler):
    def get(self):
        self.write({"status": "ok"})


@pytest.fixture
def serving(tmp_path):
    """Starts a server that checks so many applications once a second."""

    @asynccontextmanager
    async def start(applications, *, interval="1s", port=0):
        (listening,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
        target = tornado.httpserver.HTTPServer(tornado.web.Application([("/", _Handler)], log_function=lambda _: None))
        target.add_socket(listening)
        check = {"type": "health", "url": f"http://127.0.0.1:{listening.getsockname()[1]}/", "interval": interval}
        configured = [{"id": f"app-{number}", "checks": [check]} for number in range(applications)]
        (tmp_path / "appsentry.yaml").write_text(json.dumps({"applications": configured}))
        words = ["--port", str(port), "--config", tmp_path / "appsentry.yaml", "--data-dir", tmp_path / "history"]
        with (tmp_path / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "appsentry_server", "serve", *map(str, words),
                stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
            )  # fmt: skip
        try:
            async with asyncio.timeout(DEADLINE_S):
                line = (await process.stdout.readline()).decode()
            assert "listening on" in line, (tmp_path / "log").read_text()
            server = Serving(process, line.split()[-1], tmp_path)
            try:
                yield server
            finally:
                await server.break_all()
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
            target.stop()
            await target.close_all_connections()

    return start


@pytest.fixture
def until():
    """Waits until something holds, looking again and again; it may be awaitable."""

    async def wait(holds, seconds=DEADLINE_S):
        async with asyncio.timeout(seconds):
            while True:
                found = holds()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.05)

    return wait
