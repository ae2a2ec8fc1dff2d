"""Coming in, being turned away, and being put out."""

import asyncio

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_wrong_token_is_refused_with_the_reason(serving, app, tmp_path, transport):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("right\n")

    async def scenario():
        async with serving(app("shop", interval="1s"), token_file=tmp_path / "token") as running:
            for token, why in ((None, "no token was given"), ("wrong", "the token is wrong")):
                with pytest.raises(ConnectionRefusedError, match=why):
                    await running.reader(token=token, transports=[transport]).__aenter__()
            async with running.reader(token="right", transports=[transport]) as reader:
                await reader.until_event("applicationStatusUpdate")

    asyncio.run(scenario())


def test_rotating_the_token_puts_out_those_who_came_with_the_old_one(serving, app, tmp_path):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("old")

    async def scenario():
        async with (
            serving(app("shop"), token_file=tmp_path / "token") as running,
            running.reader(token="old") as reader,
        ):
            out = asyncio.Event()
            reader.socket.on("disconnect", lambda *_: out.set())
            (tmp_path / "token").write_text("new")
            async with asyncio.timeout(20):
                await out.wait()
            with pytest.raises(ConnectionRefusedError):
                await running.reader(token="old").__aenter__()
            async with running.reader(token="new") as again:
                assert (await again.ask("subscribe", {"stream": "runs"}))["ok"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://evil.example"}, 400),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_foreign_pages_and_foreign_names_are_turned_away(serving, app, headers, status):
    async def scenario():
        async with serving(app("shop")) as running:
            request = HTTPRequest(f"{running.url}/socket.io/?EIO=4&transport=polling", headers=headers)
            answer = await AsyncHTTPClient(force_instance=True).fetch(request, raise_error=False)
            assert answer.code == status
            if "Origin" in headers and status == 200:
                assert answer.headers["Access-Control-Allow-Origin"] == headers["Origin"]

    asyncio.run(scenario())


def test_a_message_beyond_a_megabyte_closes_its_own_socket_only(serving, app):
    async def scenario():
        async with serving(app("shop", interval="1s")) as running, running.reader() as calm:
            async with running.reader() as big:
                out = asyncio.Event()
                big.socket.on("disconnect", lambda *_: out.set())
                await big.socket.emit("subscribe", {"stream": "x" * 1_100_000})
                async with asyncio.timeout(20):
                    await out.wait()
            heard = len(calm.heard)
            await calm.until(lambda events: len(events) > heard + 2)

    asyncio.run(scenario())


def test_a_stop_ends_every_connection_and_every_task(serving, app):
    async def scenario():
        async with serving(app("shop", interval="1s")) as running, running.reader() as reader:
            out = asyncio.Event()
            reader.socket.on("disconnect", lambda *_: out.set())
            await reader.until_event("healthMetricUpdate")
            await running.server.stop()
            async with asyncio.timeout(20):
                await out.wait()
            ours = ("Server.", "Publisher.", "Schedule.", "Intake.", "Subscriptions.", "Run.", "Runs.")
            left = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
            assert not {name for name in left if name.startswith(ours)}

    asyncio.run(scenario())
