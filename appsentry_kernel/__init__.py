"""AppSentry in a notebook: `import appsentry_kernel as sentry`, then `s = sentry.connect()`."""

from typing import TYPE_CHECKING, Any

from appsentry_contract import __version__

if TYPE_CHECKING:
    from appsentry_kernel import figures as fig
    from appsentry_kernel import tables as tbl
    from appsentry_kernel.accounts.account import Account, account
    from appsentry_kernel.accounts.alerts import Alerts, replay_alerts
    from appsentry_kernel.accounts.comparison import Comparison, compare
    from appsentry_kernel.accounts.evidence import Evidence, fingerprint
    from appsentry_kernel.accounts.policies import Policy, ServiceHours, policies
    from appsentry_kernel.accounts.rules import BurnRate, BurnWindow, ConfirmedDown, SlowResponses
    from appsentry_kernel.errors import AppSentryError, RequestRefused, ServerUnreachable, SessionClosed, TokenRefused
    from appsentry_kernel.incident.changes import Changes, changes
    from appsentry_kernel.incident.finding import Incidents, incidents
    from appsentry_kernel.incident.incident import Incident
    from appsentry_kernel.magic import load_ipython_extension
    from appsentry_kernel.reading import read_history
    from appsentry_kernel.replaying import Replay, replay
    from appsentry_kernel.run import Run
    from appsentry_kernel.session import Session, connect

_HOMES = {
    "Account": "appsentry_kernel.accounts.account",
    "Alerts": "appsentry_kernel.accounts.alerts",
    "AppSentryError": "appsentry_kernel.errors",
    "BurnRate": "appsentry_kernel.accounts.rules",
    "BurnWindow": "appsentry_kernel.accounts.rules",
    "Changes": "appsentry_kernel.incident.changes",
    "Comparison": "appsentry_kernel.accounts.comparison",
    "ConfirmedDown": "appsentry_kernel.accounts.rules",
    "Evidence": "appsentry_kernel.accounts.evidence",
    "Incident": "appsentry_kernel.incident.incident",
    "Incidents": "appsentry_kernel.incident.finding",
    "Policy": "appsentry_kernel.accounts.policies",
    "Replay": "appsentry_kernel.replaying",
    "RequestRefused": "appsentry_kernel.errors",
    "Run": "appsentry_kernel.run",
    "ServerUnreachable": "appsentry_kernel.errors",
    "ServiceHours": "appsentry_kernel.accounts.policies",
    "Session": "appsentry_kernel.session",
    "SessionClosed": "appsentry_kernel.errors",
    "SlowResponses": "appsentry_kernel.accounts.rules",
    "TokenRefused": "appsentry_kernel.errors",
    "account": "appsentry_kernel.accounts.account",
    "changes": "appsentry_kernel.incident.changes",
    "compare": "appsentry_kernel.accounts.comparison",
    "connect": "appsentry_kernel.session",
    "fingerprint": "appsentry_kernel.accounts.evidence",
    "incidents": "appsentry_kernel.incident.finding",
    "load_ipython_extension": "appsentry_kernel.magic",
    "policies": "appsentry_kernel.accounts.policies",
    "read_history": "appsentry_kernel.reading",
    "replay": "appsentry_kernel.replaying",
    "replay_alerts": "appsentry_kernel.accounts.alerts",
}

_ROOMS = {"fig": "appsentry_kernel.figures", "tbl": "appsentry_kernel.tables"}
"""Names that stand for a whole room: `sentry.fig.latency`."""

__all__ = [
    "Account",
    "Alerts",
    "AppSentryError",
    "BurnRate",
    "BurnWindow",
    "Changes",
    "Comparison",
    "ConfirmedDown",
    "Evidence",
    "Incident",
    "Incidents",
    "Policy",
    "Replay",
    "RequestRefused",
    "Run",
    "ServerUnreachable",
    "ServiceHours",
    "Session",
    "SessionClosed",
    "SlowResponses",
    "TokenRefused",
    "__version__",
    "account",
    "changes",
    "compare",
    "connect",
    "fig",
    "fingerprint",
    "incidents",
    "load_ipython_extension",
    "policies",
    "read_history",
    "replay",
    "replay_alerts",
    "tbl",
]


def __getattr__(name: str) -> Any:
    # Importing the package stays cheap: what needs Arrow, a socket or a widget is imported at its first use.
    from importlib import import_module

    if name in _ROOMS:
        return import_module(_ROOMS[name])
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
