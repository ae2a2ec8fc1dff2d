"""`appsentry run`: a test run on a running server, for people and for deployment pipelines."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from appsentry_contract.plain import plain

_POLL_S = 0.25
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.option("--app", "applications", multiple=True, metavar="ID", help="An application; may be repeated.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="Applications with this tag; may be repeated.")
@click.option("--type", "types", multiple=True, metavar="T", help="A kind of check; may be repeated.")
@click.option("--url", envvar="APPSENTRY_URL", default="http://127.0.0.1:3001", show_default=True)
@click.option("--token-file", type=click.File(), help="A file with the server's token. Default: APPSENTRY_TOKEN.")
def run(
    applications: tuple[str, ...], tags: tuple[str, ...], types: tuple[str, ...], url: str, token_file: Any
) -> None:
    """Test applications now. Exits with 0 when all passed, 1 when some failed or are unknown, 2 when it could not run.

    Degraded is passed. Ctrl-C or SIGTERM cancels the run on the server.
    """
    import os

    from appsentry_contract.errors import AppSentryError
    from appsentry_server.cli.remote import RemoteServer

    wanted = {"applicationIds": list(applications), "tags": list(tags), "testTypes": list(types)}
    token = token_file.read().strip() if token_file else os.environ.get("APPSENTRY_TOKEN")
    server = RemoteServer(url, token)
    try:
        with _interrupts_held_back():
            run_id = server.start_test_run({name: values for name, values in wanted.items() if values})
            ended = _follow(server, run_id)
    except AppSentryError as error:
        click.echo(f"appsentry: {plain(str(error))}", err=True)
        sys.exit(2)
    finally:
        server.close()
    _report(ended)
    if ended["state"] != "completed":
        sys.exit(2)
    sys.exit(1 if ended["failed"] or ended["unknown"] else 0)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a signal wait until it is asked for: one that broke off a request could leave a run that nobody cancels."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        signal.sigtimedwait(_INTERRUPTS, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow(server: Any, run_id: str) -> dict[str, Any]:
    """Show the run's progress until it ends; a signal cancels it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from appsentry_server.cli.remote import RequestRefused

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("Testing", total=None)
        while True:
            state: dict[str, Any] = server.test_run(run_id)
            progress.update(bar, completed=state["completed"], total=state["total"], description=plain(_doing(state)))
            if state["state"] not in ("running", "paused"):
                return state
            if signal.sigtimedwait(_INTERRUPTS, _POLL_S):
                # Refused when it has just ended by itself, which the next look tells.
                with suppress(RequestRefused):
                    server.cancel_test_run(run_id)


def _doing(state: dict[str, Any]) -> str:
    running = [test["applicationId"] for test in state["tests"] if test["status"] == "running"]
    return f"Testing {running[-1]}" if running else str(state["state"]).capitalize()


def _report(state: dict[str, Any]) -> None:
    """One line a test, the bad ones with their reason, then the sums."""
    for test in state["tests"]:
        duration = "" if test["duration"] is None else f"{test['duration']:.0f} ms"
        line = f"{test['status']:<9} {test['applicationId']} {test['checkId']} {duration}"
        if test["failure"]:
            step = f" at {test['failure']['step']}" if test["failure"]["step"] else ""
            line += f"  {test['failure']['class']}{step}: {test['failure']['message']}"
        click.echo(plain(line))
    sums = ", ".join(f"{state[status]} {status}" for status in ("passed", "degraded", "failed", "unknown"))
    ending = "" if state["state"] == "completed" else f" ({state['state']}: {state['reason']})"
    click.echo(plain(f"{sums}{ending}"))
