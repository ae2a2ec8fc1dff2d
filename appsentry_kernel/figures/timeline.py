"""The states of applications over time, as bars."""

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import Integers
from appsentry_contract.accounting.timeline import STATES
from appsentry_kernel.accounts.instants import SECOND_US, instants, micros
from appsentry_kernel.figures.buckets import us
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.rows import row_layout
from appsentry_kernel.figures.subject import Subject, Words, subject
from appsentry_kernel.figures.theme import SIGNS, Theme, ThemeName, pattern, theme
from appsentry_kernel.window import Moment

_PIXELS: Final = (1_000, 500, 250, 125, 60, 30, 15)
"""How finely time is drawn: as a screen shows it, or coarser where that would be too many bars."""

_MOST_BARS: Final = 2_500

_SEEN: Final = 2
"""So many pixels wide a bar is at least."""

_PATTERNED: Final = 8
"""Narrower bars than so many pixels have their colour alone: a pattern would only dilute it."""

_HIGH: Final = 0.7
_HIGHER: Final = 0.95
"""Of a row: downtime stands out above and below, however narrow it is and whatever colours one can tell."""


def timeline(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    since: Moment | None = None,
    until: Moment | None = None,
    zone: str = "UTC",
    policy: str | Policy = "default",
    look: ThemeName | None = None,
) -> Chart:
    """What state each application was in under the policy, from its first instant to its last.

    What is shorter than a pixel is drawn wide enough to be seen, and several such stretches on end as one, in the worst
    of their states: no outage is too short to show. `table`: all of them as they are, `application`, `state`, `begin`,
    `end`, `seconds`.
    """
    of = subject(frame, application=application, since=since, until=until, zone=zone, policy=policy)
    table = of.account.states
    used = theme(look)
    return chart(
        *_traces(of, _bars(of, table), used),
        table=table,
        theme=used,
        title=f"States of {of.name}",
        subject=of,
        barmode="overlay",
        xaxis={"type": "date", "range": of.wall_ms([of.since, of.until]).tolist()},
        **row_layout(list(of.account.parts)),
    )


def _bars(of: Subject, table: pd.DataFrame) -> pd.DataFrame:
    """What is drawn: `row`, `begin`, `end` (microseconds), `code` in `STATES`, and of how many stretches, `n`.

    `lasts` is how long it really is, `patterned` says which bars are wide enough to carry a pattern.
    """
    row = pd.Index(list(of.account.parts)).get_indexer(pd.Index(table["application"]))
    code = pd.Index(STATES).get_indexer(pd.Index(table["state"]))
    begin, end = us(table["begin"]), us(table["end"])
    span = micros(of.until) - micros(of.since)
    for pixels in _PIXELS:
        pixel = max(1, span // pixels)
        bars = _merged(row, begin, end, code, pixel)
        if len(bars) <= _MOST_BARS:
            break
    wide = (bars["end"] - bars["begin"]) * _PIXELS[0] >= span * _PATTERNED
    least = max(pixel, _SEEN * span // _PIXELS[0])
    lasts = bars["end"] - bars["begin"]
    return bars.assign(end=np.maximum(bars["end"], bars["begin"] + least), lasts=lasts, patterned=wide)


def _merged(row: Any, begin: Integers, end: Integers, code: Any, pixel: int) -> pd.DataFrame:
    """Stretches as they are; those shorter than a pixel on end as one, as far as they begin in the same pixel."""
    short = end - begin < pixel
    joined = short[1:] & short[:-1] & (row[1:] == row[:-1]) & (begin[1:] // pixel == begin[:-1] // pixel)
    first = np.flatnonzero(np.concatenate(([True], ~joined)))
    worst, n = np.maximum.reduceat(code, first), np.diff(np.append(first, len(code)))
    begin, end, row = begin[first], end[np.append(first[1:], len(code)) - 1], row[first]
    again = np.flatnonzero(np.concatenate(([True], (worst[1:] != worst[:-1]) | (row[1:] != row[:-1]))))
    last = np.append(again[1:], len(row)) - 1
    return pd.DataFrame(
        {
            "row": row[again],
            "begin": begin[again],
            "end": end[last],
            "code": worst[again],
            "n": np.add.reduceat(n, again),
        }
    )


def _said(of: Subject, bars: pd.DataFrame) -> list[str]:
    """When each bar begins, how long it is, and whether it is made of several states."""
    begins = of.wall_text(instants(bars["begin"].to_numpy()))
    return [
        f"{begin}, {lasts / SECOND_US:,.0f} s" + (f", {n:,} states" if n > 1 else "")
        for begin, lasts, n in zip(begins, bars["lasts"].tolist(), bars["n"].tolist(), strict=True)
    ]


def _traces(of: Subject, bars: pd.DataFrame, used: Theme) -> list[Any]:
    """A trace a state, the worse the later, so that it lies on top of what it was widened over."""
    traces = []
    for code, state in enumerate(STATES):
        mine = bars[bars["code"] == code]
        if len(mine):
            begin, end = (of.wall_ms(instants(mine[edge].to_numpy())) for edge in ("begin", "end"))
            sign = SIGNS[state]
            shapes = np.where(mine["patterned"], sign.pattern, "").tolist() if sign.pattern else ""
            traces.append(
                go.Bar(
                    orientation="h",
                    base=begin,
                    # Where the clock is set back in it, an end may show an earlier time than its begin.
                    x=np.maximum(end - begin, 0),
                    y=mine["row"].to_numpy(np.int16),
                    customdata=_said(of, mine),
                    name=f"{sign.glyph} {state}",
                    legendrank=list(SIGNS).index(state),
                    width=_HIGHER if state == "down" else _HIGH,
                    marker={
                        "color": used.states[state],
                        "line": {"width": 0},
                        "pattern": pattern(shapes, used),
                    },
                    hovertemplate="%{y}<br>%{customdata}",
                )
            )
    return traces
