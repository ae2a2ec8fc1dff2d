"""What the tests that inject faults share: how long their form is, and a place to print what they measured."""

import os
from collections.abc import Callable

import pytest

LONG = os.environ.get("APPSENTRY_FAULTS") == "long"
"""`make faults` runs the long form: more kills, more readers, more generated inputs."""

SHOWN = pytest.StashKey[list[str]]()


@pytest.fixture
def form() -> Callable[[int, int], int]:
    """Picks a size: `form(5, 200)` is 5 in `make test` and 200 in `make faults`."""
    return lambda short, long: long if LONG else short


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a line to print at the end: what a test saw, times included. Nothing asserts on it."""
    lines = request.config.stash.setdefault(SHOWN, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(SHOWN, []):
        terminalreporter.section("seen under faults")
        for line in lines:
            terminalreporter.line(line)
