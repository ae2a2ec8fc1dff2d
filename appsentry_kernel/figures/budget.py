"""An error budget over time: what is left of it, and how fast it burns."""

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.tally import bad_and_known
from appsentry_contract.accounting.timeline import STATE_DOWN
from appsentry_kernel.accounts.account import Account, account
from appsentry_kernel.accounts.instants import instants
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.rules import WORKBOOK
from appsentry_kernel.accounts.targets import Targets
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.counted import counted_subject, the_one
from appsentry_kernel.figures.subject import Subject
from appsentry_kernel.figures.theme import Theme, ThemeName, theme
from appsentry_kernel.window import Moment

OVER: Final = ("1h", "6h", "1d", "3d")
"""The long stretches of the Google SRE workbook's alerts, whose factors are drawn beside them."""

_POINTS: Final = 600
_DASHES: Final = ("solid", "dash", "dashdot", "dot")


def budget(
    of: pd.DataFrame | Account,
    policy: str | Policy = "default",
    *,
    application: str | None = None,
    targets: Targets = None,
    since: Moment | None = None,
    until: Moment | None = None,
    look: ThemeName | None = None,
) -> Chart:
    """What is left of the error budget of the whole window, above the burn rates over 1 h, 6 h, 1 d and 3 d.

    Of a frame or an account, which has its window and targets. Burn rates have a logarithmic axis, on which a rate of
    nothing is a hole; the lines across it are the factors of `BurnRate`. `table`: one row an instant, `at`, `remaining`
    (a fraction of the budget), `burn_1h`, `burn_6h`, `burn_1d`, `burn_3d`. Raises `AppSentryError` where nothing is
    promised, or the application is not named among several.
    """
    counted = of if isinstance(of, Account) else account(of, policy, since=since, until=until, targets=targets)
    name = the_one(list(counted.parts), application)
    part = counted.parts[name]
    allowed = part.figures.budget.allowed
    if part.target is None or allowed is None:
        raise AppSentryError(f"nothing is promised of {name}, or nothing is accountable: give targets=99.9")
    table = _table(counted, name, float(allowed))
    subject, used = counted_subject(counted, [name]), theme(look)
    return chart(
        *_traces(table, subject, used),
        table=table,
        theme=used,
        title=f"Error budget of {name}, {part.target:g} %",
        subject=subject,
        xaxis={"type": "date", "anchor": "y2"},
        yaxis={"title": "budget left", "tickformat": ".0%", "domain": [0.56, 1]},
        yaxis2={"title": "burn rate", "type": "log", "dtick": 1, "domain": [0, 0.46], "gridcolor": used.line},
        shapes=_limits(used),
    )


def _table(counted: Account, name: str, allowed: float) -> pd.DataFrame:
    part = counted.parts[name]
    even = np.linspace(part.since, part.until, _POINTS).round().astype(np.int64)
    # Where downtime begins and ends, what is left and what burns are at their corners.
    down = np.flatnonzero(part.timeline.states == STATE_DOWN)
    us = np.unique(np.concatenate((even, part.timeline.edges[down], part.timeline.edges[down + 1])))
    at = instants(us)
    bad = _bad(part, us)
    columns = {"at": at, "remaining": 1 - bad / allowed}
    for over in OVER:
        columns[f"burn_{over}"] = counted.burn_rate(over, at)[name].to_numpy()
    return pd.DataFrame(columns)


def _bad(part: Part, us: Any) -> Any:
    """Microseconds of the budget consumed by each instant; by count, as large a share of known time as of results."""
    time = part.reading.timeline.spent(us)
    bad, known = bad_and_known(time, part.policy)
    if part.policy.weighting == "count":
        results, of = bad_and_known(part.reading.made(us), part.policy)
        bad = np.divide(results, of, out=np.zeros(len(us)), where=of > 0) * known
    return bad


def _traces(table: pd.DataFrame, subject: Subject, used: Theme) -> list[Any]:
    x = subject.wall_ms(table["at"])
    line = {"color": used.text, "width": 2}
    traces = [go.Scatter(x=x, y=table["remaining"].to_numpy(), name="left", mode="lines", line=line, showlegend=False)]
    for over, colour, dash in zip(OVER, used.series, _DASHES, strict=False):
        rate = table[f"burn_{over}"].to_numpy()
        traces.append(
            go.Scatter(
                x=x,
                y=np.where(rate > 0, rate, np.nan),
                name=f"burn rate over {over}",
                mode="lines",
                line={"color": colour, "width": 1.5, "dash": dash},
                yaxis="y2",
            )
        )
    return traces


def _limits(used: Theme) -> list[dict[str, Any]]:
    """Nothing left, above; below, the factors at which the workbook alerts."""
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": {"color": used.states["down"], "width": 1}}
    factors = [(factor.factor, factor.long) for factor in WORKBOOK]
    return [
        {**across, "y0": 0, "y1": 0},
        *(
            {
                **across,
                "yref": "y2",
                "y0": factor,
                "y1": factor,
                "line": {"color": used.muted, "width": 1, "dash": "dot"},
                "label": {
                    "text": f"{factor:g} over {over}",
                    "textposition": "end",
                    "font": {"size": 10, "color": used.muted},
                },
            }
            for factor, over in factors
        ),
    ]
