"""When failures are taken for the monitor's own blindness, and how much is asked for it."""

import asyncio

import pytest

from appsentry_server.blindness import Sight
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings
from appsentry_server.clock import SystemClock
from appsentry_server.results import Failure, Outcome
from appsentry_server.witnesses import Witnesses

DOWN = Outcome(
    verdict="down", failure=Failure(failure_class="connect_timeout", message="expected a connection, found none")
)
UP = Outcome(verdict="up", response_ms=1.0)


class _Of(CheckSettings):
    at: str

    @property
    def host(self):
        return self.at

    @property
    def port(self):
        return 9


class _WithoutPort(_Of):
    @property
    def port(self):
        return None


class _CountingClock(SystemClock):
    """Counts how often somebody waits: once for each look around."""

    waits = 0

    async def sleep(self, seconds):
        self.waits += 1
        await super().sleep(seconds)


def _seen(hosts, scenario, *witnesses):
    """What a sight of targets on these hosts made of it, and what it told."""
    told = []

    async def main():
        clock, client = _CountingClock(), HttpClient()
        try:
            sight = Sight(clock, client, Witnesses(witnesses, client), lambda kind, message: told.append(message))
            sight.watch({(f"app-{n}", "any"): _Of(type="any", id="any", at=host) for n, host in enumerate(hosts)})
            return await scenario(sight, clock)
        finally:
            await client.close()

    return asyncio.run(main()), told


async def _judged(sight, clock, count):
    keys = [(f"app-{number}", "any") for number in range(count)]
    assert all(sight.doubts(key, DOWN) for key in keys)
    began = clock.monotonic()
    outcomes = await asyncio.gather(*(sight.judged(key, DOWN, began) for key in keys))
    return {(one.verdict, one.failure.failure_class) for one in outcomes}


# Addresses of RFC 3849, which lead nowhere on any network.
NOWHERE = [f"2001:db8::{number}" for number in range(1, 251)]


def test_a_thousand_failures_at_once_are_judged_by_one_look_and_told_once():
    async def scenario(sight, clock):
        found = await _judged(sight, clock, 1000)
        return found, clock.waits, sight.blind

    (found, looks, blind), told = _seen(NOWHERE * 4, scenario)
    assert found == {("unknown", "blind")}
    assert blind
    assert looks == 1
    assert len(told) == 1
    assert "20 of 20" in told[0]


def test_four_targets_are_too_few_to_tell():
    (found, told) = _seen(NOWHERE[:4], lambda sight, clock: _judged(sight, clock, 4))
    assert found == {("down", "connect_timeout")}
    assert told == []


def test_checks_of_one_host_are_one_target():
    (found, _) = _seen([*NOWHERE[:4], *[NOWHERE[0]] * 20], lambda sight, clock: _judged(sight, clock, 4))
    assert found == {("down", "connect_timeout")}


def test_what_is_on_this_machine_is_neither_doubted_nor_counted():
    async def scenario(sight, clock):
        assert not sight.doubts(("app-4", "any"), DOWN)
        assert not sight.doubts(("app-5", "any"), DOWN)
        return await _judged(sight, clock, 4)

    (found, _) = _seen([*NOWHERE[:4], "127.0.0.1", "::1"], scenario)
    assert found == {("down", "connect_timeout")}


@pytest.mark.parametrize("failure_class", ["status", "expectation", "tls_expired", "too_large"])
def test_an_answer_is_never_blind(failure_class):
    async def scenario(sight, clock):
        failure = Failure(failure_class=failure_class, message="expected another answer")
        return sight.doubts(("app-0", "any"), Outcome(verdict="down", failure=failure))

    assert _seen(NOWHERE[:9], scenario) == (False, [])


def test_a_host_without_a_port_is_judged_by_the_others_and_never_asked():
    async def scenario(sight, clock):
        others = {(f"app-{n}", "any"): _Of(type="any", id="any", at=host) for n, host in enumerate(NOWHERE[:5])}
        sight.watch(others | {("pinged", "any"): _WithoutPort(type="any", id="any", at=NOWHERE[9])})
        assert sight.doubts(("pinged", "any"), DOWN)
        judged = await sight.judged(("pinged", "any"), DOWN, clock.monotonic())
        return judged.failure.failure_class

    found, told = _seen([], scenario)
    assert found == "blind"
    assert "5 of 5" in told[0]


def test_hosts_without_a_port_alone_are_nobody_to_ask():
    async def scenario(sight, clock):
        checks = {
            (f"app-{n}", "any"): _WithoutPort(type="any", id="any", at=host) for n, host in enumerate(NOWHERE[:9])
        }
        sight.watch(checks)
        return await _judged(sight, clock, 9)

    assert _seen([], scenario) == ({("down", "connect_timeout")}, [])


def test_one_who_waits_and_is_cut_off_leaves_the_others_their_answer():
    async def scenario(sight, clock):
        keys = [(f"app-{number}", "any") for number in range(2)]
        first, second = (asyncio.ensure_future(sight.judged(key, DOWN, clock.monotonic())) for key in keys)
        await asyncio.sleep(0)
        first.cancel()
        return (await second).failure.failure_class

    assert _seen(NOWHERE[:9], scenario)[0] == "blind"


def test_a_target_that_goes_from_the_configuration_while_it_is_judged_harms_nobody():
    async def scenario(sight, clock):
        judging = asyncio.ensure_future(sight.judged(("app-0", "any"), DOWN, clock.monotonic()))
        await asyncio.sleep(0)
        sight.watch({})
        return (await judging).verdict, sight.doubts(("app-0", "any"), UP)

    assert _seen(NOWHERE[:3], scenario)[0] == ("down", False)


def test_a_witness_that_is_reached_outweighs_every_target():
    async def scenario(sight, clock):
        async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = HttpClient()
            sight._witnesses = Witnesses([f"tcp://127.0.0.1:{port}"], client)
            found = await _judged(sight, clock, 9)
            await client.close()
        return found

    assert _seen(NOWHERE[:9], scenario) == ({("down", "connect_timeout")}, [])
