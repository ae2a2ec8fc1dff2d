"""ICMP echo: the socket that the kernel grants for it, its requests, and how a reply is known."""

import errno
import os
import socket
import struct
from dataclasses import dataclass
from typing import Final

from appsentry_server.checks.sockets import Broken, family
from appsentry_server.results import Failure

_REQUEST: Final = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY: Final = {socket.AF_INET: 0, socket.AF_INET6: 129}
_HEAD = struct.Struct("!BBHHH")
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT})
_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """A socket connected to one address. A random token tells our replies from those of others."""

    socket: socket.socket
    raw: bool
    token: bytes

    def request(self, sequence: int) -> bytes:
        """An echo request; of IPv6 the kernel fills in the checksum, and the identifier of a socket without rights."""
        kind = _REQUEST[self.socket.family]
        head = _HEAD.pack(kind, 0, 0, os.getpid() & 0xFFFF, sequence)
        check = _checksum(head + self.token) if self.socket.family == socket.AF_INET else 0
        return _HEAD.pack(kind, 0, check, os.getpid() & 0xFFFF, sequence) + self.token

    def sequence_of(self, packet: bytes) -> int | None:
        """Which request the packet is the reply to; None when it is something else, as a raw socket hears."""
        if self.raw and self.socket.family == socket.AF_INET:
            packet = packet[(packet[0] & 0x0F) * 4 :] if packet else packet
        if len(packet) < _HEAD.size or packet[_HEAD.size :] != self.token:
            return None
        kind, code, _, _, sequence = _HEAD.unpack_from(packet)
        return int(sequence) if (kind, code) == (_REPLY[self.socket.family], 0) else None


def opened(address: str) -> Echo:
    """A socket for echo: one without rights where the kernel allows it, else a raw one. Raises `Broken`, `OSError`."""
    version = family(address)
    protocol = socket.IPPROTO_ICMP if version == socket.AF_INET else socket.IPPROTO_ICMPV6
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            made = socket.socket(version, kind, protocol)
        except OSError as error:
            if error.errno not in _DENIED:
                raise
            continue
        try:
            made.setblocking(False)
            made.connect((address, 0))
        except BaseException:
            made.close()
            raise
        return Echo(socket=made, raw=kind == socket.SOCK_RAW, token=os.urandom(_TOKEN))
    message = (
        "expected to be allowed to ping, found that neither a datagram nor a raw ICMP socket is permitted: "
        "widen the sysctl net.ipv4.ping_group_range to the server's group, or give it the capability CAP_NET_RAW"
    )
    raise Broken(Failure(failure_class="internal", message=message))


def _checksum(content: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
