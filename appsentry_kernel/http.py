"""HTTP sessions that leave nothing behind."""

from collections.abc import Mapping

import aiohttp


def http_session(
    *, headers: Mapping[str, str] | None = None, timeout: aiohttp.ClientTimeout | None = None
) -> aiohttp.ClientSession:
    """A client session on the running loop; whoever opens it closes it.

    Names are resolved on the loop's own executor: aiohttp would rather use aiodns where that happens to be installed,
    whose library starts a thread that stays until the interpreter ends.
    """
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    return aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout or aiohttp.ClientTimeout())
