"""Names and answers that try to break what shows them arrive everywhere as they are, and break nothing."""

import csv
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

NAMES = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "quotes": "\"double\" 'single' `back` \\ /*",
    "emoji": "👩‍👩‍👧 шоп 店 🏳️‍🌈",
    "rtl": "abc \u202edetrevni\u202c \u200f",
    "controls": "bell\x07 null\x00 escape\x1b[31m newline\nreturn\r tab\t",
    "separators": "line\u2028 paragraph\u2029 next\x85 feff\ufeff",
    "formula": '=HYPERLINK("http://evil.example")',
    "sql": "'; drop table results; --",
    "template": "{{7*7}} ${7*7} %s {0}",
    "größe-店": "an id of other letters",
}

BODIES = {
    "markup": b"<script>alert(1)</script>",
    "quotes": b'"double" \'single\', comma; \\ \\"',
    "emoji": "👩‍👩‍👧 店".encode(),
    "rtl": "\u202edetrevni\u200f".encode(),
    "controls": bytes(range(32)) + b"\x7f\r\n\r\nend",
    "separators": "\u2028\u2029\x85\ufeff".encode() + b"end",
    "formula": b"=1+1",
    "sql": b"'; drop table results; --",
    "template": b"{{7*7}} ${7*7} %s {0}",
    "größe-店": b"\xff\xfe \xed\xa0\x80 no UTF-8",
}


class Answer(BaseHTTPRequestHandler):
    """Answers 500 with one of the bodies."""

    def do_GET(self):
        body = list(BODIES.values())[int(self.path[1:])]
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def url():
    """A target that answers hostile bodies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def applications(url):
    for number, (app_id, name) in enumerate(NAMES.items()):
        check = {"type": "health", "url": f"{url}/{number}", "interval": "1h", "confirm": 1}
        yield {"id": app_id, "name": name, "group": name, "tags": [name[:100]], "checks": [check]}


def in_every_form(server):
    """The messages of the run's results by application, once from each form of the history."""

    def answer(accept):
        status, body = server.answer("/api/history", accept=accept)
        assert status == 200
        return body

    yield json.loads(answer("application/json"))
    yield list(csv.DictReader(io.StringIO(answer("text/csv").decode(), newline="")))
    yield pq.read_table(io.BytesIO(answer("application/vnd.apache.parquet"))).to_pylist()
    yield pa.ipc.open_stream(answer("application/vnd.apache.arrow.stream")).read_all().to_pylist()


def test_hostile_names_and_bodies_go_through_everything(place, url, eventually):
    place.configure(*applications(url))
    server = place.serve()
    reader = place.node("reader.mjs", server.url)
    eventually(lambda: '["connect"' in reader.out)
    client = place.start("run", "--url", server.url)
    assert client.ended() == 1
    eventually(lambda: '["testRunCompleted"' in reader.out)

    lines = [json.loads(line) for line in reader.lines]
    assert [line for line in lines if line[2]] == []
    told = {one["id"]: (one["name"], one["group"], one["tags"]) for one in server.ask("/api/applications")["items"]}
    assert told == {app_id: (name, name, [name[:100]]) for app_id, name in NAMES.items()}
    heard = {payload["id"]: payload["name"] for event, payload, _ in lines if event == "applicationStatusUpdate"}
    assert heard
    assert heard.items() <= NAMES.items()

    first, *others = (
        sorted((row["application"], row["message"]) for row in rows if row["run_id"]) for rows in in_every_form(server)
    )
    assert [app_id for app_id, _ in first] == sorted(NAMES)
    assert all(form == first for form in others)
    assert all(message.isprintable() for _, message in first)
    assert dict(first)["markup"] == "expected status 200–299, found 500: '<script>alert(1)</script>'"
    assert all(line.isprintable() for line in client.lines)
    assert len(client.lines) == len(NAMES) + 1


def test_an_application_is_found_by_an_id_of_other_letters(place, target):
    place.configure(target.application("größe-店"))
    server = place.serve()
    server.looked()

    assert server.ask("/api/applications/gr%C3%B6%C3%9Fe-%E5%BA%97")["id"] == "größe-店"
    assert 'application="größe-店"' in server.answer("/metrics")[1].decode()
    run = place.start("run", "--url", server.url, "--app", "größe-店")
    assert run.ended() == 0, run.err
    assert run.out.startswith("passed    größe-店 health")


def test_half_of_a_surrogate_pair_is_refused_where_it_stands(place):
    place.configuration.write_text('applications:\n  - id: shop\n    name: "\\ud800"\n    checks: []\n')
    process = place.start("validate", "appsentry.yaml")

    assert process.ended() == 2
    assert "appsentry.yaml:3:" in process.err
    assert "Traceback" not in process.err


def test_a_terminal_that_knows_no_unicode_gets_its_results_all_the_same(place, target):
    place.configure(target.application("größe-店", "/down"))
    server = place.serve()
    process = place.start("run", "--url", server.url, PYTHONIOENCODING="ascii", LC_ALL="C")

    assert process.ended() == 1, process.err
    assert "Traceback" not in process.err
