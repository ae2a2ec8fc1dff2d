"""AppSentry in a notebook: `import appsentry_kernel as sentry`, then `s = sentry.connect()`."""

from typing import TYPE_CHECKING, Any

from appsentry_contract import __version__

if TYPE_CHECKING:
    from appsentry_kernel.errors import AppSentryError, RequestRefused, ServerUnreachable, SessionClosed, TokenRefused
    from appsentry_kernel.magic import load_ipython_extension
    from appsentry_kernel.reading import read_history
    from appsentry_kernel.run import Run
    from appsentry_kernel.session import Session, connect

_HOMES = {
    "AppSentryError": "appsentry_kernel.errors",
    "RequestRefused": "appsentry_kernel.errors",
    "Run": "appsentry_kernel.run",
    "ServerUnreachable": "appsentry_kernel.errors",
    "Session": "appsentry_kernel.session",
    "SessionClosed": "appsentry_kernel.errors",
    "TokenRefused": "appsentry_kernel.errors",
    "connect": "appsentry_kernel.session",
    "load_ipython_extension": "appsentry_kernel.magic",
    "read_history": "appsentry_kernel.reading",
}

__all__ = [
    "AppSentryError",
    "RequestRefused",
    "Run",
    "ServerUnreachable",
    "Session",
    "SessionClosed",
    "TokenRefused",
    "__version__",
    "connect",
    "load_ipython_extension",
    "read_history",
]


def __getattr__(name: str) -> Any:
    # Importing the package stays cheap: what needs Arrow, a socket or a widget is imported at its first use.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
