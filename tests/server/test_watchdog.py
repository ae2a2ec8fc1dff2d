"""What the watchdog notices, and how often it says so."""

import asyncio

from appsentry_server.lag import Lag
from appsentry_server.watchdog import Watchdog


async def _watching(clock, scenario):
    told = []
    lag = Lag(clock)
    watchdog = Watchdog(clock, lag, lambda kind, message: told.append((kind, message)))
    task = asyncio.create_task(watchdog.work())
    try:
        await clock.advance(0.2)
        await scenario(watchdog, lag)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return [message for kind, message in told if kind == "warning"]


def test_a_loop_that_is_in_time_never_stood_still(moved_clock):
    async def scenario(watchdog, lag):
        await moved_clock.advance(10)
        assert (lag.total_s(), watchdog.worst_s, watchdog.jumps) == (0, 0, 0)

    assert asyncio.run(_watching(moved_clock, scenario)) == []


def test_a_standstill_is_known_before_the_watchdog_has_its_turn(moved_clock):
    async def scenario(watchdog, lag):
        moved_clock.stall(60)
        assert 59.9 <= lag.total_s() <= 60
        await moved_clock.advance(0.1)
        assert 59.9 <= lag.total_s() <= 60
        assert watchdog.worst_s == lag.total_s()

    (told,) = asyncio.run(_watching(moved_clock, scenario))
    assert told.startswith("the monitor stood still for 1m")


def test_a_machine_that_slept_stood_still_and_its_clock_did_not_jump(moved_clock):
    async def scenario(watchdog, lag):
        moved_clock.suspend(3600)
        await moved_clock.advance(0.1)
        assert watchdog.jumps == 0
        assert 3599 < lag.total_s() <= 3600

    (told,) = asyncio.run(_watching(moved_clock, scenario))
    assert told.startswith("the monitor stood still for 1h")


def test_short_standstills_are_counted_and_not_told(moved_clock):
    async def scenario(watchdog, lag):
        for _ in range(10):
            moved_clock.stall(0.5)
            await moved_clock.advance(0.1)
        assert 4 < lag.total_s() < 5

    assert asyncio.run(_watching(moved_clock, scenario)) == []


def test_a_loop_that_stands_still_all_the_time_is_told_once_a_minute(moved_clock):
    async def scenario(watchdog, lag):
        for _ in range(100):
            moved_clock.stall(1.15)
            await moved_clock.advance(0.05)

    first, second = asyncio.run(_watching(moved_clock, scenario))
    assert "times in all" not in first
    assert "times in all" in second


def test_a_jump_is_told_with_its_direction_and_a_clock_that_is_steered_is_not(moved_clock):
    async def scenario(watchdog, lag):
        for _ in range(20):
            moved_clock.jump(0.3)
            await moved_clock.advance(0.1)
        assert watchdog.jumps == 0
        moved_clock.jump(3600)
        await moved_clock.advance(0.1)
        moved_clock.jump(-7200)
        await moved_clock.advance(0.1)
        assert watchdog.jumps == 2
        assert lag.total_s() == 0

    forward, back = asyncio.run(_watching(moved_clock, scenario))
    assert "set forward by 1h" in forward
    assert "set back by 2h" in back
