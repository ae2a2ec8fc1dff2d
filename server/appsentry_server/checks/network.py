"""What every kind of connection is made with: names, the rules of addresses, and the time."""

from dataclasses import dataclass

from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.resolver import Resolver
from appsentry_server.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The network as checks may see it. Whoever made the resolver closes it."""

    resolver: Resolver
    rules: AddressRules
    clock: Clock
