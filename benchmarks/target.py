"""What is checked: the smallest HTTP server there is, in a process of its own, that keeps its own count of answers.

Run as a program it prints its address, then answers each line on its input with one line, and ends with its input.
"""

import asyncio
import sys
import time
from collections import defaultdict
from typing import cast

import orjson
import uvloop

_BODY = b'{"status":"ok"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)

_answered: dict[str, list[int]] = defaultdict(list)
"""By path, when each answer was written: nanoseconds since 1970."""


class _Answer(asyncio.Protocol):
    """One connection, one answer. It closes first, so that the other side's ports are free again at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._asked = b""

    def data_received(self, data: bytes) -> None:
        self._asked += data
        if self._asked.endswith(b"\r\n\r\n"):
            path = self._asked.split(b" ", 2)[1].decode()
            self._transport.write(_ANSWER)
            _answered[path].append(time.time_ns())
            self._transport.close()


def _report(command: str) -> object:
    match command:
        case "count":
            return sum(map(len, _answered.values()))
        case "answers":
            return _answered
        case "forget":
            _answered.clear()
            return None
        case _:
            raise ValueError(f"the target knows count, answers and forget, not {command!r}")


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answer, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    while command := await loop.run_in_executor(None, sys.stdin.readline):
        print(orjson.dumps(_report(command.strip())).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
