"""How requests are made: fresh connections, own resolution, redirects, caps, and an end to everything."""

import asyncio
import gzip

import pytest

from appsentry_server.checks.exchange import BODY_CAP


def test_every_check_makes_a_connection_of_its_own(run, site, client, prepare):
    async def main():
        async with site() as web, client() as http:
            probe = prepare(http, url=web.url())
            for _ in range(3):
                await probe.run()
            return web.connections

    assert run(main()) == 3


def test_a_thousand_checks_with_64_at_a_time_all_pass(run, site, client, prepare):
    async def main():
        async with site() as web, client() as http:
            probes = [prepare(http, url=web.url()) for _ in range(64)]
            left = iter(range(1000))

            async def worker(probe):
                return [(await probe.run()).verdict for _ in left]

            verdicts = [verdict for part in await asyncio.gather(*map(worker, probes)) for verdict in part]
            return verdicts, web.connections

    verdicts, connections = run(main())

    assert verdicts == ["up"] * 1000
    assert connections == 1000


def test_the_address_comes_from_our_resolver_and_a_changed_one_is_followed(run, site, dns, client, prepare, held_clock):
    async def main():
        clock = held_clock()
        async with dns() as server, client(server, clock=clock) as http, site() as one:
            server.names["app.test"] = ["127.0.0.1"]
            probe = prepare(http, url=one.url(host="app.test"))
            first = await probe.run()
            second = await probe.run()
            server.names["app.test"] = ["127.0.0.2"]
            clock.at += server.ttl + 1
            third = await probe.run()
            return first, second, third, {request.headers["host"] for request in one.requests}, one.port

    first, second, third, hosts, port = run(main())

    assert first.verdict == second.verdict == "up"
    assert first.phases.dns_ms > 0
    assert second.phases.dns_ms is None
    assert third.failure.failure_class == "refused"
    assert hosts == {f"app.test:{port}"}


def test_of_several_addresses_one_that_answers_is_enough(run, site, dns, look):
    async def main():
        async with dns() as server, site() as web:
            server.names["app.test"] = ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
            return await look(web.url(host="app.test"), dns=server)

    assert run(main()).verdict == "up"


def test_localhost_is_reached_by_name(run, site, look):
    async def main():
        async with site() as web:
            return await look(web.url(host="localhost"))

    assert run(main()).verdict == "up"


