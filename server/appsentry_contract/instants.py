"""Instants as they cross the wire: RFC 3339 in UTC with exactly three fractional digits."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=64)
def _to_the_second(second: int) -> str:
    # Every event carries an instant, and neighbours share their second: formatting is most of the cost.
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def to_wire(epoch_ms: int) -> str:
    """Write milliseconds since 1970 as `2026-11-23T08:00:00.000Z`."""
    second, ms = divmod(epoch_ms, 1000)
    return f"{_to_the_second(second)}.{ms:03d}Z"


def from_wire(text: str) -> int:
    """Read any RFC 3339 instant as milliseconds since 1970, rounded down.

    Raises `ValueError` when the text is no instant, names no offset from UTC, or is not in the years 1 to 9999 there.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no offset from UTC: append Z")
    epoch_ms = from_datetime(instant)
    if not _FIRST <= epoch_ms <= _LAST:
        raise ValueError(f"{text!r} is in UTC not within the years 1 to 9999")
    return epoch_ms


def from_datetime(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def to_datetime(epoch_ms: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return _EPOCH + epoch_ms * _MILLISECOND
