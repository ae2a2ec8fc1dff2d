"""One request and what came of it, as the expectations read it."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from appsentry_server.checks.urls import Target
from appsentry_server.results import Failure, Phases

BODY_CAP = 1 << 20
"""Bytes of a body, decompressed, after which a check stops reading."""

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE | re.ASCII)
_CHARSETS = frozenset(
    {
        *("utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be", "latin1", "macintosh", "koi8-r"),
        *("koi8-u", "ibm866", "tis-620", "gbk", "gb2312", "gb18030", "big5", "euc-jp", "shift_jis", "iso-2022-jp"),
        *("euc-kr", *(f"windows-{n}" for n in range(1250, 1259)), *(f"iso-8859-{n}" for n in range(1, 17) if n != 12)),
    }
)
"""The web's own. Python knows others that a target must not choose: some are no text, one takes quadratic time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came of it; after redirects, the last answer with the times of all."""

    target: Target = field(repr=False)
    """Where it was sent; after redirects, where they led."""
    elapsed_ms: float
    phases: Phases
    failure: Failure | None = None
    """Why there is no whole answer. The status is not judged here."""
    status: int = 0
    body: bytes = field(default=b"", repr=False)
    """Decompressed; only its beginning for an agent that does not read bodies."""
    capped: bool = False
    """The body went on beyond the cap."""
    content_type: str | None = None
    location: str | None = field(default=None, repr=False)
    """Where a redirect points, absolute."""
    certificate_until_ms: int | None = None

    @property
    def text(self) -> str:
        """The body in the charset it names, or in UTF-8; bytes that are not of it become U+FFFD."""
        return self.body.decode(charset(self.content_type), errors="replace")


@lru_cache(maxsize=1024)
def charset(content_type: str | None) -> str:
    """The character set that a Content-Type names, UTF-8 when it names none that is known."""
    found = _CHARSET.search(content_type or "")
    return found[1].lower() if found is not None and found[1].lower() in _CHARSETS else "utf-8"
