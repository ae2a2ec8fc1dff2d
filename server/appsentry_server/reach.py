"""Whether anything answers at an address: one TCP connection, nothing sent."""

import asyncio
import errno
import socket
from collections.abc import Coroutine, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

_ANSWERS = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""A refusal has come all the way back, so the way is there."""


async def answers(addresses: Sequence[str], port: int, within_s: float) -> bool:
    """Whether one of the addresses answers in time; the first of each family is asked."""
    by_family: dict[socket.AddressFamily, str] = {}
    for address in addresses:
        by_family.setdefault(_family(address), address)
    return await counted((_answers(one, port, within_s) for one in by_family.values()), enough=1) > 0


async def counted(asked: Iterable[Coroutine[Any, Any, bool]], *, enough: int) -> int:
    """How many of these, asked all at once, come out true; the rest is not waited for when `enough` did."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    count = 0
    try:
        for done in asyncio.as_completed(tasks):
            count += await done
            if count >= enough:
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return count


def is_here(address: str) -> bool:
    """Whether the address is this machine's own: to reach it proves nothing of any network."""
    if ip_address(address).is_loopback:
        return True
    try:
        # Connecting a datagram socket sends nothing: it asks the routing table from where one would send.
        with socket.socket(_family(address), socket.SOCK_DGRAM) as asking:
            asking.connect((address, 9))
            return bool(asking.getsockname()[0] == address)
    except OSError:
        return False


async def _answers(address: str, port: int, within_s: float) -> bool:
    try:
        with socket.socket(_family(address), socket.SOCK_STREAM) as asking:
            asking.setblocking(False)
            async with asyncio.timeout(within_s):
                await asyncio.get_running_loop().sock_connect(asking, (address, port))
    except OSError as error:
        # A timeout is one of them, and has no number.
        return error.errno in _ANSWERS
    return True


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
