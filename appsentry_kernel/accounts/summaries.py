"""The account of a long window, from spans of equal verdict and counted response times instead of results."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from appsentry_contract.accounting.periods import Calendar
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.sketch import RELATIVE_ERROR
from appsentry_contract.accounting.spans import CODES, Integers, SpanArrays
from appsentry_contract.accounting.timeline import STATE_EXCLUDED, STATE_UP, STATES, judged, read, together
from appsentry_kernel.accounts.calendars import closed
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.part import TABLE_DTYPES, figures_of
from appsentry_kernel.accounts.responses import QUANTILES
from appsentry_kernel.accounts.stretches import Stretches, periods_of
from appsentry_kernel.accounts.tables import table
from appsentry_kernel.accounts.targets import Targets, target_of
from appsentry_kernel.errors import AppSentryError

COLUMNS: Final = {**TABLE_DTYPES, "responses": "int64", **dict.fromkeys(QUANTILES, "float64")}
"""Of a table of summaries: those of an account's table, and the percentiles of so many responses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is counted, and how: the window in microseconds."""

    policy: Policy
    since: int
    until: int
    targets: Targets = None
    maintenance: Stretches = None
    pauses: Stretches = None


def summary_table(spans: pa.Table, latencies: pa.Table, terms: Terms) -> pd.DataFrame:
    """One row an application that has results in the window, in `COLUMNS`.

    Time is exact, as an account of the results themselves has it. Results are counted as if those of a span at the
    window's edge, or of a stretch that the policy treats apart, were evenly spaced in it, as scheduled ones are.
    Percentiles are of the results that passed in the window, maintenance included, to `attrs["relative_error"]`;
    missing where too few carry them.

    Raises `AppSentryError` for a policy that counts of a result and its retries only the last: spans tell no attempts.
    """
    if terms.policy.attempts == "last":
        raise AppSentryError(
            f"{terms.policy.name} counts of a result and its retries only the last, which needs the results themselves:"
            " sentry.account(s.history(…), policy)"
        )
    percentiles = _percentiles(latencies, terms.policy)
    shut = closed(terms.policy, terms.since, terms.until)
    rows: dict[str, dict[str, Any]] = {}
    for name, checks in _by_application(spans, terms.policy):
        calendar = Calendar(
            maintenance=periods_of(terms.maintenance, name, "maintenance"),
            pauses=periods_of(terms.pauses, name, "pauses"),
            closed=shut,
        )
        figures = _row(checks, calendar, terms, target_of(terms.targets, name))
        rows[name] = {**figures, **percentiles.get(name, _NOTHING)}
    result = table(rows.values(), list(rows), COLUMNS)
    result.attrs = {
        "policy": f"{terms.policy.name} {terms.policy.version}",
        "since": instant(terms.since).isoformat(),
        "until": instant(terms.until).isoformat(),
        "relative_error": RELATIVE_ERROR,
    }
    return result


_NOTHING: Final[Mapping[str, Any]] = {"responses": 0, **dict.fromkeys(QUANTILES)}


def _row(
    checks: list[SpanArrays], calendar: Calendar, terms: Terms, target: float | None
) -> dict[str, float | int | None]:
    timeline = together([read(spans, terms.policy) for spans in checks], terms.policy.combine)
    edges = np.array([terms.since, terms.until])
    time = timeline.overlaid(calendar, terms.policy).spent(edges)[1]
    made = sum((_made(spans, calendar, terms) for spans in checks), np.zeros(len(STATES), np.int64))
    return figures_of(time.tolist(), made.tolist(), terms.policy, target).row(target)


def _made(spans: SpanArrays, calendar: Calendar, terms: Terms) -> Integers:
    """The results in the window by the state that each stands for."""
    states = judged(spans, terms.policy)
    whole = _before(spans, terms.until) - _before(spans, terms.since)
    made = np.bincount(states, weights=whole, minlength=len(STATES)).astype(np.int64)
    excluded, up = calendar.treated(terms.policy)
    for periods, state in ((up, STATE_UP), (excluded, STATE_EXCLUDED)):
        inside = np.clip(periods.edges, terms.since, terms.until).reshape(-1, 2)
        for begin, end in inside.tolist():
            moved = np.bincount(
                states, weights=_before(spans, end) - _before(spans, begin), minlength=len(STATES)
            ).astype(np.int64)
            made -= moved
            made[state] += moved.sum()
    return made


