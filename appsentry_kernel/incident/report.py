"""An incident in words: plain text to write up from, and a page to look at."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from appsentry_contract.plain import plain
from appsentry_kernel.tables import words
from appsentry_kernel.tables.table import Table

if TYPE_CHECKING:
    from appsentry_kernel.incident.incident import Incident


def report(incident: "Incident") -> str:
    """Title, what is known of beginning and end, and the tables, as text."""
    return "\n\n".join(["\n".join(map(plain, [_title(incident), *_told(incident)])), *map(repr, _tables(incident))])


def page(incident: "Incident") -> str:
    """The same as HTML, everything that comes from results escaped."""
    told = "".join(f"<li>{escape(line)}</li>" for line in _told(incident))
    tables = "".join(table._repr_html_() for table in _tables(incident))
    return f"<div><h3>{escape(_title(incident))}</h3><ul>{told}</ul>{tables}</div>"


def _title(incident: "Incident") -> str:
    n = len(incident.applications)
    when = words.instant(incident.zone)(incident.began)
    return f"Incident of {when} {incident.zone.key}: {n} application{'s' * (n > 1)} down"


def _told(incident: "Incident") -> Iterator[str]:
    at = words.instant(incident.zone)
    after = incident.began_after
    yield f"Began {'by' if after is None else f'after {at(after)} and by'} {at(incident.began)}."
    lasted = words.duration(incident.duration.total_seconds())
    if incident.ended is None:
        yield f"Not seen to be over: down for at least {lasted}."
    else:
        yield f"Over by {at(incident.ended)}, {lasted} after the first bad result."
    yield _who_was_first(incident)
    policy = incident.account.policy
    yield f"Counted under policy {policy.name} {policy.version}; {len(incident.during):,} results during it."


def _who_was_first(incident: "Incident") -> str:
    if len(incident.applications) == 1:
        return f"Only {incident.first} was down."
    if incident.first != "tie":
        return f"{incident.first} failed first: it was found to be down before any other stopped being good."
    return (
        f"Which failed first cannot be told (a tie): the onset windows of {', '.join(incident.tied)} overlap. "
        "The order below is that of probing."
    )


def _tables(incident: "Incident") -> list[Table]:
    at = words.instant(incident.zone)
    onsets = Table(
        incident.onsets,
        title="Onsets",
        note="Each failed after its last good result, and no later than its first bad one.",
        shown={
            "application": ("application", words.text),
            "last_good": ("last good", at),
            "first_bad": ("first bad", at),
            "window_s": ("window", words.duration),
            "ended": ("recovered", at),
            "down_s": ("down", words.duration),
        },
    )
    summary = Table(
        incident.summary,
        title="Before, during, after",
        note=f"Before and after are {words.duration(incident.margin.total_seconds())} each; percentiles of results "
        f"that passed, {words.NOTHING} where n cannot carry them.",
        shown={
            "application": ("application", words.text),
            "part": ("part", words.text),
            "n": ("n", words.count),
            "down_share": ("down", lambda value: words.percent(value, 1)),
            "p50_ms": ("p50", words.milliseconds),
            "p95_ms": ("p95", words.milliseconds),
            "failures": ("failures", words.text),
        },
    )
    return [onsets, summary, _happened(incident.timeline, incident)]


def _happened(timeline: pd.DataFrame, incident: "Incident") -> Table:
    return Table(
        timeline,
        title="What happened",
        note=f"Times are of {incident.zone.key}.",
        shown={
            "at": ("at", words.instant(incident.zone)),
            "application": ("application", words.text),
            "what": ("what", words.text),
            "detail": ("detail", words.text),
        },
    )
