"""Response times with what changes in them: levels, spreads, and single ones that are out."""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.accounts.observations import Numbers
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.names import written
from appsentry_kernel.figures.subject import Subject, subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.figures.thinning import kept
from appsentry_kernel.incident.changes import Changes, Responses
from appsentry_kernel.incident.changes import changes as found_in
from appsentry_kernel.incident.scan import MAD_TO_SIGMA

_DASHES: Final = {"level": "solid", "spread": "dash"}


def changes(
    history: "pd.DataFrame | pd.Series[Any] | Changes",
    *,
    application: str | None = None,
    check: str | None = None,
    zone: str = "UTC",
    look: ThemeName | None = None,
) -> Chart:
    """Response times of one check, the median between changes and the band of a robust standard deviation around it.

    A solid line marks a change of level, a dashed one a change of spread, a cross an anomaly. `table` is that of
    `sentry.changes`, for this check. Raises `AppSentryError` when there are several checks and none is named.
    """
    found = history if isinstance(history, Changes) else found_in(history, application=application)
    of = _the_one(found, application, check)
    mine = (found.table["application"] == of.application) & (found.table["check"] == of.check)
    out = (found.anomalies["application"] == of.application) & (found.anomalies["check"] == of.check)
    table, anomalies = found.table[mine].reset_index(drop=True), found.anomalies[out]
    about = subject(
        pd.DataFrame({"ts": of.at, "application": of.application, "response_ms": np.exp(of.log)}), zone=zone
    )
    used = theme(look)
    return chart(
        *_traces(of, table, anomalies, about, used),
        table=table,
        theme=used,
        title=f"Changes in the response times of {of.application or 'one check'}",
        subject=about,
        xaxis={"type": "date"},
        yaxis={"title": "ms", "type": "log"},
        shapes=[_line(row, about, used) for row in table.itertuples()],
        annotations=[_note(row, about) for row in table.itertuples()],
    )


def _the_one(found: Changes, application: str | None, check: str | None) -> Responses:
    wanted = [one for one in found.responses if application in (None, one.application) and check in (None, one.check)]
    if len(wanted) == 1:
        return wanted[0]
    there = ", ".join(f"{one.application}/{one.check}" for one in found.responses) or "none"
    raise AppSentryError(f"this figure is of one check: name it, application=... and check=...; there are {there}")


def _traces(of: Responses, table: pd.DataFrame, anomalies: pd.DataFrame, about: Subject, used: Theme) -> list[Any]:
    x, y = about.wall_ms(of.at), np.exp(of.log)
    places = kept(x, y)
    level = np.searchsorted(of.at, table["at"])
    traces = [
        go.Scatter(
            x=x[places],
            y=y[places],
            name="response times",
            mode="markers",
            marker={"color": used.series[0], "size": 3, "opacity": 0.5},
        )
    ]
    traces += _levels(of, x, [0, *sorted(set(level.tolist())), len(x)], used)
    if len(anomalies):
        marker = {"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": used.states["down"]}}
        at = [about.wall_ms([row.begin])[0] for row in anomalies.itertuples()]
        said = [written(f"{row.n} out, z = {row.z:.1f}") for row in anomalies.itertuples()]
        values = anomalies["worst_ms"].to_numpy()
        traces.append(go.Scatter(x=at, y=values, name="anomalies", mode="markers", marker=marker, text=said))
    return traces


def _levels(of: Responses, x: Numbers, edges: list[int], used: Theme) -> list[Any]:
    """The median of each stretch between changes, and the band around it."""
    lines: dict[str, list[float]] = {"median": [], "one deviation around it": [], "": []}
    over: list[float] = []
    for start, end in pairwise(edges):
        part = of.log[start:end]
        middle = float(np.median(part))
        sigma = MAD_TO_SIGMA * float(np.median(np.abs(part - middle)))
        over += [x[start], x[end - 1], np.nan]
        for line, at in zip(lines.values(), (middle, middle - sigma, middle + sigma), strict=True):
            line.extend([float(np.exp(at))] * 2 + [np.nan])
    bold = {"color": used.series[1], "width": 2}
    thin = {"color": used.series[1], "width": 1, "dash": "dot"}
    return [
        go.Scatter(
            x=over, y=values, name=name, mode="lines", line=bold if name == "median" else thin, showlegend=bool(name)
        )
        for name, values in lines.items()
    ]


def _line(row: Any, about: Subject, used: Theme) -> dict[str, Any]:
    at = float(about.wall_ms([row.at])[0])
    line = {"color": used.text, "width": 1.5, "dash": _DASHES[row.kind]}
    return {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _note(row: Any, about: Subject) -> dict[str, Any]:
    """What a line stands for, beside its upper end."""
    said = f"level ×{row.factor:.2f}" if row.kind == "level" else f"spread ×{row.spread_factor:.1f}"
    at = float(about.wall_ms([row.at])[0])
    place = {"x": at, "xanchor": "right", "y": 1 if row.kind == "level" else 0.93, "yref": "paper", "yanchor": "top"}
    return {**place, "text": said, "showarrow": False}
