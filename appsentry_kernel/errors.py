"""What the notebook side raises; a failing application is a result, never an error."""

from appsentry_contract.errors import AppSentryError

__all__ = ["AppSentryError", "RequestRefused", "ServerUnreachable", "SessionClosed", "TokenRefused"]


class ServerUnreachable(AppSentryError, ConnectionError):
    """No AppSentry server answers at the address, or the connection to it is lost."""


class TokenRefused(ServerUnreachable):
    """The server answers, but not to this token."""


class RequestRefused(AppSentryError):
    """The server understood the request and said no; `code` is its word for why."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class SessionClosed(AppSentryError):
    """The session was closed; what it has seen can still be read."""
