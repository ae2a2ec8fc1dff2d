"""Turning host names into addresses without ever holding up other names, or the event loop.

The look-ups are c-ares': as many at once as there are names, none of them on a thread of its own. Around it: answers
are kept for their TTL within bounds, one name is looked up once at a time however many ask, and each look-up has a
deadline.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import aiodns
import pycares

from appsentry_contract.errors import AppSentryError
from appsentry_server.clock import Clock, SystemClock

_SHORTEST_TTL_S = 1.0
_LONGEST_TTL_S = 300.0
_NEGATIVE_TTL_S = 1.0
_LOOPBACK_TTL_S = 60.0
_MOST_KEPT = 10_000
_LOOK_UP_S = 5.0

# c-ares keeps answers itself for up to an hour, NXDOMAIN included, and pycares has no switch for that. A channel that
# is replaced after this long bounds it.
_CHANNEL_LIFE_S = 10.0

# ARES_AI_ENVHOSTS of ares.h, which pycares does not export: CARES_HOSTS may name another hosts file.
_ENV_HOSTS = 1 << 8

_LOOPBACK = ("127.0.0.1", "::1")
_NO_SUCH_NAME = frozenset(
    {
        pycares.errno.ARES_ENOTFOUND,
        pycares.errno.ARES_ENODATA,
        pycares.errno.ARES_ENONAME,
        pycares.errno.ARES_EBADNAME,
    }
)
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class ResolveError(AppSentryError):
    """A name gave no address."""


class NameNotFound(ResolveError, LookupError):
    """The name does not exist, or has no address."""


class NameTimeout(ResolveError, TimeoutError):
    """No DNS server gave a usable answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    until: float
    addresses: tuple[str, ...]
    error: str | None = None


