"""The wall clock of a script: what it shows at each moment, and which moment each instant on it belongs to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from appsentry_server.scenarios.script import Script

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Wall:
    """Microseconds since 1970 on a clock that is set forward and back, by microseconds since the script's start."""

    def __init__(self, script: Script) -> None:
        self._length = script.length // _MICROSECOND
        self._start = (script.start - _EPOCH) // _MICROSECOND
        self._pieces = [(0, self._start)]
        """From which moment on, and what is added to it to read the wall."""
        for jump in script.jumps:
            self._pieces.append((jump.at // _MICROSECOND, self._pieces[-1][1] + jump.by // _MICROSECOND))

    def at(self, elapsed: int) -> int:
        """What it shows."""
        offset = self._start
        for since, added in self._pieces:
            if since > elapsed:
                break
            offset = added
        return elapsed + offset

    def first_seen(self) -> Iterator[tuple[int, int, int]]:
        """The moments `(begin, end)` in which it shows what it never showed before, and what is added to them."""
        newest = self._start
        ends = [*(since for since, _ in self._pieces[1:]), self._length]
        for (begin, offset), end in zip(self._pieces, ends, strict=True):
            fresh = max(begin, newest - offset)
            if fresh < end:
                yield fresh, end, offset
                newest = end + offset
