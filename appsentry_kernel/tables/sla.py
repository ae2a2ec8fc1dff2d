"""The SLA report: what was promised, what was kept, and how sure that is."""

from typing import Any, Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_kernel.accounts.account import Account, account
from appsentry_kernel.accounts.calendars import zone_of
from appsentry_kernel.accounts.stretches import Stretches
from appsentry_kernel.accounts.targets import Targets
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.theme import SIGNS
from appsentry_kernel.tables import words
from appsentry_kernel.tables.table import Table
from appsentry_kernel.window import Moment

SLA: Final = (
    "status",
    "uptime",
    "uptime_low",
    "uptime_high",
    "target",
    "budget_remaining",
    "down_s",
    "outages",
    "blips",
    "n",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "coverage",
)
"""The columns of an SLA report, one row an application. `status` is met, at risk, breached or unknown, as on the
server's cards; `n` are the results that are not excluded; percentiles are of those that passed. Shares are
fractions."""

_GLYPHS: Final = {
    "met": SIGNS["up"].glyph,
    "at risk": SIGNS["blip"].glyph,
    "breached": SIGNS["down"].glyph,
    "unknown": SIGNS["unknown"].glyph,
}
_AT_RISK: Final = 0.25


def sla(
    of: pd.DataFrame | Account,
    policy: "str | Policy | None" = None,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    targets: Targets = None,
    maintenance: Stretches = None,
    pauses: Stretches = None,
) -> Table:
    """The SLA report of a result frame, or of an account, which has its policy, window and targets already.

    The columns of its `frame` are `sla.SLA`, indexed by application. An uptime is cut after three digits and not
    rounded up, with the range that unknown time leaves open. Raises what `account` raises, and `AppSentryError` for
    an account that is to be counted otherwise than it is.
    """
    chosen = {"since": since, "until": until, "targets": targets, "maintenance": maintenance, "pauses": pauses}
    counted = _counted(of, policy, chosen)
    zone = zone_of(counted.policy)
    at = words.instant(zone)
    frame = _frame(counted)
    return Table(
        frame,
        title=f"SLA of {len(frame)} application{'s' * (len(frame) != 1)}",
        note=f"n = {int(frame['n'].sum()):,} · policy {counted.policy.name} {counted.policy.version} · "
        f"{at(counted.since)} to {at(counted.until)} {zone.key}",
        shown={
            "application": ("application", words.text),
            "status": ("promise", lambda status: f"{_GLYPHS[status]} {status}"),
            "uptime": ("uptime", words.percent),
            "range": ("range", words.text),
            "target": ("target", words.percent),
            "budget_remaining": ("budget left", lambda left: words.percent(left, 1)),
            "down_s": ("down", words.duration),
            "outages": ("outages", words.count),
            "blips": ("blips", words.count),
            "n": ("n", words.count),
            "p50_ms": ("p50", words.milliseconds),
            "p95_ms": ("p95", words.milliseconds),
            "p99_ms": ("p99", words.milliseconds),
            "coverage": ("coverage", lambda share: words.percent(share, 1)),
        },
        made={"range": _range},
    )


def _counted(of: pd.DataFrame | Account, policy: "str | Policy | None", chosen: dict[str, Any]) -> Account:
    if not isinstance(of, Account):
        return account(of, "default" if policy is None else policy, **chosen)
    given = [name for name, value in {"policy": policy, **chosen}.items() if value is not None]
    if given:
        raise AppSentryError(f"this account is counted already: give {', '.join(given)} to sentry.account instead")
    return of


def _frame(counted: Account) -> pd.DataFrame:
    table = counted.table
    columns = {
        **{name: table[name] for name in ("uptime", "uptime_low", "uptime_high", "target", "budget_remaining")},
        "status": [
            _status(left, known) for left, known in zip(table["budget_remaining"], table["uptime"], strict=True)
        ],
        "down_s": table["down_s"],
        "outages": counted.reliability["outages"],
        "blips": counted.reliability["blips"],
        "n": table["checks"],
        **{name: counted.responses[name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        "coverage": counted.coverage["coverage"],
    }
    return pd.DataFrame(columns, index=table.index)[list(SLA)].astype({"status": "str"})


def _status(left: float, uptime: float) -> str:
    if np.isnan(left) or np.isnan(uptime):
        return "unknown"
    return "breached" if left < 0 else "at risk" if left < _AT_RISK else "met"


def _range(row: Any) -> str:
    if pd.isna(row.uptime) or row.uptime_low == row.uptime_high:
        return words.NOTHING
    return f"{words.percent(row.uptime_low)} to {words.percent(row.uptime_high)}"
