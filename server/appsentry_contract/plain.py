"""Text that somebody else has written, as it may stand in a terminal."""

import re

# Control characters, among them those that begin what a terminal obeys; what turns the direction of the text around it;
# separators of lines; halves of surrogate pairs, which cannot be written out at all.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """The text on one line, with whatever a terminal would obey written as an escape; all else stays as it is."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