def _before(spans: SpanArrays, instant_us: int) -> Integers:
    """How many of each span's results were due before this instant, were they evenly spaced."""
    steps = np.maximum(spans.n - 1, 1)
    length = spans.end - spans.begin
    passed = instant_us - spans.begin
    # The k-th is due at begin + k length / steps: those with k < passed steps / length.
    share = np.where(length > 0, -(-(passed * steps) // np.maximum(length, 1)), np.where(passed > 0, spans.n, 0))
    return np.clip(share, 0, spans.n)


def _by_application(spans: pa.Table, policy: Policy) -> Iterator[tuple[str, list[SpanArrays]]]:
    """The checks that the policy looks at, of one application after the other."""
    if policy.combine not in ("all", "any"):
        spans = spans.filter(pc.equal(spans["check"], policy.combine))
    applications, checks = _codes(spans["application"]), _codes(spans["check"])
    columns = {
        "begin": spans["begin"].cast(pa.int64()).to_numpy(),
        "end": spans["end"].cast(pa.int64()).to_numpy(),
        "n": spans["results"].to_numpy(),
        "verdict": _verdicts(spans["status"]),
        "interval": np.maximum(np.rint(spans["interval_s"].to_numpy() * 1e6), 1).astype(np.int64),
    }
    change = (np.diff(applications) != 0) | (np.diff(checks) != 0)
    bounds = [0, *(np.flatnonzero(change) + 1).tolist(), len(applications)] if len(applications) else [0]
    found: dict[str, list[SpanArrays]] = {}
    names = spans["application"].take(pa.array(bounds[:-1], pa.int64())).to_pylist()
    for name, first, last in zip(names, bounds[:-1], bounds[1:], strict=True):
        found.setdefault(name, []).append(
            SpanArrays(**{column: values[first:last] for column, values in columns.items()})
        )
    yield from found.items()


def _codes(words: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    codes: npt.NDArray[np.int32] = words.combine_chunks().dictionary_encode().indices.to_numpy()
    return codes


def _verdicts(words: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    encoded = words.combine_chunks().dictionary_encode()
    codes = np.array([CODES[word] for word in encoded.dictionary.to_pylist()], np.uint8)
    result: npt.NDArray[np.uint8] = codes[encoded.indices.to_numpy()]
    return result


def _percentiles(latencies: pa.Table, policy: Policy) -> dict[str, dict[str, Any]]:
    """How many responses each application has, and the value of rank `floor(q (n - 1))` of them."""
    if policy.combine not in ("all", "any"):
        latencies = latencies.filter(pc.equal(latencies["check"], policy.combine))
    if not latencies.num_rows:
        return {}
    codes, values = _codes(latencies["application"]), latencies["response_ms"].to_numpy()
    # The checks of an application are taken together by sorting what each of them counted.
    order = np.lexsort((values, codes))
    codes, values = codes[order], values[order]
    cumulated = np.cumsum(latencies["results"].to_numpy()[order])
    first = np.append(0, np.flatnonzero(np.diff(codes)) + 1)
    before = np.append(0, cumulated)[first]
    n = np.diff(np.append(before, cumulated[-1]))
    found: dict[str, Any] = {"responses": n}
    for column, q in QUANTILES.items():
        rank = np.floor(q * (n - 1)).astype(np.int64)
        value = values[np.searchsorted(cumulated, before + rank, side="right")]
        found[column] = np.where(n * (1 - q) >= 1 - 1e-9, value, np.nan)
    names = latencies["application"].take(pa.array(order[first])).to_pylist()
    return {name: {column: values[place] for column, values in found.items()} for place, name in enumerate(names)}
