"""The rules of which addresses a check may connect to, so that no name and no redirect leads it astray.

A monitor stands where others may not go. Whoever controls a name, or an answer, could otherwise send it to the
cloud's metadata and read there what is meant for this machine alone.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pydantic import Field

from appsentry_server.checks.kind import Settings

Address = IPv4Address | IPv6Address


class Realm(StrEnum):
    """Where an address leads that is not simply the internet."""

    LOOPBACK = "a loopback address"
    PRIVATE = "a private address"
    FORBIDDEN = "an address of metadata, link-local, multicast or reserved use"


def _networks(*written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, written))


_REALMS = {
    Realm.LOOPBACK: _networks("127.0.0.0/8", "::1/128"),
    # RFC 1918, RFC 6598 (carriers' NAT), RFC 2544 (benchmarks), RFC 4193, and RFC 3879's predecessor of it.
    Realm.PRIVATE: _networks(
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7", "fec0::/10"
    ),
    Realm.FORBIDDEN: _networks(
        "0.0.0.0/8",  # this host: Linux takes it for loopback
        "169.254.0.0/16",  # link-local, and the metadata of nearly every cloud
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the host agent of Azure
        "192.0.0.192/32",  # metadata of Oracle Cloud
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/128",
        "fe80::/10",  # link-local
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata, credentials, DNS and time of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
        "fd00:42::42/128",  # metadata of Scaleway
    ),
}

_LAST = (12, 13, 14, 15)
_SIX_TO_FOUR, _TEREDO, _LOCAL_NAT64 = _networks("2002::/16", "2001::/32", "64:ff9b:1::/48")
_BEFORE_IPV4 = _networks(
    "::/96",  # IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped
    "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
    "64:ff9b::/96",  # NAT64, RFC 6052
)
_RFC_6052 = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12))
"""Where an IPv4 address stands behind a prefix of 48, 56 and 64 bits."""

_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")


class AddressRules(Settings):
    """Which addresses checks may connect to; those of metadata, link-local, multicast and reserved use never."""

    private: bool = Field(True, strict=True, description="whether checks may connect to private addresses")
    loopback: bool = Field(True, strict=True, description="whether checks may connect to this machine itself")

    def allowed(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the addresses that a check may connect to."""
        return tuple(address for address in addresses if self.refusal(address) is None)

    def refusal(self, address: str) -> str | None:
        """Why no check may connect to the address; None when one may."""
        found = realms(address)
        if not found:
            return None
        if Realm.FORBIDDEN in found:
            return f"{address}, {Realm.FORBIDDEN}, which no check may connect to"
        if Realm.LOOPBACK in found and not self.loopback:
            return f"{address}, {Realm.LOOPBACK}, which server.targets.loopback: false rules out"
        if Realm.PRIVATE in found and not self.private:
            return f"{address}, {Realm.PRIVATE}, which server.targets.private: false rules out"
        return None


@lru_cache(maxsize=10_000)
def realms(address: str) -> frozenset[Realm]:
    """Where a literal address leads, and with it every IPv4 address that IPv6 has wrapped; nowhere special: empty."""
    literal = ip_address(address)
    return frozenset(
        realm for one in (literal, *_wrapped(literal)) for realm, networks in _REALMS.items() if _in(one, networks)
    )


def _in(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _wrapped(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that a gateway, a tunnel or the kernel itself may make of it."""
    if isinstance(address, IPv4Address) or address.is_loopback:
        return
    packed = address.packed
    if _in(address, _BEFORE_IPV4) or address in _LOCAL_NAT64 or packed[8:12] in _ISATAP:
        yield _at(packed, _LAST)
    if address in _LOCAL_NAT64:
        # Only its operator knows how long the prefix is. What begins with a zero is the filling of another form.
        yield from (_at(packed, places) for places in _RFC_6052 if packed[places[0]])
    if address in _SIX_TO_FOUR:
        yield IPv4Address(packed[2:6])
    if address in _TEREDO:
        yield IPv4Address(packed[4:8])
        yield IPv4Address(bytes(byte ^ 0xFF for byte in packed[12:]))


def _at(packed: bytes, places: tuple[int, ...]) -> IPv4Address:
    return IPv4Address(bytes(packed[place] for place in places))
