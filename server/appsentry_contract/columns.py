"""The columns of result frames, listed once: the history's schema, the wire's and the notebook's all come from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["instant", "text", "word", "number", "count", "flag"]
"""`word` is text from a small set; `number` a float that may be missing; `count` an integer that is always there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what kind of value it holds and what the value means."""

    kind: Kind
    meaning: str


RESULT_COLUMNS: Mapping[str, Column] = {
    "result_id": Column(kind="text", meaning="unique for ever"),
    "ts": Column(kind="instant", meaning="when it was due, UTC"),
    "application": Column(kind="word", meaning="the application's id"),
    "check": Column(kind="word", meaning="the check's id within its application"),
    "type": Column(kind="word", meaning="the check's kind: health, login, …"),
    "status": Column(kind="word", meaning="up, degraded, down, unknown or maintenance"),
    "response_ms": Column(kind="number", meaning="milliseconds from the request's first step to its last byte"),
    "dns_ms": Column(kind="number", meaning="milliseconds to resolve the name"),
    "connect_ms": Column(kind="number", meaning="milliseconds to open the TCP connection"),
    "tls_ms": Column(kind="number", meaning="milliseconds of the TLS handshake"),
    "first_byte_ms": Column(kind="number", meaning="milliseconds from the request sent to the first byte"),
    "transfer_ms": Column(kind="number", meaning="milliseconds from the first byte to the last"),
    "failure": Column(kind="word", meaning="the failure's class, missing when there is none"),
    "message": Column(kind="text", meaning="what was expected and what was found"),
    "run_id": Column(kind="word", meaning="the test run it was made for, missing when scheduled"),
    "attempt": Column(kind="count", meaning="1, or more for a retry"),
    "late_ms": Column(kind="number", meaning="milliseconds from due to started"),
    "interval_s": Column(kind="number", meaning="seconds between the check's scheduled results"),
    "location": Column(kind="word", meaning="where the check ran"),
    "simulated": Column(kind="flag", meaning="made by the simulator: counts in no figure"),
}

ROLLUP_COLUMNS: Mapping[str, Column] = {
    "ts": Column(kind="instant", meaning="the bucket's start, UTC"),
    "application": Column(kind="word", meaning="the application's id"),
    "check": Column(kind="word", meaning="the check's id within its application"),
    "type": Column(kind="word", meaning="the check's kind"),
    "checks": Column(kind="count", meaning="results in the bucket"),
    "up": Column(kind="count", meaning="results that were up"),
    "degraded": Column(kind="count", meaning="results that were degraded"),
    "down": Column(kind="count", meaning="results that were down"),
    "unknown": Column(kind="count", meaning="results that were unknown"),
    "response_mean_ms": Column(kind="number", meaning="mean response time of up and degraded results"),
    "response_min_ms": Column(kind="number", meaning="fastest response"),
    "response_p50_ms": Column(kind="number", meaning="exact median response time of up and degraded results"),
    "response_p95_ms": Column(kind="number", meaning="exact 95th percentile"),
    "response_p99_ms": Column(kind="number", meaning="exact 99th percentile"),
    "response_max_ms": Column(kind="number", meaning="slowest response"),
    "late_max_ms": Column(kind="number", meaning="the latest start in the bucket"),
}

SPAN_COLUMNS: Mapping[str, Column] = {
    "application": Column(kind="word", meaning="the application's id"),
    "check": Column(kind="word", meaning="the check's id within its application"),
    "begin": Column(kind="instant", meaning="when the first of its results was due, UTC"),
    "end": Column(kind="instant", meaning="when the last of its results was due"),
    "results": Column(kind="count", meaning="how many results it is of, each due an interval or less after the other"),
    "status": Column(kind="word", meaning="what all of them say: up, degraded, down or unknown"),
    "interval_s": Column(kind="number", meaning="seconds between scheduled results"),
}

LATENCY_COLUMNS: Mapping[str, Column] = {
    "application": Column(kind="word", meaning="the application's id"),
    "check": Column(kind="word", meaning="the check's id within its application"),
    "response_ms": Column(kind="number", meaning="milliseconds, within one percent"),
    "results": Column(kind="count", meaning="how many up and degraded results took as long"),
}

RESOLUTIONS: tuple[str, ...] = ("raw", "1m", "1h", "1d")


def columns_of(resolution: str) -> Mapping[str, Column]:
    """The columns of a history in this resolution."""
    return RESULT_COLUMNS if resolution == "raw" else ROLLUP_COLUMNS
