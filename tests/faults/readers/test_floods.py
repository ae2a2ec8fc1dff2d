"""One who floods is slowed down and then cut, at a bounded cost; nobody else notices and the log stays short."""

import asyncio
import json

import pytest

FLOODS = {
    "requests": lambda number: (f"42{number}" + json.dumps(["subscribe", {"stream": "runs"}]), 0x81),
    "messages that mean nothing": lambda number: ("42" + json.dumps(["nonsense", "x" * 1000]), 0x81),
    "pongs": lambda number: ("3", 0x81),
    "pings of the WebSocket": lambda number: (b"x", 0x89),
    "pongs of the WebSocket": lambda number: (b"x", 0x8A),
}
MALFORMED = {
    "no packet": ("x", 0x81),
    "an empty frame": ("", 0x81),
    "bytes": (b"\x00\x01", 0x82),
    "bytes as text": ("bAAAA", 0x81),
    "no packet inside": ("4x", 0x81),
    "no JSON": ("42[", 0x81),
    "no list": ('42{"a":1}', 0x81),
    "no name": ("42[]", 0x81),
    "a name that is none": ("42[1]", 0x81),
    "a name of the protocol's own": ('42["connect",{"tornado.handler":1}]', 0x81),
    "disconnect as an event": ('42["disconnect"]', 0x81),
    "attachments without end": ('459999999999-["x",{"_placeholder":true,"num":0}]', 0x81),
    "a number without end": ("42" + "9" * 200 + "[]", 0x81),
    "depth": ("42" + "[" * 100_000, 0x81),
    "a server's packet": ("0{}", 0x81),
    "no UTF-8": (b"\xff\xfe", 0x81),
}


@pytest.mark.timeout(180)
def test_a_flood_ends_its_own_connection_only(serving, until, show):
    async def scenario():
        async with serving(5) as server:
            calm = await server.socket()
            before = server.cpu_s
            for flood in FLOODS.values():
                hasty = await server.socket()
                for number in range(5_000):
                    hasty.send(*flood(number))
                    if number % 500 == 0:
                        await asyncio.sleep(0)
                await asyncio.wait_for(hasty.gone, 30)
            used = server.cpu_s - before
            assert await server.count("cut_flood") == len(FLOODS)
            assert (await calm.ask("subscribe", {"stream": "runs"}, 1))["ok"]
            assert not calm.gone.done()
            show(f"{len(FLOODS)} floods of 5,000 frames cost {used:.2f} s of the processor")

    asyncio.run(scenario())


def test_requests_beyond_twenty_a_second_are_told_so(serving):
    async def scenario():
        async with serving(1) as server:
            hasty, calm = await server.socket(), await server.socket()
            answers = await asyncio.gather(*(hasty.ask("subscribe", {"stream": "runs"}, n) for n in range(200)))
            assert 40 <= sum(answer["ok"] for answer in answers) < 80
            assert {answer["code"] for answer in answers if not answer["ok"]} == {"rate_limited"}
            assert (await calm.ask("subscribe", {"stream": "runs"}, 1))["ok"]

    asyncio.run(scenario())


@pytest.mark.timeout(180)
def test_what_is_no_packet_ends_its_own_connection_only_and_is_one_line_in_the_log_at_most(serving, form):
    async def scenario():
        async with serving(1) as server:
            calm = await server.socket()
            for _ in range(form(1, 20)):
                for frame, opcode in MALFORMED.values():
                    strange = await server.socket()
                    strange.send(frame, opcode)
                    await asyncio.wait_for(strange.gone, 30)
            assert (await calm.ask("subscribe", {"stream": "runs"}, 1))["ok"]
            warned = [line for line in server.log.splitlines() if "INFO" not in line]
            assert len(warned) <= 20, warned
            assert "never retrieved" not in server.log

    asyncio.run(scenario())
