"""Changes in how fast applications answer: of level, of spread, and single answers that are out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from appsentry_kernel.accounts.tables import rows_of
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.incident.anomalies import anomalies
from appsentry_kernel.incident.scan import (
    MAD_TO_SIGMA,
    Numbers,
    by_chance,
    level_scores,
    splits,
    spread_scores,
)

CHANGES: Final = {
    "application": "str",
    "check": "str",
    "at": "datetime64[us, UTC]",
    "kind": "str",
    "before_ms": "float64",
    "after_ms": "float64",
    "factor": "float64",
    "before_spread": "float64",
    "after_spread": "float64",
    "spread_factor": "float64",
    "n_before": "int64",
    "n_after": "int64",
    "p": "float64",
}
"""`at` is the first result that is different; `kind` is level or spread. `before_ms` and `after_ms` are medians,
`factor` the second by the first; spreads are robust standard deviations around the level, as a share of it,
`spread_factor` the second by the first. `n_before` and `n_after` reach to the neighbouring changes of the same kind;
`p` is how often blocks of these results, put in a random order, change as much."""

ANOMALIES: Final = {
    "application": "str",
    "check": "str",
    "begin": "datetime64[us, UTC]",
    "end": "datetime64[us, UTC]",
    "n": "int64",
    "worst_ms": "float64",
    "usual_ms": "float64",
    "z": "float64",
}
"""`begin` and `end` are the first and last result that are out, `n` how many are. `worst_ms` is the one furthest from
`usual_ms`, the median around it; `z` how many robust standard deviations, infinite where what is usual is all
alike."""

SHIFT: Final = 0.1
"""A level that changes by less than a tenth is not reported: nobody acts on it."""

WIDENING: Final = 1.5
"""Nor is a spread that grows or shrinks by less than half."""

_PASSED: Final = ("up", "degraded")
_SEED: Final = 20_140_321


@dataclass(frozen=True, kw_only=True, eq=False)
class Responses:
    """Response times of one check, in order: `at` when they were due, `log` their natural logarithms."""

    application: str
    check: str
    at: pd.DatetimeIndex
    log: Numbers


def changes(
    history: "pd.DataFrame | pd.Series[Any]",
    *,
    application: str | None = None,
    alpha: float = 0.01,
    shift: float = SHIFT,
    widening: float = WIDENING,
) -> "Changes":
    """Changes of level and of spread in response times, and anomalies.

    `history` is a result frame, of which the results that passed are taken by application and check, or a Series of
    milliseconds by instant. Everything happens on logarithms: what counts is by which factor. `alpha` is how often
    something is found where independent results do not change, `shift` the least change of level and the least distance
    of an anomaly (0.1: by a tenth), `widening` the least factor of a change of spread.

    Raises `AppSentryError` when there is no response time, `ValueError` for a limit that makes no sense.
    """
    if not 0 < alpha < 1 or shift < 0 or widening < 1:
        raise ValueError(f"expected 0 < alpha < 1, shift >= 0, widening >= 1, found {alpha}, {shift}, {widening}")
    told = list(_of_series(history) if isinstance(history, pd.Series) else _of_frame(history, application))
    if not told:
        raise AppSentryError("no result that passed has a response time above 0 ms: there is nothing to look for")
    return Changes(told, alpha=alpha, shift=float(np.log1p(shift)), widening=float(np.log(widening)))


class Changes:
    """What `changes` gives."""

    def __init__(self, told: list[Responses], *, alpha: float, shift: float, widening: float) -> None:
        self.responses = tuple(told)
        """What was looked at, for whoever draws it."""
        found = [_found(one, alpha, shift, widening) for one in told]
        self.table = rows_of((row for rows, _ in found for row in rows), CHANGES)
        """One row a change, in order; see `changes.CHANGES`."""
        self.anomalies = rows_of((row for _, rows in found for row in rows), ANOMALIES)
        """One row a run of anomalies; see `changes.ANOMALIES`."""

    def __repr__(self) -> str:
        n = sum(len(one.log) for one in self.responses)
        kinds = self.table["kind"]
        return (
            f"<Changes: {int((kinds == 'level').sum())} of level, {int((kinds == 'spread').sum())} of spread, "
            f"{len(self.anomalies)} anomalies in {n:,} response times>"
        )


def _of_series(series: "pd.Series[Any]") -> Iterator[Responses]:
    if not isinstance(series.index, pd.DatetimeIndex) or series.index.tz is None:
        raise AppSentryError("a Series is indexed by instants with a zone: series.tz_localize('UTC')")
    named = "" if series.name is None else str(series.name)
    yield from _responses(named, "", series.index, series.to_numpy(np.float64, na_value=np.nan))


def _of_frame(frame: pd.DataFrame, application: str | None) -> Iterator[Responses]:
    if missing := [column for column in ("ts", "application", "response_ms") if column not in frame]:
        raise AppSentryError(f"this frame has no {' and no '.join(missing)}: take one from s.history or read_history")
    rows = frame if application is None else frame[frame["application"] == application]
    if application is not None and not len(rows):
        there = ", ".join(sorted(frame["application"].unique())) or "none"
        raise AppSentryError(f"this frame has no application {application!r}; it has {there}")
    if "simulated" in rows:
        rows = rows[~rows["simulated"].astype(bool)]
    if "status" in rows and rows["status"].notna().any():
        rows = rows[rows["status"].isin(_PASSED)]
    checks = rows["check"].fillna("") if "check" in rows else pd.Series("", index=rows.index)
    for (name, check), part in rows.groupby([rows["application"], checks], sort=True):
        times = part["response_ms"].to_numpy(np.float64, na_value=np.nan)
        yield from _responses(str(name), str(check), pd.DatetimeIndex(part["ts"]), times)


def _responses(application: str, check: str, at: pd.DatetimeIndex, times: Numbers) -> Iterator[Responses]:
    there = np.isfinite(times) & (times > 0)
    if there.any():
        order = np.argsort(at[there], kind="stable")
        log = np.log(times[there])[order]
        yield Responses(application=application, check=check, at=at[there][order], log=log)


Row = dict[str, Any]


def _found(of: Responses, alpha: float, shift: float, widening: float) -> tuple[list[Row], list[Row]]:
    scores = level_scores(of.log)
    levels = splits(scores, alpha=alpha)
    rest = _around_middle(of.log, levels)
    distances = spread_scores(np.abs(rest))
    spreads = splits(distances, alpha=alpha)
    kept = [
        *(_row("level", of, rest, *one) for one in _kept("level", of.log, scores, levels, alpha, shift)),
        *(_row("spread", of, rest, *one) for one in _kept("spread", rest, distances, spreads, alpha, widening)),
    ]
    rows = sorted(kept, key=lambda row: row["place"])
    places = sorted({row["place"] for row in rows})
    out = anomalies(of.log, places, alpha=alpha, least=shift)
    named = {"application": of.application, "check": of.check}
    return [{**named, **row} for row in rows], [
        {
            **named,
            "begin": of.at[one.first],
            "end": of.at[one.last],
            "n": one.n,
            "worst_ms": float(np.exp(of.log[one.worst])),
            "usual_ms": float(np.exp(one.usual)),
            "z": one.z,
        }
        for one in out
    ]


def _around_middle(values: Numbers, places: list[int]) -> Numbers:
    """Each stretch less its median, so that a change of level is none of spread."""
    parts = np.split(values, places)
    return np.concatenate([part - np.median(part) for part in parts])


def _kept(
    kind: Literal["level", "spread"],
    values: Numbers,
    scores: Numbers,
    places: list[int],
    alpha: float,
    least: float,
) -> list[tuple[int, int, int, float]]:
    """Begin, split, end and p-value of the changes that matter and are none of chance.

    The smallest of the others go first, so that small steps can add up.
    """
    places = list(places)
    while places:
        edges = [0, *places, len(values)]
        sizes = [abs(_size(kind, values, *edges[i : i + 3])) for i in range(len(places))]
        weakest = int(np.argmin(sizes))
        if sizes[weakest] > least:
            ps = [
                by_chance(scores[edges[i] : edges[i + 2]], edges[i + 1] - edges[i], seed=_SEED)
                for i in range(len(places))
            ]
            if max(ps) <= alpha:
                return [(edges[i], edges[i + 1], edges[i + 2], p) for i, p in enumerate(ps)]
            weakest = int(np.argmax(ps))
        del places[weakest]
    return []


def _size(kind: str, values: Numbers, start: int, split: int, end: int) -> float:
    """The logarithm of the factor of the medians, or of the spreads; infinite where one spread is nothing."""
    before, after = values[start:split], values[split:end]
    if kind == "level":
        return float(np.median(after) - np.median(before))
    spreads = _spread(before), _spread(after)
    return float(np.log(spreads[1] / spreads[0])) if min(spreads) > 0 else np.inf


def _spread(log: Numbers) -> float:
    """Robust standard deviation of logarithms: relative to the median, as long as it is small."""
    return float(MAD_TO_SIGMA * np.median(np.abs(log - np.median(log))))


def _row(kind: str, of: Responses, rest: Numbers, start: int, split: int, end: int, p: float) -> Row:
    before, after = of.log[start:split], of.log[split:end]
    middles = float(np.exp(np.median(before))), float(np.exp(np.median(after)))
    spreads = _spread(rest[start:split]), _spread(rest[split:end])
    return {
        "place": split,
        "at": of.at[split],
        "kind": kind,
        "before_ms": middles[0],
        "after_ms": middles[1],
        "factor": middles[1] / middles[0],
        "before_spread": spreads[0],
        "after_spread": spreads[1],
        "spread_factor": spreads[1] / spreads[0] if spreads[0] else None,
        "n_before": split - start,
        "n_after": end - split,
        "p": p,
    }
