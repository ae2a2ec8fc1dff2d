"""The one background thread of a session."""

import asyncio
import logging
import threading

import pytest

from appsentry_kernel.errors import SessionClosed
from appsentry_kernel.iothread import IoThread


async def nothing() -> None:
    """A good-bye without words."""


def test_a_call_gives_back_what_the_coroutine_returns_or_raises() -> None:
    thread = IoThread("test", nothing)

    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise KeyError("why")

    assert thread.call(name) == "test"
    with pytest.raises(KeyError, match="why"):
        thread.call(fail)
    thread.close()


def test_closing_ends_the_tasks_and_says_good_bye_last() -> None:
    order: list[str] = []

    async def farewell() -> None:
        order.append("good-bye")

    thread = IoThread("test", farewell)

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("task ended")

    async def begin() -> None:
        thread.spawn(forever())
        await asyncio.sleep(0)

    thread.call(begin)
    thread.close()
    assert order == ["task ended", "good-bye"]
    assert "test" not in [other.name for other in threading.enumerate()]
    thread.close()


def test_a_call_that_waits_while_the_thread_closes_is_told_so() -> None:
    thread = IoThread("test", nothing)
    began = threading.Event()

    async def forever() -> None:
        began.set()
        await asyncio.Event().wait()

    def close() -> None:
        began.wait()
        thread.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(SessionClosed, match=r"s = sentry\.connect\(\)"):
        thread.call(forever)
    closer.join()
    with pytest.raises(SessionClosed):
        thread.call(nothing)
    thread.post(began.set)


def test_the_thread_refuses_to_wait_for_itself() -> None:
    thread = IoThread("test", nothing)

    async def call_within() -> None:
        thread.call(nothing)

    with pytest.raises(RuntimeError, match="cannot wait for itself"):
        thread.call(call_within)
    thread.close()


def test_a_failing_task_is_logged_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    thread = IoThread("test", nothing)
    failed = threading.Event()

    async def fail() -> None:
        failed.set()
        raise KeyError("why")

    async def begin() -> None:
        thread.spawn(fail())

    with caplog.at_level(logging.ERROR):
        thread.call(begin)
        failed.wait()
        thread.call(nothing)
        thread.close()
    assert "KeyError: 'why'" in caplog.text


def test_a_good_bye_that_fails_does_not_keep_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    async def farewell() -> None:
        raise OSError("no line")

    thread = IoThread("test", farewell)
    thread.close()
    assert "no line" in caplog.text
    assert "test" not in [other.name for other in threading.enumerate()]


def test_a_loop_that_cannot_be_started_is_said_instead_of_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> asyncio.AbstractEventLoop:
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio.events, "new_event_loop", refuse)
    with pytest.raises(OSError, match="no event loop could be started"):
        IoThread("test", nothing)
