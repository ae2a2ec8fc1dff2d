"""HTTP for checks on libcurl: fresh connections, own name resolution, phases, and every limit kept.

`HttpClient` belongs to the server. A probe takes an `Agent` from it, and a target that misbehaves is an `Exchange`
with a failure, never an exception.
"""

from concurrent.futures import ThreadPoolExecutor

from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.agent import Agent
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.resolver import Resolver
from appsentry_server.checks.transfers import Transfers
from appsentry_server.clock import Clock, SystemClock

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
        self.readers = ThreadPoolExecutor(_READERS, "reader")
        """Threads for reading what may take long; parsers let go of Python's lock meanwhile."""

    def agent(self, *, tls: TlsSettings, connect_s: float, body: bool = False, certificates: bool = False) -> Agent:
        """An agent for one check. `body`: bodies are kept as far as the cap; `certificates`: their end is reported."""
        return Agent(self, tls, connect_s, body, certificates)

    async def close(self) -> None:
        """End what is under way and close everything. Agents are closed by their owners."""
        self.transfers.close()
        self.readers.shutdown(wait=False, cancel_futures=True)
        await self.resolver.close()
