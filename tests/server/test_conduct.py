"""Carrying out checks: limits that do not let the slow starve the others."""

import asyncio
from datetime import timedelta

import pytest

from appsentry_server.blindness import Sight
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.chronology import Chronology
from appsentry_server.clock import SystemClock
from appsentry_server.conduct import Check, Conductor
from appsentry_server.configuration.model import Limits
from appsentry_server.lag import Lag
from appsentry_server.results import Failure, Outcome
from appsentry_server.witnesses import Witnesses


class _OnHost(CheckSettings):
    on: str

    @property
    def host(self):
        return self.on


class _Held(Probe):
    """Ends when the test lets it; counts how many go on at once."""

    running = 0
    most = 0

    def __init__(self, gate):
        self._gate = gate

    async def run(self):
        _Held.running += 1
        _Held.most = max(_Held.most, _Held.running)
        try:
            await self._gate.wait()
        finally:
            _Held.running -= 1
        return Outcome(verdict="up", response_ms=1.0)


def _check(name, host, gate):
    settings = _OnHost(type="any", id="any", on=host, timeout=timedelta(seconds=60))
    return Check(application_id=name, settings=settings, probe=_Held(gate))


def _conductor(limits, clock=None, lag=None):
    clock = clock or SystemClock()
    client = HttpClient()
    sight = Sight(clock, client, Witnesses((), client), print)
    return Conductor(clock, limits, "here", lag=lag or Lag(clock), sight=sight, chronology=Chronology({}))


def _conduct(conductor, check, run_id=None):
    return asyncio.create_task(conductor.conduct(check, due_ms=0, due=0.0, attempt=1, run_id=run_id))


def test_a_host_that_hangs_takes_no_place_from_the_others():
    async def scenario():
        conductor = _conductor(Limits(checks=4, checks_per_host=2))
        held, free = asyncio.Event(), asyncio.Event()
        free.set()
        hanging = [_conduct(conductor, _check(f"slow-{n}", "slow.example", held)) for n in range(20)]
        async with asyncio.timeout(30):
            results = [await _conduct(conductor, _check(f"good-{n}", "good.example", free)) for n in range(10)]
        assert {result.outcome.verdict for result in results} == {"up"}
        assert conductor.in_flight == 2
        held.set()
        await asyncio.gather(*hanging)

    asyncio.run(scenario())


def test_no_more_checks_go_on_at_once_than_the_limit_says():
    async def scenario():
        _Held.most = 0
        conductor = _conductor(Limits(checks=4, checks_per_host=100))
        gate = asyncio.Event()
        gate.set()
        await asyncio.gather(*(_conduct(conductor, _check(f"app-{n}", f"{n}.example", gate)) for n in range(50)))
        assert 1 <= _Held.most <= 4

    asyncio.run(scenario())


def test_a_probe_that_fails_by_itself_is_unknown_and_says_no_more_than_it_may(caplog):
    class Broken(Probe):
        async def run(self):
            raise ValueError("the password was hunter2")

    async def scenario():
        conductor = _conductor(Limits())
        check = Check(application_id="shop", settings=CheckSettings(type="any", id="any"), probe=Broken())
        result = await _conduct(conductor, check)
        assert result.outcome.verdict == "unknown"
        assert result.outcome.failure.failure_class == "internal"
        assert "ValueError" in result.outcome.failure.message
        assert "hunter2" not in result.outcome.failure.message

    asyncio.run(scenario())
    assert "hunter2" not in caplog.text


def test_one_who_waits_for_a_place_at_a_stop_never_looks():
    async def scenario():
        conductor = _conductor(Limits(checks=1))
        gate = asyncio.Event()
        first, second = (_conduct(conductor, _check(name, name, gate)) for name in ("first", "second"))
        await asyncio.sleep(0)
        conductor.stop()
        gate.set()
        assert (await first).outcome.verdict == "up"
        assert await asyncio.gather(second, return_exceptions=True)
        assert second.cancelled()

    asyncio.run(scenario())


class _Stalled(Probe):
    """Comes to this outcome while the monitor stands still."""

    def __init__(self, clock, seconds, outcome):
        self._stall, self._outcome = (clock, seconds), outcome

    async def run(self):
        clock, seconds = self._stall
        clock.stall(seconds)
        return self._outcome


@pytest.mark.parametrize(
    ("stall_s", "failure_class", "verdict"),
    [(61, "deadline", "unknown"), (61, "status", "unknown"), (0.5, "deadline", "unknown"), (0.5, "status", "down")],
)
def test_a_failure_while_the_monitor_stood_still_is_its_own(moved_clock, stall_s, failure_class, verdict):
    async def scenario():
        lag = Lag(moved_clock)
        lag.beat()
        failure = Failure(failure_class=failure_class, message="expected an answer, found none", step="form")
        outcome = Outcome(verdict="down", response_ms=10_000.0, failure=failure)
        check = Check(
            application_id="shop",
            settings=CheckSettings(type="any", id="any"),
            probe=_Stalled(moved_clock, stall_s, outcome),
        )
        found = (await _conduct(_conductor(Limits(), moved_clock, lag), check)).outcome
        assert found.verdict == verdict
        if verdict == "unknown":
            assert found.failure.failure_class == "internal"
            assert "stood still for 61 s" in found.failure.message or stall_s < 1
            assert found.failure.message.endswith("expected an answer, found none")
            assert found.failure.step == "form"

    asyncio.run(scenario())


def test_a_good_answer_is_good_however_late_it_was_read_but_has_no_time(moved_clock):
    async def scenario():
        lag = Lag(moved_clock)
        lag.beat()
        outcome = Outcome(verdict="up", response_ms=60_010.0)
        check = Check(
            application_id="shop",
            settings=CheckSettings(type="any", id="any"),
            probe=_Stalled(moved_clock, 61, outcome),
        )
        found = (await _conduct(_conductor(Limits(), moved_clock, lag), check)).outcome
        assert (found.verdict, found.response_ms) == ("up", None)
        assert "stood still" in found.note

    asyncio.run(scenario())


def test_results_of_a_check_stay_in_order_when_the_clock_is_set_back(moved_clock):
    class Good(Probe):
        async def run(self):
            return Outcome(verdict="up", response_ms=1.0)

    async def scenario():
        conductor = _conductor(Limits(), moved_clock)
        check = Check(application_id="shop", settings=CheckSettings(type="any", id="any"), probe=Good())
        found = []
        for due_ms in (7_200_000, 7_199_000, 3_600_000, 7_300_000):
            result = await conductor.conduct(check, due_ms=due_ms, due=0.0, attempt=1, run_id=None)
            found.append((result.due_ms, result.outcome.verdict))
        assert found == [(7_200_000, "up"), (7_200_001, "up"), (7_200_002, "unknown"), (7_300_000, "up")]

    asyncio.run(scenario())
