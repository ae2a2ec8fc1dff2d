"""A target that repeats the credentials it was sent gets them into nothing that is kept, shown, told or logged."""

import asyncio
import html
import json
import sys
from base64 import b64encode
from urllib.parse import parse_qs, quote, quote_plus

import aiohttp
import pytest
import socketio

DEADLINE_S = 60
USER = "planted-alice@app.test"
PASSWORD = 'planted&"<Pass/Wörd>?'
FORM = b"<form method=post action=/%s><input name=u><input type=password name=p></form>"
ECHOES = {
    "plain": lambda secret: secret,
    "url": quote,
    "twice": lambda secret: quote(quote(secret)),
    "query": quote_plus,
    "html": html.escape,
    "json": json.dumps,
    "base64": lambda secret: b64encode(secret.encode()).decode(),
    "basic": lambda secret: b64encode(f"{USER}:{secret}".encode()).decode(),
    "within": lambda secret: b64encode(json.dumps({"word": secret}, ensure_ascii=False).encode()).decode(),
}
PLACES = ("body", "location", "cookie", "reason")
FOUND_IF_LEAKED = (
    "planted",
    "pass/w",
    "pass%2",
    "pass%25",
    "cGxhbnRlZ",
    "wbGFudGVk",
    "BsYW50ZW",
    "UGFzcy9X",
    "Bhc3MvV",
    "QYXNzL1",
)
"""Parts of the secrets that every form of them holds one of; base64 in its three alignments."""


class Echo:
    """A target with a login page; what is sent to `/encoding-place` comes back so encoded, at that place."""

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            name = path.strip("/")
            if method == "GET":
                body = FORM % name.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            else:
                length = next(
                    int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")
                )
                sent = parse_qs((await reader.readexactly(length)).decode())
                writer.write(self._echo(name, sent["u"][0] + " " + sent["p"][0], sent["p"][0]))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The check has hung up.
        finally:
            writer.close()

    def _echo(self, name, both, password):
        encoding, _, place = name.partition("-")
        said = ECHOES[encoding](password if encoding == "basic" else both)
        line = said.encode().replace(b"\n", b" ")
        status = b"302 Found" if place == "location" else b"200 " + line if place == "reason" else b"500 No"
        headers = {
            "location": b"Location: ftp://app.test/" + line,
            "cookie": b"Set-Cookie: " + quote(said).encode() + b"=1",
        }
        body = line if place in {"body", "reason"} else b""
        extra = headers.get(place, b"X-Nothing: 1")
        return b"HTTP/1.1 %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (status, extra, len(body), body)


def configuration(port, folder):
    (folder / "password").write_text(PASSWORD + "\n")
    checks = {
        f"{encoding}-{place}": {
            "type": "login",
            "url": f"http://127.0.0.1:{port}/{encoding}-{place}",
            "username": "env:PLANTED_USER",
            "password": "file:password",
            "expect": {"text": "none such"} if place != "cookie" else {"status": 500, "cookie": "none such"},
            "timeout": "30s",
        }
        for encoding in ECHOES
        for place in PLACES
    }
    applications = [
        {"id": name, "checks": [{**check, "interval": "1h", "confirm": 1}]} for name, check in checks.items()
    ]
    return {"defaults": {"confirm": 1}, "applications": applications}


async def everything_told(url, http, applications):
    """All that the server says of a run of every check: its events, its API, its figures."""
    told = []
    ended = asyncio.Event()
    socket = socketio.AsyncClient(reconnection=False, http_session=http)

    def hear(name, payload):
        told.append(json.dumps([name, payload], ensure_ascii=False))
        if name == "testRunCompleted":
            ended.set()

    socket.on("*", hear)
    await socket.connect(url, transports=["websocket"], wait_timeout=DEADLINE_S)
    try:
        answer = await socket.call("startTestRun", {}, timeout=DEADLINE_S)
        assert answer["ok"], answer
        await asyncio.wait_for(ended.wait(), DEADLINE_S)
        for path, accept in (
            ("/api/history", "application/json"),
            ("/api/history", "text/csv"),
            ("/api/applications", "application/json"),
            (f"/api/test-runs/{answer['testRunId']}", "application/json"),
            ("/metrics", "text/plain"),
        ):
            async with http.get(url + path, headers={"Accept": accept}) as got:
                assert got.status == 200, path
                told.append(await got.text())
    finally:
        await socket.eio.disconnect(abort=True)
    failed = [line for line in told if line.startswith('["testFailed"')]
    assert len(failed) == applications
    return told


def test_echoed_credentials_are_in_nothing_that_is_kept_shown_told_or_logged(tmp_path, monkeypatch, show):
    monkeypatch.setenv("PLANTED_USER", USER)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def main():
        target = await asyncio.start_server(Echo().serve, "127.0.0.1", 0)
        config = configuration(target.sockets[0].getsockname()[1], tmp_path)
        (tmp_path / "appsentry.yaml").write_text(json.dumps(config))
        words = ["--port", "0", "--config", str(tmp_path / "appsentry.yaml"), "--data-dir", str(tmp_path / "history")]
        with (tmp_path / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "appsentry_server", "serve", *words, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        try:
            line = (await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)).decode()
            assert "listening on" in line, (tmp_path / "log").read_text()
            async with aiohttp.ClientSession() as http:
                return await everything_told(line.split()[-1], http, len(config["applications"]))
        finally:
            process.terminate()
            await asyncio.wait_for(process.communicate(), DEADLINE_S)
            target.close()
            await target.wait_closed()

    told = asyncio.run(main())
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and file.name not in {"password", "appsentry.yaml"}]
    texts = [*told, *(file.read_bytes().decode("latin-1") for file in kept)]

    show(f"{len(ECHOES) * len(PLACES)} echoes, {len(texts)} texts, {sum(map(len, texts)) / 1e6:.1f} MB searched")
    assert any("•••" in text for text in told)
    assert [(part, text[:300]) for part in FOUND_IF_LEAKED for text in texts if leaks(part, text)] == []


def leaks(part, text):
    # base64 is told apart by case; whatever else is not, because masking is not either.
    return part in text if part[:3] in {"cGx", "wbG", "BsY", "UGF", "Bhc", "QYX"} else part in text.lower()


@pytest.mark.parametrize("encoding", ECHOES)
def test_a_leak_would_be_found(encoding):
    said = ECHOES[encoding](PASSWORD if encoding == "basic" else f"{USER} {PASSWORD}")

    assert any(leaks(part, said) for part in FOUND_IF_LEAKED)
