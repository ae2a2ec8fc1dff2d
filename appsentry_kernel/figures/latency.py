"""Response times over time: the median, the band most of them lie in, and the slowest hundredth."""

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.accounts.observations import Numbers
from appsentry_kernel.accounts.responses import quantile
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.subject import Subject, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.window import Moment

_QUANTILES: Final = {"p10_ms": 0.10, "p50_ms": 0.50, "p90_ms": 0.90, "p99_ms": 0.99}
_BUCKETS: Final = 240
_CARRY_BAND: Final = 12
_PASSED: Final = ("up", "degraded")
_STEPS_S: Final = (1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800)


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
    times = _times(of.rows)
    step = pd.Timedelta(every) if every else _step(times, of.since, of.until)
    table = _table(times, step)
    used = theme(look)
    name = of.applications[0] if len(of.applications) == 1 else f"{len(of.applications)} applications"
    return chart(
        *_traces(of, table, used),
        table=table,
        theme=used,
        title=f"Response times of {name}",
        subject=of,
        xaxis={"type": "date"},
        yaxis={"title": "ms", "rangemode": "tozero"},
    )


def _times(rows: pd.DataFrame) -> pd.DataFrame:
    if "response_ms" not in rows or not rows["response_ms"].notna().any():
        raise AppSentryError("no result of this frame has a response time")
    there = rows["response_ms"].notna()
    if "status" in rows and rows["status"].notna().any():
        there &= rows["status"].isin(_PASSED)
    if not there.any():
        raise AppSentryError("no result that passed has a response time")
    return rows.loc[there, ["ts", "response_ms"]]


def _step(times: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> pd.Timedelta:
    """As fine as a screen shows and as a band needs results for: ten a stretch, on average."""
    buckets = min(_BUCKETS, max(1, len(times) // _CARRY_BAND))
    wanted = (until - since).total_seconds() / buckets
    return pd.Timedelta(seconds=next((step for step in _STEPS_S if step >= wanted), _STEPS_S[-1]))


def _table(times: pd.DataFrame, step: pd.Timedelta) -> pd.DataFrame:
    """Quantiles by stretch; the rows are in order, so that each stretch is one slice."""
    begins = times["ts"].dt.floor(step)
    values = times["response_ms"].to_numpy(np.float64)
    starts = np.flatnonzero(np.r_[True, begins.to_numpy()[1:] != begins.to_numpy()[:-1]])
    rows: list[dict[str, Any]] = []
    for start, end in zip(starts, np.r_[starts[1:], len(values)], strict=True):
        part = values[start:end]
        quantiles = {name: quantile(part, q) if q > 0.5 else quantile(-part, 1 - q) for name, q in _QUANTILES.items()}
        quantiles = {name: None if value is None else abs(value) for name, value in quantiles.items()}
        rows.append({"begin": begins.iloc[start], "n": len(part), **quantiles, "max_ms": part.max()})
    return pd.DataFrame(rows).astype(dict.fromkeys((*_QUANTILES, "max_ms"), "float64"))


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
