"""AppSentry in a notebook: `import appsentry_kernel as sentry`, then `s = sentry.connect()`."""

from typing import TYPE_CHECKING, Any

from appsentry_contract import __version__

if TYPE_CHECKING:
    from appsentry_kernel.errors import AppSentryError
    from appsentry_kernel.magic import load_ipython_extension
    from appsentry_kernel.run import Run
    from appsentry_kernel.session import Session, connect

__all__ = ["AppSentryError", "Run", "Session", "__version__", "connect", "load_ipython_extension"]

_HOMES = {
    "AppSentryError": "appsentry_kernel.errors",
    "Run": "appsentry_kernel.run",
    "Session": "appsentry_kernel.session",
    "connect": "appsentry_kernel.session",
    "load_ipython_extension": "appsentry_kernel.magic",
}


def __getattr__(name: str) -> Any:
    # Importing the package stays cheap: what needs Arrow, a socket or a widget is imported at its first use.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
