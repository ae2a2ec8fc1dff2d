"""What lies around an incident: before, during and after it, in figures and in order."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from appsentry_kernel.accounts.responses import quantile
from appsentry_kernel.accounts.tables import rows_of
from appsentry_kernel.incident.changes import Changes
from appsentry_kernel.incident.onsets import Onset
from appsentry_kernel.tables.words import milliseconds

SUMMARY: Final = {
    "n": "int64",
    "down_n": "int64",
    "down_share": "float64",
    "p50_ms": "float64",
    "p95_ms": "float64",
    "failures": "str",
}
"""Indexed by application and `part`: before, during, after. `down_share` is of results, percentiles are of those that
passed and missing where n cannot carry them, `failures` the classes of failure with how often each was found."""

COFAILING: Final = {
    "application": "str",
    "outage": "bool",
    "signal": "bool",
    "down_n": "int64",
    "first_down": "datetime64[us, UTC]",
    "last_down": "datetime64[us, UTC]",
}
"""Every application with a result that was down between the earliest that the incident may have begun and its end:
`outage` where it is one of the incident's, otherwise too few in a row for one; `signal` where it was named as one."""

TIMELINE: Final = {"at": "datetime64[us, UTC]", "application": "str", "check": "str", "what": "str", "detail": "str"}
"""What happened, in order. `what` is last good, first bad, confirmed, recovered, unconfirmed down, signal, level,
spread or anomaly."""

PARTS: Final = ("before", "during", "after")
_PASSED: Final = ("up", "degraded")


def summary(parts: dict[str, pd.DataFrame], applications: list[str]) -> pd.DataFrame:
    """The figures of `SUMMARY`, a row an application and part."""
    rows = [_figures(parts[part], name) for name in applications for part in PARTS]
    result = rows_of(rows, SUMMARY)
    result.index = pd.MultiIndex.from_product([applications, PARTS], names=["application", "part"])
    return result


def _figures(rows: pd.DataFrame, application: str) -> dict[str, Any]:
    mine = rows[rows["application"] == application]
    down = mine[mine["status"] == "down"]
    passed = mine["status"].isin(_PASSED)
    times = mine.loc[passed, "response_ms"].dropna().to_numpy(np.float64) if "response_ms" in mine else np.empty(0)
    classes = Counter(_failure(row) for row in down.itertuples())
    return {
        "n": len(mine),
        "down_n": len(down),
        "down_share": len(down) / len(mine) if len(mine) else None,
        "p50_ms": quantile(times, 0.5),
        "p95_ms": quantile(times, 0.95),
        "failures": ", ".join(f"{name} ×{n}" for name, n in classes.most_common()),
    }


def cofailing(rows: pd.DataFrame, applications: list[str], signals: pd.Series) -> pd.DataFrame:
    """The figures of `COFAILING` of these rows."""
    down = rows[rows["status"] == "down"]
    return rows_of(
        (
            {
                "application": name,
                "outage": name in applications,
                "signal": bool(signals.loc[mine.index].all()),
                "down_n": len(mine),
                "first_down": mine["ts"].min(),
                "last_down": mine["ts"].max(),
            }
            for name, mine in sorted(down.groupby("application"), key=lambda pair: pair[1]["ts"].min())
        ),
        COFAILING,
    )


def timeline(
    onsets: pd.DataFrame, outages: list[Onset], rows: pd.DataFrame, signals: Any, found: Changes
) -> pd.DataFrame:
    """What happened, in the columns of `TIMELINE`. `rows` are those from the earliest onset until the end."""
    happened = [
        *_of_outages(onsets, outages, rows),
        *_other_downs(onsets["application"].tolist(), rows, signals),
        *_of_changes(found),
    ]
    return rows_of(sorted(happened, key=lambda row: row["at"]), TIMELINE)


def _of_outages(onsets: pd.DataFrame, outages: list[Onset], rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in onsets.dropna(subset="last_good").itertuples():
        yield _entry(row.last_good, row.application, "last good", "")
    for onset in outages:
        name, one = onset.application, onset.outage
        begin, end = (pd.Timestamp(us, unit="us", tz="UTC") for us in (onset.first_bad, one.end))
        at = rows[(rows["application"] == name) & (rows["ts"] >= begin) & (rows["status"] == "down")]
        yield _entry(begin, name, "first bad", _failure(next(at.itertuples())) if len(at) else "")
        if one.detected is not None and one.detected > onset.first_bad:
            confirmed = pd.Timestamp(one.detected, unit="us", tz="UTC")
            yield _entry(confirmed, name, "confirmed", f"{(one.detected - onset.first_bad) / 1e6:g} s after the first")
        if one.recovered:
            yield _entry(end, name, "recovered", f"after {(one.end - onset.first_bad) / 1e6:g} s")


def _other_downs(applications: list[str], rows: pd.DataFrame, signals: Any) -> Iterator[dict[str, Any]]:
    down = rows["status"] == "down"
    for name, mine in rows[down & (signals.loc[rows.index] | ~rows["application"].isin(applications))].groupby(
        "application"
    ):
        what = "signal" if signals.loc[mine.index].all() else "unconfirmed down"
        more = f", {len(mine)} results until {mine['ts'].max():%H:%M:%S} UTC" if len(mine) > 1 else ""
        yield _entry(mine["ts"].min(), str(name), what, _failure(next(mine.itertuples())) + more)


def _of_changes(found: Changes) -> Iterator[dict[str, Any]]:
    for row in found.table.itertuples():
        word = (
            f"{milliseconds(row.before_ms)} to {milliseconds(row.after_ms)}"
            if row.kind == "level"
            else f"{row.before_spread:.1%} to {row.after_spread:.1%} of the median"
        )
        yield _entry(row.at, row.application, str(row.kind), word, row.check)
    for row in found.anomalies.itertuples():
        detail = f"{milliseconds(row.worst_ms)} instead of {milliseconds(row.usual_ms)}"
        yield _entry(row.begin, row.application, "anomaly", detail, row.check)


def _entry(at: Any, application: Any, what: str, detail: str, check: Any = None) -> dict[str, Any]:
    return {"at": at, "application": application, "check": check, "what": what, "detail": detail}


def _failure(row: Any) -> str:
    """The class of the failure, or what the result says of itself, or that it was down."""
    for word in (getattr(row, "failure", None), getattr(row, "message", None)):
        if isinstance(word, str) and word:
            return word
    return "down"
