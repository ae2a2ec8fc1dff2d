"""Which addresses a check may connect to, however they are written and wherever they come from."""

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsentry_contract.vocabulary import UNKNOWN_CLASSES
from appsentry_server.checks.addresses import AddressRules, Realm, realms
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.resolver import Resolver
from appsentry_server.checks.transfers import Pin

EVERYTHING = AddressRules()
NOTHING_NEAR = AddressRules(private=False, loopback=False)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
        "::ffff:169.254.169.254",
        "::ffff:0:169.254.169.254",
        "::ffff:0.0.0.0",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:12a9:fe:a9fe::",
        "64:ff9b:1:1234:a9:fea9:fe00:0",
        "2002:a9fe:a9fe::1",
        "2001:0:808:808::5601:5601",
        "2001:db8::5efe:a9fe:a9fe",
        "2001:db8::200:5efe:a9fe:a9fe",
    ],
)
def test_metadata_link_local_multicast_and_reserved_addresses_are_never_allowed(address):
    assert EVERYTHING.allowed((address,)) == ()
    assert EVERYTHING.refusal(address).endswith("which no check may connect to")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_loopback_is_allowed_unless_it_is_ruled_out(address):
    assert EVERYTHING.allowed((address,)) == (address,)
    assert AddressRules(private=False).allowed((address,)) == (address,)
    assert AddressRules(loopback=False).allowed((address,)) == ()
    assert "server.targets.loopback: false" in AddressRules(loopback=False).refusal(address)


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd12::1", "fec0::1", "2002:a01:203::"],
)
def test_private_addresses_are_allowed_unless_they_are_ruled_out(address):
    assert EVERYTHING.allowed((address,)) == (address,)
    assert AddressRules(loopback=False).allowed((address,)) == (address,)
    assert AddressRules(private=False).allowed((address,)) == ()
    assert "server.targets.private: false" in AddressRules(private=False).refusal(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::808:808",
    ],
)
def test_public_addresses_are_allowed_under_any_rules(address):
    assert realms(address) == frozenset()
    assert NOTHING_NEAR.allowed((address,)) == (address,)
    assert NOTHING_NEAR.refusal(address) is None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::ffff:0:{}", "2001:db8::5efe:{}"]))
def test_an_ipv4_address_is_judged_alike_when_ipv6_wraps_it(address, wrapping):
    assert realms(wrapping.format(address)) == realms(str(address))


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_what_is_not_global_is_special_except_for_the_addresses_of_examples(address):
    examples = ("192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24")

    assert realms(str(address)) or any(address in ipaddress.ip_network(network) for network in examples)


def refused(outcome):
    assert outcome.verdict == "unknown", outcome
    assert outcome.failure.failure_class == "internal"
    assert outcome.failure.failure_class in UNKNOWN_CLASSES
    return outcome.failure.message


@pytest.fixture
def look_under(prepare):
    """Looks once under rules, and closes everything."""

    async def once(rules, url, dns=None, **settings):
        http = HttpClient(Resolver(servers=[dns.address] if dns else ["127.0.0.1:9"]), rules=rules)
        probe = prepare(http, url=url, **settings)
        try:
            return await probe.run()
        finally:
            probe.close()
            await asyncio.wait_for(http.close(), 5)

    return once


def test_a_name_that_leads_to_metadata_is_not_asked_and_the_message_says_so(run, dns, look_under):
    async def main():
        async with dns() as server:
            server.names["metadata.test"] = ["169.254.169.254"]
            return await look_under(EVERYTHING, "http://metadata.test/", server)

    assert refused(run(main())) == (
        "expected an address of metadata.test that checks may connect to, found 169.254.169.254, "
        "an address of metadata, link-local, multicast or reserved use, which no check may connect to"
    )


def test_of_several_addresses_only_those_allowed_are_tried(run, site, dns, look_under):
    async def main():
        async with dns() as server, site() as web:
            server.names["app.test"] = ["169.254.169.254", "127.0.0.1"]
            return await look_under(EVERYTHING, web.url(host="app.test"), server)

    assert run(main()).verdict == "up"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1."]
)
def test_loopback_ruled_out_is_out_of_reach_however_it_is_written(run, site, look_under, host):
    async def main():
        async with site() as web:
            url = web.url(host=host)
            return await look_under(EVERYTHING, url), await look_under(NOTHING_NEAR, url), web.connections

    reached, unreached, connections = run(main())

    assert reached.verdict == "up", reached
    assert "loopback address" in refused(unreached)
    assert connections == 1


def moved(location):
    return f"HTTP/1.1 302 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    "where", ["169.254.169.254", "0xa9fea9fe", "[::ffff:a9fe:a9fe]", "[fe80::1]", "inner.test", "0"]
)
def test_a_redirect_to_what_is_ruled_out_is_not_followed(run, site, dns, look_under, where):
    async def main():
        async with dns() as server, site({"/": moved(f"http://{where}/latest")}) as web:
            server.names["inner.test"] = ["100.100.100.200"]
            return await look_under(EVERYTHING, web.url(), server)

    assert "which no check may connect to" in refused(run(main()))


def test_a_name_that_changes_its_address_between_two_requests_is_judged_anew(run, site, dns, held_clock, prepare):
    async def main():
        clock = held_clock()
        async with dns() as server, site() as web:
            http = HttpClient(Resolver(servers=[server.address], clock=clock), clock=clock)
            server.names["app.test"] = ["127.0.0.1"]
            probe = prepare(http, url=web.url(host="app.test"))
            before = await probe.run()
            server.names["app.test"] = ["169.254.169.254"]
            clock.at += 301
            after = await probe.run()
            probe.close()
            await http.close()
            return before, after, web.connections

    before, after, connections = run(main())

    assert before.verdict == "up"
    assert "169.254.169.254" in refused(after)
    assert connections == 1


def test_a_connection_to_elsewhere_is_given_up_before_a_request_is_sent(
    run, site, dns, prepare, look_under, monkeypatch
):
    async def main():
        async with dns() as server, site() as web:
            server.names["app.test"] = ["192.0.2.1"]
            http = HttpClient(Resolver(servers=[server.address]), rules=NOTHING_NEAR)
            # As if libcurl had been led astray behind all that was checked.
            pinned = [f"app.test:{web.port}:127.0.0.1"]
            monkeypatch.setattr(http.transfers, "pin", lambda _target, addresses: (Pin(addresses), pinned))
            probe = prepare(http, url=web.url(host="app.test"))
            outcome = await probe.run()
            probe.close()
            await http.close()
            # Connections are taken in their order: with this one, the other has been taken too.
            await look_under(EVERYTHING, web.url("/after"))
            return outcome, web.connections, [request.path for request in web.requests]

    outcome, connections, asked = run(main())

    assert "found 127.0.0.1, a loopback address, which server.targets.loopback: false rules out" in refused(outcome)
    assert connections == 2
    assert asked == ["/after"]


def test_forbidden_is_worse_than_all_else():
    assert realms("fd00:ec2::254") == {Realm.FORBIDDEN, Realm.PRIVATE}
    assert "which no check may connect to" in NOTHING_NEAR.refusal("fd00:ec2::254")
