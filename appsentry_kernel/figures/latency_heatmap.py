"""How many results took how long, over time."""

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.figures.buckets import Buckets, buckets, timed
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.subject import Subject, Words, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.window import Moment

_BINS_A_DECADE: Final = 10
_LEAST_MS: Final = 0.001


def latency_heatmap(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    since: Moment | None = None,
    until: Moment | None = None,
    every: str | None = None,
    zone: str = "UTC",
    look: ThemeName | None = None,
) -> Chart:
    """Results that passed, counted by stretches of `every` and by response time, ten bins a power of ten.

    Two ways to answer show as two bands, where a median would lie between them. A response time of 0 stands in the
    lowest bin there is. `table`: one row a cell that is not empty, `begin`, `low_ms` (inclusive), `high_ms`, `n`.
    Raises `AppSentryError` when nothing has a response time.
    """
    of = subject(frame, application=application, since=since, until=until, zone=zone)
    times = timed(of.rows)
    cut = buckets(times, of, every)
    table = _table(times, cut)
    used = theme(look)
    return chart(
        _cells(of, table, cut, used),
        table=table,
        theme=used,
        title=f"Response times of {of.name}, counted",
        subject=of,
        xaxis={"type": "date", "showgrid": False},
        yaxis={"type": "log", "title": "ms", "showgrid": False},
    )


def _table(times: pd.DataFrame, cut: Buckets) -> pd.DataFrame:
    values = times["response_ms"].to_numpy(np.float64)
    positive = values[values > 0]
    lowest = positive.min() if len(positive) else 1.0
    # A bin's own lower edge is in it, although its logarithm may be a hair under the whole number.
    bins = np.floor(np.log10(np.maximum(values, max(lowest, _LEAST_MS))) * _BINS_A_DECADE + 1e-9).astype(np.int64)
    least = int(bins.min())
    height = int(bins.max()) - least + 1
    counts = np.bincount(cut.of_row * height + bins - least)
    cells = np.flatnonzero(counts)
    edge = cells % height + least
    return pd.DataFrame(
        {
            "begin": cut.begin[cells // height],
            "low_ms": 10.0 ** (edge / _BINS_A_DECADE),
            "high_ms": 10.0 ** ((edge + 1) / _BINS_A_DECADE),
            "n": counts[cells],
        }
    )


def _cells(of: Subject, table: pd.DataFrame, cut: Buckets, used: Theme) -> Any:
    """The table as a picture, coloured by the logarithm of the counts: one slow result in a million is still seen."""
    number, least = cut.begins // cut.step, cut.begins[0] // cut.step
    bins = np.rint(np.log10(table["low_ms"]) * _BINS_A_DECADE).to_numpy().astype(np.int64)
    column = np.repeat(number - least, table.groupby("begin", sort=False).size())
    counts = np.zeros((int(bins.max() - bins.min()) + 1, int(number[-1] - least) + 1), np.int32)
    counts[bins - bins.min(), column] = table["n"]
    with np.errstate(divide="ignore"):
        z = np.where(counts, np.log10(counts), np.nan).astype(np.float32)
    marks = [count for count in (1, 10, 100, 1_000, 10_000, 100_000) if count <= max(1, counts.max())]
    begins = pd.DatetimeIndex(pd.to_datetime((np.arange(counts.shape[1] + 1) + least) * cut.step, unit="us", utc=True))
    return go.Heatmap(
        x=of.wall_ms(begins),
        y=10.0 ** ((np.arange(counts.shape[0] + 1) + bins.min()) / _BINS_A_DECADE),
        z=z,
        customdata=counts,
        zmin=0,
        zmax=max(1.0, float(np.log10(counts.max()))),
        colorscale=[[0, used.counts[0]], [1, used.counts[1]]],
        colorbar={
            "title": {"text": "results"},
            "tickvals": np.log10(marks).tolist(),
            "ticktext": [f"{m:,}" for m in marks],
        },
        hovertemplate="%{x|%Y-%m-%d %H:%M:%S}<br>around %{y:.3g} ms<br>results: %{customdata}<extra></extra>",
    )
