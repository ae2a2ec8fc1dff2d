"""Response times over time: the median, the band most of them lie in, and the slowest hundredth."""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.accounts.observations import Numbers
from appsentry_kernel.accounts.responses import quantile
from appsentry_kernel.figures.buckets import Buckets, buckets, timed
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.subject import Subject, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.window import Moment

_QUANTILES: Final = {"p10_ms": 0.10, "p50_ms": 0.50, "p90_ms": 0.90, "p99_ms": 0.99}


def latency(
    frame: pd.DataFrame,
    *,
    application: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    every: str | None = None,
    zone: str = "UTC",
    look: ThemeName | None = None,
) -> Chart:
    """The median of response times as a line, p10 to p90 as a band, p99 dotted, of stretches of `every`.

    Of results that passed, so that a refused connection does not look fast; without statuses of all. A quantile that
    too few results carry (`n (1 - q)` under one) is left out of line and table. `table`: one row a stretch, `begin`,
    `n`, `p10_ms`, `p50_ms`, `p90_ms`, `p99_ms`, `max_ms`. Raises `AppSentryError` when nothing has a response time.
    """
    of = subject(frame, application=application, since=since, until=until, zone=zone)
    times = timed(of.rows)
    table = _table(times, buckets(times, of, every))
    used = theme(look)
    return chart(
        *_traces(of, table, used),
        table=table,
        theme=used,
        title=f"Response times of {of.name}",
        subject=of,
        xaxis={"type": "date"},
        yaxis={"title": "ms", "rangemode": "tozero"},
    )


def _table(times: pd.DataFrame, cut: Buckets) -> pd.DataFrame:
    """Quantiles by stretch; the rows are in order, so that each stretch is one slice."""
    values = times["response_ms"].to_numpy(np.float64)
    columns: dict[str, list[float | None]] = {name: [] for name in (*_QUANTILES, "max_ms")}
    for start, end in pairwise(cut.bounds.tolist()):
        part = np.sort(values[start:end])
        for name, q in _QUANTILES.items():
            columns[name].append(quantile(part, q) if q > 0.5 else _negative(quantile(-part, 1 - q)))
        columns["max_ms"].append(float(part[-1]))
    return pd.DataFrame({"begin": cut.begin, "n": cut.n, **columns}).astype(dict.fromkeys(columns, "float64"))


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _traces(of: Subject, table: pd.DataFrame, used: Theme) -> list[Any]:
    x = of.wall_ms(table["begin"])
    colour, other = used.series[0], used.series[1]
    lines = [
        _band(x, table["p10_ms"].to_numpy(), table["p90_ms"].to_numpy(), colour),
        go.Scatter(x=x, y=table["p50_ms"].to_numpy(), name="p50", mode="lines", line={"color": colour, "width": 2}),
    ]
    if table["p99_ms"].notna().any():
        dotted = {"color": other, "width": 1.5, "dash": "dot"}
        lines.append(go.Scatter(x=x, y=table["p99_ms"].to_numpy(), name="p99", mode="lines", line=dotted))
    return lines


def _band(x: Numbers, low: Numbers, high: Numbers, colour: str) -> Any:
    """The area between two lines, with a hole where either is missing."""
    there = ~(np.isnan(low) | np.isnan(high))
    runs = np.split(np.arange(len(x)), np.flatnonzero(np.diff(there.astype(np.int8))) + 1)
    around: list[Numbers] = []
    outline: list[Numbers] = []
    for run in runs:
        if there[run[0]]:
            around += [x[run], x[run][::-1], np.array([np.nan])]
            outline += [high[run], low[run][::-1], np.array([np.nan])]
    shade = f"rgba({', '.join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))}, 0.25)"
    return go.Scatter(
        x=np.concatenate([*around, np.empty(0)]),
        y=np.concatenate([*outline, np.empty(0)]),
        name="p10 to p90",
        mode="none",
        fill="toself",
        fillcolor=shade,
        hoverinfo="skip",
    )
