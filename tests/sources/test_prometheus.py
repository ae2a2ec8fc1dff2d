"""The blackbox exporter's series are read from Prometheus' API, every sample at its own instant."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from appsentry_sources import formats
from appsentry_sources.prometheus import Span
from appsentry_sources.reading import SourceUnreadable

START = 1_780_000_000
SERIES = {
    "probe_success": [({}, lambda step: 0 if step == 3 else 1)],
    "probe_duration_seconds": [({}, lambda step: 0.1)],
    "probe_http_duration_seconds": [({"phase": "tls"}, lambda step: 0.02), ({"phase": "odd"}, lambda step: 9)],
}
Serve = Callable[..., str]


class _Prometheus(BaseHTTPRequestHandler):
    """Answers instant queries with a range selector, as the HTTP API of Prometheus 3 does."""

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        found = re.fullmatch(r"(\w+)\[(\d+)s\]", query["query"])
        assert found is not None
        until, length = float(query["time"]), int(found[2])
        targets = ("https://pay.example.org/health", "db:5432")
        result = [
            {
                "metric": {"__name__": found[1], "job": "probe", "instance": instance, **labels},
                "values": [
                    [START + step * 60 + 0.25, str(value(step))]
                    for step in range(24 * 60)
                    if until - length < START + step * 60 + 0.25 <= until
                ],
            }
            for instance in targets
            for labels, value in SERIES[found[1]]
            if not (labels and instance == "db:5432")
        ]
        body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[HTTPServer] = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = HTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_every_sample_is_a_result_with_its_phases(serve: Serve) -> None:
    reading = formats.read(serve(_Prometheus), None, Span(since=START, until=START + 20 * 3_600))
    assert reading.table.num_rows == 2 * 20 * 60
    assert reading.names == {"https-pay-example-org-health": "https://pay.example.org/health", "db-5432": "db:5432"}
    rows = [row for row in reading.table.to_pylist() if row["application"].startswith("https")]
    assert len({row["ts"] for row in rows}) == len(rows)
    assert [row["status"] for row in rows[:5]] == ["up", "up", "up", "down", "up"]
    assert (rows[0]["response_ms"], rows[0]["tls_ms"], rows[0]["dns_ms"], rows[0]["type"]) == (
        100.0,
        20.0,
        None,
        "health",
    )
    assert rows[0]["ts"].timestamp() == START + 0.25
    assert {row["type"] for row in reading.table.to_pylist() if row["application"] == "db-5432"} == {None}


def test_a_prometheus_without_probes_is_said(serve: Serve) -> None:
    with pytest.raises(SourceUnreadable, match="has no sample of probe_success in this time"):
        formats.read(serve(_Prometheus), None, Span(since=0, until=60))


class _Something(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if "probe_success" in self.path else 404)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def test_what_is_no_prometheus_is_refused_in_words(serve: Serve) -> None:
    url = serve(_Something)
    with pytest.raises(SourceUnreadable, match="answers, but not as Prometheus does"):
        formats.read(url, None, Span(since=0, until=60))
    with pytest.raises(SourceUnreadable, match="expected the address of a Prometheus"):
        formats.read("kuma.db", "prometheus", Span(since=0, until=60))
    with pytest.raises(SourceUnreadable, match="Connection refused"):
        formats.read("http://127.0.0.1:9", None, Span(since=0, until=60))
