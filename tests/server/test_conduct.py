"""Carrying out checks: limits that do not let the slow starve the others."""

import asyncio
from datetime import timedelta

from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.clock import SystemClock
from appsentry_server.conduct import Check, Conductor
from appsentry_server.configuration.model import Limits
from appsentry_server.results import Outcome


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


def _conduct(conductor, check, run_id=None):
    return asyncio.create_task(conductor.conduct(check, due_ms=0, due=0.0, attempt=1, run_id=run_id))


def test_a_host_that_hangs_takes_no_place_from_the_others():
    async def scenario():
        conductor = Conductor(SystemClock(), Limits(checks=4, checks_per_host=2), "here")
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
        conductor = Conductor(SystemClock(), Limits(checks=4, checks_per_host=100), "here")
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
        conductor = Conductor(SystemClock(), Limits(), "here")
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
        conductor = Conductor(SystemClock(), Limits(checks=1), "here")
        gate = asyncio.Event()
        first, second = (_conduct(conductor, _check(name, name, gate)) for name in ("first", "second"))
        await asyncio.sleep(0)
        conductor.stop()
        gate.set()
        assert (await first).outcome.verdict == "up"
        assert await asyncio.gather(second, return_exceptions=True)
        assert second.cancelled()

    asyncio.run(scenario())
