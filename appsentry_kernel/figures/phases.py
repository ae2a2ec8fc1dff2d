"""Where the time of a response goes: its phases, stacked, over time."""

from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.accounts.responses import quantile
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.buckets import Buckets, buckets, passed
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.subject import Subject, Words, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, pattern, theme
from appsentry_kernel.window import Moment

Middle = Literal["mean", "median"]

_PHASES: Final = {
    "dns_ms": ("name", ""),
    "connect_ms": ("connect", "/"),
    "tls_ms": ("TLS", "x"),
    "first_byte_ms": ("first byte", "."),
    "transfer_ms": ("transfer", "\\"),
}


def phases(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    by: Middle = "mean",
    since: Moment | None = None,
    until: Moment | None = None,
    every: str | None = None,
    zone: str = "UTC",
    look: ThemeName | None = None,
) -> Chart:
    """The mean or median time of each phase of results that passed, in stretches of `every`.

    A phase that did not happen took 0 ms, so that the means add up to that of the whole; medians do not. Results
    without any phase are left out. `table`: one row a stretch, `begin`, `n`, `dns_ms`, `connect_ms`, `tls_ms`,
    `first_byte_ms`, `transfer_ms`; a median that n does not carry (of one result) is missing.

    Raises `AppSentryError` when no result that passed has phases, `ValueError` for another `by`.
    """
    if by not in ("mean", "median"):
        raise ValueError(f"expected by to be mean or median, found {by!r}")
    of = subject(frame, application=application, since=since, until=until, zone=zone)
    rows = _measured(of.rows)
    cut = buckets(rows, of, every)
    table = _table(rows, cut, by)
    used = theme(look)
    return chart(
        *_traces(of, table, cut, used),
        table=table,
        theme=used,
        title=f"Phases of {of.name}, {by}",
        subject=of,
        barmode="stack",
        bargap=0,
        xaxis={"type": "date"},
        yaxis={"title": "ms", "rangemode": "tozero"},
    )


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    there = [name for name in _PHASES if name in rows]
    kept = rows.loc[rows[there].notna().any(axis=1) & passed(rows), ["ts", *there]]
    if not len(kept):
        raise AppSentryError("no result of this frame that passed has phases: not every source measures them")
    return kept


def _table(rows: pd.DataFrame, cut: Buckets, by: Middle) -> pd.DataFrame:
    columns = {"begin": cut.begin, "n": cut.n}
    for name in _PHASES:
        values = np.nan_to_num(rows[name].to_numpy(np.float64)) if name in rows else np.zeros(len(rows))
        columns[name] = _means(values, cut) if by == "mean" else _medians(values, cut)
    return pd.DataFrame(columns)


def _means(values: npt.NDArray[np.float64], cut: Buckets) -> npt.NDArray[np.float64]:
    return np.add.reduceat(values, cut.bounds[:-1]) / cut.n


def _medians(values: npt.NDArray[np.float64], cut: Buckets) -> npt.NDArray[np.float64]:
    found = [quantile(values[start:end], 0.5) for start, end in pairwise(cut.bounds.tolist())]
    return np.array(found, np.float64)


def _traces(of: Subject, table: pd.DataFrame, cut: Buckets, used: Theme) -> list[Any]:
    x = of.wall_ms(table["begin"])
    return [
        go.Bar(
            x=x,
            y=table[column].to_numpy(),
            width=cut.step / 1_000,
            offset=0,
            name=name,
            marker={
                "color": colour,
                "line": {"width": 0},
                "pattern": pattern(shape, used),
            },
            hovertemplate="%{x|%Y-%m-%d %H:%M:%S}<br>%{y:.1f} ms",
        )
        for (column, (name, shape)), colour in zip(_PHASES.items(), used.series, strict=False)
        if table[column].any()
    ]
