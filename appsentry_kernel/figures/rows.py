"""Figures with a row an application: how high they are, and what stands beside each row."""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from appsentry_kernel.figures.names import written
from appsentry_kernel.figures.theme import SIGNS

_ROW_PX: Final = 22
_AROUND_PX: Final = 200


def row_layout(names: Sequence[str]) -> dict[str, Any]:
    """Row 0 at the top, each with its name; the figure as high as the rows need."""
    return {
        "height": _AROUND_PX + _ROW_PX * len(names),
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": [written(name, 32) for name in names],
            "range": [len(names) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
    }


def legend_entry(state: str, name: str, colour: str, *, rank: int) -> Any:
    """A trace that draws nothing: a colour and the state's glyph in the legend."""
    return go.Scatter(
        x=[None],
        y=[None],
        name=f"{SIGNS[state].glyph} {name}",
        mode="markers",
        marker={"symbol": "square", "size": 11, "color": colour},
        legendrank=rank,
    )
