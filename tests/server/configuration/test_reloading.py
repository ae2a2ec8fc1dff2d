"""A configuration file that changes is followed; a bad version is reported and the good one stays in force."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from appsentry_server.checks.kind import Kind
from appsentry_server.clock import SystemClock
from appsentry_server.configuration.model import Configuration
from appsentry_server.configuration.problems import ConfigurationError
from appsentry_server.configuration.reloading import ConfigurationFile

GOOD = "applications: [{id: %s, checks: [{type: page, url: x}]}]\n"


class SteppedClock(SystemClock):
    """A clock on which `sleep` ends when the test says so."""

    def __init__(self) -> None:
        self._asleep = asyncio.Event()
        self._wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self._asleep.set()
        await self._wake.wait()
        self._wake.clear()

    async def step(self) -> None:
        """Let one sleep end and wait until the next has begun."""
        await asyncio.wait_for(self._asleep.wait(), timeout=30)
        self._asleep.clear()
        self._wake.set()
        await asyncio.wait_for(self._asleep.wait(), timeout=30)


class Followed:
    """A file being followed, and what was handed over since the last look."""

    def __init__(self, path: Path, kinds: Mapping[str, Kind]) -> None:
        self.clock = SteppedClock()
        self.file = ConfigurationFile(path, clock=self.clock, kinds=kinds)
        self.versions: list[Configuration | ConfigurationError] = []

    async def after(self, steps: int) -> list[str]:
        for _ in range(steps):
            await self.clock.step()
        found = [
            ",".join(one.id for one in version.applications) if isinstance(version, Configuration) else str(version)
            for version in self.versions
        ]
        self.versions.clear()
        return found


def write(path: Path, text: str, *, written: int) -> None:
    """Write with a time of change of the test's own, so that no two versions share one."""
    path.write_text(text)
    os.utime(path, ns=(written, written))


Following = Callable[[], AbstractAsyncContextManager[Followed]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "appsentry.yaml"
    write(path, GOOD % "shop", written=1)
    return path


@pytest.fixture
def following(path: Path, kinds: Mapping[str, Kind]) -> Following:
    @asynccontextmanager
    async def follow() -> AsyncIterator[Followed]:
        followed = Followed(path, kinds)
        assert followed.file.load().applications[0].id == "shop"
        task = asyncio.create_task(followed.file.follow(followed.versions.append))
        try:
            yield followed
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return follow


def test_a_new_version_is_handed_over_once(path: Path, following: Following) -> None:
    async def scenario() -> None:
        async with following() as followed:
            assert await followed.after(3) == []
            write(path, GOOD % "desk", written=2)
            assert await followed.after(2) == ["desk"]
            assert await followed.after(3) == []

    asyncio.run(scenario())


def test_a_version_still_being_written_is_left_alone(path: Path, following: Following) -> None:
    async def scenario() -> None:
        async with following() as followed:
            write(path, "applications: [", written=2)
            assert await followed.after(1) == []
            write(path, GOOD % "desk", written=3)
            assert await followed.after(2) == ["desk"]

    asyncio.run(scenario())


def test_a_bad_version_is_reported_once_and_the_return_of_the_good_one_too(path: Path, following: Following) -> None:
    async def scenario() -> None:
        async with following() as followed:
            write(path, "applications: []\n", written=2)
            message = f"{path}:1: applications: expected a list of at least one application, found an empty list"
            assert await followed.after(4) == [message]
            write(path, GOOD % "shop", written=3)
            assert await followed.after(4) == ["shop"]

    asyncio.run(scenario())


def test_a_file_that_is_touched_and_says_the_same_is_no_new_version(path: Path, following: Following) -> None:
    async def scenario() -> None:
        async with following() as followed:
            write(path, GOOD % "shop", written=2)
            assert await followed.after(4) == []

    asyncio.run(scenario())


def test_a_file_that_goes_away_is_reported_once_and_followed_when_it_is_back(path: Path, following: Following) -> None:
    async def scenario() -> None:
        async with following() as followed:
            path.unlink()
            found = await followed.after(4)
            assert found == [f"{path}:1: expected a file that can be read, found: No such file or directory"]
            write(path, GOOD % "desk", written=2)
            assert await followed.after(2) == ["desk"]

    asyncio.run(scenario())


def test_a_file_replaced_by_a_rename_is_followed(path: Path, following: Following) -> None:
    async def scenario() -> None:
        async with following() as followed:
            beside = path.with_suffix(".new")
            write(beside, GOOD % "desk", written=1)
            beside.replace(path)
            assert await followed.after(2) == ["desk"]

    asyncio.run(scenario())
