"""What the state machines share: a whole server under a clock that a test moves, with checks that find what it says."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from appsentry_server import server as server_module
from appsentry_server.audit import Origin
from appsentry_server.checks import table
from appsentry_server.checks.health import HealthSettings
from appsentry_server.checks.kind import Kind, Probe
from appsentry_server.composition import compose
from appsentry_server.configuration.loading import load_text
from appsentry_server.results import Failure, Outcome
from appsentry_server.sockets.readers import Reader
from appsentry_server.store.history import Cursor
from appsentry_server.streams import publisher

PATIENCE_S = 60.0
_SHARED_MEMORY = Path("/dev/shm")
"""Where there is one, histories are on it: a machine opens hundreds, and a kill of the process needs no disk."""

_ORIGIN = Origin(door="socket", address="127.0.0.1", agent="a machine", token=False)

OUTCOMES = {
    "up": Outcome(verdict="up", response_ms=1.0),
    "degraded": Outcome(verdict="degraded", response_ms=9.0, note="slow"),
    "down": Outcome(verdict="down", failure=Failure(failure_class="refused", message="nobody there")),
    "fault": RuntimeError("the probe is at fault"),
}


class ScriptedProbe(Probe):
    """Looks until it is told what it has found; without a `looking` to wait in it finds that all is well."""

    def __init__(self, looking: dict[asyncio.Future[str], None] | None) -> None:
        self._looking = looking

    async def run(self) -> Outcome:
        if self._looking is None:
            return OUTCOMES["up"]
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._looking[told] = None
        try:
            found = OUTCOMES[await told]
        finally:
            del self._looking[told]
        if isinstance(found, Exception):
            raise found
        return found


class World:
    """A server that is started, stopped, killed and started again on one history, in an event loop of its own.

    Nothing happens but within a call, and after each all is at rest.
    """

    def __init__(self, folder: Path, clock: Any, *, scripted: bool) -> None:
        self.clock = clock
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.looking: dict[asyncio.Future[str], None] = {}
        self.on_start: Callable[[Any], None] = lambda server: None
        self._scripted = scripted
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.server: Any = None

    @property
    def services(self) -> Any:
        """The parts of the server as it is now."""
        return self.server.services

    def probe(self) -> Probe:
        """What a check of this world looks with."""
        return ScriptedProbe(self.looking if self._scripted else None)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Carry this out, and all that follows from it until the history has it. No time passes by itself."""
        return self._runner.run(self._through(work))

    def settle(self) -> None:
        """Let all that follows from what was done come to rest."""
        self.do(self.clock.settle())

    def read(self, query: Callable[[Cursor], Any]) -> Any:
        """What the history holds now; nothing follows from it."""
        return self._runner.run(self._passing(self.services.history.read(query)))

    def start(self, applications: list[dict[str, Any]], **settings: Any) -> None:
        """Begin a life on the history."""
        self.do(self._start(applications, settings))

    def configuration(self, applications: list[dict[str, Any]], settings: dict[str, Any]) -> Any:
        """These applications, kept in this world."""
        text = json.dumps({"applications": applications})
        return load_text(text).with_server(data_dir=self.folder / "data", **settings)

    def stop(self) -> None:
        """End the life in order."""
        self.do(self.server.stop())
        self.server = None

    def kill(self, after: int = 0) -> None:
        """End the life so many turns of the loop from now: nothing more is said, kept or answered."""
        self._runner.run(self._kill(after))
        self.server = None

    def lose_the_history(self) -> None:
        """Let the next life begin on an empty history."""
        shutil.rmtree(self.folder / "data")

    def ask(self, name: str, argument: Any, reader: Reader | None = None) -> Any:
        """The acknowledgement of a request of a socket: of this one, or of one that nobody holds."""
        return self.do(self.services.requests.answer(reader or self.reader("nobody"), name, (argument,)))

    def reader(self, sid: str) -> Reader:
        """A socket as the server knows it."""
        return Reader(sid, _ORIGIN)

    def close(self) -> None:
        """End everything."""
        if self.server is not None:
            self.kill()
        self._runner.close()
        shutil.rmtree(self.folder)

    async def _start(self, applications: list[dict[str, Any]], settings: dict[str, Any]) -> None:
        self.server = await compose(self.configuration(applications, settings), self.clock)
        self.on_start(self.server)
        await self.server.start()

    async def _kill(self, after: int) -> None:
        for _ in range(after):
            await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.server._client.close()
        await self.services.history.close()

    async def _through(self, work: Coroutine[Any, Any, Any]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            answer = await self._passing(work)
            # Twice: what is told may have something follow, such as the next test of a run.
            for _ in range(2):
                if self.server is not None and not self.server._stopping:
                    await self._passing(self.services.publisher.settled())
        return answer

    async def _passing(self, work: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(work)
        while not task.done():
            await self.clock.advance(0)
            await asyncio.sleep(0.001)  # what the history's threads do takes real time
        return task.result()


@pytest.fixture
def world(tmp_path: Path, moved_clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Makes worlds, one at a time."""
    made: list[World] = []

    def make(*, scripted: bool) -> World:
        end()
        made.append(
            World(_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else tmp_path, type(moved_clock)(), scripted=scripted)
        )
        return made[-1]

    def end() -> None:
        while made:
            made.pop().close()

    kind = Kind(settings=HealthSettings, prepare=lambda *_: made[-1].probe())
    monkeypatch.setitem(table.KINDS, "health", kind)
    # Commits need no time then, so that only the machines let time pass.
    monkeypatch.setattr(publisher, "COMMIT_SPACING_S", 0.0)
    # A check that hangs on is not waited for: that is real time.
    monkeypatch.setattr(server_module, "_FINISH_S", 0.01)
    yield make
    end()
