"""The root of the errors this package raises; a failing application is a result, never an error."""


class AppSentryError(Exception):
    """Something AppSentry itself could not do. The message says what was found and what to do next."""
