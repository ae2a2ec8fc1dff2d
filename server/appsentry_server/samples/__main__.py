"""`python -m appsentry_server.samples`: serves the sample applications and prints their addresses as one JSON line."""

import argparse
import asyncio
import json
import os
import secrets
import signal
import ssl
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from appsentry_server.clock import SystemClock
from appsentry_server.samples.applications import Credentials, Scene, applications
from appsentry_server.samples.certificates import make_certificate, server_context

_CERTIFICATE_LEFT = timedelta(days=5)


def main() -> None:
    """Serve until SIGTERM, SIGINT, or, with `--leash`, the end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m appsentry_server.samples", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the applications' behaviour")
    parser.add_argument("--leash", action="store_true", help="end when standard input does")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="appsentry-samples-") as folder:
        asyncio.run(_serve(Path(folder), options.seed, leash=options.leash))


async def _serve(folder: Path, seed: int, *, leash: bool) -> None:
    end = _end(leash=leash)
    clock = SystemClock()
    certificate = make_certificate(now_ms=clock.now_ms(), left=_CERTIFICATE_LEFT)
    authority = folder / "ca.pem"
    authority.write_bytes(certificate.authority)
    credentials = Credentials(username="demo", password=secrets.token_urlsafe(12))
    scene = Scene(seed=seed, clock=clock, started=clock.monotonic())
    tls = {"payments-gateway": server_context(certificate)}
    urls = {name: _listen(app, tls.get(name)) for name, app in applications(scene, credentials).items()}
    ready = {"urls": urls, "ca": str(authority), "username": credentials.username, "password": credentials.password}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await end.wait()


def _end(*, leash: bool) -> asyncio.Event:
    """Set when it is time to go."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if leash:
        descriptor = sys.stdin.fileno()

        def pulled() -> None:
            if not os.read(descriptor, 4096):
                loop.remove_reader(descriptor)
                end.set()

        loop.add_reader(descriptor, pulled)
    return end


def _listen(application: Application, context: ssl.SSLContext | None) -> str:
    """Serve it on a free port of loopback; its address."""
    (socket,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application, ssl_options=context)
    server.add_socket(socket)
    scheme = "https" if context else "http"
    return f"{scheme}://127.0.0.1:{socket.getsockname()[1]}"


if __name__ == "__main__":
    main()
