"""What a terminal would obey is shown; every other text stays as it is."""

import pytest

from appsentry_contract.plain import plain


@pytest.mark.parametrize("text", ["", "Payment API", "größe 店 👩‍👩‍👧 🏳️‍🌈", "\\x1b[31m", "a\u00a0b\u0301", "<b>&</b>"])
def test_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("one\ntwo\r\tthree\x00", r"one\ntwo\r\tthree\x00"),
        ("abc\u202edef", r"abc\u202edef"),
        ("\u2066x\u2069\u200f\u061c", r"\u2066x\u2069\u200f\u061c"),
        ("a\u2028b\x85c\x7f", r"a\u2028b\x85c\x7f"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_obeys_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown
