"""How figures look: two themes, and one sign, colour and name for every state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The colours of a figure. Text on `back` has a contrast of at least 4.5, lines and marks of at least 3."""

    name: ThemeName
    back: str
    text: str
    muted: str
    line: str
    series: tuple[str, ...]
    """For lines that are told apart: Okabe and Ito's palette, which colour-blind people can tell apart."""
    states: Mapping[str, str]
    counts: tuple[str, str]
    """From little to much. Lightness alone says which, so that it needs no eye for colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What stands for a state beside its colour."""

    glyph: str
    symbol: str
    """Plotly's name of a marker."""
    pattern: str
    """Plotly's name of a filling, so that bars can be told apart without colour."""


SIGNS: Final[Mapping[str, Sign]] = {
    "up": Sign(glyph="✓", symbol="circle", pattern=""),
    "blip": Sign(glyph="!", symbol="circle-open", pattern="."),
    "degraded": Sign(glyph="~", symbol="triangle-up", pattern="/"),
    "unknown": Sign(glyph="?", symbol="diamond-open", pattern="x"),
    "down": Sign(glyph="✗", symbol="x", pattern="\\"),
    "maintenance": Sign(glyph="m", symbol="square-open", pattern="-"),
    "excluded": Sign(glyph="–", symbol="square-open", pattern="-"),
}
"""Every state and verdict, in the order in which a legend lists them."""

LIGHT: Final = Theme(
    name="light",
    back="#ffffff",
    text="#1c2128",
    muted="#57606a",
    line="#dfe3e8",
    series=("#0072b2", "#b85300", "#007a5a", "#a3437f", "#6b5b00", "#3f6ea8"),
    states={
        "up": "#007a5a",
        "blip": "#5b9e8b",
        "degraded": "#b07900",
        "unknown": "#767f89",
        "down": "#c8401a",
        "maintenance": "#0072b2",
        "excluded": "#0072b2",
    },
    counts=("#6897cc", "#08244f"),
)
DARK: Final = Theme(
    name="dark",
    back="#1b1f24",
    text="#e6eaef",
    muted="#a7b0bb",
    line="#3a4149",
    series=("#56b4e9", "#e69f00", "#2fbf92", "#e08fc0", "#f0e442", "#9bb8e8"),
    states={
        "up": "#2fbf92",
        "blip": "#8fd4bf",
        "degraded": "#e6b23a",
        "unknown": "#9aa4af",
        "down": "#ff7f50",
        "maintenance": "#56b4e9",
        "excluded": "#56b4e9",
    },
    counts=("#4a7ba6", "#e3f1ff"),
)

_THEMES: Final[Mapping[ThemeName, Theme]] = {"light": LIGHT, "dark": DARK}
_used: Theme = LIGHT


def use(name: ThemeName) -> None:
    """Draw the figures that follow in this theme, `light` or `dark`. Raises `ValueError` for any other."""
    global _used  # noqa: PLW0603 - one notebook has one look, as matplotlib's and plotly's own defaults
    _used = theme(name)


def theme(name: ThemeName | None) -> Theme:
    """The theme of this name, or the one in use. Raises `ValueError` when there is none."""
    if name is None:
        return _used
    if name not in _THEMES:
        raise ValueError(f"theme={name!r} is not one of {', '.join(_THEMES)}")
    return _THEMES[name]


def pattern(shape: str | list[str], used: Theme) -> dict[str, Any]:
    """How Plotly fills a bar with this shape, in the background's colour over the bar's own."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": used.back, "size": 6, "solidity": 0.25}
