"""Uptime by day, a row an application, as status pages show it."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from appsentry_contract.accounting.policy import Policy
from appsentry_kernel.accounts.calendars import edges
from appsentry_kernel.accounts.instants import instant, instants, micros
from appsentry_kernel.accounts.targets import target_of
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.rows import legend_entry, row_layout
from appsentry_kernel.figures.subject import Subject, Words, subject
from appsentry_kernel.figures.theme import SIGNS, Theme, ThemeName, theme
from appsentry_kernel.window import Moment

_STATES: Final = ("up", "degraded", "down", "unknown", "excluded")
_FIGURES: Final = ("uptime", "uptime_low", "uptime_high", "down_s", "unknown_s", "excluded_s", "checks")
_NOON_MS: Final = 43_200_000


def daily(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    days: int = 90,
    target: float = 99.0,
    since: Moment | None = None,
    until: Moment | None = None,
    zone: str = "UTC",
    policy: str | Policy = "default",
    look: ThemeName | None = None,
) -> Chart:
    """Uptime of the last `days` days, which are those of `zone`, so that one may have 23 or 25 hours.

    A day is a cell: all up, at least `target` (in percent or a fraction), less, nothing known, or nothing that counts.
    A bar below says that a day has partial data: some of it is unknown, or the stretch cuts it. The range is under the
    pointer.

    `table`: one row an application and day, `application`, `day` (where it begins), `uptime`, `uptime_low`,
    `uptime_high` (fractions), `down_s`, `unknown_s`, `excluded_s`, `checks`, `cut` (the stretch does not cover it).
    """
    if days < 1:
        raise ValueError(f"expected at least 1 day, found days={days}")
    limit = target_of(target, "daily")
    assert limit is not None
    whole = subject(frame, application=application, since=since, until=until, zone=zone, policy=policy)
    marks = edges("day", whole.zone, micros(whole.since), micros(whole.until))[-days - 1 :]
    of = whole.cut(instant(marks[0])) if marks[0] > micros(whole.since) else whole
    table = _table(of, np.array(marks))
    used = theme(look)
    return chart(
        *_traces(of, table, limit / 100, used),
        table=table,
        theme=used,
        title=f"Uptime by day of {of.name}",
        subject=of,
        xaxis={"type": "date", "showgrid": False},
        **row_layout(list(of.account.parts)),
    )


def _table(of: Subject, marks: npt.NDArray[np.int64]) -> pd.DataFrame:
    cut = np.clip(marks, micros(of.since), micros(of.until))
    rows = [
        {"application": name, **{column: row[column] for column in _FIGURES}}
        for name, part in of.account.parts.items()
        for row in (figures.row(part.target) for figures in part.figures_between(cut))
    ]
    table = pd.DataFrame(rows).astype({"application": "str", **dict.fromkeys(_FIGURES[:-1], "float64")})
    apart = len(of.account.parts)
    table.insert(1, "day", instants(np.tile(marks[:-1], apart)).tz_convert(of.zone))
    table["cut"] = np.tile((cut[:-1] != marks[:-1]) | (cut[1:] != marks[1:]), apart)
    return table


def _codes(table: pd.DataFrame, limit: float) -> npt.NDArray[np.int8]:
    """Each day's place in `_STATES`."""
    uptime = table["uptime"].to_numpy()
    # A rounding error of a double is no downtime.
    known = np.where(uptime >= 1, 0, np.where(uptime >= limit - 1e-12, 1, 2))
    nothing = np.where(table["unknown_s"] > 0, 3, 4)
    return np.where(np.isnan(uptime), nothing, known).astype(np.int8)


def _traces(of: Subject, table: pd.DataFrame, limit: float, used: Theme) -> list[Any]:
    width = len(table) // len(of.account.parts)
    x = of.wall_ms(table["day"][:width]) + _NOON_MS
    codes = _codes(table, limit)
    place = np.arange(len(table))
    below = f"{limit * 100:g} %"
    names = ("all up", f"{below} or more", f"under {below}", "nothing known", "nothing counts")
    there = [code for code in range(len(_STATES)) if (codes == code).any()]
    traces = [_cells(x, codes, table, width, used)]
    for code in there:
        traces.append(legend_entry(_STATES[code], names[code], _colour(_STATES[code], used), rank=code))
        if _STATES[code] not in ("up", "unknown"):
            mine = place[codes == code]
            traces.append(_signs(x[mine % width], mine // width, _STATES[code], used))
    partial = place[((table["unknown_s"] > 0) | table["cut"]).to_numpy() & (codes != 3)]
    if len(partial):
        traces.append(_bars(x[partial % width], partial // width, used))
    return traces


def _colour(state: str, used: Theme) -> str:
    # Days of which nothing is known stand back, as empty cells do.
    return used.line if state == "unknown" else used.states[state]


def _cells(x: Any, codes: npt.NDArray[np.int8], table: pd.DataFrame, width: int, used: Theme) -> Any:
    steps = len(_STATES)
    scale = [
        [edge, _colour(state, used)]
        for code, state in enumerate(_STATES)
        for edge in (code / steps, (code + 1) / steps)
    ]
    return go.Heatmap(
        x=x,
        y=np.arange(len(codes) // width, dtype=np.int16),
        z=codes.reshape(-1, width),
        customdata=table[["uptime_low", "uptime_high"]].to_numpy(np.float32).reshape(-1, width, 2),
        zmin=-0.5,
        zmax=steps - 0.5,
        colorscale=scale,
        showscale=False,
        xgap=2,
        ygap=6,
        hovertemplate="%{y}<br>%{x|%Y-%m-%d}<br>%{customdata[0]:.3%} to %{customdata[1]:.3%}<extra></extra>",
    )


def _signs(x: Any, row: Any, state: str, used: Theme) -> Any:
    """The state's shape on its cell, for those who cannot tell the colour."""
    symbol = SIGNS[state].symbol
    marker = {"symbol": symbol, "size": 6, "color": used.back, "line": {"width": 1, "color": used.back}}
    return go.Scatter(x=x, y=row.astype(np.int16), mode="markers", marker=marker, showlegend=False, hoverinfo="skip")


def _bars(x: Any, row: Any, used: Theme) -> Any:
    marker = {"symbol": "line-ew", "size": 8, "line": {"width": 2, "color": used.text}}
    return go.Scatter(
        x=x,
        y=row.astype(np.float32) + np.float32(0.45),
        name="partial data",
        mode="markers",
        marker=marker,
        legendrank=len(_STATES),
        hoverinfo="skip",
    )
