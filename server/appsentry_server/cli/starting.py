"""What `serve` and `demo` share: from options to a server that listens."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
from pydantic import ValidationError

from appsentry_contract.errors import AppSentryError
from appsentry_server.clock import SystemClock
from appsentry_server.configuration.model import Configuration
from appsentry_server.configuration.problems import ConfigurationError
from appsentry_server.configuration.reloading import ConfigurationFile
from appsentry_server.listening import listen
from appsentry_server.logs import log_to_standard_error


def run_server(file: ConfigurationFile, ready: Callable[[str], Awaitable[None]]) -> None:
    """Run until a signal ends it; a server that cannot start exits with 2 and lines that say why."""
    clock = SystemClock()
    log_to_standard_error(clock)
    configuration = _load(file)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(listen(configuration, clock, file, ready))
    except AppSentryError as error:
        click.echo(f"appsentry: {error}", err=True)
        sys.exit(2)


async def say_listening(url: str) -> None:
    """The one line that says the server answers."""
    click.echo(f"AppSentry is listening on {url}")
    sys.stdout.flush()


def token_reference(token_file: Path | None) -> str | None:
    """The reference of a token given on the command line; the file itself is read when it is needed."""
    return None if token_file is None else f"file:{token_file.absolute()}"


def _load(file: ConfigurationFile) -> Configuration:
    try:
        return file.load()
    except ConfigurationError as error:
        click.echo(str(error), err=True)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = "-".join(str(part) for part in problem["loc"]).replace("_", "-")
            click.echo(f"appsentry: --{name}: {problem['msg']}", err=True)
    sys.exit(2)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
