"""`appsentry demo`: sample applications, a server that checks them, and JupyterLab to watch it in."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click


@click.command()
@click.option("--no-lab", is_flag=True, help="Only the sample applications and the server.")
@click.option("--port", type=int, default=3001, show_default=True, help="The server's port; 0 picks a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="APPSENTRY_DATA_DIR", help="Default: temporary.")
def demo(no_lab: bool, port: int, data_dir: Path | None) -> None:
    """Watch AppSentry at work on sample applications, until a signal ends it."""
    from appsentry_contract.errors import AppSentryError

    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="appsentry-demo-")))
        try:
            _run(stack, folder.absolute(), port, with_lab=not no_lab)
        except AppSentryError as error:
            click.echo(f"appsentry: {error}", err=True)
            sys.exit(2)


def _run(stack: ExitStack, folder: Path, port: int, *, with_lab: bool) -> None:
    import os

    from appsentry_server import samples
    from appsentry_server.cli.lab import Lab
    from appsentry_server.cli.starting import run_server, say_listening
    from appsentry_server.clock import SystemClock
    from appsentry_server.configuration.reloading import ConfigurationFile

    running = stack.enter_context(samples.start())
    os.environ.update(running.environment)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "appsentry.yaml"
    path.write_text(samples.configuration(running.addresses), encoding="utf-8")
    clock = SystemClock()
    options = {"port": port, "data_dir": folder, "dev": True}
    file = ConfigurationFile(path, clock=clock, options=options)

    async def ready(url: str) -> None:
        await say_listening(url)
        if with_lab:
            lab = Lab.start(folder, {"APPSENTRY_URL": url})
            stack.callback(lab.stop)
            click.echo(f"JupyterLab is at {await lab.address(clock)}")
            sys.stdout.flush()

    run_server(file, ready)
