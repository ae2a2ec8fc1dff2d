"""The WebSocket check against Tornado's WebSockets, and against targets that speak it badly."""

import asyncio
import base64
import contextlib
import gc
import hashlib
import re

import pytest
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket

from appsentry_contract.vocabulary import DOWN_CLASSES

HOME = "127.0.0.1"


def failed(outcome, failure_class):
    assert outcome.failure is not None, outcome
    assert outcome.failure.failure_class == failure_class, outcome.failure
    assert outcome.verdict == ("down" if failure_class in DOWN_CLASSES else "unknown")
    return outcome.failure.message


class Feed(tornado.websocket.WebSocketHandler):
    """Says hello, knows one subprotocol, and repeats what it hears; `bye` closes it."""

    def select_subprotocol(self, subprotocols):
        return "feed.v2" if "feed.v2" in subprotocols else None

    def check_origin(self, _origin):
        return True

    def prepare(self):
        if self.request.path == "/private" and self.request.headers.get("Authorization") != "Bearer s3cret-t0ken":
            raise tornado.web.HTTPError(403)

    def open(self):
        self.write_message("hello " + self.request.headers.get("Authorization", "nobody"))

    def on_message(self, message):
        if message == "bye":
            self.close(4001, "as you wish")
        else:
            self.write_message(f"you said {message}")


@contextlib.asynccontextmanager
async def feed(tls=None):
    application = tornado.web.Application([("/.*", Feed)], log_function=lambda _handler: None)
    server = tornado.httpserver.HTTPServer(application, ssl_options=tls)
    sockets = tornado.netutil.bind_sockets(0, HOME)
    server.add_sockets(sockets)
    try:
        yield f"{'wss' if tls else 'ws'}://{HOME}:{sockets[0].getsockname()[1]}/feed"
    finally:
        server.stop()
        await server.close_all_connections()


@pytest.fixture
def fed(run, outcome_of):
    """The outcome of a check of the feed."""

    def looked(path="feed", **settings):
        async def main():
            async with feed() as url:
                return await outcome_of("websocket", url=url.replace("feed", path), **settings)

        return run(main())

    return looked


def test_a_handshake_is_up_with_its_times(fed):
    outcome = fed()

    assert outcome.verdict == "up", outcome
    parts = (outcome.phases.connect_ms, outcome.phases.first_byte_ms, outcome.phases.transfer_ms)
    assert sum(parts) == pytest.approx(outcome.response_ms, abs=5)


def test_a_conversation_goes_step_by_step_and_messages_in_between_are_passed_over(fed):
    outcome = fed(steps=[{"send": "one"}, {"send": "two", "text": "you said two"}, {"send": "3", "regex": r"said \d$"}])

    assert outcome.verdict == "up", outcome


def test_wss_is_verified_like_https(run, outcome_of, authority):
    async def main():
        async with feed(authority.context(HOME)) as url:
            good = await outcome_of("websocket", url=url, tls={"ca": authority.path}, steps=[{"text": "hello"}])
            return good, await outcome_of("websocket", url=url)

    good, bad = run(main())

    assert good.verdict == "up", good
    assert good.phases.tls_ms > 0
    failed(bad, "tls_other")


def test_a_header_is_sent_from_its_reference_and_masked_in_what_comes_back(fed, monkeypatch):
    monkeypatch.setenv("TOKEN", "Bearer s3cret-t0ken")
    headers = {"Authorization": "env:TOKEN"}

    good = fed("private", headers=headers, steps=[{"text": "hello"}])
    bad = fed("private", headers=headers, steps=[{"text": "goodbye"}], timeout="300ms")

    assert good.verdict == "up", good
    message = failed(bad, "deadline")
    assert "s3cret" not in message
    assert "'hello •••'" in message
    assert bad.failure.step == "1"


def test_a_header_that_would_break_the_line_is_not_sent(fed, monkeypatch):
    monkeypatch.setenv("TOKEN", "a\r\nHost: evil.test")

    message = failed(fed(headers={"Authorization": "env:TOKEN"}), "internal")

    assert "Authorization" in message
    assert "evil" not in message


def test_a_handshake_that_is_refused_is_told_by_its_status(fed):
    assert "expected status 101, found 403" in failed(fed("private"), "status")


def test_a_subprotocol_that_is_offered_must_be_taken(fed):
    assert fed(subprotocols=["feed.v1", "feed.v2"]).verdict == "up"
    assert failed(fed(subprotocols=["other"]), "expectation").endswith("'other', found none agreed on")


