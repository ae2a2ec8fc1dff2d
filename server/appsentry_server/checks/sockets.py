"""Connecting to a name under the address rules: resolved in bounds, several addresses tried in turn, phases taken."""

import asyncio
import socket
from dataclasses import dataclass

from appsentry_contract.errors import AppSentryError
from appsentry_server.checks import failures
from appsentry_server.checks.network import Network
from appsentry_server.checks.resolver import ResolveError
from appsentry_server.checks.urls import Target
from appsentry_server.results import Failure


class Broken(AppSentryError):
    """A target did not do what was expected. It never leaves a probe: there its `failure` becomes the outcome."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The addresses of a name that may be connected to, and what the look-up took; None when they were known."""

    addresses: tuple[str, ...]
    dns_ms: float | None


async def find(network: Network, target: Target, deadline: float) -> Found:
    """The addresses of `target` that the rules allow, at least one, or `Broken`."""
    clock, resolver = network.clock, network.resolver
    addresses, dns_ms = resolver.known(target.host), None
    if addresses is None:
        began = clock.monotonic()
        try:
            addresses = await resolver.resolve(target.host, deadline - began)
        except ResolveError as error:
            raise Broken(failures.of_name(error)) from None
        dns_ms = (clock.monotonic() - began) * 1000
    allowed = network.rules.allowed(addresses)
    if not allowed:
        raise Broken(failures.of_addresses(target, addresses, network.rules))
    return Found(addresses=allowed, dns_ms=dns_ms)


async def connect(network: Network, target: Target, addresses: tuple[str, ...], deadline: float) -> socket.socket:
    """A TCP connection to the first of the addresses that answers, or `Broken`, which tells of the last one.

    Each is given an even share of the time that is left, so that one that swallows everything does not cost the others
    their turn.
    """
    clock = network.clock
    began = clock.monotonic()
    last: OSError = TimeoutError()
    for tried, address in enumerate(addresses):
        left = deadline - clock.monotonic()
        if left <= 0:
            break
        try:
            return await _connected(address, target.port, left / (len(addresses) - tried))
        except OSError as error:
            last = error
    raise Broken(failures.of_connection(last, target, clock.monotonic() - began))


async def _connected(address: str, port: int, within_s: float) -> socket.socket:
    connection = socket.socket(family(address), socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        # What is sent is small and waited for.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def family(address: str) -> socket.AddressFamily:
    """IPv4 or IPv6, by the look of a literal address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
