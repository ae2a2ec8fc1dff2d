"""`appsentry validate`: is a configuration file good, and if not, where."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def validate(file: Path) -> None:
    """Say what FILE configures, or every mistake in it with its place."""
    from appsentry_server.configuration.loading import load
    from appsentry_server.configuration.problems import ConfigurationError

    try:
        configuration = load(file)
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        click.echo(f"appsentry: {_counted(len(error.problems), 'problem')} in {file}", err=True)
        sys.exit(2)
    applications = len(configuration.applications)
    checks = sum(len(application.checks) for application in configuration.applications)
    click.echo(f"{file} is good: {_counted(applications, 'application')}, {_counted(checks, 'check')}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
