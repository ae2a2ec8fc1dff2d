"""HTTP for checks on libcurl: fresh connections, own name resolution, phases, and every limit kept.

`HttpClient` belongs to the server. A probe takes an `Agent` from it, and a target that misbehaves is an `Exchange`
with a failure, never an exception.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.agent import Agent
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.network import Network
from appsentry_server.checks.resolver import Resolver
from appsentry_server.checks.transfers import Transfers
from appsentry_server.clock import Clock, SystemClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_READERS = 4
_DEFAULT_RULES = AddressRules()


class HttpClient:
    """The server's door to HTTP: one libcurl multi handle and one resolver for all checks.

    Made anywhere; bound to the event loop of its first request. It connects to no address that `rules` rule out, and
    closes `resolver` with itself.
    """

    def __init__(
        self, resolver: Resolver | None = None, *, rules: AddressRules = _DEFAULT_RULES, clock: Clock | None = None
    ) -> None:
        self.rules = rules
        self.clock = clock or SystemClock()
        self.resolver = resolver or Resolver(clock=self.clock)
        self.transfers = Transfers()
        self._readers = ThreadPoolExecutor(_READERS, "reader")

    @property
    def network(self) -> Network:
        """What other kinds of connection are made with, by the same rules."""
        return Network(resolver=self.resolver, rules=self.rules, clock=self.clock)

    def agent(self, *, tls: TlsSettings, connect_s: float, body: bool = False, certificates: bool = False) -> Agent:
        """An agent for one check. `body`: bodies are kept as far as the cap; `certificates`: their end is reported."""
        return Agent(self, tls, connect_s, body, certificates)

    async def aside(self, deadline: float, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Read what a target sent beside the event loop, which it may hold up. Raises `TimeoutError` at the deadline.

        What cannot be ended goes on on its thread: what is read must be bounded.
        """
        async with asyncio.timeout(max(0.0, deadline - self.clock.monotonic())):
            return await asyncio.get_running_loop().run_in_executor(self._readers, read, *args)

    async def close(self) -> None:
        """End what is under way and close everything. Agents are closed by their owners."""
        self.transfers.close()
        self._readers.shutdown(wait=False, cancel_futures=True)
        await self.resolver.close()
