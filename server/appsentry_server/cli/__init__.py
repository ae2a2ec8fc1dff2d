"""The command `appsentry`: one module a subcommand."""

import click

from appsentry_contract import __version__
from appsentry_server.cli.demo import demo
from appsentry_server.cli.export import export
from appsentry_server.cli.imports import imports
from appsentry_server.cli.run import run
from appsentry_server.cli.serve import serve
from appsentry_server.cli.validate import validate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="appsentry")
def main() -> None:
    """Application monitoring that lives in notebooks."""


for command in (serve, demo, run, validate, imports, export):
    main.add_command(command)
