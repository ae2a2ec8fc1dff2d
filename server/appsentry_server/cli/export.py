"""`appsentry export`: a running server's history as files."""

import sys
from pathlib import Path
from typing import Any

import click

from appsentry_contract.plain import plain

_FORMATS = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}


def _formats(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in _FORMATS]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(_FORMATS)}")
    return names


@click.command()
@click.option("--from", "since", default="24h", show_default=True, help="An instant, or how long back from --to.")
@click.option("--to", "until", help="An instant, or how long back from now. Default: now.")
@click.option("--application", "applications", multiple=True, metavar="ID", help="An application; may be repeated.")
@click.option(
    "--format",
    "formats",
    default="parquet",
    show_default=True,
    callback=_formats,
    help="parquet, csv, or both with a comma.",
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--url", envvar="APPSENTRY_URL", default="http://127.0.0.1:3001", show_default=True)
@click.option("--token-file", type=click.File(), help="A file with the server's token. Default: APPSENTRY_TOKEN.")
def export(
    since: str,
    until: str | None,
    applications: tuple[str, ...],
    formats: tuple[str, ...],
    out: Path,
    url: str,
    token_file: Any,
) -> None:
    """Write every result of a stretch of time, as the server keeps it, simulated ones left out.

    With two formats --out names both files, each with its own ending.
    """
    import os

    from appsentry_contract.errors import AppSentryError
    from appsentry_server.cli.remote import RemoteServer
    from appsentry_server.cli.stretch import stretch

    server = RemoteServer(url, token_file.read().strip() if token_file else os.environ.get("APPSENTRY_TOKEN"))
    try:
        start_ms, end_ms = stretch(since, until)
        for name in formats:
            path = out if len(formats) == 1 else out.with_suffix(f".{name}")
            size = server.save_history(path, start_ms, end_ms, applications, accept=_FORMATS[name])
            click.echo(f"{path}: {size:,} bytes")
    except (AppSentryError, ValueError) as error:
        click.echo(f"appsentry: {plain(str(error))}", err=True)
        sys.exit(2)
    finally:
        server.close()
