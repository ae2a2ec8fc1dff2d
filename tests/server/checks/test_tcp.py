"""The TCP check, and with it the stream under all that is no HTTP, against real servers."""

import asyncio
import gc
import socket
import struct

import pytest

from appsentry_contract.vocabulary import DOWN_CLASSES
from appsentry_server.checks.addresses import AddressRules

HOME = "127.0.0.1"


def failed(outcome, failure_class):
    assert outcome.failure is not None, outcome
    assert outcome.failure.failure_class == failure_class, outcome.failure
    assert outcome.verdict == ("down" if failure_class in DOWN_CLASSES else "unknown")
    return outcome.failure.message


async def mail(reader, writer):
    writer.write(b"220 mail.test ESMTP\r\n")
    while line := await reader.readline():
        writer.write(b"221 bye\r\n" if line == b"QUIT\r\n" else b"250 ok " + line)
        await writer.drain()


async def accept(reader, writer):
    await reader.read()


async def hang_up(_reader, _writer):
    pass


async def reset(_reader, writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def never(_reader, _writer):
    await asyncio.Event().wait()


async def drip(_reader, writer):
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(_reader, writer):
    while True:
        writer.write(b"\0\xff" * 8192)
        await writer.drain()


async def curse(_reader, writer):
    writer.write(b"\0\xff\x1b[2J ok\r\n")
    await writer.drain()
    writer.write_eof()
    await asyncio.Event().wait()


def test_a_port_that_accepts_is_up_with_the_time_of_the_connection(run, listener, outcome_of):
    async def main():
        async with listener(accept) as port:
            return await outcome_of("tcp", host=HOME, port=port)

    outcome = run(main())

    assert outcome.verdict == "up"
    assert 0 < outcome.phases.connect_ms <= outcome.response_ms
    assert (outcome.phases.dns_ms, outcome.phases.tls_ms, outcome.phases.first_byte_ms) == (None, None, None)


def test_a_conversation_goes_step_by_step(run, listener, outcome_of):
    steps = [{"regex": "^220 "}, {"send": "NOOP\r\n", "text": "250 ok NOOP"}, {"send": "QUIT\r\n", "text": "221"}]

    async def main():
        async with listener(mail) as port:
            return await outcome_of("tcp", host=HOME, port=port, steps=steps)

    outcome = run(main())

    assert outcome.verdict == "up", outcome
    assert outcome.phases.first_byte_ms > 0
    parts = (outcome.phases.connect_ms, outcome.phases.first_byte_ms, outcome.phases.transfer_ms)
    assert sum(parts) == pytest.approx(outcome.response_ms, abs=5)


def test_what_comes_in_one_piece_serves_several_steps(run, listener, outcome_of):
    async def both(_reader, writer):
        writer.write(b"one two")
        await writer.drain()
        await asyncio.Event().wait()

    async def main():
        async with listener(both) as port:
            return await outcome_of("tcp", host=HOME, port=port, steps=[{"text": "one"}, {"text": "two"}])

    assert run(main()).verdict == "up"


def test_a_step_takes_what_it_was_met_by_so_the_next_one_needs_its_own(run, listener, outcome_of):
    async def main():
        async with listener(mail) as port:
            steps = [{"text": "220"}, {"text": "220"}]
            return await outcome_of("tcp", host=HOME, port=port, steps=steps, timeout="300ms")

    outcome = run(main())

    failed(outcome, "deadline")
    assert outcome.failure.step == "2"


@pytest.mark.parametrize(
    ("handler", "failure_class", "words"),
    [
        (hang_up, "reset", "found the end of the connection"),
        (reset, "reset", "expected"),
        (never, "deadline", "found no answer"),
        (drip, "deadline", "found an unfinished answer"),
        (flood, "too_large", "found none in the first 16384 characters"),
        (curse, "expectation", "found the end of the connection after '� [2J ok'"),
    ],
)
def test_a_target_that_misbehaves_is_down_with_the_class_that_says_how(
    run, listener, outcome_of, handler, failure_class, words
):
    async def main():
        async with listener(handler) as port:
            return await outcome_of("tcp", host=HOME, port=port, steps=[{"text": "220 "}], timeout="400ms")

    assert words in failed(run(main()), failure_class)


def test_a_port_where_nobody_listens_is_refused(run, outcome_of):
    with socket.socket() as unused:
        unused.bind((HOME, 0))
        port = unused.getsockname()[1]

        message = failed(run(outcome_of("tcp", host=HOME, port=port)), "refused")

    assert message == f"expected a connection to 127.0.0.1:{port}, found: Connection refused"


def test_a_full_backlog_is_a_connect_timeout(run, outcome_of):
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind((HOME, 0))
        server.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())

        outcome = run(outcome_of("tcp", host=HOME, port=server.getsockname()[1], connect_timeout="300ms"))

    assert "found no answer" in failed(outcome, "connect_timeout")


def test_a_target_that_never_reads_costs_no_more_than_the_deadline(run, outcome_of):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind((HOME, 0))
        server.listen(5)
        steps = [{"send": "x" * 16_384}] * 500

        outcome = run(outcome_of("tcp", host=HOME, port=server.getsockname()[1], steps=steps, timeout="500ms"))

    failed(outcome, "deadline")


