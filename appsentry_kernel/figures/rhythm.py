"""The week by hour: when applications are down, or slow."""

from calendar import day_name
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.tally import bad_and_known
from appsentry_kernel.accounts.calendars import edges
from appsentry_kernel.accounts.instants import instants, micros
from appsentry_kernel.accounts.responses import quantile
from appsentry_kernel.figures.buckets import timed
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.subject import Subject, Words, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.window import Moment

Show = Literal["downtime", "p95"]

_HOURS: Final = 24
_CELLS: Final = 7 * _HOURS


def rhythm(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    show: Show = "downtime",
    since: Moment | None = None,
    until: Moment | None = None,
    zone: str = "UTC",
    policy: str | Policy = "default",
    look: ThemeName | None = None,
) -> Chart:
    """Each hour of the week on the clock of `zone`: its downtime as a share of known time, or its p95 response time.

    Several applications are taken together, second by second or result by result. A cell is empty where nothing is
    known, or where n does not carry a p95 (under 20). `table`: one row a cell, `weekday` (Monday is 0), `hour`, then
    `known_s`, `down_s`, `share` or `n`, `p95_ms`. Downtime weighs as the policy says; the hour that a clock shows twice
    counts twice. Raises `ValueError` for another `show`.
    """
    if show not in ("downtime", "p95"):
        raise ValueError(f"expected show to be downtime or p95, found {show!r}")
    of = subject(frame, application=application, since=since, until=until, zone=zone, policy=policy)
    cells = pd.DataFrame({"weekday": np.repeat(np.arange(7), _HOURS), "hour": np.tile(np.arange(_HOURS), 7)})
    table = cells.assign(**(_downtime(of) if show == "downtime" else _slowness(of)))
    used = theme(look)
    return chart(
        _picture(table, show, used),
        table=table,
        theme=used,
        title=f"{'Downtime' if show == 'downtime' else 'p95'} by hour of the week of {of.name}",
        subject=of,
        height=380,
        xaxis={"title": f"hour, {of.zone.key}", "dtick": 3, "showgrid": False, "zeroline": False},
        yaxis={
            "range": [6.5, -0.5],
            "tickvals": list(range(7)),
            "ticktext": list(day_name),
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
        },
    )


def _cell(of: Subject, at: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    local = at.tz_convert(of.zone)
    return (local.day_of_week * _HOURS + local.hour).to_numpy(np.int64)


def _downtime(of: Subject) -> dict[str, Any]:
    marks = np.clip(edges("hour", of.zone, micros(of.since), micros(of.until)), micros(of.since), micros(of.until))
    cell = _cell(of, instants(marks[:-1]))
    bad, known = np.zeros(_CELLS), np.zeros(_CELLS)
    for part in of.account.parts.values():
        spent = np.diff(part.reading.timeline.spent(marks), axis=0)
        bad_us, known_us = bad_and_known(spent, part.policy)
        bad += np.bincount(cell, weights=bad_us, minlength=_CELLS) / 1e6
        known += np.bincount(cell, weights=known_us, minlength=_CELLS) / 1e6
    with np.errstate(invalid="ignore"):
        return {"known_s": known, "down_s": bad, "share": bad / known}


def _slowness(of: Subject) -> dict[str, Any]:
    rows = timed(of.rows)
    cell = _cell(of, pd.DatetimeIndex(rows["ts"]))
    order = np.argsort(cell, kind="stable")
    values = rows["response_ms"].to_numpy(np.float64)[order]
    n = np.bincount(cell, minlength=_CELLS)
    parts = np.split(values, np.cumsum(n)[:-1])
    return {"n": n, "p95_ms": np.array([quantile(part, 0.95) for part in parts], np.float64)}


def _picture(table: pd.DataFrame, show: Show, used: Theme) -> Any:
    z = table["share" if show == "downtime" else "p95_ms"].to_numpy().reshape(7, _HOURS)
    form = "%{z:.2~p}" if show == "downtime" else "%{z:.3~s}"
    of_what = "down" if show == "downtime" else "p95, ms"
    beside = table["known_s" if show == "downtime" else "n"].to_numpy(np.float64).reshape(7, _HOURS)
    more = "known: %{customdata:,.0f} s" if show == "downtime" else "n = %{customdata:,.0f}"
    return go.Heatmap(
        z=z,
        customdata=beside,
        zmin=0 if show == "downtime" or np.isnan(z).all() else float(np.nanmin(z)),
        zmax=float(np.nanmax(z, initial=0.0)) or 1.0,
        colorscale=[[0, used.back], [1, used.counts[1]]],
        texttemplate=form,
        textfont={"size": 9},
        xgap=1,
        ygap=1,
        colorbar={"title": {"text": of_what}, "tickformat": ".2~p" if show == "downtime" else ""},
        hovertemplate=f"%{{y}} %{{x}}:00<br>{form} {of_what}<br>{more}<extra></extra>",
    )
