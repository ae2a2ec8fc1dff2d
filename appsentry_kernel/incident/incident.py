"""One incident: what was down together, what failed first as far as anyone can tell, and what it looked like."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd

from appsentry_kernel.accounts.account import Account
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.outages import Outage
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.incident import onsets as onset_frames
from appsentry_kernel.incident import surroundings
from appsentry_kernel.incident.changes import Changes, changes
from appsentry_kernel.incident.onsets import Onset, firsts

if TYPE_CHECKING:
    from appsentry_kernel.figures.chart import Chart

TIE = "tie"


@dataclass(frozen=True, kw_only=True, eq=False)
class Incident:
    """Outages that belong together. Its frames are made when they are first asked for."""

    rows: pd.DataFrame
    """The real results of the whole history, those of signals included."""
    signals: "pd.Series[bool]"
    """Which of the rows are signals."""
    account: Account
    """The history without the signals, counted."""
    outages: Sequence[Onset]
    margin: pd.Timedelta
    zone: ZoneInfo

    @cached_property
    def onsets(self) -> pd.DataFrame:
        """One row an application, in the order of probing; see `onsets.ONSETS`."""
        return onset_frames.frame_of(self.outages)

    @property
    def applications(self) -> list[str]:
        """Those that were down, in the order in which they were found to be."""
        return [str(name) for name in self.onsets["application"]]

    @property
    def first(self) -> str:
        """The application that failed first, or `tie` where the windows of several allow it."""
        names = firsts(self.outages)
        return names[0] if len(names) == 1 else TIE

    @property
    def tied(self) -> list[str]:
        """The applications that may have failed first, in the order of probing."""
        return [str(name) for name in self.onsets.loc[self.onsets["maybe_first"], "application"]]

    @property
    def began_after(self) -> "pd.Timestamp | None":
        """The last instant at which none is known to have failed; None where nothing good is known before."""
        known = self.onsets.loc[self.onsets["maybe_first"], "last_good"]
        return None if known.isna().any() else known.min()

    @property
    def began(self) -> pd.Timestamp:
        """When the first application was found to be down."""
        first: pd.Timestamp = self.onsets["first_bad"].min()
        return first

    @property
    def ended(self) -> "pd.Timestamp | None":
        """When the last application had recovered; None while one has not been seen to."""
        return None if self.open else self._last

    @property
    def open(self) -> bool:
        """Whether an application has not been seen to recover."""
        return any(not outage.recovered for outage in self._lasts.values())

    @property
    def duration(self) -> pd.Timedelta:
        """From `began` to the end, or to the end of what is known."""
        return self._last - self.began

    @cached_property
    def before(self) -> pd.DataFrame:
        """The applications' results in as long a stretch before it as the margin is."""
        return self._of(self.began - self.margin, self.began)

    @cached_property
    def during(self) -> pd.DataFrame:
        """The applications' results from `began` until it ended."""
        return self._of(self.began, self._last)

    @cached_property
    def after(self) -> pd.DataFrame:
        """The applications' results in as long a stretch after it as the margin is."""
        return self._of(self._last, self._last + self.margin)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Before, during and after in figures; see `surroundings.SUMMARY`."""
        parts = {"before": self.before, "during": self.during, "after": self.after}
        return surroundings.summary(parts, self.applications)

    @cached_property
    def changes(self) -> Changes:
        """Changes of level and of spread, and anomalies, from before it until after it; see `sentry.changes`."""
        around = pd.concat([self.before, self.during, self.after])
        try:
            return changes(around)
        except AppSentryError:  # no response times: nothing has changed that anyone could see
            return Changes([], alpha=0.01, shift=0.0, widening=0.0)

    @cached_property
    def cofailing(self) -> pd.DataFrame:
        """Every application that had a result that was down meanwhile; see `surroundings.COFAILING`."""
        return surroundings.cofailing(self._meanwhile, self.applications, self.signals)

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """What happened, in order; see `surroundings.TIMELINE`."""
        return surroundings.timeline(self.onsets, list(self.outages), self._meanwhile, self.signals, self.changes)

    def figure(self, **more: Any) -> "Chart":
        """`sentry.fig.incident` of it."""
        from appsentry_kernel.figures.incident import incident

        return incident(self, **more)

    def text(self) -> str:
        """The incident in words and tables, to be written up from."""
        from appsentry_kernel.incident.report import report

        return report(self)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from appsentry_kernel.incident.report import page

        return page(self)

    @cached_property
    def _lasts(self) -> dict[str, Outage]:
        """The last outage of each application."""
        ordered = sorted(self.outages, key=lambda one: one.outage.end)
        return {onset.application: onset.outage for onset in ordered}

    @property
    def _last(self) -> pd.Timestamp:
        return instant(max(outage.end for outage in self._lasts.values()))

    @property
    def _meanwhile(self) -> pd.DataFrame:
        begin = self.began if self.began_after is None else self.began_after
        return self.rows[(self.rows["ts"] >= begin) & (self.rows["ts"] < max(self._last, begin))]

    def _of(self, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
        ts = self.rows["ts"]
        mine = self.rows["application"].isin(self.applications) & ~self.signals
        return self.rows[mine & (ts >= since) & (ts < until)]
