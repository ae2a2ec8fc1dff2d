"""When checks are due."""

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.conduct import Check
from appsentry_server.results import Outcome
from appsentry_server.schedule import Schedule, Tick, phase


class _Never(Probe):
    async def run(self) -> Outcome:
        raise AssertionError("the schedule runs no probes")


def _check(application_id: str, interval_s: float = 30, **settings: object) -> Check:
    return Check(
        application_id=application_id,
        settings=CheckSettings(type="any", id="any", interval=timedelta(seconds=interval_s), **settings),
        probe=_Never(),
    )


class _Scheduled:
    """A schedule whose ticks are noted, each taking as long as `takes` says."""

    def __init__(self, clock, takes=0.0):
        self.clock = clock
        self.takes = takes
        self.ticks: list[Tick] = []
        self.started: defaultdict[str, list[float]] = defaultdict(list)
        self.running: defaultdict[str, int] = defaultdict(int)
        self.schedule = Schedule(clock, self._carry_out)
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self.schedule.work())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _carry_out(self, tick):
        name = tick.check.application_id
        assert self.running[name] == 0, "two of one check at once"
        self.running[name] += 1
        self.ticks.append(tick)
        self.started[name].append(self.clock.monotonic())
        if self.takes:
            await self.clock.sleep(self.takes)
        self.running[name] -= 1


def test_a_check_is_due_on_a_grid_that_does_not_drift(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            check = _check("shop")
            scheduled.schedule.replace([check], {})
            await moved_clock.advance(3600)
            dues = [tick.due_ms for tick in scheduled.ticks]
            grid = {round(due - phase(check.key) * 30_000) % 30_000 for due in dues[1:]}
            assert grid <= {0, 1, 29_999}
            assert {b - a for a, b in pairwise(dues[1:])} == {30_000}
            assert len(dues) in (120, 121)

    asyncio.run(scenario())


def test_the_grid_is_the_same_after_a_restart(moved_clock):
    async def dues():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check("shop", 10)], {})
            await moved_clock.advance(61.7)
            return [tick.due_ms % 10_000 for tick in scheduled.ticks[1:]]

    first, second = asyncio.run(dues()), asyncio.run(dues())
    assert set(first) == set(second)


def test_a_check_never_looked_at_is_looked_at_within_a_second(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check(f"app-{n}", 600) for n in range(50)], {})
            await moved_clock.advance(1.01)
            assert len({tick.check.application_id for tick in scheduled.ticks}) == 50

    asyncio.run(scenario())


def test_a_check_looked_at_lately_waits_for_its_place_on_the_grid(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            check = _check("shop", 600)
            until_grid = (phase(check.key) * 600 - moved_clock.wall_ms / 1000) % 600
            scheduled.schedule.replace([check], {check.key: moved_clock.now_ms() - 1000})
            await moved_clock.advance(until_grid - 0.5)
            assert scheduled.ticks == []
            await moved_clock.advance(1)
            assert len(scheduled.ticks) == 1

    asyncio.run(scenario())


def test_ten_thousand_checks_do_not_start_as_a_herd(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check(f"app-{n}", 60) for n in range(10_000)], {})
            for _ in range(10):
                before = len(scheduled.ticks)
                moved_clock.stall(1)
                await moved_clock.advance(0)
                assert len(scheduled.ticks) - before < 1400
            assert len(scheduled.started) == 10_000

    asyncio.run(scenario())


def test_a_tick_that_finds_its_check_busy_runs_once_late_and_the_rest_are_counted(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock, takes=35.0) as scheduled:
            scheduled.schedule.replace([_check("shop", 10)], {})
            await moved_clock.advance(300)
            assert scheduled.schedule.missed > 10
            lateness = [
                start - tick.due for start, tick in zip(scheduled.started["shop"], scheduled.ticks, strict=True)
            ]
            assert max(lateness) < 35
            assert len(scheduled.ticks) == pytest.approx(300 / 35, abs=1.5)

    asyncio.run(scenario())


def test_a_suspended_process_leaves_a_gap_and_makes_no_burst(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check(f"app-{n}", 10) for n in range(100)], {})
            await moved_clock.advance(30)
            before = len(scheduled.ticks)
            moved_clock.stall(60)
            await moved_clock.advance(0)
            assert len(scheduled.ticks) == before
            assert scheduled.schedule.missed >= 500
            await moved_clock.advance(10)
            assert len(scheduled.ticks) - before == pytest.approx(100, abs=2)

    asyncio.run(scenario())


