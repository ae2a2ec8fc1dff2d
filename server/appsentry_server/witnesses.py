"""Witnesses: places on the network that are always there, by which the monitor tells whether it is cut off itself."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.resolver import ResolveError
from appsentry_server.checks.urls import Target, target
from appsentry_server.reach import answers, counted

WITHIN_S = 2.0
"""How long a witness may take to answer."""

_WEB = ("http://", "https://")


def _place(written: str) -> Target:
    host, colon, port = written.removeprefix("tcp://").rpartition(":")
    try:
        found = target(f"http://{host}:{port}/")
    except ValueError:
        found = None
    if (
        found is None
        or not colon
        or not port.isdecimal()
        or not found.port
        or found.fragment
        or found.url.count("/") > 3
    ):
        raise ValueError("expected a web address, such as https://example.org, or HOST:PORT, such as tcp://1.1.1.1:443")
    return found


def _valid(written: str) -> str:
    (target if written.startswith(_WEB) else _place)(written)
    return written


Witness = Annotated[str, AfterValidator(_valid)]
"""A pydantic field: a web address, which must give a whole answer, or `tcp://HOST:PORT`, which must be reached."""


class Witnesses:
    """The configured witnesses, asked all at once."""

    def __init__(self, named: Sequence[str], client: HttpClient) -> None:
        self._client = client
        self._asks: list[Callable[[], Coroutine[Any, Any, bool]]] = [self._ask(one) for one in named]

    def __len__(self) -> int:
        return len(self._asks)

    async def one_answers(self) -> bool:
        """Whether at least one of them answers within 2 s, whatever it says."""
        return await counted((ask() for ask in self._asks), enough=1) > 0

    def _ask(self, named: str) -> Callable[[], Coroutine[Any, Any, bool]]:
        if not named.startswith(_WEB):
            place = _place(named)
            return lambda: self._connects(place)
        page = target(named)
        agent = self._client.agent(tls=TlsSettings(), connect_s=WITHIN_S)

        async def gets() -> bool:
            exchange = await agent.exchange(page, self._client.clock.monotonic() + WITHIN_S)
            return exchange.failure is None

        return gets

    async def _connects(self, place: Target) -> bool:
        try:
            addresses = await self._client.resolver.resolve(place.host, WITHIN_S)
        except ResolveError:
            return False
        return await answers(addresses, place.port, WITHIN_S)
