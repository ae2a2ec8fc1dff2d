"""Playing a script: the server as it is composed for real, with scripted probes and a virtual clock."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from appsentry_contract.errors import AppSentryError
from appsentry_server.api.selection import Selection
from appsentry_server.composition import compose
from appsentry_server.configuration.model import ApplicationSettings, Configuration, ServerSettings
from appsentry_server.scenarios.probe import ScriptedSettings, kinds
from appsentry_server.scenarios.script import Script, ScriptedApplication
from appsentry_server.scenarios.truth import Truth
from appsentry_server.scenarios.virtual import VirtualClock, VirtualLoop
from appsentry_server.scenarios.wall import Wall
from appsentry_server.server import Server
from appsentry_server.services import Services
from appsentry_server.store import summaries
from appsentry_server.store.history import Cursor, History
from appsentry_server.store.summaries import Summaries
from appsentry_sources.arrow import RESULT_SCHEMA

_WAITING: Final = 20_000
"""About so many entries wait for the publisher before they are committed, all in one go: virtual minutes are faster
than any disk."""

_ENTRIES: Final = 3
"""What a result brings about, mostly: its row, and what is said of its application."""

_FINISH_S: Final = 4.0
_FOREVER_MS: Final = 2**52


class PlayFailed(AppSentryError, RuntimeError):
    """The pipeline did not take up what was played: the script asks for more than it can carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the server recorded of a script, and what truly was."""

    results: pa.Table
    """Result rows as the server exports them, in the columns of result frames; their ids are counted."""
    truth: Mapping[str, Truth]
    """By application."""
    maintenance: Mapping[str, tuple[tuple[int, int], ...]]
    """By application, in microseconds since 1970."""
    summaries: Summaries
    """The spans and sketches that the server kept."""


def play(script: Script, seed: int = 1) -> Played:
    """Let it all happen, as fast as it can be worked off. The same script and seed give the same results.

    It runs an event loop of its own, so it cannot be called from one. Raises `PlayFailed`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="appsentry-play-") as folder,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(_play(script, seed, Path(folder)))


async def _play(script: Script, seed: int, folder: Path) -> Played:
    clock = VirtualClock(Wall(script))
    stops = [*(stretch.begin for stretch in script.off), script.length]
    starts = [timedelta(0), *(stretch.end for stretch in script.off)]
    for start, stop in zip(starts, stops, strict=True):
        await clock.sleep((start - clock.elapsed).total_seconds())
        if clock.elapsed < stop:
            await _live(script, seed, folder, clock, stop)
    history = await History.open(folder)
    try:
        results, kept = await history.read(_results), await history.read(summaries.kept(0))
    finally:
        await history.close()
    ids = pa.array([f"played-{seed}-{number}" for number in range(1, len(results) + 1)], pa.large_string())
    return Played(
        results=results.set_column(0, RESULT_SCHEMA.field(0), ids),
        truth={application.id: Truth.of(application, script) for application in script.applications},
        maintenance={application.id: _maintenance(application, script) for application in script.applications},
        summaries=kept,
    )


async def _live(script: Script, seed: int, folder: Path, clock: VirtualClock, stop: timedelta) -> None:
    """One life of the server: composed over what is kept of earlier ones, and ended in order.

    Of what runs in a server for real, this leaves out what changes no result: sockets, the watchdog's twenty beats a
    second, and housekeeping.
    """
    server = await compose(_configuration(script, folder), clock, kinds=kinds(clock, seed))
    services = server.services
    server.take_up(server.configuration)
    looking = asyncio.create_task(services.schedule.work())
    step_s = _step_s(script)
    try:
        while clock.elapsed < stop:
            await clock.sleep(min(step_s, (stop - clock.elapsed).total_seconds()))
            if services.publisher.waiting >= _WAITING:
                await _commit(services)
    finally:
        await _end(server, looking)
    if lost := services.publisher.outages.given_up:
        raise PlayFailed(f"{script.name}: {lost} results found no room: play fewer applications at once")


async def _end(server: Server, looking: asyncio.Task[None]) -> None:
    services = server.services
    services.conductor.stop()
    services.schedule.stop()
    await services.schedule.drained(_FINISH_S)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    async with _publishing(services):
        await server.keep_summaries()
    await server.stop()


async def _commit(services: Services) -> None:
    async with _publishing(services):
        await services.publisher.settled()


@asynccontextmanager
async def _publishing(services: Services) -> AsyncIterator[None]:
    working = asyncio.create_task(services.publisher.work())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _step_s(script: Script) -> float:
    """How much time may pass between two looks at what waits, so that it never grows beyond its room."""
    a_second = sum(_ENTRIES / min(one.interval, one.retry_interval).total_seconds() for one in script.applications)
    return min(3600.0, max(0.25, _WAITING / a_second))


def _configuration(script: Script, folder: Path) -> Configuration:
    return Configuration(
        server=ServerSettings(data_dir=folder),
        applications=tuple(
            ApplicationSettings(
                id=one.id,
                name=one.name or one.id,
                group=one.group,
                tags=one.tags,
                sla=one.sla,
                checks=(
                    ScriptedSettings(
                        type="health",
                        id="health",
                        interval=one.interval,
                        timeout=one.timeout,
                        confirm=one.confirm,
                        retry_interval=one.retry_interval,
                        script=one,
                    ),
                ),
            )
            for one in script.applications
        ),
    )


def _results(cursor: Cursor) -> pa.Table:
    selection = Selection(from_ms=0, to_ms=_FOREVER_MS)
    batches = [batch.cast(RESULT_SCHEMA) for batch in selection.batches(cursor, "arrow")]
    return pa.Table.from_batches(batches, RESULT_SCHEMA)


def _maintenance(application: ScriptedApplication, script: Script) -> tuple[tuple[int, int], ...]:
    start = Wall(script).at(0)
    us = timedelta(microseconds=1)
    return tuple((start + stretch.begin // us, start + stretch.end // us) for stretch in application.maintenance)
