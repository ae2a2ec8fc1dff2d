"""`%sentry` in a real shell."""

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import appsentry_kernel as sentry
from appsentry_kernel.session import Session, current


@pytest.fixture
def shell(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension loaded, and with no history file."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    shell.extension_manager.load_extension("appsentry_kernel")
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def ask(shell: InteractiveShell, line: str) -> Any:
    return shell.run_line_magic("sentry", line)


def test_the_open_session_is_asked(shell: InteractiveShell, session: Session) -> None:
    assert ask(shell, "status") is session
    assert ask(shell, "") is session
    assert ask(shell, "apps").index.equals(session.applications.index)
    run = ask(shell, "run payment-api search")
    assert isinstance(run, sentry.Run)
    assert len(run.wait().results) == 2


def test_history_takes_a_duration_and_applications(shell: InteractiveShell, session: Session) -> None:
    session.run_tests_sync(["payment-api", "search"])
    assert set(ask(shell, "history 1h search")["application"]) == {"search"}
    assert set(ask(shell, "history")["application"]) >= {"payment-api", "search"}


def test_without_a_session_one_is_opened_and_kept(
    shell: InteractiveShell, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPSENTRY_URL", server.url)
    assert current() is None
    session = ask(shell, "status")
    assert (session.url, session.state) == (server.url, "live")
    assert ask(shell, "status") is session
    session.close()


@pytest.mark.parametrize("line", ["stats", "run --all"])
def test_what_it_does_not_know_is_answered_with_what_it_does(
    shell: InteractiveShell, session: Session, line: str
) -> None:
    with pytest.raises((UsageError, sentry.AppSentryError), match=r"%sentry history 7d payment-api|--all"):
        ask(shell, line)
