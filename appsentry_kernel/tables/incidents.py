"""Incidents as a table: when, how long, who, and who first."""

from typing import TYPE_CHECKING

from appsentry_kernel.tables import words
from appsentry_kernel.tables.table import Table

if TYPE_CHECKING:
    from appsentry_kernel.incident.finding import Incidents


def incidents(found: "Incidents") -> Table:
    """What `sentry.incidents` gives as a table to read; `frame` is its `.table`."""
    at = words.instant(found.zone)
    policy, n = found.account.policy, len(found)
    since, until = at(found.account.since), at(found.account.until)
    return Table(
        found.table,
        title=f"{n} incident{'s' * (n != 1)}",
        note=f"policy {policy.name} {policy.version} · {since} to {until} {found.zone.key} · "
        "each began after the one instant and by the other",
        shown={
            "incident": ("", words.count),
            "began_after": ("began after", at),
            "began": ("by", at),
            "ended": ("ended", at),
            "duration_s": ("lasted", words.duration),
            "applications": ("n", words.count),
            "names": ("applications", words.text),
            "first": ("failed first", words.text),
        },
    )
