"""What sets two policies apart: the difference of their downtimes as a waterfall of causes that adds up exactly."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.tally import bad_time
from appsentry_kernel.accounts.account import Account
from appsentry_kernel.accounts.observations import Observations
from appsentry_kernel.accounts.policies import policy_of
from appsentry_kernel.accounts.stretches import Stretches
from appsentry_kernel.accounts.tables import rows_of
from appsentry_kernel.accounts.targets import Targets
from appsentry_kernel.window import Moment

CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "retries": ("confirm", "attempts"),
    "gaps": ("gap_tolerance", "gaps"),
    "maintenance": ("maintenance", "pauses"),
    "service hours": ("service_hours", "outside_service_hours", "zone"),
    "degraded": ("degraded_weight",),
    "checks": ("combine",),
    "weighting": ("weighting",),
}
"""The choices that each cause takes over from the second policy, in the order in which they are applied. `checks` is in
the table only when the policies take checks together differently."""

GRAIN: Final = 2**22
"""Downtimes are rounded to a 2^22nd of a second. Such numbers, up to 68 years, add up exactly in floating point, in any
order, and rounded to the microsecond they are the exact figures."""

_DTYPES: Final = {"application": "str", "cause": "str", "seconds": "float64"}


def compare(
    frame: pd.DataFrame,
    a: str | Policy = "default",
    b: str | Policy = "uptime_kuma",
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    targets: Targets = None,
    maintenance: Stretches = None,
    pauses: Stretches = None,
) -> "Comparison":
    """Count a frame under two policies and explain how `b` arrives at another downtime than `a`.

    The rest is as for `account`.
    """
    observations = Observations(frame)
    policies = list(_steps(policy_of(a), policy_of(b)))
    more: dict[str, Any] = {"since": since, "until": until, "targets": targets}
    more |= {"maintenance": maintenance, "pauses": pauses}
    accounts = [Account(observations, policy, **more) for _, policy in policies]
    return Comparison(
        accounts[0], accounts[-1], [(cause, one) for (cause, _), one in zip(policies, accounts, strict=True)]
    )


class Comparison:
    """What `compare` gives: `a` and `b` are the accounts under either policy."""

    def __init__(self, a: Account, b: Account, steps: "list[tuple[str, Account]]") -> None:
        self.a = a
        self.b = b
        levels = [_downtimes(account) for _, account in steps]
        names = list(levels[0])
        self.table = rows_of(
            (
                {"application": name, "cause": cause, "seconds": after[name] - before[name]}
                for name in names
                for (cause, _), before, after in zip(steps[1:], levels[:-1], levels[1:], strict=True)
            ),
            _DTYPES,
        )
        """One row an application and cause: `seconds` of downtime that `b` counts more than `a` because of it, negative
        when fewer. Causes are applied in the order retries, gaps, maintenance, service hours, degraded, (checks,)
        weighting. Under weighting `count`, downtime is the share of results that are bad times the known time."""
        index = pd.Index(names, dtype="str", name="application")
        self.downtime = pd.DataFrame(
            {"a": [levels[0][name] for name in names], "b": [levels[-1][name] for name in names]},
            index=index,
            dtype="float64",
        )
        """Seconds of downtime under either policy, weighted degraded time included."""
        self.difference = pd.Series(
            [levels[-1][name] - levels[0][name] for name in names], index=index, dtype="float64", name="seconds"
        )
        """Seconds of downtime that `b` counts more than `a`: the exact sum of the table's rows, by application."""

    def __repr__(self) -> str:
        return f"<Comparison of {self.a.policy.name} with {self.b.policy.name}, {len(self.downtime)} applications>"


def _steps(a: Policy, b: Policy) -> "list[tuple[str, Policy]]":
    """Each cause with the policy once it has been applied, after the first policy itself."""
    steps = [("", a)]
    for cause, fields in CAUSES.items():
        if cause != "checks" or a.combine != b.combine:
            steps.append((cause, replace(steps[-1][1], **{field: getattr(b, field) for field in fields})))
    steps[-1] = (steps[-1][0], b)
    return steps


def _downtimes(account: Account) -> dict[str, float]:
    return {
        name: _rounded(bad_time(figures.time, figures.results, account.policy))
        for name, figures in account.figures.items()
    }


def _rounded(us: Fraction) -> float:
    return round(us * GRAIN / 1_000_000) / GRAIN
