"""Short quotations of what a target sent, fit for a message: one line, printable, and without secrets."""

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_LENGTH = 80
_LOOKED_AT = 2_000
_MASK = "•••"


class Quoter:
    """Quotes what a target sent, with every form of `secrets` masked: as they are, in a URL, in HTML, in JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        # Longest first: a form may be part of another. Case does not count: hosts and %2F come back in either.
        ordered = sorted(forms, key=len, reverse=True)
        self._forms = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def mask(self, text: str) -> str:
        """The text without any secret."""
        return text if self._forms is None else self._forms.sub(_MASK, text)

    def quote(self, text: str, length: int = _LENGTH) -> str:
        """The beginning of the text in quotation marks, on one line, unprintable characters as spaces."""
        # Masked before anything is cut, and after: what was no secret may have become one.
        masked = self.mask(text)[:_LOOKED_AT]
        printable = "".join(character if character.isprintable() else " " for character in masked)
        line = self.mask(" ".join(printable.split()))
        return f"'{line[:length]}…'" if len(line) > length else f"'{line}'"

    def quote_body(self, body: bytes) -> str:
        """The beginning of a body, or that it is empty, or that it is no text."""
        if not body:
            return "an empty body"
        text = body.decode(errors="replace")
        return f"bytes that are no UTF-8, {self.quote(text)}" if "\ufffd" in text else self.quote(text)


def _forms(secret: str) -> set[str]:
    in_url = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    in_html = {html.escape(secret), html.escape(secret, quote=False)}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret} | in_url | in_html | in_json


PLAIN = Quoter()
"""Quotes where no secret was given to the target."""