def test_a_close_before_the_answer_is_told_with_its_code_and_reason(fed):
    message = failed(fed(steps=[{"send": "bye", "text": "never"}]), "expectation")

    assert "found the connection closed with 4001 'as you wish'" in message


def accepted(head):
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def after_the_handshake(*pieces, forever=False, ends=False):
    async def handler(reader, writer):
        writer.write(accepted(await reader.readuntil(b"\r\n\r\n")))
        while True:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if not forever:
                break
        if not ends:
            await asyncio.Event().wait()
        writer.write_eof()
        await reader.read()

    return handler


def instead(answer, *, ends=True):
    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if not ends:
            await asyncio.Event().wait()
        writer.write_eof()
        await reader.read()

    return handler


async def endless_headers(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching\r\n")
    while True:
        writer.write(b"X: y\r\n" * 1000)
        await writer.drain()


async def endless_pings(reader, writer):
    writer.write(accepted(await reader.readuntil(b"\r\n\r\n")))

    async def swallow():
        while await reader.read(65_536):
            pass

    swallowing = asyncio.ensure_future(swallow())
    try:
        while True:
            writer.write(b"\x89\x00" * 5000)
            await writer.drain()
    finally:
        swallowing.cancel()
        await asyncio.gather(swallowing, return_exceptions=True)


async def never(_reader, _writer):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("handler", "failure_class", "words"),
    [
        (never, "deadline", "found no answer"),
        (instead(b""), "reset", "found the end of the connection"),
        (instead(b"HTTP/1.1 10"), "reset", "found the end of the connection"),
        (instead(b"SSH-2.0-OpenSSH\r\n"), "status", "expected the answer to a WebSocket handshake"),
        (instead(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "status", "found 200: 'hi'"),
        (instead(b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"), "status", "h2c"),
        (endless_headers, "too_large", "header"),
        (after_the_handshake(), "deadline", "found an unfinished answer"),
        (after_the_handshake(ends=True), "reset", "found the end of the connection"),
        (after_the_handshake(b"\xff\xff\xff\xff"), "expectation", "found no WebSocket frame"),
        (after_the_handshake(b"\x81\x03\0\xff\n"), "deadline", "after '�'"),
        (after_the_handshake(b"\x82\x7f" + (1 << 40).to_bytes(8)), "too_large", "more than 1048576 bytes"),
        (after_the_handshake(b"\x81\x04nope" * 1000, forever=True), "too_large", "within 1048576 bytes"),
        (after_the_handshake(b"\x01\x04half" + b"\0\x04more" * 999, forever=True), "expectation", "WebSocket frame"),
        (endless_pings, "too_large", "within 1048576 bytes"),
    ],
)
def test_a_target_that_misbehaves_is_down_with_the_class_that_says_how(
    run, listener, outcome_of, handler, failure_class, words
):
    async def main():
        async with listener(handler) as port:
            url = f"ws://{HOME}:{port}/"
            timeout = "600ms" if failure_class == "deadline" else "20s"
            return await outcome_of("websocket", url=url, steps=[{"text": "ready"}], timeout=timeout)

    assert words in failed(run(main()), failure_class)


def test_a_name_of_metadata_is_never_connected_to(run, dns, outcome_of):
    async def main():
        async with dns() as server:
            server.names["evil.test"] = ["169.254.169.254"]
            return await outcome_of("websocket", dns=server, url="ws://evil.test/")

    assert "169.254.169.254" in failed(run(main()), "internal")


def test_a_check_that_is_cancelled_anywhere_leaves_no_socket_open(run, client, prepare):
    async def main():
        async with feed() as url, client() as http:
            probe = prepare(http, type="websocket", url=url, steps=[{"text": "never said"}])
            for turns in range(25):
                task = asyncio.ensure_future(probe.run())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            gc.collect()
            return await prepare(http, type="websocket", url=url).run()

    assert run(main()).verdict == "up"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://x.test/"}, {"url": "ws://"}, {"url": "ws://u:p@x.test/"}, {"url": "ws:x"},
        {"headers": {"Host": "env:HOME"}}, {"headers": {"Sec-WebSocket-Key": "env:HOME"}},
        {"headers": {"a b": "env:HOME"}}, {"headers": {"X": "literal"}}, {"subprotocols": ["a b"]},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_when_it_is_read(run, outcome_of, wrong):
    with pytest.raises(ValueError, match=r"expected|pattern"):
        run(outcome_of("websocket", **({"url": "ws://x.test/"} | wrong)))
