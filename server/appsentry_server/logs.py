"""The server's log: on standard error, and bounded however often the same thing happens."""

import logging
import sys

from appsentry_server.clock import Clock

_WINDOW_S = 60.0
_OURS = 20
_THEIRS = 1
"""Lines a minute from one place in the code: of ours, and of the libraries', whose lines are tracebacks."""

_LIBRARIES = ("asyncio", "tornado", "engineio", "socketio", "appsentry_server.sockets.transport.library")


class Repetitions(logging.Filter):
    """Lets each place in the code speak so often a minute; the next line it may say tells how many were left out."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        place = (record.pathname, record.lineno)
        most = _THEIRS if record.name.startswith(_LIBRARIES) else _OURS
        now = self._clock.monotonic()
        since, said = self._windows.get(place, (now, 0))
        if now - since >= _WINDOW_S:
            if said > most:
                record.msg = f"{record.getMessage()} (and {said - most} more like it, left out)"
                record.args = None
            since, said = now, 0
        self._windows[place] = (since, said + 1)
        return said < most


def log_to_standard_error(clock: Clock) -> None:
    """Let everything of note be written there, and repetitions be counted instead."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repetitions(clock))
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(message)s")
