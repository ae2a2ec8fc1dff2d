"""A crowd: many readers at once hear everything in time, come back all at once, and cost little while idle."""

import asyncio
import random
import resource
from statistics import quantiles

import orjson
import pytest

from appsentry_contract.instants import from_wire
from appsentry_server.clock import SystemClock

SEED = 4
MEBIBYTE = 1024 * 1024
STREAMS = ("applications", "metrics", "runs")
JITTER_S = 5.0


@pytest.fixture(autouse=True)
def many_files():
    """Every socket is an open file, in the test's own process too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(300)
def test_many_readers_hear_everything(serving, until, form, show):
    clock = SystemClock()

    async def scenario():
        count, seconds = form(20, 200), form(2, 30)
        # 25 results a second, and as many updates of applications.
        async with serving(25) as server:
            delays, heard = [], [[] for _ in range(count)]

            def hear(text, seqs):
                now = clock.now_ms()
                name, payload = orjson.loads(text)
                if payload.get("at"):
                    delays.append(now - from_wire(payload["at"]))
                if name == "healthMetricUpdate":
                    seqs.append(payload["seq"])

            for seqs in heard:
                one = await server.socket()
                one.on_event = lambda text, seqs=seqs: hear(text, seqs)
            await asyncio.sleep(2)
            delays.clear()
            began, used = clock.monotonic(), server.cpu_s
            await until(lambda: min(map(len, heard)) >= 25 * (seconds + 2))
            elapsed, used = clock.monotonic() - began, server.cpu_s - used
            for seqs in heard:
                assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
            p99 = quantiles(delays, n=100)[98]
            show(
                f"{count} readers, {len(delays) / count / elapsed:.0f} events/s each: p99 {p99:.0f} ms, "
                f"most {max(delays):.0f} ms, 0 lost, {used / elapsed:.0%} of a processor"
            )

    asyncio.run(scenario())


@pytest.mark.timeout(300)
def test_a_crowd_that_comes_back_at_once_is_resumed(serving, form, show):
    clock = SystemClock()

    async def scenario():
        count, dice = form(50, 1_000), random.Random(SEED)
        async with serving(10) as server:
            first = await server.socket()
            answer = await first.ask("subscribe", {"stream": "metrics", "since": None}, 1)
            place = {"epoch": answer["epoch"], "seq": 0}

            async def come_back(delay_s):
                await asyncio.sleep(delay_s)
                came = clock.monotonic()
                one = await server.socket()
                answers = [
                    await one.ask("subscribe", {"stream": stream, "since": place}, number)
                    for number, stream in enumerate(STREAMS)
                ]
                assert all(answer["ok"] for answer in answers)
                return clock.monotonic() - came

            began, used = clock.monotonic(), server.cpu_s
            jitter_s = form(1, JITTER_S)
            took = await asyncio.gather(*(come_back(dice.random() * jitter_s) for _ in range(count)))
            whole = clock.monotonic() - began
            assert len(took) == count
            show(
                f"{count} readers, {jitter_s:g} s jitter: all resumed after {whole:.1f} s, each in {max(took):.2f} s, "
                f"{(server.cpu_s - used) / count * 1000:.1f} ms of the processor each"
            )

    asyncio.run(scenario())


@pytest.mark.timeout(300)
def test_idle_sockets_cost_little_memory(serving, form, show):
    async def scenario():
        count = form(50, 1_000)
        async with serving(5) as server:
            await server.socket()
            before = server.bytes
            for _ in range(count):
                one = await server.socket()
                assert (await one.ask("unsubscribe", {"stream": "metrics"}, 1))["ok"]
            grown = server.bytes - before
            show(f"{count} idle sockets: {grown / MEBIBYTE:.0f} MiB, {grown / count / 1024:.0f} KiB each")
            assert grown < 100 * MEBIBYTE

    asyncio.run(scenario())
