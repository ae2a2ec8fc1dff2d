"""A figure with its twin: the table of what is drawn, so that nothing has to be read off a picture."""

from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from appsentry_kernel.figures.names import written
from appsentry_kernel.figures.subject import Subject
from appsentry_kernel.figures.theme import Theme

_LONGEST_TITLE: Final = 160


class Chart(go.Figure):  # type: ignore[misc]  # plotly is untyped
    """A Plotly figure, to be shown, changed and exported as any other.

    `table` holds what it shows as a frame: the same values, before any thinning out for the screen.
    """

    table: pd.DataFrame = pd.DataFrame()


def chart(*traces: Any, table: pd.DataFrame, theme: Theme, title: str, subject: Subject, **layout: Any) -> Chart:
    """Put a figure together: `title` over a line that says of how many results, of which time, and how counted.

    The title is plain text. What is in `traces` and `layout` is Plotly's: pass names through `written`.
    """
    drawn = Chart(data=list(traces))
    drawn.table = table
    axis = {
        "gridcolor": theme.line,
        "zerolinecolor": theme.line,
        "linecolor": theme.line,
        "title_font_color": theme.muted,
    }
    drawn.update_layout(
        template="none",
        paper_bgcolor=theme.back,
        plot_bgcolor=theme.back,
        font={"color": theme.text, "family": "system-ui, sans-serif", "size": 12},
        title={
            "text": written(title, _LONGEST_TITLE),
            "x": 0,
            "xref": "container",
            "pad": {"l": 16, "t": 12},
            "font": {"size": 16},
            "subtitle": {"text": written(subject.said(), _LONGEST_TITLE), "font": {"size": 12, "color": theme.muted}},
        },
        margin={"l": 64, "r": 24, "t": 84, "b": 72},
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0, "xanchor": "left"},
        hoverlabel={"bgcolor": theme.back, "font_color": theme.text},
    )
    drawn.update_xaxes(**axis)
    drawn.update_yaxes(**axis)
    drawn.update_layout(**layout)
    return drawn
