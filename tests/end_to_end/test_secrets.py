"""A login's credentials and the server's token come out nowhere, whatever a target does with what it is sent."""

import base64
import html
import io
import json
import signal
import socket
import socketserver
import struct
import threading
from contextlib import suppress
from urllib.parse import parse_qs, quote, quote_plus, unquote, urlsplit

import duckdb
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SECRETS = {
    "user": "us3rKq8Zd@shop",
    "env": 'env7Xq2Zt"<é>& /%+\\Lm9Rw',
    "file": "f1leVb5Ny'ü$ &lt;{x}=Hc4Tp",
    "token": "t0kenWd6Gs",
}

DEBUGGING = (
    "-X",
    "dev",
    "-c",
    "import logging, sys; logging.basicConfig(level=logging.DEBUG, stream=sys.stderr);"
    "logging.debug('everything is logged');"
    "from appsentry_server.cli import main; main()",
)

ECHOES = {
    "plain": str,
    "path": quote,
    "query": quote_plus,
    "lower": lambda text: quote(text, safe="").lower(),
    "bytes": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html": html.escape,
    "numbers": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "hexadecimal": lambda text: "".join(f"&#x{ord(character):X};" for character in text),
    "json": json.dumps,
    "units": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "shouted": str.upper,
}
"""How a target may write what it was sent."""


def page(status, body="", *headers):
    """The bytes of an answer."""
    content = body.encode()
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


FORM = '<form method="{method}" action="session"><input name="user"><input name="word" type="password"></form>'
NEVER = {"expect": {"text": "what is never there"}}
WAYS = {
    "wrong": (lambda echo: page("401 No", f"{echo} is wrong " + FORM.format(method="post")), {}),
    "again": (lambda echo: page("200 OK", echo + FORM.format(method="post")), {}),
    "error": (lambda echo: page("500 Broken", echo), {}),
    "reason": (lambda echo: page(f"500 {echo}", "", f"X-Echo: {echo}", f"WWW-Authenticate: Basic realm={echo}"), {}),
    "expectation": (lambda echo: page("200 OK", echo), NEVER),
    "pattern": (lambda echo: page("200 OK", "x" * 70 + echo), {"expect": {"regex": "^never$"}}),
    "type": (lambda echo: page("200 OK", echo, f"Content-Type: text/html; charset={echo}"), NEVER),
    "encoding": (lambda echo: page("200 OK", echo, f"Content-Encoding: {echo}"), NEVER),
    "cookie": (lambda echo: page("200 OK", echo, f"Set-Cookie: {echo}={echo}"), {"expect": {"cookie": "none"}}),
    "elsewhere": (lambda echo: page("302 Found", "", f"Location: arrived?{echo}"), {"expect": {"url": "home"}}),
    "loop": (lambda echo: page("307 Again", "", f"Location: session?{echo}"), {}),
    "host": (lambda echo: page("302 Found", "", f"Location: http://{echo}.invalid/"), {}),
    "scheme": (lambda echo: page("302 Found", "", f"Location: ftp://there/{echo}"), {}),
    "no scheme": (lambda echo: page("302 Found", "", f"Location: {echo}://there/"), {}),
    "no answer": (lambda echo: f"{echo}\r\n\r\n{echo}".encode(), {}),
    "half": (lambda echo: page("200 OK", echo + "x" * 999)[:-500], {}),
    "reset": (lambda echo: None, {}),
    "silent": (lambda echo: b"", {"timeout": "500ms"}),
    "logout": (lambda echo: page("200 OK", echo, f"Set-Cookie: s={quote(echo, safe='')}"), {"logout": "out"}),
    "slow": (lambda echo: page("200 OK", echo), {"degraded_above": "0.001ms"}),
    "well": (lambda echo: page("200 OK", echo), {}),
}
"""What a target answers to the credentials, and what else the check of it is told."""


