"""Prometheus' series of blackbox_exporter: every sample of `probe_success`, with its durations beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from appsentry_sources.identities import Monitor, identities
from appsentry_sources.reading import Reading, SourceUnreadable, rows_of

_PAGE_S: Final = 6 * 3_600
"""How much time one query asks for: Prometheus keeps the answer in memory."""

_ANSWER_S: Final = 60.0
_PHASES: Final = {
    "resolve": "dns_ms",
    "connect": "connect_ms",
    "tls": "tls_ms",
    "processing": "first_byte_ms",
    "transfer": "transfer_ms",
}
Target = tuple[str, str]
"""A job and an instance: what Prometheus tells its targets apart by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time to ask for, in seconds since 1970: samples from `since` up to `until`."""

    since: float
    until: float


def recognised(source: str) -> bool:
    """Whether this is an address, not a file."""
    return urlsplit(source).scheme in ("http", "https")


def read(url: str, span: Span) -> Reading:
    """The probes of every target in this time, named after its instance.

    A target that answered no HTTP phases is of a type that Prometheus does not tell. Raises `SourceUnreadable` when
    nobody answers there, or has no `probe_success`.
    """
    probes: dict[tuple[Target, int], dict[str, Any]] = {}
    for target, ts, value, _ in _samples(url, "probe_success", span):
        probes[target, ts] = {"ts": ts, "status": "up" if value == 1 else "down"}
    for target, ts, value, _ in _samples(url, "probe_duration_seconds", span):
        if (target, ts) in probes:
            probes[target, ts]["response_ms"] = value * 1_000
    for target, ts, value, labels in _samples(url, "probe_http_duration_seconds", span):
        column = _PHASES.get(labels.get("phase", ""))
        if column and (target, ts) in probes:
            probes[target, ts] |= {column: value * 1_000, "type": "health"}
    if not probes:
        raise SourceUnreadable(
            f"{url}: has no sample of probe_success in this time: name another with since= and until="
        )
    return _reading(probes)


def _reading(probes: Mapping[tuple[Target, int], dict[str, Any]]) -> Reading:
    seen: dict[Target, tuple[int, int]] = {}
    for target, ts in sorted(probes, key=lambda one: one[1]):
        seen[target] = (seen.get(target, (ts, ts))[0], ts)
    monitors = [Monitor(name=instance, first=first, last=last) for (_, instance), (first, last) in seen.items()]
    ids = dict(zip(seen, identities(monitors), strict=True))
    rows = [row | {"application": ids[target], "check": "probe"} for (target, _), row in probes.items()]
    return Reading(table=rows_of(rows), format="prometheus", names={ids[target]: target[1] for target in seen})


def _samples(url: str, metric: str, span: Span) -> Iterator[tuple[Target, int, float, Mapping[str, str]]]:
    """Every stored sample, at its own instant in microseconds: a range selector gives them as they are."""
    until = span.until
    while until > span.since:
        length_s = min(_PAGE_S, max(1, round(until - span.since)))
        query = urlencode({"query": f"{metric}[{length_s}s]", "time": f"{until:.3f}"})
        for series in _result(url, query):
            labels = series["metric"]
            for instant, value in series["values"]:
                if span.since <= instant < span.until:
                    yield (
                        (labels.get("job", ""), labels.get("instance", "")),
                        round(instant * 1e3) * 1_000,
                        float(value),
                        labels,
                    )
        until -= length_s


def _result(url: str, query: str) -> list[Any]:
    address = f"{url.rstrip('/')}/api/v1/query?{query}"
    try:
        with urlopen(Request(address, headers={"Accept": "application/json"}), timeout=_ANSWER_S) as answer:  # noqa: S310 - recognised() lets http and https through alone
            result: list[Any] = json.load(answer)["data"]["result"]
            return result
    except HTTPError as error:
        with error:
            raise SourceUnreadable(f"{url}: {error.code} {error.reason} for {query}") from error
    except URLError as error:
        raise SourceUnreadable(f"{url}: {error.reason}") from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SourceUnreadable(f"{url}: answers, but not as Prometheus does: {error!r}") from error
