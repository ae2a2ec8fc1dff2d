"""A frame as a page shows it: rounded and named for readers, escaped, with the frame itself beside it."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any
from unicodedata import east_asian_width

import pandas as pd

from appsentry_contract.plain import plain

Shown = Mapping[str, tuple[str, Callable[[Any], str]]]
"""By column of the frame: its heading, and how a value is written."""

Made = Mapping[str, Callable[[Any], str]]
"""Columns that are none of the frame's, written from a whole row."""

_CELL = "padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.35);white-space:pre-line"


class Table:
    """What `sentry.tbl` gives: displayed it is a table to read, `frame` holds the values to go on with.

    `note` says of how many results it is, of which time, and how it was counted.
    """

    def __init__(self, frame: pd.DataFrame, *, title: str, note: str, shown: Shown, made: Made | None = None) -> None:
        self.frame = frame
        self.title = title
        self.note = note
        self._shown = shown
        self._made = made or {}

    def cells(self) -> list[list[str]]:
        """The rows as they are written, the headings first."""
        plain = self.frame.reset_index() if any(self.frame.index.names) else self.frame
        rows = list(plain.itertuples())
        columns = [
            [self._made[name](row) for row in rows] if name in self._made else plain[name].tolist()
            for name in self._shown
        ]
        written = [
            [write(value) for value in values] for (_, write), values in zip(self._shown.values(), columns, strict=True)
        ]
        return [[heading for heading, _ in self._shown.values()], *(list(row) for row in zip(*written, strict=True))]

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return "\n".join([plain(self.title), *_aligned(self.cells()), plain(self.note)])

    def _repr_html_(self) -> str:
        head, *rows = self.cells()
        body = "".join(f"<tr>{_row('td', row)}</tr>" for row in rows)
        return (
            "<div><table style='border-collapse:collapse;font-variant-numeric:tabular-nums'>"
            f"<caption style='text-align:left;font-weight:600;padding:2px 10px'>{escape(self.title)}</caption>"
            f"<thead><tr>{_row('th', head, ' scope=col')}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
            f"<div style='padding:2px 10px;opacity:.75'>{escape(self.note)}</div></div>"
        )


def _row(tag: str, cells: Sequence[str], more: str = "") -> str:
    aligned = ["left", *(["right"] * (len(cells) - 1))]
    return "".join(
        f"<{tag}{more} style='{_CELL};text-align:{side}'>{escape(cell)}</{tag}>"
        for cell, side in zip(cells, aligned, strict=True)
    )


def _aligned(rows: list[list[str]]) -> list[str]:
    flat = [[plain(" ".join(cell.split())) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*flat, strict=True)]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in flat
    ]


def _width(text: str) -> int:
    """How many columns of a terminal it takes."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)
