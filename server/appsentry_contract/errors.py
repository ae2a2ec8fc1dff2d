"""The root of everything AppSentry raises; a failing application is a result, never an error."""


class AppSentryError(Exception):
    """Something AppSentry could not do. The message says what was found and what to do next."""
