"""Quotations of what a target sent."""

from base64 import b64encode, urlsafe_b64encode

import pytest

from appsentry_server.checks.excerpts import Quoter


def test_a_quotation_is_short_printable_and_on_one_line():
    assert Quoter().quote("one\r\n\ttwo\x00\u2028three") == "'one two three'"
    assert Quoter().quote("x" * 81) == f"'{'x' * 80}…'"
    assert Quoter().quote("") == "''"


def test_a_body_that_is_no_text_says_so_and_one_that_is_may_hold_any_character():
    assert Quoter().quote_body(b"\xff") == "bytes that are no UTF-8, '\ufffd'"
    assert Quoter().quote_body("\ufffd".encode()) == "'\ufffd'"


@pytest.mark.parametrize(
    "echo",
    [
        "pä&ss Word",
        "PÄ&SS WORD",
        "p%C3%A4%26ss+Word",
        "p%e4%26ss%20word",
        "p%25C3%25A4%2526ss%2520Word",
        "p&auml;&amp;ss&#32;W&#x6f;rd",
        r"p\u00e4&ss\u0020Word",
        "p%C3%A4&amp;ss Word",
        r"\p\ä\&\s\s\ \W\o\r\d",
    ],
)
def test_a_secret_is_masked_in_every_escape_and_case(echo):
    assert Quoter(["other", "pä&ss Word"]).quote(f"<{echo}>") == "'<•••>'"


def test_a_secret_is_masked_before_it_is_cut_and_when_the_cleaning_made_it_one():
    quoter = Quoter(["a secret"])

    assert quoter.quote("x" * 75 + "a secret") == f"'{'x' * 75}•••'"
    assert quoter.quote("a\n\n  secret") == "'•••'"


def test_of_two_secrets_the_longer_is_masked_whole():
    assert Quoter(["key", "keyring"]).quote("keyring key") == "'••• •••'"


def test_an_empty_secret_masks_nothing():
    assert Quoter(["", "x"]).mask("abc") == "abc"


def test_many_near_misses_of_a_long_secret_are_searched_without_trying_every_escape_against_every_other():
    almost = "correct horse battery staple "

    assert Quoter([almost + "ü"]).mask(almost * 500) == almost * 500


@pytest.mark.parametrize("before", ["", "x", "xy", "alice:"])
@pytest.mark.parametrize("after", ["", "z", "zz"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_secret_is_masked_within_base64_of_any_text_around_it(before, after, encode, charset):
    secret = "hun~ter?2ÿ>"
    encoded = encode((before + secret + after).encode(charset)).decode()

    masked = Quoter([secret]).mask(f"Basic {encoded}.")

    around = len(before + after) * 4 / 3 + 3
    assert masked.startswith("Basic ")
    assert "•••" in masked
    assert len(masked) - len("Basic •••.") <= around


def test_base64_is_masked_in_the_escapes_of_urls_and_json_too():
    encoded = b64encode("~~~???ÿÿÿ>>>".encode("latin-1")).decode()
    assert "/" in encoded
    assert "+" in encoded

    for echo in (encoded.replace("/", "%2F").replace("+", "%2b"), encoded.replace("/", r"\/")):
        assert Quoter(["~~~???ÿÿÿ>>>"]).quote(echo) == "'•••'"


def test_a_secret_that_is_half_of_a_character_is_masked_like_any_other():
    assert Quoter(["half\udcff"]).quote("half\udcff") == "'•••'"


def test_a_short_secret_masks_no_words_that_happen_to_look_like_its_base64():
    assert Quoter(["a"]).mask("Y W F h") == "Y W F h"
