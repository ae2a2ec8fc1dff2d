"""The policies that have a name: our own, and those under which other tools count."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from appsentry_contract.accounting.policy import DEFAULT, Policy, ServiceHours
from appsentry_kernel.errors import AppSentryError

__all__ = ["Policy", "ServiceHours", "policies", "policy_of"]

_ALL = (
    DEFAULT,
    # Up / (up + down) by count, whatever lies between; pending, which is read as down, counts; maintenance is left out.
    Policy(name="uptime_kuma", weighting="count", confirm=1, gap_tolerance=None),
    # Successes / executions; during maintenance alerts are silent and results count; the mean includes failures.
    Policy(
        name="gatus",
        weighting="count",
        confirm=1,
        gap_tolerance=None,
        maintenance="measured",
        pauses="measured",
        responses="all",
    ),
    # Up / total; nothing is checked during maintenance; the mean includes failures.
    Policy(name="checkmate", weighting="count", confirm=1, gap_tolerance=None, responses="all"),
    # Seconds of the month less those after a flip to down; there is no maintenance, and silence is the down.
    Policy(name="healthchecks", confirm=1, gap_tolerance=None, gaps="up", maintenance="measured", pauses="measured"),
    # By duration; degraded is up; maintenance is never left out.
    Policy(name="openstatus", confirm=1, gap_tolerance=None, maintenance="measured", pauses="measured"),
    # 100 % less the time in which an issue was open; whatever is not known is up.
    Policy(name="upptime", confirm=1, gap_tolerance=None, gaps="up", maintenance="measured", pauses="measured"),
    # Any monitor down is down; maintenance mutes alerts only; without rows the answer is 100 %.
    Policy(name="oneuptime", confirm=1, gap_tolerance=None, gaps="up", maintenance="measured", pauses="measured"),
    # Good time / total; corrections leave maintenance out; of a result and its retries the last counts; gaps by a
    # setting, which is up at first.
    Policy(name="datadog", confirm=1, attempts="last", gaps="up"),
)

policies: Final[Mapping[str, Policy]] = MappingProxyType({policy.name: policy for policy in _ALL})
"""The named policies, by name. Vary one with `dataclasses.replace`."""


def policy_of(policy: str | Policy) -> Policy:
    """The policy of this name, or the policy itself. Raises `AppSentryError` for a name that is none."""
    if isinstance(policy, Policy):
        return policy
    if policy not in policies:
        close = get_close_matches(str(policy), policies, n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise AppSentryError(f"there is no policy {policy!r}{meant}; there are {', '.join(policies)}")
    return policies[policy]
