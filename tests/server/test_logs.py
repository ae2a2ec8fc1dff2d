"""The server's log stays short however often the same thing happens."""

import logging

import pytest

from appsentry_server.logs import Repetitions


@pytest.fixture
def written(moved_clock):
    """What comes through, and loggers to speak with."""
    lines = []

    class Collect(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    handler = Collect()
    handler.addFilter(Repetitions(moved_clock))
    loggers = {name: logging.getLogger(name) for name in ("tornado.application", "appsentry_server.anything")}
    for logger in loggers.values():
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield lines, loggers
    for logger in loggers.values():
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_a_library_says_the_same_once_a_minute_with_its_count(written, moved_clock):
    lines, loggers = written
    for minute in range(3):
        for number in range(500):
            loggers["tornado.application"].error("broken %d %s", minute, number)
        moved_clock.stall(61)
    assert lines == [
        "broken 0 0",
        "broken 1 0 (and 499 more like it, left out)",
        "broken 2 0 (and 499 more like it, left out)",
    ]


def test_our_own_lines_come_through_until_they_flood(written):
    lines, loggers = written
    ours = loggers["appsentry_server.anything"]
    for number in range(1_000):
        ours.info("one thing %d", number)
    for _ in range(3):
        ours.info("another")
    assert lines == [*(f"one thing {number}" for number in range(20)), *["another"] * 3]
