"""`appsentry serve`: the server, on a configuration file."""

import os
import sys
from pathlib import Path

import click

_DEFAULT = Path("appsentry.yaml")


@click.command()
@click.option("--config", type=click.Path(path_type=Path), envvar="APPSENTRY_CONFIG", help="Default: appsentry.yaml.")
@click.option("--host", help="The address to listen on. Default: 127.0.0.1.")
@click.option("--port", type=int, help="The port; 0 picks a free one. Default: 3001.")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="APPSENTRY_DATA_DIR", help="The history's folder.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file with the token clients must show.")
@click.option("--tls-certificate", type=click.Path(path_type=Path), help="A PEM file to serve https with.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="The certificate's private key, a PEM file.")
@click.option("--dev", is_flag=True, default=None, help="Development mode: lets clients simulate events.")
def serve(
    config: Path | None,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    token_file: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    dev: bool | None,
) -> None:
    """Run checks, keep every result and stream what happens, until a signal ends it."""
    from appsentry_server.cli.starting import run_server, say_listening, token_reference
    from appsentry_server.clock import SystemClock
    from appsentry_server.configuration.reloading import ConfigurationFile

    path = config or _DEFAULT
    if config is None and not path.exists():
        click.echo("appsentry: no configuration: write appsentry.yaml here, or name one with --config FILE", err=True)
        sys.exit(2)
    token = token_reference(token_file) or ("env:APPSENTRY_TOKEN" if os.environ.get("APPSENTRY_TOKEN") else None)
    if (tls_certificate is None) != (tls_key is None):
        click.echo("appsentry: --tls-certificate and --tls-key go together: give both", err=True)
        sys.exit(2)
    tls = None if tls_certificate is None else {"certificate": tls_certificate, "key": tls_key}
    options = {"host": host, "port": port, "data_dir": data_dir, "token": token, "tls": tls, "dev": dev}
    run_server(ConfigurationFile(path, clock=SystemClock(), options=options), say_listening)
