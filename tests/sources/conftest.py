"""What tests of sources share: the real histories that lie beside the project, and other tools that have run."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from appsentry_sources import formats
from appsentry_sources.prometheus import Span
from appsentry_sources.reading import Reading

_KUMA_SCHEMA = Path(__file__).with_name("kuma_schema.sql")
_SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def upptime_log() -> Path:
    """Thirteen weeks of a real Upptime monitor."""
    path = _SHARED / "upptime-curc.log.gz"
    if not path.exists():
        pytest.skip(f"not run: {path.name} does not lie beside the project")
    return path


class Kuma:
    """An Uptime Kuma that has run: it counts and forgets as the real one does, on its own schema."""

    _STATS = MappingProxyType({"stat_minutely": 60, "stat_hourly": 3_600, "stat_daily": 86_400})
    _UP, _DOWN, _PENDING, _MAINTENANCE = 1, 0, 2, 3

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = sqlite3.connect(path)
        self._database.executescript(_KUMA_SCHEMA.read_text())
        self._last: dict[int, int] = {}

    def monitor(self, name: str, *, interval: int = 60, kind: str = "http") -> int:
        """Add a monitor; gives its id."""
        values = (name, interval, kind)
        row = self._database.execute("insert into monitor (name, interval, type) values (?, ?, ?)", values)
        assert row.lastrowid is not None
        return row.lastrowid

    def beat(self, monitor: int, unix_s: int, status: int, ping: int | None = None, message: str = "") -> None:
        """Note a beat, and sum it up in minutes, hours and days (`UptimeCalculator.update`)."""
        important = self._last.get(monitor) != status
        self._last[monitor] = status
        time = datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S.000")
        self._database.execute(
            "insert into heartbeat (important, monitor_id, status, msg, time, ping) values (?, ?, ?, ?, ?, ?)",
            (important, monitor, status, message, time, ping),
        )
        counts = {
            "up": status == self._UP,
            "down": status in (self._DOWN, self._PENDING),
            "extras": status == self._MAINTENANCE,
        }
        for table, width in self._STATS.items():
            self._database.execute(
                f"insert into {table} (monitor_id, timestamp, up, down, extras) values (?, ?, ?, ?, ?)"
                " on conflict do update set up = up + excluded.up, down = down + excluded.down,"
                " extras = json_set(coalesce(extras, '{}'), '$.maintenance',"
                " coalesce(extras ->> '$.maintenance', 0) + (excluded.extras ->> '$.maintenance'))",
                (
                    monitor,
                    unix_s // width * width,
                    counts["up"],
                    counts["down"],
                    json.dumps({"maintenance": int(counts["extras"])}),
                ),
            )

    def forget(self, now_s: int) -> None:
        """Throw old things away: beats after a day but the important ones, minutes after a day, hours after 30."""
        day_ago = datetime.fromtimestamp(now_s - 86_400, UTC).strftime("%Y-%m-%d %H:%M:%S.000")
        self._database.execute("delete from heartbeat where not important and time < ?", [day_ago])
        self._database.execute("delete from stat_minutely where timestamp < ?", [now_s - 86_400])
        self._database.execute("delete from stat_hourly where timestamp < ?", [now_s - 30 * 86_400])

    def uptime(self, monitor: int, table: str) -> float:
        """The figure it shows of what is in a table: `getData` without a window."""
        query = f"select sum(up) * 1.0 / (sum(up) + sum(down)) from {table} where monitor_id = ?"
        return float(self._database.execute(query, [monitor]).fetchone()[0])

    def close(self) -> None:
        """Stop running. Once is enough."""
        with suppress(sqlite3.ProgrammingError):
            self._database.commit()
        self._database.close()


@pytest.fixture
def kuma(tmp_path: Path) -> Iterator[Kuma]:
    """An Uptime Kuma with an empty history; `close` it before its file is read."""
    running = Kuma(tmp_path / "kuma.db")
    yield running
    running.close()


@pytest.fixture
def sqlite_file() -> Callable[[Path], None]:
    """Makes an SQLite database of something else."""

    def make(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.execute("create table songs (name text)")

    return make


Read = Callable[..., Reading]


@pytest.fixture
def read() -> Read:
    """Reads a file, of any time."""

    def read_file(path: Path, format_name: str | None = None) -> Reading:
        return formats.read(path, format_name, Span(since=0, until=0))

    return read_file
