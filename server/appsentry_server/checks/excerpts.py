"""Short quotations of what a target sent, fit for a message: one line, printable, and without secrets."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from html.entities import codepoint2name

_LENGTH = 80
_LOOKED_AT = 16_384
_MASK = "•••"


class Quoter:
    """Quotes what a target sent, with `secrets` masked, however their characters are escaped and in either case.

    Escapes of URLs, HTML and JSON are known, mixed as they come. A hash or another transformation is not.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret may be part of another.
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text without any secret."""
        return self._pattern.sub(_MASK, text) if self._secrets else text

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Compiled late: it takes 10 ms, and a login that works quotes nothing.
        return re.compile("|".join("".join(map(_escaped, secret)) for secret in self._secrets), re.IGNORECASE)

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


def _hexadecimal(text: str, encoding: str, digits: int) -> list[str]:
    written = text.encode(encoding, errors="ignore").hex()
    return [written[at : at + digits] for at in range(0, len(written), digits)]


PLAIN = Quoter()
"""Quotes where no secret was given to the target."""