def test_proxies_of_the_environment_are_ignored(run, site, look, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def main():
        async with site() as web:
            return await look(web.url())

    assert run(main()).verdict == "up"


def redirect(status, location):
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def test_redirects_are_followed_to_other_names_and_their_phases_add_up(run, site, dns, look, answer):
    async def main():
        async with dns() as server, site() as web:
            server.names["a.test"] = server.names["b.test"] = ["127.0.0.1"]
            web.routes = {"/": redirect(302, f"http://b.test:{web.port}/next"), "/next": answer(200, "there")}
            outcome = await look(web.url(host="a.test"), dns=server, expect={"text": "there"})
            return outcome, [request.path for request in web.requests]

    outcome, paths = run(main())

    assert outcome.verdict == "up"
    assert paths == ["/", "/next"]
    phases = outcome.phases
    total = phases.dns_ms + phases.connect_ms + phases.first_byte_ms + phases.transfer_ms
    assert total == pytest.approx(outcome.response_ms, abs=0.1)


def test_a_redirect_loop_ends_after_five(run, site, look):
    async def main():
        async with site({"/": redirect(301, "/")}) as web:
            return await look(web.url()), len(web.requests), web.url()

    outcome, requests, url = run(main())

    assert outcome.failure.failure_class == "status"
    assert outcome.failure.message == f"expected an end after at most 5 redirects, found status 301 to '{url}'"
    assert requests == 6


def test_a_redirect_can_be_the_expected_answer(run, site, look):
    async def main():
        async with site({"/": redirect(301, "/elsewhere")}) as web:
            return await look(web.url(), follow_redirects=False, expect={"status": 301})

    assert run(main()).verdict == "up"


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://a b/"])
def test_a_redirect_to_what_is_no_web_address_is_not_followed(run, site, look, location):
    async def main():
        async with site({"/": redirect(302, location)}) as web:
            return await look(web.url()), len(web.requests)

    outcome, requests = run(main())

    assert outcome.failure.failure_class == "status"
    assert "in the redirect to" in outcome.failure.message
    assert requests == 1


def test_a_redirect_from_https_to_http_is_not_followed(run, site, look, authority):
    async def main():
        async with site() as plain, site(tls=authority.context("127.0.0.1")) as web:
            web.routes = {"/": redirect(302, plain.url())}
            return await look(web.url(), tls={"ca": authority.path}), plain.requests

    outcome, requests = run(main())

    assert outcome.failure.failure_class == "status"
    assert outcome.failure.message.startswith("expected no redirect from https to http, found status 302 to 'http://")
    assert requests == []


def test_credentials_in_a_redirect_are_not_sent(run, site, look, answer):
    async def main():
        async with site({"/next": answer()}) as web:
            web.routes["/"] = redirect(302, f"http://user:word@127.0.0.1:{web.port}/next")
            return await look(web.url()), web.requests[-1]

    outcome, request = run(main())

    assert outcome.verdict == "up"
    assert request.path == "/next"
    assert "authorization" not in request.headers


def test_a_large_page_is_healthy_as_long_as_nobody_reads_it(run, site, look, answer):
    async def main():
        async with site({"/": answer(200, b"x" * (3 * BODY_CAP))}) as web:
            return await look(web.url())

    assert run(main()).verdict == "up"


def test_a_body_that_is_read_has_a_cap(run, site, look, answer):
    async def main():
        routes = {"/fits": answer(200, b"x" * (BODY_CAP - 3) + b"end"), "/large": answer(200, b"x" * BODY_CAP + b"end")}
        async with site(routes) as web:
            expect = {"text": "end"}
            return await look(web.url("/fits"), expect=expect), await look(web.url("/large"), expect=expect)

    fits, large = run(main())

    assert fits.verdict == "up"
    assert large.failure.failure_class == "too_large"
    assert large.failure.message == f"expected a body of at most {BODY_CAP} bytes, decompressed, found a larger one"


def test_a_body_announced_as_very_large_is_not_read_and_harms_only_who_reads(run, site, look, answer):
    async def main():
        async with site({"/": answer(200, b"x", length=9 * BODY_CAP)}) as web:
            return await look(web.url(), expect={"text": "x"}), await look(web.url())

    read, unread = run(main())

    assert read.failure.failure_class == "too_large"
    assert unread.verdict == "up"


def test_a_gzip_bomb_is_stopped_at_the_cap(run, site, look, answer):
    bomb = gzip.compress(b"\0" * (200 * BODY_CAP))

    async def main():
        async with site({"/": answer(200, bomb, "Content-Encoding: gzip")}) as web:
            return await look(web.url(), expect={"text": "x"}), await look(web.url())

    read, unread = run(main())

    assert read.failure.failure_class == "too_large"
    assert unread.verdict == "up"


def test_a_check_cancelled_in_the_middle_leaves_its_probe_usable(run, site, client, prepare, answer):
    async def main():
        asked = asyncio.Event()

        async def hang(_request, _writer):
            asked.set()
            await asyncio.Event().wait()

        async with site({"/": hang}) as web, client() as http:
            probe = prepare(http, url=web.url())
            for _ in range(3):
                asked.clear()
                looking = asyncio.create_task(probe.run())
                await asyncio.wait_for(asked.wait(), 5)
                looking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await looking
            web.routes["/"] = answer()
            after = await probe.run()
            probe.close()
            return after

    assert run(main()).verdict == "up"


def test_closing_ends_what_is_under_way(run, site, client, prepare):
    async def main():
        asked = asyncio.Event()

        async def hang(_request, _writer):
            asked.set()
            await asyncio.Event().wait()

        async with site({"/": hang}) as web:
            async with client() as http:
                looking = asyncio.create_task(prepare(http, url=web.url()).run())
                await asyncio.wait_for(asked.wait(), 5)
            with pytest.raises(asyncio.CancelledError):
                await looking

    run(main())


def test_tls_has_a_phase_of_its_own_and_a_certificate_about_to_end_degrades(run, site, look, authority):
    async def main():
        async with site(tls=authority.context("127.0.0.1", days=5)) as web:
            tls = {"ca": authority.path}
            return [
                await look(web.url(), tls=tls),
                await look(web.url(), tls=tls, certificate_degraded_below="2d"),
                await look(web.url(), tls=tls, certificate_degraded_below="14d"),
                await look(web.url(), tls={"verify": False}),
            ]

    plain, long_enough, ending, unverified = run(main())

    assert plain.verdict == long_enough.verdict == unverified.verdict == "up"
    assert plain.phases.tls_ms > 0
    assert ending.verdict == "degraded"
    assert ending.note == "expected a certificate valid for 14d, found 5.0 d left"


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/\xff\xfe\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 2\xff0 OK\r\n\r\n",
        b"HTTP/1.1 302 X\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 X\r\nLocation: http://\xff\xfe/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: \xff\xfe\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\xff\xff\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: \xff=\xfe\r\nContent-Length: 2\r\n\r\nok",
        b"\xff\xfe\x00",
        b"HTTP/9.9 200 OK\r\n\r\n",
    ],
)
def test_bytes_of_any_kind_are_a_result_and_harm_no_other_check(run, site, client, prepare, answer, sent):
    async def main():
        async def speak(_request, writer):
            writer.write(sent)
            await writer.drain()
            writer.close()

        async with (
            site({"/": speak, "/well": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}) as web,
            client() as http,
        ):
            probes = [prepare(http, url=web.url(path)) for path in ("/", "/well")]
            return await asyncio.gather(*(probe.run() for probe in probes))

    odd, well = run(main())

    assert odd.verdict in {"up", "down"}
    assert well.verdict == "up"
