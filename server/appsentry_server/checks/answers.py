"""DNS records as people write them, without the dot at the end of names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pycares


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One answer: its text as in a zone file, and how long it may be kept."""

    text: str
    ttl_s: int


def records_of(result: pycares.DNSResult, record: str) -> tuple[Record, ...]:
    """The answers of the type that was asked for; aliases that lead there are left out."""
    number, write = _TYPES[record]
    return tuple(Record(text=write(one.data), ttl_s=one.ttl) for one in result.answer if one.type == number)


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _host(value: str | bytes) -> str:
    return _text(value).removesuffix(".")


def _soa(data: Any) -> str:
    times = f"{data.serial} {data.refresh} {data.retry} {data.expire} {data.minimum}"
    return f"{_host(data.mname)} {_host(data.rname)} {times}"


_TYPES: Final[Mapping[str, tuple[int, Callable[[Any], str]]]] = {
    "A": (pycares.QUERY_TYPE_A, lambda data: _text(data.addr)),
    "AAAA": (pycares.QUERY_TYPE_AAAA, lambda data: _text(data.addr)),
    "CAA": (pycares.QUERY_TYPE_CAA, lambda data: f"{data.critical} {_text(data.tag)} {_text(data.value)}"),
    "CNAME": (pycares.QUERY_TYPE_CNAME, lambda data: _host(data.cname)),
    "MX": (pycares.QUERY_TYPE_MX, lambda data: f"{data.priority} {_host(data.exchange)}"),
    "NS": (pycares.QUERY_TYPE_NS, lambda data: _host(data.nsdname)),
    "PTR": (pycares.QUERY_TYPE_PTR, lambda data: _host(data.dname)),
    "SOA": (pycares.QUERY_TYPE_SOA, _soa),
    "SRV": (
        pycares.QUERY_TYPE_SRV,
        lambda data: f"{data.priority} {data.weight} {data.port} {_host(data.target)}",
    ),
    "TXT": (pycares.QUERY_TYPE_TXT, lambda data: _text(data.data)),
}
