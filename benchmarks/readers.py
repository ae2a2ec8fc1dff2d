"""Those who listen while the server is measured: sockets that follow results and applications in batches.

`python -m benchmarks.readers URL N` connects N of them, says so, and answers each line on its input with how many
results they have all been told together.
"""

import asyncio
import sys
from typing import Any

import orjson
import socketio


class _Listener:
    """One socket that counts the results it is told."""

    def __init__(self) -> None:
        self.heard = 0
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("eventBatch", self._count)

    async def open(self, url: str) -> None:
        await self._socket.connect(url, auth={"proto": 1}, transports=["websocket"], wait_timeout=20)
        for stream in ("metrics", "applications"):
            answer = await self._socket.call("subscribe", {"stream": stream, "since": None, "batch": True})
            assert answer["ok"], answer

    async def close(self) -> None:
        await self._socket.disconnect()

    def _count(self, batch: dict[str, Any]) -> None:
        self.heard += sum(name == "healthMetricUpdate" for name, _ in batch["events"])


async def _listen(url: str, count: int) -> None:
    listeners = [_Listener() for _ in range(count)]
    for listener in listeners:
        await listener.open(url)
    print(f"{count} readers", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(orjson.dumps(sum(listener.heard for listener in listeners)).decode(), flush=True)
    for listener in listeners:
        await listener.close()


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], int(sys.argv[2])))
