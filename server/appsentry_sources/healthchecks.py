"""Healthchecks' flips: when a check turned up or down, as its API gives them (`GET /api/v3/checks/<id>/flips/`)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from appsentry_sources.identities import Monitor, identities
from appsentry_sources.reading import Reading, SourceUnreadable, table_of

_EXAMPLE: Final = '[{"timestamp": "2026-03-23T10:18:23+00:00", "up": 1}]'


def recognised(path: Path, head: bytes) -> bool:
    """Whether the file is JSON that begins like flips, or like several checks' flips by name."""
    return head.lstrip()[:1] in (b"[", b"{") and b'"up"' in head and b'"timestamp"' in head


def read(path: Path) -> Reading:
    """A result a flip, of the check that the file is named after; or of each, from an object of flips by name.

    Between two flips Healthchecks says nothing: a policy whose results hold until the next one reads them as it does.
    Raises `SourceUnreadable` when the file is no list of flips.
    """
    try:
        document = json.loads(path.read_bytes())
        checks = document if isinstance(document, dict) else {path.stem: document}
        flips = {name: sorted(map(_flip, found)) for name, found in checks.items() if found}
    except (ValueError, KeyError, TypeError) as error:
        raise SourceUnreadable(f"{path}: not flips of Healthchecks, such as {_EXAMPLE}: {error!r}") from error
    if not flips:
        raise SourceUnreadable(f"{path}: holds no flip")
    ids = identities(Monitor(name=name, first=found[0][0], last=found[-1][0]) for name, found in flips.items())
    rows = [
        (ts, application, status)
        for application, found in zip(ids, flips.values(), strict=True)
        for ts, status in found
    ]
    table = table_of(
        {
            "ts": [row[0] for row in rows],
            "application": [row[1] for row in rows],
            "check": ["push"] * len(rows),
            "type": ["push"] * len(rows),
            "status": [row[2] for row in rows],
        }
    )
    names = dict(zip(ids, flips, strict=True))
    return Reading(
        table=table, format="healthchecks", names=names, left_out={"checks without a flip": len(checks) - len(flips)}
    )


def _flip(flip: dict[str, Any]) -> tuple[int, str]:
    instant = datetime.fromisoformat(flip["timestamp"])
    if instant.tzinfo is None:
        raise ValueError(f"{flip['timestamp']} has no time zone")
    return round(instant.timestamp() * 1_000) * 1_000, "up" if flip["up"] else "down"
