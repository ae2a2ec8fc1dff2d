"""`appsentry import`: what other tools have kept, as ours."""

import sys
from pathlib import Path

import click

from appsentry_contract.plain import plain

_LAST = "24h"


@click.group(name="import")
def imports() -> None:
    """Read what another tool has kept."""


@imports.command()
@click.argument("kind")
@click.argument("source")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write; default SOURCE.parquet here."
)
@click.option(
    "--from", "since", default=_LAST, show_default=True, help="Of a Prometheus: an instant, or how long back."
)
@click.option("--to", "until", help="Of a Prometheus: an instant, or how long back. Default: now.")
def history(kind: str, source: str, out: Path | None, since: str, until: str | None) -> None:
    """Write another tool's history as Parquet, or as CSV where the name says so.

    KIND is kuma, gatus, upptime, healthchecks, prometheus, parquet or csv; SOURCE a file, or a Prometheus' address.
    """
    from appsentry_contract.errors import AppSentryError
    from appsentry_server.cli.stretch import stretch
    from appsentry_sources import formats
    from appsentry_sources.prometheus import Span
    from appsentry_sources.writing import write

    try:
        start_ms, end_ms = stretch(since, until)
        reading = formats.read(source, kind, Span(since=start_ms / 1_000, until=end_ms / 1_000))
        path = Path(f"{Path(source).stem or 'history'}.parquet") if out is None else out
        write(reading.table, path)
    except (AppSentryError, ValueError) as error:
        click.echo(f"appsentry: {plain(str(error))}", err=True)
        sys.exit(2)
    click.echo(f"{path}: {reading.table.num_rows} results of {len(reading.names)} applications")
    for what, count in reading.left_out.items():
        if count:
            click.echo(f"left out: {count} {plain(what)}")
    if reading.placed:
        click.echo(f"{reading.placed} of them are in the source as sums only: their instants are approximate")
