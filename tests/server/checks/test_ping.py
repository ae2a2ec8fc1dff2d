"""The ping check: on this machine where its kernel allows that, and on sockets of the tests' own."""

import asyncio
import errno
import gc
import socket

import pytest

from appsentry_contract.vocabulary import DOWN_CLASSES
from appsentry_server.checks import echo, ping
from appsentry_server.checks.sockets import Broken

HOME = "127.0.0.1"


def failed(outcome, failure_class):
    assert outcome.failure is not None, outcome
    assert outcome.failure.failure_class == failure_class, outcome.failure
    assert outcome.verdict == ("down" if failure_class in DOWN_CLASSES else "unknown")
    return outcome.failure.message


class Peer:
    """The other end of an echo socket: it answers each request as `reply` says, None for not at all."""

    def __init__(self, reply):
        self._reply = reply
        self.requests = []

    def opened(self, _address):
        # A pair of datagram sockets stands for the one that a kernel may refuse; the bytes are those of IPv4.
        ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        self._theirs.setblocking(False)
        asyncio.get_running_loop().add_reader(self._theirs, self._answer)
        self.token = b"t" * 16
        return _Echo(socket=ours, raw=False, token=self.token)

    def _answer(self):
        try:
            request = self._theirs.recv(2048)
        except OSError:
            request = b""
        if not request:
            self.close()
            return
        self.requests.append(request)
        for packet in self._reply(len(self.requests), request):
            self._theirs.send(packet)

    def close(self):
        if self._theirs.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._theirs)
            self._theirs.close()


class _Echo(echo.Echo):
    """An echo socket whose family is taken for IPv4."""

    __slots__ = ()

    def request(self, sequence):
        head = echo._HEAD.pack(8, 0, 0, 1, sequence) + self.token
        return echo._HEAD.pack(8, 0, echo._checksum(head), 1, sequence) + self.token

    def sequence_of(self, packet):
        if len(packet) < 8 or packet[8:] != self.token or packet[0] != 0:
            return None
        return echo._HEAD.unpack_from(packet)[4]


def mirrored(request):
    return b"\0" + request[1:]


@pytest.fixture
def pinged(run, outcome_of, monkeypatch):
    """The outcome of a ping whose peer replies as a function of the number and bytes of the request says."""

    def looked(reply, **settings):
        peer = Peer(reply)
        monkeypatch.setattr(ping, "opened", peer.opened)

        async def main():
            try:
                return await outcome_of("ping", host=HOME, **settings)
            finally:
                peer.close()

        return run(main()), peer

    return looked


def permitted():
    try:
        echo.opened(HOME).socket.close()
    except Broken:
        return False
    return True


def test_this_machine_answers_or_the_message_says_what_to_allow(run, outcome_of):
    outcome = run(outcome_of("ping", host=HOME))

    if permitted():
        assert outcome.verdict == "up", outcome
        assert outcome.response_ms > 0
    else:
        assert "net.ipv4.ping_group_range" in failed(outcome, "internal")


def test_where_neither_socket_is_allowed_the_message_says_what_to_allow(monkeypatch):
    tried = []
    made = socket.socket

    def denied(family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0, fileno=None):
        if protocol != socket.IPPROTO_ICMP:
            return made(family, kind, protocol, fileno)
        tried.append(kind)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(echo.socket, "socket", denied)
    with pytest.raises(Broken, match=r"net\.ipv4\.ping_group_range.*CAP_NET_RAW") as broken:
        echo.opened(HOME)

    assert tried == [socket.SOCK_DGRAM, socket.SOCK_RAW]
    assert broken.value.failure.failure_class == "internal"


def test_every_request_that_is_answered_counts(pinged):
    outcome, peer = pinged(lambda _number, request: [mirrored(request)], count=4)

    assert outcome.verdict == "up"
    assert len(peer.requests) == 4


def test_what_is_no_reply_to_us_is_passed_over(pinged):
    def confused(_number, request):
        return [b"", b"\0", request, b"\0" * 24, b"\xff" * 2000, mirrored(request)]

    outcome, _ = pinged(confused, count=2)

    assert outcome.verdict == "up"


def test_a_reply_that_comes_for_an_earlier_request_does_not_answer_this_one(pinged):
    first = []

    def late(number, request):
        first.append(request)
        return [mirrored(first[0])] if number > 1 else []

    outcome, _ = pinged(late, count=2, reply_timeout="100ms")

    assert "found 100 %" in failed(outcome, "deadline")


def test_a_host_that_says_nothing_is_down(pinged):
    outcome, _ = pinged(lambda _number, _request: [], count=2, reply_timeout="50ms")

    assert failed(outcome, "deadline") == "expected at most 0 % of 2 pings to 127.0.0.1 lost, found 100 %"


@pytest.mark.parametrize(("max_loss", "verdict"), [(0, "down"), (50, "up")])
def test_some_may_be_lost_when_that_is_said(pinged, max_loss, verdict):
    outcome, _ = pinged(
        lambda number, request: [mirrored(request)] if number % 2 else [],
        count=2,
        reply_timeout="50ms",
        max_loss=max_loss,
    )

    assert outcome.verdict == verdict
    if verdict == "down":
        assert "found 50 %" in failed(outcome, "expectation")
    else:
        assert outcome.response_ms < 50


def test_the_deadline_holds_over_all_requests(pinged):
    outcome, peer = pinged(lambda _number, _request: [], count=20, reply_timeout="10s", timeout="100ms")

    failed(outcome, "deadline")
    assert len(peer.requests) == 1


def test_a_name_of_metadata_is_never_pinged(run, dns, outcome_of, monkeypatch):
    monkeypatch.setattr(ping, "opened", lambda _address: pytest.fail("it was pinged"))

    async def main():
        async with dns() as server:
            server.names["evil.test"] = ["169.254.169.254"]
            return await outcome_of("ping", dns=server, host="evil.test")

    assert "169.254.169.254" in failed(run(main()), "internal")


def test_a_request_carries_a_checksum_that_adds_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stand_in:
        request = echo.Echo(socket=stand_in, raw=False, token=b"0123456789abcdef").request(7)

    total = sum(int.from_bytes(request[at : at + 2]) for at in range(0, len(request), 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


@pytest.mark.parametrize("raw", [False, True])
def test_a_reply_is_known_by_its_kind_and_token_behind_a_head_of_ip_or_without(raw):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stand_in:
        one = echo.Echo(socket=stand_in, raw=raw, token=b"0123456789abcdef")
        head = b"\x45" + bytes(19) if raw else b""
        request = one.request(7)

        assert one.sequence_of(head + mirrored(request)) == 7
        for other in (head + request, head + mirrored(request)[:-1], head, b"", b"\x4f", mirrored(request)[:4]):
            assert one.sequence_of(other) is None


def test_a_check_that_is_cancelled_leaves_no_socket_open(run, client, prepare, monkeypatch):
    peers = []

    def opened(address):
        peers.append(Peer(lambda _number, _request: []))
        return peers[-1].opened(address)

    monkeypatch.setattr(ping, "opened", opened)

    async def main():
        async with client() as http:
            probe = prepare(http, type="ping", host=HOME)
            for turns in range(1, 8):
                task = asyncio.ensure_future(probe.run())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            for peer in peers:
                peer.close()
            gc.collect()

    run(main())
