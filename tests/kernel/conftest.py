"""What the kernel's tests share: events to feed, the real server, and a line to it that can be cut."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def metric() -> Callable[..., dict[str, Any]]:
    """Makes `healthMetricUpdate` number `seq` of the stream, with any field replaced."""

    def make(seq: int, **fields: Any) -> dict[str, Any]:
        return {
            "stream": "metrics",
            "seq": seq,
            "epoch": "e1",
            "at": "2026-11-23T08:00:00.000Z",
            "applicationId": "payment-api",
            "responseTime": 12.5,
            "status": "up",
            "resultId": f"r{seq}",
            "checkId": "health",
            "testType": "health",
            "dueAt": "2026-11-23T07:59:59.250Z",
            "lateMs": 1.0,
            "intervalMs": 30_000,
            "timings": {"dnsMs": 1.0, "connectMs": 1.0, "tlsMs": None, "firstByteMs": 9.0, "transferMs": 1.5},
            "steps": None,
            "testRunId": None,
            "attempt": 1,
            "failure": None,
            "message": None,
            "location": "here",
            **fields,
        }

    return make


class Cable:
    """A line to a server that can be cut and mended: a proxy on a thread of its own."""

    def __init__(self, server_url: str) -> None:
        parts = urlsplit(server_url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.connections = 0

    def cut(self) -> None:
        """Break every connection, and every new one, until the cable is mended."""
        self._do(self._cut())

    def mend(self) -> None:
        """Let new connections through again."""
        self._whole = True

    def close(self) -> None:
        """Take the cable away."""
        self._do(self._cut())
        self._server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        self.connections += 1
        onward_reader, onward = await asyncio.open_connection(*self._target)
        self._writers |= {writer, onward}
        await asyncio.gather(self._pass_on(reader, onward), self._pass_on(onward_reader, writer))
        self._writers -= {writer, onward}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        writer.close()
