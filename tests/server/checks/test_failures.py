"""Every failure class a target can bring about, by a target that does."""

import asyncio
import resource
import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor

import pycurl
import pytest

from appsentry_contract.vocabulary import DOWN_CLASSES, UNKNOWN_CLASSES
from appsentry_server.checks import failures
from appsentry_server.checks.urls import target


def failed(outcome, failure_class):
    assert outcome.failure is not None, outcome
    assert outcome.failure.failure_class == failure_class, outcome.failure
    assert outcome.verdict == ("down" if failure_class in DOWN_CLASSES else "unknown")
    return outcome.failure.message


def test_a_port_where_nobody_listens_is_refused(run, look):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        outcome = run(look(f"http://127.0.0.1:{port}/"))

    assert failed(outcome, "refused") == f"expected a connection to 127.0.0.1:{port}, found: Connection refused"
    assert outcome.response_ms > 0
    assert outcome.phases.connect_ms is None


def test_a_full_backlog_is_a_connect_timeout(run, look):
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"

        outcome = run(look(url, connect_timeout="300ms"))

    assert "expected a connection to 127.0.0.1:" in failed(outcome, "connect_timeout")


async def reset(_request, writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(_request, writer):
    writer.close()


async def cut_short(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def never(_request, _writer):
    await asyncio.Event().wait()


async def drip(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def no_http(_request, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()
    writer.close()


async def broken_gzip(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip")
    await writer.drain()


async def endless_headers(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Padding: " + b"x" * 60_000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    ("handler", "failure_class", "words"),
    [
        (reset, "reset", "expected a whole answer from"),
        (hang_up, "reset", "Empty reply from server"),
        (cut_short, "reset", "96 bytes missing"),
        (never, "deadline", "found no answer"),
        (drip, "deadline", "found an unfinished answer"),
        (no_http, "status", "HTTP/0.9"),
        (broken_gzip, "expectation", "expected a whole answer from"),
        (endless_headers, "too_large", "headers"),
    ],
)
def test_a_target_that_breaks_off_is_down_with_the_class_that_says_how(run, site, look, handler, failure_class, words):
    async def main():
        async with site({"/": handler}) as web:
            return await look(web.url(), timeout="400ms")

    assert words in failed(run(main()), failure_class)


def test_a_name_that_does_not_exist_is_not_found(run, dns, look):
    async def main():
        async with dns() as server:
            return await look("http://nowhere.test/", dns=server)

    outcome = run(main())

    assert "expected an address for nowhere.test" in failed(outcome, "dns_not_found")
    assert outcome.phases.dns_ms == outcome.response_ms


def test_a_name_nobody_answers_for_is_a_dns_timeout(run, dns, look):
    async def main():
        async with dns() as server:
            return await look("http://app.silent.test/", dns=server, timeout="200ms")

    assert "within 0.2 s" in failed(run(main()), "dns_timeout")


@pytest.mark.parametrize(
    ("names", "days", "trusted", "failure_class", "words"),
    [
        (["127.0.0.1"], -1, True, "tls_expired", "found one that has expired"),
        (["app.test"], 30, True, "tls_host", "found one for another name"),
        (["127.0.0.1"], 30, False, "tls_other", "found one that cannot be trusted"),
    ],
)
def test_a_bad_certificate_is_down_with_the_class_that_says_why(
    run, site, look, authority, names, days, trusted, failure_class, words
):
    async def main():
        async with site(tls=authority.context(*names, days=days)) as web:
            return await look(web.url(), tls={"ca": authority.path} if trusted else {})

    assert words in failed(run(main()), failure_class)


def test_a_server_that_speaks_no_tls_is_another_tls_failure(run, look):
    async def main():
        async def greet(_reader, writer):
            writer.write(b"220 mail.test ESMTP\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            return await look(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert "expected a whole answer from" in failed(run(main()), "tls_other")


def test_a_server_that_hangs_up_in_the_handshake_is_a_reset(run, look):
    async def main():
        async def hang_up_at_once(_reader, writer):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        async with await asyncio.start_server(hang_up_at_once, "127.0.0.1", 0) as server:
            return await look(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    failed(run(main()), "reset")


def test_a_server_that_wants_a_certificate_of_ours_is_another_tls_failure(run, look, authority):
    context = authority.context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.path)

    def shake_hands(server):
        # Not asyncio's TLS, which hangs up without the alert that says why.
        connection, _ = server.accept()
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
            with pytest.raises(ssl.SSLError):
                tls.do_handshake()
            # Hanging up on unread bytes would reset the connection, and the alert with it.
            while socket.socket.recv(tls, 65536):
                pass

    with socket.socket() as server, ThreadPoolExecutor(1) as threads:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        handshake = threads.submit(shake_hands, server)
        outcome = run(look(f"https://127.0.0.1:{server.getsockname()[1]}/", tls={"ca": authority.path}))
        handshake.result(10)

    assert "certificate required" in failed(outcome, "tls_other")


def test_a_tls_handshake_that_stalls_is_a_connect_timeout(run, look):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"

        outcome = run(look(url, connect_timeout="200ms"))

    assert "expected a TLS handshake with" in failed(outcome, "connect_timeout")


def test_a_monitor_without_file_descriptors_does_not_blame_the_target(run, site, client, prepare):
    async def main():
        async with site() as web, client() as http:
            probe = prepare(http, url=web.url())
            healthy = await probe.run()
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            with socket.socket() as next_free:
                lowest = next_free.fileno()
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            try:
                starved = await probe.run()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            probe.close()
            return healthy, starved

    healthy, starved = run(main())

    assert healthy.verdict == "up"
    assert "file descriptors" in failed(starved, "internal")


def test_the_tables_hold_known_classes_only():
    classes = {
        *failures.BY_CURL_CODE.values(),
        *failures.BY_CONNECT_ERRNO.values(),
        *failures.BY_VERIFY_RESULT.values(),
        *failures.BY_TEXT.values(),
    }

    assert classes <= DOWN_CLASSES | UNKNOWN_CLASSES


def test_an_error_that_is_in_no_table_is_the_monitors_own():
    curl = pycurl.Curl()

    failure = failures.of_transfer(curl, pycurl.E_FAILED_INIT, target("http://app.test/"))

    assert failure.failure_class == "internal"
    assert failure.message == "expected a whole answer from app.test:80, found: libcurl's error 2"
