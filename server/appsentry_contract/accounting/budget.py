"""A promise and how much of its error budget is left."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.tally import Tally
from appsentry_contract.vocabulary import SlaStatus

AT_RISK_BELOW: Final = 0.25
"""The fraction of the budget under which a promise that still holds is at risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How a promise stands. `remaining` is a fraction of the budget, negative once it is overdrawn.

    Both numbers are None when nothing is promised; `remaining` also when nothing is known.
    """

    status: SlaStatus
    allowed: float | None
    remaining: float | None


def judge(tally: Tally, policy: Policy, target: float | None, *, bad: float | None = None) -> Budget:
    """Judge the tally of a whole SLA window against a target in percent, such as 99.9.

    `bad` is the bad time where the policy finds it otherwise than in the tally, by counting results.

    The budget is (100 % - target) of the accountable window, whether or not all of it is known: an hour of history with
    a minute down has used a minute of the month's 43, and has not broken a promise that is about the month. `breached`
    therefore means that the target is missed even if all unknown time was good.
    """
    if target is None:
        return Budget(status="unknown", allowed=None, remaining=None)
    allowed = _allowed(target, tally.accountable)
    if not tally.known:
        return Budget(status="unknown", allowed=allowed, remaining=None)
    remaining = 1 - (tally.bad(policy) if bad is None else bad) / allowed
    return Budget(status=_status(remaining), allowed=allowed, remaining=remaining)


def _status(remaining: float) -> SlaStatus:
    if remaining < 0:
        return "breached"
    return "at_risk" if remaining < AT_RISK_BELOW else "met"


def allowed_share(target: float) -> Fraction:
    """The part of the time that may be bad under a target in percent."""
    if not 0 < target < 100:
        raise ValueError(f"expected a target between 0 and 100 percent, found {target}")
    # As it is written: in binary, 100 - 99.9 would be a hair more than a tenth, and 43 min 12 s not the budget of 30 d.
    return (100 - Fraction(str(target))) / 100


@lru_cache(maxsize=256)
def _allowed(target: float, accountable: int) -> float:
    return float(allowed_share(target) * accountable)
