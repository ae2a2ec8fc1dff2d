"""Which witnesses are accepted, and what counts as their answer."""

import asyncio
import socket

import pytest
from pydantic import TypeAdapter, ValidationError

from appsentry_server.checks.http import HttpClient
from appsentry_server.witnesses import Witness, Witnesses

READ = TypeAdapter(Witness).validate_python


@pytest.mark.parametrize(
    "written",
    ["https://example.org", "http://10.0.0.1:8080/x", "tcp://1.1.1.1:443", "1.1.1.1:53", "tcp://[::1]:53", "dns:53"],
)
def test_web_addresses_and_hosts_with_a_port_are_witnesses(written):
    assert READ(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "tcp://1.1.1.1",
        "1.1.1.1",
        "",
        "h:0",
        "h:99999",
        "tcp://h:80/x",
        "h#x:80",
        "u@h:80",
        "ftp://x:1",
        ":80",
        "::1:80",
    ],
)
def test_what_names_no_place_is_no_witness(written):
    with pytest.raises(ValidationError, match="expected a web address, such as"):
        READ(written)


def _answer(*named):
    async def ask():
        client = HttpClient()
        try:
            return await Witnesses(named, client).one_answers()
        finally:
            await client.close()

    return asyncio.run(ask())


@pytest.fixture
def listening():
    """A place that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def deaf():
    """A place at which nothing answers: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(server.getsockname())
            waiting.append(one)
        yield f"127.0.0.1:{server.getsockname()[1]}"
        for one in waiting:
            one.close()


def test_one_witness_that_is_reached_is_enough(listening, deaf):
    assert _answer(f"tcp://{deaf}", f"tcp://{listening}")


def test_a_page_must_be_whole_and_a_place_must_be_there(listening, deaf):
    assert not _answer(f"http://{listening}/", f"tcp://{deaf}", "http://nowhere.invalid", "tcp://nowhere.invalid:1")