def test_the_second_address_is_tried_when_the_first_refuses(run, dns, listener, outcome_of):
    async def main():
        async with dns() as server, listener(accept) as port:
            server.names["db.test"] = ["127.0.0.9", HOME]
            return await outcome_of("tcp", dns=server, host="db.test", port=port)

    outcome = run(main())

    assert outcome.verdict == "up", outcome
    assert outcome.phases.dns_ms > 0


def test_a_name_of_metadata_is_never_connected_to(run, dns, outcome_of):
    async def main():
        async with dns() as server:
            server.names["evil.test"] = ["169.254.169.254"]
            return await outcome_of("tcp", dns=server, host="evil.test", port=80)

    assert "169.254.169.254" in failed(run(main()), "internal")


def test_of_several_addresses_those_ruled_out_are_not_tried(run, dns, listener, outcome_of):
    async def main():
        async with dns() as server, listener(accept) as port:
            server.names["both.test"] = ["169.254.169.254", HOME]
            return await outcome_of("tcp", dns=server, host="both.test", port=port, timeout="2s")

    assert run(main()).verdict == "up"


def test_loopback_can_be_ruled_out(run, listener, outcome_of):
    connected = []

    async def count(_reader, _writer):
        connected.append(1)

    async def main():
        async with listener(count) as port:
            return await outcome_of("tcp", rules=AddressRules(loopback=False), host=HOME, port=port)

    assert "server.targets.loopback" in failed(run(main()), "internal")
    assert not connected


@pytest.mark.parametrize(("name", "failure_class"), [("no.test", "dns_not_found"), ("app.silent.test", "dns_timeout")])
def test_a_name_without_an_address_is_told_as_for_http(run, dns, outcome_of, name, failure_class):
    async def main():
        async with dns() as server:
            return await outcome_of("tcp", dns=server, host=name, port=1, timeout="300ms")

    failed(run(main()), failure_class)


def test_a_secret_is_sent_and_masked_in_what_comes_back(run, listener, outcome_of, monkeypatch):
    monkeypatch.setenv("LINE", "hunter2 hunter2")

    async def echo(reader, writer):
        writer.write(await reader.read(100))
        await writer.drain()

    async def main():
        async with listener(echo) as port:
            return await outcome_of("tcp", host=HOME, port=port, steps=[{"send_secret": "env:LINE", "text": "welcome"}])

    message = failed(run(main()), "expectation")

    assert "hunter2" not in message
    assert "•••" in message


def test_a_missing_secret_is_the_monitors_own(run, outcome_of, monkeypatch):
    monkeypatch.delenv("GONE", raising=False)

    outcome = run(outcome_of("tcp", host=HOME, port=1, steps=[{"send_secret": "env:GONE"}]))

    assert "GONE" in failed(outcome, "internal")


def test_tls_is_spoken_where_it_is_asked_for(run, listener, outcome_of, authority):
    async def main():
        async with listener(mail, tls=authority.context(HOME)) as port:
            settings = {"secure": True, "tls": {"ca": authority.path}, "steps": [{"text": "220 "}]}
            return await outcome_of("tcp", host=HOME, port=port, **settings)

    outcome = run(main())

    assert outcome.verdict == "up", outcome
    assert outcome.phases.tls_ms > 0


@pytest.mark.parametrize("secure", [False, True])
def test_a_check_that_is_cancelled_anywhere_leaves_no_socket_open(run, listener, client, prepare, authority, secure):
    """A resource warning is an error here, and a socket that is left behind gives one."""

    async def main():
        async with listener(mail, tls=authority.context(HOME) if secure else None) as port, client() as http:
            settings = {"secure": secure, "tls": {"ca": authority.path}}
            probe = prepare(http, type="tcp", host=HOME, port=port, steps=[{"text": "never said"}], **settings)
            for turns in range(25):
                task = asyncio.ensure_future(probe.run())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            gc.collect()
            return await prepare(http, type="tcp", host=HOME, port=port, **settings).run()

    assert run(main()).verdict == "up"


def test_a_slow_answer_is_degraded(run, listener, outcome_of):
    async def slow(reader, writer):
        await asyncio.sleep(0.05)
        await mail(reader, writer)

    async def main():
        async with listener(slow) as port:
            return await outcome_of("tcp", host=HOME, port=port, degraded_above="40ms", steps=[{"text": "220"}])

    outcome = run(main())

    assert outcome.verdict == "degraded"
    assert outcome.note.startswith("expected an answer within 40ms, found ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""}, {"host": "a b"}, {"host": "a..b"}, {"host": "x" * 64}, {"port": 0}, {"port": 65536},
        {"steps": [{}]}, {"steps": [{"send": "a", "send_secret": "env:HOME"}]}, {"steps": [{"regex": "(?=x)"}]},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_when_it_is_read(run, outcome_of, wrong):
    with pytest.raises(ValueError, match=r"expected|valid|Input should be"):
        run(outcome_of("tcp", **({"host": HOME, "port": 1} | wrong)))