class Resolver:
    """Finds the IPv4 and IPv6 addresses of names, from the hosts file and DNS, best first.

    Addresses to which this machine has no route are left out as long as there are others, so that a failed connection
    tells about the target. `localhost` and the names below it are loopback, whatever a hosts file or DNS says.
    `servers` are `IP` or `IP:PORT`; without them the system's are asked.
    """

    def __init__(
        self, *, servers: Sequence[str] = (), look_up_s: float = _LOOK_UP_S, clock: Clock | None = None
    ) -> None:
        self._servers = servers
        self._look_up_s = look_up_s
        self._clock = clock or SystemClock()
        self._kept: dict[str, _Kept] = {}
        self._under_way: dict[str, asyncio.Task[tuple[str, ...]]] = {}
        self._channel: _Channel | None = None
        self._closed = False

    def known(self, host: str) -> tuple[str, ...] | None:
        """The addresses of a literal, or of a name whose last answer still holds; None means: `resolve` it."""
        kept = self._kept.get(host)
        if kept is not None and kept.error is None and kept.until > self._clock.monotonic():
            return kept.addresses
        return _literal(host)

    async def resolve(self, host: str, timeout_s: float) -> tuple[str, ...]:
        """The addresses of `host`, at least one. Raises `NameNotFound`, or `NameTimeout` after `timeout_s`."""
        known = self.known(host)
        if known is not None:
            return known
        kept = self._kept.get(host)
        if kept is not None and kept.error is not None and kept.until > self._clock.monotonic():
            raise NameNotFound(kept.error)
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                # Shielded: others may be waiting for the same answer.
                return await asyncio.shield(self._look_up_once(host))
        except TimeoutError as error:
            if isinstance(error, NameTimeout):
                raise
            raise NameTimeout(f"expected an address for {host} within {timeout_s:.3g} s, found no answer yet") from None

    async def close(self) -> None:
        """Drop what is under way, without waiting for any answer."""
        self._closed = True
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()

    def _look_up_once(self, host: str) -> "asyncio.Task[tuple[str, ...]]":
        if self._closed:
            raise RuntimeError("the resolver is closed")
        task = self._under_way.get(host)
        if task is None:
            task = self._under_way[host] = asyncio.create_task(self._look_up(host), name=f"look up {host}")
            task.add_done_callback(lambda done: self._looked_up(host, done))
        return task

    def _looked_up(self, host: str, task: "asyncio.Task[tuple[str, ...]]") -> None:
        del self._under_way[host]
        if not task.cancelled():
            task.exception()  # Whoever asked may have gone: an unread exception would be logged.

    async def _look_up(self, host: str) -> tuple[str, ...]:
        try:
            addresses, ttl_s = await self._answer(host)
        except NameNotFound as error:
            self._keep(host, (), _NEGATIVE_TTL_S, error=str(error))
            raise
        self._keep(host, addresses, min(max(ttl_s, _SHORTEST_TTL_S), _LONGEST_TTL_S))
        return addresses

    async def _answer(self, host: str) -> tuple[tuple[str, ...], float]:
        if host == "localhost" or host.endswith(".localhost"):
            return _reachable(_LOOPBACK), _LOOPBACK_TTL_S
        try:
            async with asyncio.timeout(self._look_up_s), await self._current_channel() as channel:
                found = await channel.getaddrinfo(host, type=socket.SOCK_STREAM, flags=_ENV_HOSTS)
        except TimeoutError:
            raise NameTimeout(
                f"expected an address for {host} within {self._look_up_s:g} s, found no answer from DNS"
            ) from None
        except aiodns.error.DNSError as error:
            raise _wording(host, error) from None
        if not found.nodes:
            raise NameNotFound(f"expected an address for {host}, found that the name has none")
        addresses = dict.fromkeys(node.addr[0].decode() for node in found.nodes)
        return _reachable(tuple(addresses)), min(node.ttl for node in found.nodes)

    async def _current_channel(self) -> "_Channel":
        now = self._clock.monotonic()
        if self._channel is not None and self._channel.born + _CHANNEL_LIFE_S < now:
            await self._channel.retire()
            self._channel = None
        if self._channel is None:
            self._channel = _Channel(self._servers, born=now)
        return self._channel

    def _keep(self, host: str, addresses: tuple[str, ...], ttl_s: float, error: str | None = None) -> None:
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept.pop(host, None)
        self._kept[host] = _Kept(until=self._clock.monotonic() + ttl_s, addresses=addresses, error=error)


class _Channel:
    """A c-ares channel that, once retired, is closed by the last look-up to leave it."""

    def __init__(self, servers: Sequence[str], *, born: float) -> None:
        self.born = born
        # Without `lookups`: pycares 5.2.1 frees that text before c-ares reads it, and now and then every look-up of a
        # channel failed at once. c-ares' own order is the same, unless nsswitch.conf has another.
        self._dns = aiodns.DNSResolver(servers or None, timeout=1.0, tries=3)
        self._look_ups = 0
        self._retired = False

    async def __aenter__(self) -> aiodns.DNSResolver:
        self._look_ups += 1
        return self._dns

    async def __aexit__(self, *_: object) -> None:
        self._look_ups -= 1
        if self._retired and not self._look_ups:
            await self.close()

    async def retire(self) -> None:
        self._retired = True
        if not self._look_ups:
            await self.close()

    async def close(self) -> None:
        await self._dns.close()


@lru_cache(maxsize=_MOST_KEPT)
def _literal(host: str) -> tuple[str, ...] | None:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return None


def _reachable(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(address for address in addresses if _has_route(address)) or addresses


def _has_route(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        # Connecting a datagram socket sends nothing: it asks the routing table.
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((address, 9))
    except OSError as error:
        return error.errno not in _NO_ROUTE
    return True


def _wording(host: str, error: aiodns.error.DNSError) -> ResolveError:
    code, text = error.args
    if code in _NO_SUCH_NAME:
        return NameNotFound(f"expected an address for {host}, found none: {text}")
    return NameTimeout(f"expected an address for {host}, found no usable answer from DNS: {text}")
