"""The time is read and waited for in one module a side, so that every test can put its own clock in."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIDES = [
    ROOT / "appsentry_kernel",
    ROOT / "server/appsentry_server",
    ROOT / "server/appsentry_sources",
    ROOT / "server/appsentry_contract",
]
READS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "asyncio": {"sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}


def clock_reads(source: str) -> Iterator[int]:
    """The lines that read the time or wait, by attribute (`time.monotonic`) or by import (`from time import sleep`)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if node.attr in READS.get(name, set()):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & READS.get(
            node.module if node.module in {"time", "asyncio"} else "", set()
        ):
            yield node.lineno


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_only_the_clock_reads_the_time(side: Path) -> None:
    found = {
        f"{path.relative_to(side)}:{line}"
        for path in side.rglob("*.py")
        if path != side / "clock.py"
        for line in clock_reads(path.read_text())
    }
    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.monotonic()",
        "import time\nx = time.time",
        "from time import sleep",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.now(UTC)",
        "import asyncio\nasyncio.sleep(1)",
    ],
)
def test_a_read_of_the_time_is_found_in_every_spelling(source: str) -> None:
    assert len(list(clock_reads(source))) == 1


def test_an_injected_clock_is_no_read_of_the_time() -> None:
    assert list(clock_reads("self._clock.monotonic(); clock.sleep(1); from asyncio import Event")) == []
