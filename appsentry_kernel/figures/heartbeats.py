"""The last results of every application side by side, one sign each."""

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.rows import row_layout
from appsentry_kernel.figures.subject import Subject, Words, subject
from appsentry_kernel.figures.theme import SIGNS, Theme, ThemeName, theme
from appsentry_kernel.window import Moment

_MOST_DRAWN: Final = 4_000
"""More signs than this are too many for a notebook: many applications show fewer beats each."""

_COLUMNS: Final = ("application", "check", "beat", "ts", "status", "glyph", "response_ms", "failure")


def heartbeats(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    beats: int = 50,
    since: Moment | None = None,
    until: Moment | None = None,
    zone: str = "UTC",
    look: ThemeName | None = None,
) -> Chart:
    """The last `beats` results of each check, the newest at the right, one sign a status.

    A row an application; one that has several checks has a row for each. Columns are results, not time: beside each
    other stand the newest, whenever they were due. With more than eighty rows fewer beats are shown.

    `table`: one row a sign, `application`, `check`, `beat` (0 is the newest, -1 the one before it), `ts`, `status`,
    `glyph`, `response_ms`, `failure`. Raises `AppSentryError` for results without a status.
    """
    if beats < 1:
        raise ValueError(f"expected at least 1 beat, found beats={beats}")
    of = subject(frame, application=application, since=since, until=until, zone=zone)
    table, names = _table(of, beats)
    shown = int(-table["beat"].min()) + 1
    used = theme(look)
    return chart(
        *_traces(of, table, used),
        table=table.drop(columns="row"),
        theme=used,
        title=f"Last {shown} results of {of.name}" if shown > 1 else f"Last result of {of.name}",
        subject=of,
        xaxis={"title": "results, the newest at 0", "range": [0.5 - shown, 0.5], "showgrid": False, "zeroline": False},
        **row_layout(names),
    )


def _table(of: Subject, beats: int) -> tuple[pd.DataFrame, list[str]]:
    """The signs, each with its row's number, and the names of the rows."""
    rows = _judged(of)
    keys = [rows["application"], rows["check"]]
    groups = rows.groupby(keys, sort=True, dropna=False)
    beats = max(1, min(beats, _MOST_DRAWN // groups.ngroups))
    row, beat = groups.ngroup(), -groups.cumcount(ascending=False)
    glyphs = {status: sign.glyph for status, sign in SIGNS.items()}
    last = beat > -beats
    table = rows[last].assign(row=row[last], beat=beat[last])
    table["glyph"] = table["status"].map(glyphs).astype("str")
    table = table.sort_values(["row", "beat"])[[*_COLUMNS, "row"]].reset_index(drop=True)
    return table, _names(table)


def _judged(of: Subject) -> pd.DataFrame:
    """The results with every column that the table has. Raises `AppSentryError` when no account can count them."""
    if not of.account.parts:
        raise AppSentryError("this frame holds no result to draw: ask for a longer stretch of time")
    rows = of.rows[[name for name in _COLUMNS if name in of.rows]]
    kinds = {"check": "str", "response_ms": "float64", "failure": "str"}
    return rows.assign(
        **{name: pd.Series(np.nan, rows.index, dtype=kind) for name, kind in kinds.items() if name not in rows}
    )


def _names(table: pd.DataFrame) -> list[str]:
    rows = table.drop_duplicates("row")
    several = rows["application"].duplicated(keep=False)
    return [
        f"{name} · {check}" if more and isinstance(check, str) else name
        for name, check, more in zip(rows["application"], rows["check"], several, strict=True)
    ]


def _said(of: Subject, table: pd.DataFrame) -> list[str]:
    """When each was due, and how long it took."""
    responses = table["response_ms"].tolist()
    return [
        due if response != response else f"{due}, {response:.1f} ms"
        for due, response in zip(of.wall_text(table["ts"]), responses, strict=True)
    ]


def _traces(of: Subject, table: pd.DataFrame, used: Theme) -> list[Any]:
    traces = []
    for status, sign in SIGNS.items():
        mine = table[table["status"] == status]
        if len(mine):
            traces.append(
                go.Scatter(
                    x=mine["beat"].to_numpy(np.int16),
                    y=mine["row"].to_numpy(np.int16),
                    customdata=_said(of, mine),
                    name=status,
                    mode="markers",
                    marker={
                        "symbol": sign.symbol,
                        "size": 9,
                        "color": used.states[status],
                        "line": {"width": 1.5, "color": used.states[status]},
                    },
                    hovertemplate="%{y}<br>%{customdata}",
                )
            )
    return traces
