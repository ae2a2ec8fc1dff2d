"""The colours can be read, and nothing is said by colour alone."""

import pytest

from appsentry_contract.accounting.spans import CODES
from appsentry_contract.accounting.timeline import STATES
from appsentry_kernel.figures import theme as themes
from appsentry_kernel.figures.theme import DARK, LIGHT, SIGNS

BOTH = pytest.mark.parametrize("look", [LIGHT, DARK], ids=lambda look: look.name)


def _luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    """Of WCAG 2: from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@BOTH
def test_text_has_a_contrast_of_four_and_a_half(look):
    assert _contrast(look.text, look.back) >= 4.5
    assert _contrast(look.muted, look.back) >= 4.5


@BOTH
def test_marks_have_a_contrast_of_three(look):
    for colour in (*look.series, *look.states.values(), *look.counts):
        assert _contrast(colour, look.back) >= 3, colour


@BOTH
def test_every_state_and_verdict_has_a_colour_and_a_sign(look):
    assert {*STATES, *CODES} == set(SIGNS) == set(look.states)


def test_states_that_can_stand_beside_each_other_differ_in_glyph_shape_and_pattern():
    for words in (STATES, CODES):
        for kind in ("glyph", "symbol", "pattern"):
            assert len({getattr(SIGNS[word], kind) for word in words}) == len(words), kind


def test_a_look_that_is_none_is_refused(monkeypatch):
    monkeypatch.setattr(themes, "_used", LIGHT)
    with pytest.raises(ValueError, match="theme='blue' is not one of light, dark"):
        themes.use("blue")
    themes.use("dark")
    assert themes.theme(None) is DARK
