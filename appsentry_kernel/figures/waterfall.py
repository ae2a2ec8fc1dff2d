"""How one policy arrives at another downtime than another: cause by cause, as a waterfall."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.accounts.comparison import Comparison
from appsentry_kernel.figures.chart import Chart, chart
from appsentry_kernel.figures.counted import counted_subject, the_one
from appsentry_kernel.figures.names import written
from appsentry_kernel.figures.theme import ThemeName, theme
from appsentry_kernel.tables.words import duration


def waterfall(comparison: Comparison, *, application: str | None = None, look: ThemeName | None = None) -> Chart:
    """The downtimes of both policies of `sentry.compare` as bars, and between them what each cause adds or takes.

    `table`: one row a bar, `label`, `kind` (total, cause), `seconds`, and `level_s`, the downtime it leads to. Raises
    `AppSentryError` when the comparison has several applications and none, or none of them, is named.
    """
    name = the_one([str(one) for one in comparison.downtime.index], application)
    table = _table(comparison, name)
    used = theme(look)
    total = table["kind"] == "total"
    bars = go.Waterfall(
        x=np.arange(len(table)),
        y=table["seconds"].to_numpy(),
        measure=np.where(total, "absolute", "relative").tolist(),
        increasing={"marker": {"color": used.states["down"]}},
        decreasing={"marker": {"color": used.states["up"]}},
        totals={"marker": {"color": used.states["unknown"]}},
        connector={"line": {"color": used.line}},
        showlegend=False,
    )
    said = go.Scatter(
        x=np.arange(len(table)),
        y=np.maximum(table["level_s"], table["level_s"].shift(fill_value=0)),
        text=[_said(kind, seconds) for kind, seconds in zip(table["kind"], table["seconds"], strict=True)],
        mode="text",
        textposition="top center",
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    a, b = comparison.a.policy.name, comparison.b.policy.name
    return chart(
        bars,
        said,
        table=table,
        theme=used,
        title=f"Downtime of {name}: {a} against {b}",
        subject=counted_subject(comparison.a, [name]),
        yaxis={"title": "seconds of downtime", "rangemode": "tozero"},
        xaxis={"tickvals": list(range(len(table))), "ticktext": [written(label) for label in table["label"]]},
    )


def _table(comparison: Comparison, name: str) -> pd.DataFrame:
    causes = comparison.table[comparison.table["application"] == name]
    a, b = comparison.downtime.loc[name].to_numpy(np.float64).tolist()
    steps = causes["seconds"].to_numpy()
    return pd.DataFrame(
        {
            "label": [comparison.a.policy.name, *causes["cause"], comparison.b.policy.name],
            "kind": ["total", *["cause"] * len(steps), "total"],
            "seconds": [a, *steps, b],
            "level_s": [a, *(a + np.cumsum(steps)), b],
        }
    )


def _said(kind: str, seconds: float) -> str:
    """The sign says it beside the colour."""
    if kind == "total" or not seconds:
        return duration(seconds)
    return f"{'▲ +' if seconds > 0 else '▼ −'}{duration(abs(seconds))}"
