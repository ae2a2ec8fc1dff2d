"""Reading a certificate's end from what libcurl tells about a chain."""

from collections.abc import Sequence
from datetime import UTC, datetime

from appsentry_contract.instants import from_datetime

_Certificate = Sequence[tuple[bytes, bytes]]


def expiry_ms(chain: Sequence[_Certificate]) -> int | None:
    """Milliseconds since 1970 at which the leaf, the first of the chain, expires; None over plain HTTP."""
    if not chain:
        return None
    written = dict(chain[0])[b"Expire date"].decode("ascii")
    return from_datetime(datetime.strptime(written, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC))
