"""Alerts that would have fired, held against the outages that there were."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_kernel.accounts.account import Account
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.observations import Observations
from appsentry_kernel.accounts.outages import Outage, outages_of
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.policies import policy_of
from appsentry_kernel.accounts.rules import Firings, Rule
from appsentry_kernel.accounts.stretches import Stretches
from appsentry_kernel.accounts.tables import rows_of, table
from appsentry_kernel.accounts.targets import Targets
from appsentry_kernel.window import Moment

ALERTS: Final = {
    "application": "str",
    "fired": "datetime64[us, UTC]",
    "cleared": "datetime64[us, UTC]",
    "outage": "datetime64[us, UTC]",
    "late_s": "float64",
    "false": "bool",
}
"""`outage` is where the first outage begins that the alert overlaps, missing for a `false` one. `late_s` is how long
after that it fired, negative when before, missing for all but the first alert of an outage. `cleared` is missing for
one that did not clear in the window."""

SUMMARY: Final = {
    "alerts": "int64",
    "false": "int64",
    "outages": "int64",
    "missed": "int64",
    "late_mean_s": "float64",
    "late_max_s": "float64",
}


def replay_alerts(
    frame: pd.DataFrame,
    rule: Rule,
    policy: str | Policy = "default",
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    targets: Targets = None,
    maintenance: Stretches = None,
    pauses: Stretches = None,
) -> "Alerts":
    """Which alerts a rule would have raised, how late, and which were false.

    Rules are `ConfirmedDown`, `SlowResponses` and `BurnRate`. The truth they are held against are the confirmed outages
    under the policy; the rest is as for `account`.
    """
    observations = Observations(frame)
    more: dict[str, Any] = {"since": since, "until": until, "targets": targets}
    more |= {"maintenance": maintenance, "pauses": pauses}
    return Alerts(observations, rule, Account(observations, policy_of(policy), **more))


class Alerts:
    """What `replay_alerts` gives."""

    def __init__(self, observations: Observations, rule: Rule, account: Account) -> None:
        self.rule = rule
        self.account = account
        outages = {name: outages_of(part) for name, part in account.parts.items()}
        alerts = {
            name: _held_against(rule.firings(observations, part), outages[name], part)
            for name, part in account.parts.items()
        }
        self.table = rows_of((alert.row(name) for name, found in alerts.items() for alert in found), ALERTS)
        """One row an alert; see `alerts.ALERTS`."""
        self.summary = table([_summary(found, outages[name]) for name, found in alerts.items()], list(alerts), SUMMARY)
        """One row an application: alerts, false ones, outages, those that no alert overlapped, lateness."""

    def __repr__(self) -> str:
        return f"<Alerts of {self.rule.name}: {len(self.table)}, {int(self.table['false'].sum())} of them false>"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alert:
    fired: int
    cleared: int | None
    outages: tuple[Outage, ...]
    """Those it overlaps."""
    first: bool
    """Whether it is the first alert of the first of them."""

    @property
    def late(self) -> float | None:
        """How many seconds after the outage began."""
        return (self.fired - self.outages[0].begin) / 1e6 if self.first else None

    def row(self, application: str) -> dict[str, Any]:
        return {
            "application": application,
            "fired": instant(self.fired),
            "cleared": None if self.cleared is None else instant(self.cleared),
            "outage": instant(self.outages[0].begin) if self.outages else None,
            "late_s": self.late,
            "false": not self.outages,
        }


def _held_against(firings: Firings, outages: list[Outage], part: Part) -> list[_Alert]:
    alerts: list[_Alert] = []
    heard: set[int] = set()
    for fired, cleared in firings:
        if not part.since <= fired < part.until:
            continue
        end = part.until if cleared is None else cleared
        mine = tuple(outage for outage in outages if outage.begin < max(end, fired + 1) and fired < outage.end)
        alerts.append(
            _Alert(
                fired=fired,
                cleared=None if cleared is None or cleared >= part.until else cleared,
                outages=mine,
                first=bool(mine) and mine[0].begin not in heard,
            )
        )
        heard |= {outage.begin for outage in mine}
    return alerts


def _summary(alerts: list[_Alert], outages: list[Outage]) -> dict[str, Any]:
    late = [alert.late for alert in alerts if alert.late is not None]
    heard = {outage.begin for alert in alerts for outage in alert.outages}
    return {
        "alerts": len(alerts),
        "false": sum(not alert.outages for alert in alerts),
        "outages": len(outages),
        "missed": len(outages) - len(heard),
        "late_mean_s": sum(late) / len(late) if late else None,
        "late_max_s": max(late, default=None),
    }