class Echoing(socketserver.ThreadingTCPServer):
    """Behaves as the first part of a path says, and echoes as the second one says."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = "http://{}:{}".format(*self.server_address)
        self.seen = set()
        self.closed = threading.Event()


class Answer(socketserver.StreamRequestHandler):
    """One connection; it may be used again, but is not offered to be."""

    def handle(self):
        # A check may hang up at any time.
        with suppress(OSError):
            self._answer()

    def _answer(self):
        method, address, _ = self.rfile.readline().decode("latin-1").split(" ")
        length, cookie = 0, ""
        while header := self.rfile.readline().strip():
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            cookie = value.decode().partition("=")[2] if name.lower() == b"cookie" else cookie
        way, echo, last = urlsplit(address).path.split("/")[1:4]
        sent = urlsplit(address).query if method == "GET" else self.rfile.read(length).decode()
        word = parse_qs(sent).get("word", [""])[0]
        if last == "login":
            self.wfile.write(page("200 OK", FORM.format(method="get" if "get" in echo else "post")))
        elif last == "out":
            self.wfile.write(page("500 Broken", unquote(cookie)))
        elif not word:
            self.wfile.write(page("200 OK", "arrived"))
        else:
            self.server.seen.add(word)
            self._behave(WAYS[way.replace("-", " ")][0](ECHOES[echo.removeprefix("get-")](word)))

    def _behave(self, answer):
        if answer is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif answer:
            self.wfile.write(answer)
        else:
            self.server.closed.wait(60)


@pytest.fixture
def echoing():
    """The target that tells what it is told."""
    with Echoing() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.closed.set()
        server.shutdown()
        thread.join()


def applications(url):
    """One for every way, every echo and both kinds of reference; the forms are sent by POST and, in part, by GET."""
    for way, (_, settings) in WAYS.items():
        for number, echo in enumerate([*ECHOES, "get-plain", "get-query"]):
            place = f"{way.replace(' ', '-')}/{echo}"
            password = "env:E2E_WORD" if number % 2 else "file:word"
            check = {"type": "login", "url": f"{url}/{place}/login", "username": "env:E2E_USER", "password": password}
            often = {"interval": "1h", "confirm": 1, "timeout": "30s", **settings}
            yield {"id": place.replace("/", "."), "checks": [{**check, **often}]}


def forms(secret):
    """A secret in every form it is searched for, in lower case; base64 also as a part of something longer."""
    texts = {str(write(secret)) for write in ECHOES.values()} | {json.dumps(secret, ensure_ascii=False)[1:-1]}
    texts |= {
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        html.escape(secret, quote=False),
        secret[:9],
        secret[-6:],
    }
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret.encode()).decode()
        texts.add(whole[(before * 8 + 5) // 6 : -4])
    return {text.lower().encode() for text in texts}


WANTED = {form for secret in SECRETS.values() for form in forms(secret)}


def found(content):
    """The secrets that stand in this, in whatever form."""
    content = (content if isinstance(content, bytes) else str(content).encode()).lower()
    return [form for form in WANTED if form in content]


def answers(server, run_id):
    """Everything the server tells over HTTP, by what was asked."""
    paths = ["/healthz", "/readyz", "/metrics", "/nothing", "/api/openapi.json", "/api/asyncapi.json"]
    paths += ["/api/applications", "/api/applications/nobody", "/api/test-runs", f"/api/test-runs/{run_id}"]
    paths += [f"/api/applications/{one['id']}" for one in server.ask(paths[6], token=SECRETS["token"])["items"]]
    for path in paths:
        yield path, server.answer(path, token=SECRETS["token"])[1]
    yield "refused", server.answer("/api/applications", token="wrong")[1]
    for resolution in ("raw", "1m", "1h", "1d"):
        for accept in ("application/json", "text/csv"):
            yield (
                accept,
                server.answer(f"/api/history?resolution={resolution}", accept=accept, token=SECRETS["token"])[1],
            )
        parquet, arrow = (
            server.answer(f"/api/history?resolution={resolution}", accept=accept, token=SECRETS["token"])[1]
            for accept in ("application/vnd.apache.parquet", "application/vnd.apache.arrow.stream")
        )
        yield "parquet", parquet + repr(pq.read_table(io.BytesIO(parquet)).to_pylist()).encode()
        yield "arrow", arrow + repr(pa.ipc.open_stream(arrow).read_all().to_pylist()).encode()


def files(place):
    """The bytes of every file below the folder, but for those that hold the secrets."""
    kept = {place.folder / "word", place.folder / "token"}
    return {str(path): path.read_bytes() for path in place.folder.rglob("*") if path.is_file() and path not in kept}


def rows(place):
    """The text of every row of every table of the history, which on the disk may be compressed."""
    (database,) = place.data.glob("*.duckdb")
    with duckdb.connect(str(database), read_only=True) as history:
        for (table,) in history.execute("select table_name from duckdb_tables()").fetchall():
            yield table, repr(history.execute(f'select * from "{table}"').fetchall())


@pytest.fixture
def server(place, echoing):
    """A server that logs all it can, and was told the secrets."""
    (place.folder / "word").write_text(SECRETS["file"])
    (place.folder / "token").touch(mode=0o600)
    (place.folder / "token").write_text(SECRETS["token"])
    place.configure(*applications(echoing.url), server={"limits": {"checks_per_host": 16}})
    words = ("serve", "--port", "0", "--data-dir", str(place.data), "--token-file", str(place.folder / "token"))
    place.environment |= {"E2E_WORD": SECRETS["env"], "E2E_USER": SECRETS["user"]}
    return place.start(*words, python=DEBUGGING)


def test_a_secret_is_found_in_no_sink(place, echoing, server, eventually):
    token = SECRETS["token"]
    reader = place.node("reader.mjs", server.url, token)
    eventually(lambda: '["connect"' in reader.out)
    client = place.start("run", "--url", server.url, APPSENTRY_TOKEN=token)
    assert client.ended() == 1, client.err
    validating = place.start("validate", str(place.configuration))
    assert validating.ended() == 0, validating.err
    (run,) = server.ask("/api/test-runs", token=token)["items"]
    eventually(lambda: '["testRunCompleted"' in reader.out)

    assert echoing.seen >= {SECRETS["env"], SECRETS["file"]}
    tests = server.ask(f"/api/test-runs/{run['testRunId']}", token=token)["tests"]
    masked = {test["applicationId"] for test in tests if test["failure"] and "•••" in test["failure"]["message"]}
    ways = {way.replace(" ", "-") for way in WAYS}
    assert {test["applicationId"].partition(".")[0] for test in tests} == ways
    assert {name.partition(".")[0] for name in masked} >= {"wrong", "error", "expectation", "cookie", "elsewhere"}
    told = [*answers(server, run["testRunId"]), ("reader", reader.out), ("run", client.out + client.err)]
    told += [("command line", psutil.Process(server.popen.pid).cmdline()), *files(place).items()]
    assert server.signal(signal.SIGTERM) == 0
    told += [*files(place).items(), *rows(place)]

    assert [(where, secrets) for where, content in told if (secrets := found(content))] == []
    assert "DEBUG:root:everything is logged" in server.err
    assert "Traceback" not in server.err


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
def test_a_secret_would_be_found(echo):
    for secret in SECRETS.values():
        assert found(f"so it is {echo(secret)}!")
        assert found(base64.b64encode(f"user:{secret}".encode()))
        assert found(base64.b64encode(f"a user:{secret}".encode()))
        assert found(base64.b64encode(f"user a:{secret}".encode()))
