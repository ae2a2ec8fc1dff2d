"""Follows the configuration file: a good new version is handed over, a bad one is reported and the old one stays."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from appsentry_server.checks.kind import Kind
from appsentry_server.clock import Clock
from appsentry_server.configuration.loading import load_bytes, read_file
from appsentry_server.configuration.model import Configuration
from appsentry_server.configuration.problems import ConfigurationError

Stamp = tuple[int, int, int] | None
"""What a change of the file changes: time of change, size and inode; None when there is no file."""


class ConfigurationFile:
    """One file, looked at once a second. A version is taken up when two looks in a row find it the same, so that a
    file half written or between two names is left alone, and only when its text is another than the one in force."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        options: Mapping[str, object] | None = None,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        self.path = path
        self._options = options or {}
        self._clock = clock
        self._kinds = kinds
        self._read: Stamp = None
        self._seen: Stamp = None
        self._good: bytes | None = None

    def load(self) -> Configuration:
        """Read the file now, whatever came before, under the `server` options that stand over it.

        Raises `ConfigurationError`, or pydantic's `ValidationError` for an option that is wrong.
        """
        self._read = self._seen = self._stamp()
        self._good = None
        content = read_file(self.path)
        configuration = load_bytes(content, self.path, kinds=self._kinds)
        self._good = content
        return configuration.with_server(**self._options)

    async def follow(self, deliver: Callable[[Configuration | ConfigurationError], None]) -> None:
        """Hand over every version that comes after the last one read, good or bad, until cancelled.

        `deliver` is called on the event loop; reading is done beside it.
        """
        while True:
            await self._clock.sleep(1)
            version = await asyncio.to_thread(self._look)
            if version is not None:
                deliver(version)

    def _look(self) -> Configuration | ConfigurationError | None:
        stamp = self._stamp()
        settled, self._seen = stamp == self._seen, stamp
        if stamp == self._read or not settled:
            return None
        in_force = self._good
        try:
            configuration = self.load()
        except ConfigurationError as error:
            return error
        return None if self._good == in_force else configuration

    def _stamp(self) -> Stamp:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
