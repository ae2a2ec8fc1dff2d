"""How one application stands: its checks taken together, and its promise over the SLA window."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from appsentry_contract import events
from appsentry_contract.accounting.budget import judge
from appsentry_contract.accounting.ledger import Ledger
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.tally import Tally, uptime
from appsentry_contract.accounting.timeline import STATES
from appsentry_contract.instants import to_wire
from appsentry_contract.vocabulary import ApplicationStatus, SlaStatus, Verdict
from appsentry_server.configuration.model import ApplicationSettings
from appsentry_server.results import Result
from appsentry_server.status.check import CheckStanding, check_state

WINDOW: Final = timedelta(days=30)
"""What uptime is counted over where nothing is promised."""

_MILLISECOND = timedelta(milliseconds=1)
_STATUS: Final[Mapping[Verdict, ApplicationStatus]] = {
    "up": "healthy",
    "degraded": "degraded",
    "unknown": "unknown",
    "down": "down",
}


class Facts(NamedTuple):
    """What readers must not miss of an application: an update that changes one of these is durable."""

    status: ApplicationStatus
    sla: SlaStatus
    name: str
    group: str | None
    tags: tuple[str, ...]

    @classmethod
    def of(cls, application: events.Application) -> "Facts":
        """The facts that an event told."""
        return cls(
            application["status"],
            application["sla"]["status"],
            application["name"],
            application["group"],
            tuple(application["tags"]),
        )


class ApplicationState:
    """One configured application and the standing of each of its checks, in the order of the configuration."""

    def __init__(self, settings: ApplicationSettings, checks: Mapping[str, CheckStanding], policy: Policy) -> None:
        self.settings = settings
        self.checks = checks
        self.ledger = Ledger([check.spans for check in checks.values()], policy)
        self._policy = policy
        self._window_ms = (settings.sla.window if settings.sla else WINDOW) // _MILLISECOND

    def tally(self, now_ms: int) -> Tally:
        """The SLA window that ends now, counted."""
        return self.ledger.tally(now_ms - self._window_ms, now_ms)

    def payload(self, now_ms: int) -> events.Application:
        """The application as it now is."""
        checks = [check.payload(now_ms) for check in self.checks.values()]
        tally = self.tally(now_ms)
        share = uptime(tally, self._policy).value
        percent = None if share is None else share * 100
        return {
            "id": self.settings.id,
            "name": self.settings.name,
            "status": worst(checks),
            "responseTime": next(iter(self.checks.values())).response_ms,
            "uptime": percent,
            "sla": self._sla(tally, percent),
            "lastChecked": max((check["lastChecked"] for check in checks if check["lastChecked"]), default=None),
            "group": self.settings.group,
            "tags": list(self.settings.tags),
            "simulated": False,
            "checks": checks,
        }

    def simulated(self, result: Result, now_ms: int) -> events.Application:
        """The application as if this result were real and, when down, confirmed; its figures as they are."""
        payload = self.payload(now_ms)
        settings = self.checks[result.check_id].settings
        pretended = check_state(settings, result.outcome.verdict, result.due_ms, result)
        payload["checks"] = [pretended if check["checkId"] == result.check_id else check for check in payload["checks"]]
        payload["status"] = worst(payload["checks"])
        payload["responseTime"] = result.outcome.response_ms
        payload["lastChecked"] = to_wire(result.due_ms)
        payload["simulated"] = True
        return payload

    def _sla(self, tally: Tally, percent: float | None) -> events.Sla:
        target = self.settings.sla.target if self.settings.sla else None
        budget = judge(tally, self._policy, target)
        return {
            "status": budget.status,
            "target": target,
            "actual": percent,
            "errorBudgetRemaining": budget.remaining,
        }


def worst(checks: list[events.CheckState]) -> ApplicationStatus:
    """Three-valued `all`: down if any check is down, else unknown if any is, else degraded if any is, else healthy."""
    return _STATUS[max((check["status"] for check in checks), key=STATES.index)]
