"""The incidents of a history: `sentry.incidents`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_kernel.accounts.account import Account, account
from appsentry_kernel.accounts.stretches import Stretches
from appsentry_kernel.accounts.tables import rows_of
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.incident.incident import Incident
from appsentry_kernel.incident.onsets import grouped, onsets_of
from appsentry_kernel.window import Moment

INCIDENTS: Final = {
    "began_after": "datetime64[us, UTC]",
    "began": "datetime64[us, UTC]",
    "ended": "datetime64[us, UTC]",
    "duration_s": "float64",
    "applications": "int64",
    "names": "str",
    "first": "str",
    "open": "bool",
}
"""Indexed by `incident`, its place. It began after `began_after`, missing where nothing good is known before, and by
`began`, when the first of its applications was found to be down; `first` is the one that failed first, or tie."""

_CARRY_P95: Final = 20
_SHORTEST: Final = pd.Timedelta(hours=1)


def incidents(
    frame: pd.DataFrame,
    policy: str | Policy = "default",
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    signals: Sequence[str] = (),
    maintenance: Stretches = None,
    pauses: Stretches = None,
    around: "str | pd.Timedelta | None" = None,
    zone: str = "UTC",
) -> "Incidents":
    """The incidents of a result frame, in the order in which they were found.

    Outages, as the policy confirms them, are one incident when they overlap, or when one instant may have been the
    beginning of all of them. `signals` names applications, or single checks as `application/check`, whose downs are
    no outages: they are shown beside what they may have foretold. `around` is how much of what lies before and after
    an incident belongs to the picture: as long as it lasted, without, but at least an hour and twenty intervals, which
    carry a p95. The rest is as for `account`.

    Raises `AppSentryError` for a signal or a zone that is none, and what `account` raises.
    """
    real = frame[~frame["simulated"].fillna(False).astype(bool)] if "simulated" in frame else frame
    rows = real.sort_values("ts", kind="stable", ignore_index=True) if "ts" in real else real
    marked = _marked(rows, signals)
    more: dict[str, Any] = {"since": since, "until": until, "maintenance": maintenance, "pauses": pauses}
    counted = account(rows[~marked], policy, **more)
    found = [onset for name, part in counted.parts.items() for onset in onsets_of(name, part)]
    return Incidents(
        [
            Incident(
                rows=rows,
                signals=marked,
                account=counted,
                outages=tuple(group),
                margin=_margin(counted, group) if around is None else _length(around),
                zone=_zone(zone),
            )
            for group in grouped(found)
        ],
        counted,
        zone=_zone(zone),
    )


class Incidents(Sequence[Incident]):
    """What `incidents` gives: a sequence, and a table of it."""

    def __init__(self, found: Sequence[Incident], account: Account, *, zone: ZoneInfo) -> None:
        self._found = tuple(found)
        self.account = account
        """The history without the signals, counted."""
        self.zone = zone

    @property
    def table(self) -> pd.DataFrame:
        """One row an incident; see `finding.INCIDENTS`."""
        result = rows_of((_row(one) for one in self), INCIDENTS)
        result.index.name = "incident"
        return result

    @overload
    def __getitem__(self, place: int) -> Incident: ...
    @overload
    def __getitem__(self, place: slice) -> "Incidents": ...
    def __getitem__(self, place: int | slice) -> "Incident | Incidents":
        if isinstance(place, slice):
            return Incidents(self._found[place], self.account, zone=self.zone)
        if not -len(self) <= place < len(self):
            raise IndexError(f"there is no incident {place}: there are {len(self)}")
        return self._found[place]

    def __len__(self) -> int:
        return len(self._found)

    def at(self, moment: "str | pd.Timestamp", application: str | None = None) -> Incident:
        """The incident that was under way at an instant, such as `"2026-06-05T23:32:30Z"`; of this application.

        It is, from its first bad result until its end. Raises `AppSentryError` when none was, with the nearest one.
        """
        when = pd.Timestamp(moment)
        if when.tz is None:
            raise ValueError(f"{moment!r} names no offset from UTC: append Z")
        mine = self._of(application)
        for one in mine:
            if one.began <= when and (one.open or when <= one.began + one.duration):
                return one
        near = min(mine, key=lambda one: abs(one.began - when))
        raise AppSentryError(f"no incident at {when.isoformat()}; the nearest began at {near.began.isoformat()}")

    def newest(self, application: str | None = None) -> Incident:
        """The one that began last; of this application. Raises `AppSentryError` when there is none."""
        return self._of(application)[-1]

    def _of(self, application: str | None) -> list[Incident]:
        """Those that the application was down in, at least one."""
        mine = [one for one in self if application is None or application in one.applications]
        if not mine:
            if not self.account.parts:
                raise AppSentryError("this history has no result, and so no incident: look further back")
            who = "" if application is None else f" of {application!r}"
            policy = self.account.policy
            raise AppSentryError(
                f"no incident{who} from {self.account.since.isoformat()} to {self.account.until.isoformat()} under "
                f"policy {policy.name}, which confirms with {policy.confirm} in a row: look further back, or count "
                "otherwise"
            )
        return mine

    def __repr__(self) -> str:
        from appsentry_kernel.tables.incidents import incidents as table_of

        return repr(table_of(self))

    def _repr_html_(self) -> str:
        from appsentry_kernel.tables.incidents import incidents as table_of

        return table_of(self)._repr_html_()


def _row(one: Incident) -> Mapping[str, Any]:
    return {
        "began_after": one.began_after,
        "began": one.began,
        "ended": one.ended,
        "duration_s": one.duration.total_seconds(),
        "applications": len(one.applications),
        "names": ", ".join(one.applications),
        "first": one.first,
        "open": one.open,
    }


def _marked(rows: pd.DataFrame, signals: Sequence[str]) -> "pd.Series[bool]":
    """Which rows are signals."""
    if isinstance(signals, str):
        raise ValueError(f"signals={signals!r} is one word: give a list, signals=[{signals!r}]")
    marked = pd.Series(False, index=rows.index)
    if "application" not in rows:
        return marked
    checks = rows["check"].fillna("") if "check" in rows else ""
    both = rows["application"].astype(str) + "/" + checks
    for signal in signals:
        mine = (rows["application"] == signal) | (both == signal)
        if not mine.any():
            there = ", ".join(sorted(rows["application"].unique())) or "none"
            raise AppSentryError(f"signals: this frame has no application or check {signal!r}; it has {there}")
        marked |= mine
    return marked


def _margin(counted: Account, group: Sequence[Any]) -> pd.Timedelta:
    names = {onset.application for onset in group}
    interval = max(int(check.interval.max()) for name in names for check in counted.parts[name].checks)
    lasted = max(onset.outage.end for onset in group) - min(onset.first_bad for onset in group)
    return max(_SHORTEST, pd.Timedelta(max(lasted, _CARRY_P95 * interval), unit="us"))


def _length(around: "str | pd.Timedelta") -> pd.Timedelta:
    length = pd.Timedelta(around)
    if not length > pd.Timedelta(0):
        raise ValueError(f"around={around!r} is no length of time: give one such as '2h'")
    return length


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise AppSentryError(f"zone={name!r} is no time zone: name one such as 'Europe/Berlin'") from error
