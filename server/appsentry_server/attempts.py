"""Wrong tokens, counted by address: whoever guesses is not listened to for a while."""

import hashlib
import ipaddress
import os
from collections import OrderedDict
from dataclasses import dataclass, field

from appsentry_server.allowance import Allowance

MOST_A_MINUTE = 10
_MOST_ADDRESSES = 10_000
_MOST_REMEMBERED = 32


@dataclass(slots=True)
class _Guesser:
    allowance: Allowance
    seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)


class Attempts:
    """Ten different wrong tokens a minute an address, of which the newest 10,000 are kept in mind.

    A wrong token that is shown again and again is no new guess and is not counted: programs that hold an old token
    must not shut out others behind the same address. A network of IPv6 addresses that one subscriber holds (/64) is
    one address.
    """

    def __init__(self) -> None:
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()
        # Not the tokens themselves: one of them may be right elsewhere.
        self._key = os.urandom(16)

    def barred_s(self, address: str, now: float) -> float:
        """For how many seconds no token is looked at that comes from there; 0 when one is."""
        guesser = self._guessers.get(_network(address))
        if guesser is None or (guesser.allowance.take(now, 0) and guesser.allowance.left >= 1):
            return 0.0
        return guesser.allowance.wait_s()

    def wrong(self, address: str, token: str, now: float) -> None:
        """Count a wrong token, unless this address has shown it before."""
        network = _network(address)
        guesser = self._guessers.pop(network, None) or _Guesser(
            Allowance(MOST_A_MINUTE / 60, MOST_A_MINUTE, MOST_A_MINUTE, now)
        )
        self._guessers[network] = guesser
        if len(self._guessers) > _MOST_ADDRESSES:
            self._guessers.popitem(last=False)
        digest = hashlib.blake2b(token.encode(errors="surrogatepass"), key=self._key, digest_size=16).digest()
        if digest not in guesser.seen:
            guesser.allowance.take(now)
        guesser.seen.pop(digest, None)
        guesser.seen[digest] = None
        if len(guesser.seen) > _MOST_REMEMBERED:
            guesser.seen.popitem(last=False)


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
