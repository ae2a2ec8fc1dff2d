"""The DNS check against a real little server."""

import asyncio
import struct

import pytest

from appsentry_contract.vocabulary import DOWN_CLASSES
from appsentry_server.checks.addresses import AddressRules

NUMBERS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "CAA": 257}


def failed(outcome, failure_class):
    assert outcome.failure is not None, outcome
    assert outcome.failure.failure_class == failure_class, outcome.failure
    assert outcome.verdict == ("down" if failure_class in DOWN_CLASSES else "unknown")
    return outcome.failure.message


def packed(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


@pytest.fixture
def answer_of(run, dns, outcome_of):
    """The outcome of a DNS check of a server that was prepared by `prepare(server)`."""

    def asked(prepare, **settings):
        async def main():
            async with dns() as server:
                prepare(server)
                return await outcome_of("dns", server=server.address, **({"name": "app.test"} | settings))

        return run(main())

    return asked


def has(*addresses):
    def prepare(server):
        server.names["app.test"] = list(addresses)

    return prepare


def test_a_name_with_an_address_is_up_with_the_time_of_the_answer(answer_of):
    outcome = answer_of(has("192.0.2.1"))

    assert outcome.verdict == "up", outcome
    assert outcome.phases.dns_ms == outcome.response_ms > 0


@pytest.mark.parametrize(
    ("record", "raw", "text"),
    [
        ("A", bytes([192, 0, 2, 1]), "192.0.2.1"),
        ("AAAA", bytes.fromhex("20010db8") + bytes(11) + b"\1", "2001:0db8::0001"),
        ("CNAME", packed("www.example.org"), "www.example.org."),
        ("NS", packed("ns.example.org"), "NS.example.org"),
        ("PTR", packed("host.example.org"), "host.example.org"),
        ("MX", struct.pack(">H", 10) + packed("mail.example.org"), "10 mail.example.org."),
        ("TXT", b"\x0bv=spf1 -all", "v=spf1 -all"),
        ("SRV", struct.pack(">HHH", 1, 2, 443) + packed("a.example.org"), "1 2 443 a.example.org"),
        (
            "SOA",
            packed("ns.test") + packed("admin.test") + struct.pack(">IIIII", 1, 2, 3, 4, 5),
            "ns.test admin.test 1 2 3 4 5",
        ),
        ("CAA", b"\0\x05issueletsencrypt.org", "0 issue letsencrypt.org"),
    ],
)
def test_every_type_of_record_is_read_as_people_write_it(answer_of, record, raw, text):
    def prepare(server):
        server.records["app.test", NUMBERS[record]] = [raw]

    good = answer_of(prepare, record=record, expect={"answers": [text], "match": "exactly"})
    bad = answer_of(prepare, record=record, expect={"answers": ["else"]})

    assert good.verdict == "up", good
    assert "expected all of 'else', found '" in failed(bad, "expectation")


@pytest.mark.parametrize(
    ("match", "answers", "verdict"),
    [
        ("all", ["192.0.2.1"], "up"),
        ("all", ["192.0.2.1", "192.0.2.3"], "down"),
        ("any", ["192.0.2.1", "192.0.2.3"], "up"),
        ("any", ["192.0.2.3"], "down"),
        ("exactly", ["192.0.2.2", "192.0.2.1"], "up"),
        ("exactly", ["192.0.2.1"], "down"),
    ],
)
def test_answers_are_matched_as_it_is_written(answer_of, match, answers, verdict):
    outcome = answer_of(has("192.0.2.1", "192.0.2.2"), expect={"match": match, "answers": answers})

    assert outcome.verdict == verdict


def test_a_name_that_does_not_exist_is_not_found_unless_that_is_expected(answer_of):
    gone = answer_of(lambda server: None)
    wanted = answer_of(lambda server: None, expect={"rcode": "NXDOMAIN"})
    there = answer_of(has("192.0.2.1"), expect={"rcode": "NXDOMAIN"})

    assert failed(gone, "dns_not_found").endswith("about app.test A with NOERROR, found NXDOMAIN")
    assert wanted.verdict == "up"
    assert "with NXDOMAIN, found NOERROR" in failed(there, "expectation")


def test_a_name_without_such_a_record_is_not_found(answer_of):
    message = failed(answer_of(has("192.0.2.1"), record="MX"), "dns_not_found")

    assert message == "expected MX records of app.test, found that it has none"


@pytest.mark.parametrize(("kind", "rcode"), [("broken", "SERVFAIL"), ("refused", "REFUSED")])
def test_a_server_that_declines_is_told_by_its_code(answer_of, kind, rcode):
    def prepare(server):
        getattr(server, kind).add("app.test")

    assert f"found {rcode}" in failed(answer_of(prepare), "dns_timeout")
    assert answer_of(prepare, expect={"rcode": rcode}).verdict == "up"


def test_a_server_that_says_nothing_is_a_timeout_at_the_deadline(answer_of):
    outcome = answer_of(lambda server: server.silent.add("app.test"), timeout="300ms")

    assert "within 0.3 s, found none" in failed(outcome, "dns_timeout")


def test_a_server_that_talks_nonsense_is_a_timeout(answer_of):
    failed(answer_of(lambda server: server.garbled.add("app.test"), timeout="1s"), "dns_timeout")


def test_text_of_any_bytes_can_be_shown(answer_of):
    def prepare(server):
        server.records["app.test", 16] = [b"\x05\0\xff\x1b[\n"]

    message = failed(answer_of(prepare, record="TXT", expect={"answers": ["x"]}), "expectation")

    assert message.isprintable()


def test_a_ttl_that_is_too_short_is_told(answer_of):
    assert answer_of(has("192.0.2.1"), expect={"ttl": "1m"}).verdict == "up"
    message = failed(answer_of(has("192.0.2.1"), expect={"ttl": "2m"}), "expectation")
    assert message == "expected a TTL of at least 2m, found 1m"


def test_each_run_asks_anew(run, dns, client, prepare):
    async def main():
        async with dns() as server, client() as http:
            server.names["app.test"] = ["192.0.2.1"]
            probe = prepare(http, type="dns", name="app.test", server=server.address)
            first = await probe.run()
            del server.names["app.test"]
            return first, await probe.run()

    first, second = run(main())

    assert first.verdict == "up"
    failed(second, "dns_not_found")


def test_a_server_whose_address_is_ruled_out_is_not_asked(run, dns, outcome_of):
    async def main():
        async with dns() as server:
            ruled_out = await outcome_of(
                "dns", rules=AddressRules(loopback=False), name="app.test", server=server.address
            )
            metadata = await outcome_of("dns", name="app.test", server="169.254.169.254")
            return server.asked, ruled_out, metadata

    asked, ruled_out, metadata = run(main())

    assert not asked
    failed(ruled_out, "internal")
    failed(metadata, "internal")


def test_a_check_that_is_cancelled_leaves_nothing_behind(run, dns, client, prepare):
    async def main():
        async with dns() as server, client() as http:
            server.silent.add("app.test")
            probe = prepare(http, type="dns", name="app.test", server=server.address)
            for turns in range(6):
                task = asyncio.ensure_future(probe.run())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            server.silent.clear()
            server.names["app.test"] = ["192.0.2.1"]
            return await probe.run()

    assert run(main()).verdict == "up"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": "a..b"}, {"name": "ü.test"}, {"name": "x" * 64}, {"server": "dns.example.org"},
        {"server": "192.0.2.1:0"}, {"server": "192.0.2.1:99999"}, {"server": ""}, {"record": "AXFR"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_when_it_is_read(run, outcome_of, wrong):
    with pytest.raises(ValueError, match=r"expected|Input should be"):
        run(outcome_of("dns", **({"name": "app.test"} | wrong)))
