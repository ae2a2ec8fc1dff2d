"""Short quotations of what a target sent, fit for a message: one line, printable, and without secrets."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cached_property
from html import escape
from html.entities import codepoint2name
from json import dumps
from string import ascii_letters, digits
from urllib.parse import quote, quote_plus

_LENGTH = 80
_LOOKED_AT = 16_384
_MASK = "•••"

_SHARED_DIGITS = frozenset(f"{ascii_letters}{digits}+/-_")
_FEWEST_DIGITS = 4
"""Of base64 that are searched for; fewer stand in many a word."""

# Also in the alphabet of URLs, and quoted for one or as JSON.
_BASE64_DIGITS = {"+": "(?:[+-]|%2[Bb])", "/": r"(?:\\?/|_|%2[Ff])"}


class Quoter:
    """Quotes what a target sent, with `secrets` masked, however their characters are escaped and in either case.

    Escapes of URLs, HTML and JSON are known, mixed as they come, and base64 of any text that holds the secret as it is
    or in one of them. A hash or another transformation is not.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret may be part of another.
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text without any secret."""
        return self._without_encoded(self._pattern.sub(_MASK, text)) if self._secrets else text

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Compiled late: it takes 10 ms, and a login that works quotes nothing.
        return re.compile("|".join("".join(map(_escaped, secret)) for secret in self._secrets), re.IGNORECASE)

    @cached_property
    def _encoded(self) -> re.Pattern[str]:
        # Apart from the other: to a search that heeds case and begins with a letter, what does not match costs nothing.
        return re.compile("|".join(pattern for secret in self._secrets for pattern in _base64(secret)) or r"(?!)")

    def _without_encoded(self, text: str) -> str:
        """The text without what decodes to a secret."""
        kept, at = [], 0
        for found in self._encoded.finditer(text):
            begin, end = found.span()
            begin -= begin > at and text[begin - 1] in _SHARED_DIGITS
            end += end < len(text) and text[end] in _SHARED_DIGITS
            kept.append(text[at:begin])
            at = end
        return _MASK.join((*kept, text[at:]))

    def quote(self, text: str, length: int = _LENGTH) -> str:
        """The beginning of the text in quotation marks, on one line, unprintable characters as spaces."""
        # Masked before anything is cut, and after: what was no secret may have become one.
        masked = self.mask(text[:_LOOKED_AT])
        printable = "".join(character if character.isprintable() else " " for character in masked)
        line = self.mask(" ".join(printable.split()))
        return f"'{line[:length]}…'" if len(line) > length else f"'{line}'"

    def quote_body(self, body: bytes) -> str:
        """The beginning of a body, or that it is empty, or that it is no text."""
        if not body:
            return "an empty body"
        try:
            return self.quote(body.decode())
        except UnicodeDecodeError:
            return f"bytes that are no UTF-8, {self.quote(body.decode(errors='replace'))}"


def _escaped(character: str) -> str:
    """A pattern of the character as it is and in every escape, in either case."""
    variants = {character, character.lower(), character.upper()}
    # In lower case, so that no two are the same to a search that ignores it: each such pair would double its work.
    forms = {form.lower() for variant in variants for form in _forms(variant)}
    return rf"(?:(?:\\|%5c)?(?:{'|'.join(sorted(forms, key=len, reverse=True))}))"


def _forms(text: str) -> Iterator[str]:
    # The signs that an escape begins and ends with may themselves be escaped for a URL.
    yield re.escape(text)
    yield "".join(rf"(?:\\|%5c)u{unit}" for unit in _hexadecimal(text, "utf-16-be", 4))
    for encoding in ("utf-8", "latin-1"):
        yield "".join(f"%(?:25)*{byte}" for byte in _hexadecimal(text, encoding, 2)) or re.escape(text)
    codes = [ord(character) for character in text]
    yield "".join(rf"(?:&|%26)(?:#|%23)(?:0*{code}|x0*{code:x})(?:;|%3b)?" for code in codes)
    if all(code in codepoint2name for code in codes):
        yield "".join(rf"(?:&|%26){codepoint2name[code]}(?:;|%3b)?" for code in codes)
    if text == " ":
        yield r"\+"


def _base64(secret: str) -> Iterator[str]:
    """Patterns of the secret within base64: what it looks like depends on where in a group of three bytes it begins."""
    as_json = (dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1])
    as_url = (quote(secret, "", errors="replace"), quote_plus(secret, errors="replace"))
    texts = dict.fromkeys((secret, *as_json, *as_url, escape(secret)))
    for content in dict.fromkeys(text.encode(charset, "replace") for text in texts for charset in ("utf-8", "latin-1")):
        for before in range(3):
            # The digits that are its alone. Those that it shares with its neighbours stand beside them.
            begin, end = -(-before * 4 // 3), (before + len(content)) * 4 // 3
            own = b64encode(b"\0" * before + content + b"\0\0").decode()[begin:end]
            if len(own) >= _FEWEST_DIGITS:
                yield "".join(_BASE64_DIGITS.get(digit, digit) for digit in own)


def _hexadecimal(text: str, encoding: str, digits: int) -> list[str]:
    written = text.encode(encoding, errors="ignore").hex()
    return [written[at : at + digits] for at in range(0, len(written), digits)]


PLAIN = Quoter()
"""Quotes where no secret was given to the target."""
