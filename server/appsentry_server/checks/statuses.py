"""Sets of HTTP status codes as people write them: `200`, `200-299`, `[200, 301-308]`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

_RANGE = re.compile(r"([1-5]\d\d)-([1-5]\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """The codes, and the text that people read."""

    codes: frozenset[int]
    written: str


def parse(value: object) -> Statuses:
    """Read one code, one range or a list of them; raises `ValueError` that says what was expected."""
    if isinstance(value, Statuses):
        return value
    parts: Sequence[object] = value if isinstance(value, list | tuple) else [value]
    if not parts:
        raise ValueError("expected at least one status, such as 200 or 200-299, found an empty list")
    codes = frozenset().union(*(_codes(part) for part in parts))
    return Statuses(codes=codes, written=", ".join(str(part).replace("-", "–") for part in parts))


def _codes(part: object) -> frozenset[int]:
    if isinstance(part, int) and not isinstance(part, bool) and 100 <= part <= 599:
        return frozenset({part})
    if isinstance(part, str):
        match = _RANGE.fullmatch(part if "-" in part else f"{part}-{part}")
        if match is not None and int(match[1]) <= int(match[2]):
            return frozenset(range(int(match[1]), int(match[2]) + 1))
    raise ValueError(f"expected a status from 100 to 599 or a range such as 200-299, found {part!r}")


def _write(statuses: Statuses) -> list[str]:
    return statuses.written.replace("–", "-").split(", ")


StatusSet = Annotated[Statuses, PlainValidator(parse), PlainSerializer(_write)]
"""A pydantic field that reads `parse`'s forms."""

SUCCESS = parse("200-299")
