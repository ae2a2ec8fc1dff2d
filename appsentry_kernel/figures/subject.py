"""What a figure is of: the results of a stretch of time, how many, how much of it they cover, and how it is counted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_kernel.accounts.account import Account, account
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.window import Moment, window

Words = str | Sequence[str] | None
_NEEDED = ("ts", "application")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The real results that a figure shows, oldest first, and the stretch of time it shows."""

    rows: pd.DataFrame
    history: pd.DataFrame
    """The results of these applications at any time: those before the stretch say how it began."""
    since: pd.Timestamp
    until: pd.Timestamp
    zone: ZoneInfo
    policy: str | Policy = "default"

    @property
    def applications(self) -> list[str]:
        """The applications that it is of, by name; not each needs to have results in the stretch."""
        return sorted(self.history["application"].unique())

    @property
    def name(self) -> str:
        """The application's name, or how many they are."""
        names = self.applications
        return names[0] if len(names) == 1 else f"{len(names)} applications"

    def cut(self, since: pd.Timestamp) -> "Subject":
        """The same from a later instant on."""
        return replace(self, since=since, rows=self.rows[self.rows["ts"] >= since])

    @cached_property
    def account(self) -> Account:
        """The account of these applications over the stretch.

        Raises `AppSentryError` for rows that no account can count.
        """
        return account(self.history, self.policy, since=self.since, until=self.until)

    def said(self) -> str:
        """How many results, how much time they cover, the time zone and the policy: the line under a title."""
        parts = [f"n = {len(self.rows):,}"]
        if "status" in self.history and self.history["status"].notna().all():
            coverage = self.account.coverage["coverage"]
            least, most = coverage.min(), coverage.max()
            spread = f"{least:.1%}" if round(least, 3) == round(most, 3) else f"{least:.1%} to {most:.1%}"
            parts.append(f"covers {spread}")
            parts.append(f"policy {self.account.policy.name} {self.account.policy.version}")
        else:
            parts.append("no statuses: coverage and policy do not apply")
        begin, end = (instant.tz_convert(self.zone).strftime("%Y-%m-%d %H:%M") for instant in (self.since, self.until))
        parts.append(f"{begin} to {end} {self.zone.key}")
        return " · ".join(parts)

    def wall_ms(self, instants: Any) -> npt.NDArray[np.float64]:
        """Instants as a date axis takes them: milliseconds of the zone's wall clock, floats.

        Plotly knows no zones; an index with one takes it seconds for what floats take milliseconds. In the hour that a
        clock is set back over, a line goes back too.
        """
        local = pd.DatetimeIndex(instants).tz_convert(self.zone).tz_localize(None)
        return local.as_unit("ms").asi8.astype(np.float64)

    def wall_text(self, instants: Any) -> list[str]:
        """Instants by the zone's clock, as a hover box shows them. Plotly formats dates on axes only."""
        local = pd.DatetimeIndex(instants).tz_convert(self.zone)
        return list(local.strftime("%Y-%m-%d %H:%M:%S"))


def subject(
    frame: pd.DataFrame,
    *,
    application: Words = None,
    since: Moment | None = None,
    until: Moment | None = None,
    zone: str = "UTC",
    policy: str | Policy = "default",
) -> Subject:
    """The results of these applications (all, without) in this stretch (the frame's own span, without).

    Raises `AppSentryError` for a frame that holds none, an application that it does not have or a zone nobody knows,
    `ValueError` for a stretch that cannot be read.
    """
    if missing := [column for column in _NEEDED if column not in frame]:
        raise AppSentryError(f"this frame has no {' and no '.join(missing)}: take one from s.history or read_history")
    rows = _where(frame, ~frame["simulated"].fillna(False).astype(bool)) if "simulated" in frame else frame
    if not len(rows):
        raise AppSentryError("this frame holds no result to draw: ask for a longer stretch of time")
    history = _of(rows, application)
    if not history["ts"].is_monotonic_increasing:
        history = history.sort_values("ts", kind="stable")
    start, end = _stretch(history, since, until)
    rows = _where(history, (history["ts"] >= start) & (history["ts"] < end))
    if not len(rows):
        raise AppSentryError(f"no result was due from {start.isoformat()} to {end.isoformat()}")
    return Subject(rows=rows, history=history, since=start, until=end, zone=_zone(zone), policy=policy)


def _where(rows: pd.DataFrame, there: "pd.Series[bool]") -> pd.DataFrame:
    # Copying a million rows of twenty columns takes longer than drawing them.
    return rows if there.all() else rows[there]


def _of(rows: pd.DataFrame, application: Words) -> pd.DataFrame:
    if application is None:
        return rows
    wanted = [application] if isinstance(application, str) else list(application)
    there = set(rows["application"].unique())
    if unknown := [one for one in wanted if one not in there]:
        raise AppSentryError(f"this frame has no application {unknown[0]!r}; it has {', '.join(sorted(there))}")
    return rows[rows["application"].isin(wanted)]


def _stretch(rows: pd.DataFrame, since: Moment | None, until: Moment | None) -> tuple[pd.Timestamp, pd.Timestamp]:
    first, last = rows["ts"].min(), rows["ts"].max()
    interval = rows["interval_s"].max() if "interval_s" in rows else np.nan
    end = last + pd.Timedelta(seconds=1 if np.isnan(interval) else float(interval))
    if since is None and until is None:
        return first, end
    start, stop = window("36500d" if since is None else since, until, now=end.to_pydatetime())
    return max(pd.Timestamp(start), first) if since is None else pd.Timestamp(start), pd.Timestamp(stop)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise AppSentryError(f"zone={name!r} is no time zone: name one such as 'Europe/Berlin'") from error
