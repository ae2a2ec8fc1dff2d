"""Two stretches of response times held against each other: how they are distributed, and how sure the difference is."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.accounts.observations import Numbers
from appsentry_kernel.accounts.responses import quantile
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.buckets import timed
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.names import written
from appsentry_kernel.figures.subject import Subject, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.figures.thinning import kept

if TYPE_CHECKING:
    from appsentry_kernel.run import Run

COMPARE: Final = {
    "before_ms": "float64",
    "before_low_ms": "float64",
    "before_high_ms": "float64",
    "after_ms": "float64",
    "after_low_ms": "float64",
    "after_high_ms": "float64",
    "difference_ms": "float64",
    "difference_low_ms": "float64",
    "difference_high_ms": "float64",
    "n_before": "int64",
    "n_after": "int64",
    "sure": "str",
}
"""Indexed by quantile: p50, p95. `low` and `high` are bounds of 95 % intervals; `sure` is slower or faster where that
of the difference does not contain 0, else cannot tell. All are missing where n cannot carry the quantile."""

_QUANTILES: Final = {"p50": 0.5, "p95": 0.95}
_LEAST_MS: Final = 1e-3
"""No axis of powers of ten has a nought; nothing answers in less than a microsecond."""

_DRAWS: Final = 4_000
_SEED: Final = 1_979
_BOUNDS: Final = (0.025, 0.975)


def compare(
    before: "pd.DataFrame | Run",
    after: "pd.DataFrame | Run | None" = None,
    *,
    at: "str | pd.Timestamp | None" = None,
    application: str | None = None,
    names: tuple[str, str] = ("before", "after"),
    zone: str = "UTC",
    look: ThemeName | None = None,
) -> Chart:
    """The distributions of response times before and after, with p50 and p95 and their 95 % intervals.

    Two frames or runs, or one frame and the instant `at` which what came after begins. Of results that passed. The
    intervals are of the bootstrap, which takes results as independent of each other; they are the same each time.
    `table`: see `compare.COMPARE`. Raises `AppSentryError` when either has no response time.
    """
    sides = _sides(before, after, at)
    about = subject(pd.concat(sides), application=application, zone=zone)
    times = [_times(side, application, name) for side, name in zip(sides, names, strict=True)]
    table, used = _table(*times), theme(look)
    return chart(
        *(
            trace
            for place, (name, values) in enumerate(zip(names, times, strict=True))
            for trace in _traces(name, values, table, place, used)
        ),
        table=table,
        theme=used,
        title=f"Response times of {_named(about)}, {names[0]} and {names[1]}",
        subject=about,
        xaxis={"title": "ms", "type": "log", "tickvals": _ticks(*times)},
        yaxis={"title": "share of results", "tickformat": ".0%", "range": [0, 1.02]},
    )


def _ticks(*times: Numbers) -> list[float]:
    """1, 2 and 5 of every power of ten: what Plotly itself writes on such an axis lacks its power."""
    low, high = (int(np.floor(np.log10(edge))) for edge in (min(map(np.min, times)), max(map(np.max, times))))
    return [step * 10.0**power for power in range(low, high + 1) for step in (1, 2, 5)]


def _named(about: Subject) -> str:
    names = sorted(about.rows["application"].unique())
    return names[0] if len(names) == 1 else f"{len(names)} applications"


def _sides(before: "pd.DataFrame | Run", after: "pd.DataFrame | Run | None", at: Any) -> list[pd.DataFrame]:
    if (after is None) == (at is None):
        raise AppSentryError("compare two frames or runs, or one frame and the instant that parts it: at=")
    frames = [one if isinstance(one, pd.DataFrame) else one.results for one in (before, after) if one is not None]
    if at is None:
        return frames
    instant = pd.Timestamp(at)
    if instant.tz is None:
        raise ValueError(f"at={at!r} names no offset from UTC: append Z")
    (frame,) = frames
    return [frame[frame["ts"] < instant], frame[frame["ts"] >= instant]]


def _times(side: pd.DataFrame, application: str | None, name: str) -> Numbers:
    try:
        rows = subject(side, application=application).rows
        values = timed(rows)["response_ms"].to_numpy(np.float64)
        return np.sort(np.maximum(values, _LEAST_MS))
    except AppSentryError as error:
        raise AppSentryError(f"{name}: {error}") from error


def _table(before: Numbers, after: Numbers) -> pd.DataFrame:
    random = np.random.default_rng(_SEED)
    rows = [_row(before, after, q, random) for q in _QUANTILES.values()]
    return pd.DataFrame(rows, index=pd.Index(list(_QUANTILES), name="quantile")).astype(COMPARE)


def _row(before: Numbers, after: Numbers, q: float, random: np.random.Generator) -> dict[str, Any]:
    values = quantile(before, q), quantile(after, q)
    row: dict[str, Any] = dict.fromkeys(COMPARE, np.nan)
    row |= {"n_before": len(before), "n_after": len(after), "sure": "cannot tell"}
    drawn = [_drawn(side, q, random) for side in (before, after)]
    for name, value, draws in zip(("before", "after"), values, drawn, strict=True):
        if value is not None:
            low, high = np.quantile(draws, _BOUNDS)
            row |= {f"{name}_ms": value, f"{name}_low_ms": low, f"{name}_high_ms": high}
    if values[0] is not None and values[1] is not None:
        low, high = np.quantile(drawn[1] - drawn[0], _BOUNDS)
        row |= {"difference_ms": values[1] - values[0], "difference_low_ms": low, "difference_high_ms": high}
        row["sure"] = "slower" if low > 0 else "faster" if high < 0 else "cannot tell"
    return row


def _drawn(ordered: Numbers, q: float, random: np.random.Generator) -> Numbers:
    """The quantile of as many bootstrap samples, without drawing the samples.

    The k-th least of n values drawn with replacement is the value at the place `ceil(n U)`, where U is the k-th least
    of n uniform numbers, which is Beta(k, n - k + 1) distributed (Efron, Annals of Statistics 1979, section 3).
    """
    n = len(ordered)
    k = min(n, max(1, round(q * (n - 1)) + 1))
    places = np.ceil(n * random.beta(k, n - k + 1, _DRAWS)).astype(np.intp) - 1
    return ordered[np.clip(places, 0, n - 1)]


def _traces(name: str, ordered: Numbers, table: pd.DataFrame, place: int, used: Theme) -> list[Any]:
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    places = kept(share, ordered)
    colour, dash = used.series[place], ("solid", "dash")[place]
    side = ("before", "after")[place]
    values, low, high = (table[f"{side}_{which}"] for which in ("ms", "low_ms", "high_ms"))
    label = written(f"{name}, n = {len(ordered):,}")
    line = {"color": colour, "dash": dash, "shape": "hv"}
    marker = {"color": colour, "size": 9, "symbol": ("circle", "square")[place]}
    error = {"array": (high - values).to_numpy(), "arrayminus": (values - low).to_numpy(), "color": colour, "width": 6}
    return [
        go.Scatter(x=ordered[places], y=share[places], name=label, mode="lines", line=line),
        go.Scatter(
            x=values.to_numpy(),
            y=list(_QUANTILES.values()),
            name=written(f"{name}: p50, p95 and 95 % interval"),
            mode="markers",
            marker=marker,
            error_x={"type": "data", "symmetric": False, **error},
        ),
    ]