def test_a_stop_shorter_than_the_interval_is_not_made_up_for_either(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check(f"app-{n}", 60) for n in range(1000)], {})
            await moved_clock.advance(61)
            before = len(scheduled.ticks)
            moved_clock.stall(50)
            await moved_clock.advance(0)
            assert len(scheduled.ticks) - before < 150, "a tenth of an interval is a tenth of the checks"
            missed = scheduled.schedule.missed
            assert missed == pytest.approx(1000 * 44 / 60, abs=60)
            await moved_clock.advance(60)
            assert len(scheduled.ticks) - before == pytest.approx(1100, abs=60)
            assert scheduled.schedule.missed == missed

    asyncio.run(scenario())


def test_a_retry_that_was_due_while_the_monitor_stood_still_is_due_now(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            check = _check("shop", 600, retry_interval=timedelta(seconds=5))
            scheduled.schedule.replace([check], {check.key: moved_clock.now_ms()})
            scheduled.schedule.observed(check.key, 1)
            await moved_clock.advance(1)
            moved_clock.stall(60)
            await moved_clock.advance(0)
            assert [(tick.attempt, tick.due, tick.due_ms) for tick in scheduled.ticks] == [
                (2, moved_clock.monotonic(), moved_clock.now_ms())
            ]

    asyncio.run(scenario())


def test_a_machine_that_slept_goes_on_where_the_grid_is_then(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check(f"app-{n}", 10) for n in range(20)], {})
            await moved_clock.advance(30)
            before = len(scheduled.ticks)
            moved_clock.suspend(3_600.5)
            await moved_clock.advance(1)
            assert len(scheduled.ticks) - before <= 6
            await moved_clock.advance(30)
            for tick in scheduled.ticks[-20:]:
                assert abs((tick.due_ms / 10_000 - phase(tick.check.key) + 0.5) % 1 - 0.5) < 0.001

    asyncio.run(scenario())


def test_daylight_saving_is_nothing_to_a_grid_of_instants(moved_clock, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    # A minute before the hour that Berlin lives through twice.
    moved_clock.wall_ms = datetime(2026, 10, 25, 0, 59, tzinfo=UTC).timestamp() * 1000

    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check("shop", 10)], {})
            await moved_clock.advance(7300)
            assert {b.due_ms - a.due_ms for a, b in pairwise(scheduled.ticks[1:])} == {10_000}
            assert scheduled.schedule.missed == 0

    asyncio.run(scenario())
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_jump_of_the_wall_clock_neither_bunches_nor_drops_checks(moved_clock, jump_s):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            scheduled.schedule.replace([_check(f"app-{n}", 10) for n in range(20)], {})
            await moved_clock.advance(30)
            before = len(scheduled.ticks)
            moved_clock.jump(jump_s)
            await moved_clock.advance(30)
            assert len(scheduled.ticks) - before == pytest.approx(60, abs=25)
            assert abs(scheduled.ticks[-1].due_ms - moved_clock.now_ms()) < 11_000

    asyncio.run(scenario())


def test_a_first_down_is_retried_until_it_is_confirmed(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            check = _check("shop", 600, confirm=3, retry_interval=timedelta(seconds=5))
            scheduled.schedule.replace([check], {})
            await moved_clock.advance(2)
            for downs in (1, 2, 3):
                assert scheduled.ticks[-1].attempt == downs
                scheduled.schedule.observed(check.key, downs)
                await moved_clock.advance(6)
            assert [tick.attempt for tick in scheduled.ticks[:3]] == [1, 2, 3]
            assert scheduled.ticks[1].due - scheduled.ticks[0].due >= 5

    asyncio.run(scenario())


def test_a_recovery_calls_off_the_retry(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            check = _check("shop", 600)
            scheduled.schedule.replace([check], {check.key: moved_clock.now_ms()})
            scheduled.schedule.observed(check.key, 1)
            scheduled.schedule.observed(check.key, 0)
            await moved_clock.advance(6)
            assert [tick for tick in scheduled.ticks if tick.attempt > 1] == []

    asyncio.run(scenario())


def test_a_new_set_of_checks_leaves_the_unchanged_ones_alone(moved_clock):
    async def scenario():
        async with _Scheduled(moved_clock) as scheduled:
            stays, goes, comes = _check("stays", 10), _check("goes", 10), _check("comes", 10)
            scheduled.schedule.replace([stays, goes], {})
            await moved_clock.advance(20)
            scheduled.schedule.replace([stays, comes], {})
            scheduled.ticks.clear()
            await moved_clock.advance(30)
            names = [tick.check.application_id for tick in scheduled.ticks]
            assert names.count("stays") == 3
            assert names.count("comes") >= 3
            assert "goes" not in names

    asyncio.run(scenario())
