"""The `%sentry` line magic: the session's most asked questions in one word."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class

from appsentry_kernel.session import Session, connect, current

if TYPE_CHECKING:
    import pandas as pd

    from appsentry_kernel.run import Run

_USAGE = (
    "%sentry status · %sentry run [APPLICATION ...] · %sentry apps · "
    "%sentry history [SINCE] [APPLICATION ...], such as %sentry history 7d payment-api"
)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register `%sentry`; called by `%load_ext appsentry_kernel`."""
    shell.register_magics(SentryMagics(shell))


@magics_class
class SentryMagics(Magics):
    """Uses the session opened last, or opens one when there is none."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._own: Session | None = None
        self._words: Mapping[str, Callable[[list[str]], object]] = {
            "status": self._status,
            "run": self._run,
            "apps": self._apps,
            "history": self._history,
        }

    @line_magic
    def sentry(self, line: str) -> Any:
        """status: the session · run [APPLICATION ...]: start a run · apps: the applications · history [SINCE] ..."""
        word, *rest = line.split() or ["status"]
        if word not in self._words:
            raise UsageError(f"%sentry knows no {word!r}. {_USAGE}")
        return self._words[word](rest)

    def _session(self) -> Session:
        session = current()
        if session is None:
            session = self._own = connect()
        return session

    def _status(self, rest: list[str]) -> Session:
        return self._session()

    def _run(self, applications: list[str]) -> "Run":
        return self._session().run_tests(applications or None)

    def _apps(self, rest: list[str]) -> "pd.DataFrame":
        return self._session().applications

    def _history(self, rest: list[str]) -> "pd.DataFrame":
        since, *applications = rest or ["24h"]
        return self._session().history(since, application=applications)
