"""An incident: who was down when, and in which windows they may have failed."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_contract.accounting.timeline import STATES
from appsentry_kernel.accounts.instants import instants, micros
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.names import written
from appsentry_kernel.figures.subject import Subject
from appsentry_kernel.figures.theme import SIGNS, Theme, ThemeName, pattern, theme

if TYPE_CHECKING:
    from appsentry_kernel.incident.incident import Incident

_AROUND: Final = 0.15
"""What is shown before the earliest onset and after the end, as a share of what lies between."""

_HEIGHT: Final = 44


def incident(of: "Incident", *, look: ThemeName | None = None) -> Chart:
    """A lane an application, in the order of probing: its states, and the window in which it failed under them.

    Windows that overlap are why nobody can say who was first. What was down beside it, too few times for an outage or
    as a signal, has a lane of marks. `table` is the incident's `onsets`.
    """
    used = theme(look)
    since, until = _stretch(of)
    about = _subject(of, since, until)
    others = of.cofailing.loc[~of.cofailing["outage"], "application"].tolist()
    lanes = [*of.applications, *others]
    first = "which first cannot be told (tie)" if of.first == "tie" else f"first {of.first}"
    title = f"Incident: {len(of.applications)} down, {first}"
    return chart(
        *_states(of, since, until, about, used),
        *_windows(of, about, used),
        *_marks(of, lanes, about, used),
        table=of.onsets,
        theme=used,
        title=title,
        subject=about,
        height=200 + _HEIGHT * len(lanes),
        barmode="overlay",
        margin={"l": 220, "r": 24, "t": 84, "b": 88},
        xaxis={"type": "date", "range": about.wall_ms([since, until]).tolist()},
        yaxis={
            "tickvals": list(range(len(lanes))),
            "ticktext": [written(name, 30) for name in lanes],
            "range": [len(lanes) - 0.4, -0.6],
            "zeroline": False,
            "showgrid": False,
        },
    )


def _stretch(of: "Incident") -> tuple[pd.Timestamp, pd.Timestamp]:
    begin = of.began if of.began_after is None else of.began_after
    end = of.began + of.duration
    edge = max((end - begin) * _AROUND, pd.Timedelta(seconds=10))
    return begin - edge, end + edge


def _subject(of: "Incident", since: pd.Timestamp, until: pd.Timestamp) -> Subject:
    history = of.rows[of.rows["application"].isin(of.applications) & ~of.signals]
    rows = history[(history["ts"] >= since) & (history["ts"] < until)]
    return Subject(rows=rows, history=history, since=since, until=until, zone=of.zone, policy=of.account.policy)


def _states(of: "Incident", since: pd.Timestamp, until: pd.Timestamp, about: Subject, used: Theme) -> list[Any]:
    """A trace a state, so that the legend has each once; a pattern says it beside the colour."""
    bars: dict[str, list[tuple[int, float, float]]] = {}
    for lane, name in enumerate(of.applications):
        part = of.account.parts[name].reading.timeline.within(*(micros(one.to_pydatetime()) for one in (since, until)))
        part = part.merged()
        edges = about.wall_ms(instants(part.edges))
        for state, begin, end in zip(part.states.tolist(), edges[:-1], edges[1:], strict=True):
            bars.setdefault(STATES[state], []).append((lane, float(begin), float(end - begin)))
    return [
        go.Bar(
            orientation="h",
            y=[lane for lane, _, _ in bars[state]],
            base=[begin for _, begin, _ in bars[state]],
            x=[length for _, _, length in bars[state]],
            width=0.42,
            name=f"{sign.glyph} {state}",
            marker={"color": used.states[state], "pattern": pattern(sign.pattern, used)},
            hoverinfo="name",
        )
        for state, sign in SIGNS.items()
        if state in bars
    ]


def _windows(of: "Incident", about: Subject, used: Theme) -> list[Any]:
    """From the last good result to the first bad one, a line with an end at either side under the lane's bar."""
    x: list[float] = []
    y: list[float] = []
    begins, ends = of.onsets["last_good"].fillna(about.since), of.onsets["first_bad"]
    for lane, (begin, end) in enumerate(zip(about.wall_ms(begins), about.wall_ms(ends), strict=True)):
        x += [begin, end, np.nan]
        y += [lane + 0.34, lane + 0.34, np.nan]
    line = {"color": used.text, "width": 2}
    marker = {"symbol": "line-ns", "size": 10, "line": {"color": used.text, "width": 2}}
    return [go.Scatter(x=x, y=y, mode="lines+markers", line=line, marker=marker, name="may have failed")]


def _marks(of: "Incident", lanes: list[str], about: Subject, used: Theme) -> list[Any]:
    down = of.rows[of.rows["application"].isin(lanes[len(of.applications) :]) & (of.rows["status"] == "down")]
    down = down[(down["ts"] >= about.since) & (down["ts"] < about.until)]
    if not len(down):
        return []
    marker = {"symbol": SIGNS["blip"].symbol, "size": 9, "color": used.states["unknown"], "line": {"width": 2}}
    y = [lanes.index(name) for name in down["application"]]
    return [go.Scatter(x=about.wall_ms(down["ts"]), y=y, mode="markers", marker=marker, name="down, not an outage")]
