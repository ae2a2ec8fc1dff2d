"""The network gone: a server and its targets in namespaces of their own, and the link between them cut."""

import asyncio
import ctypes
import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import pytest
import socketio

DEADLINE_S = 60
_CLONE_NEWNET = 0x4000_0000
TARGETS = [f"10.93.0.{number}" for number in range(11, 16)]


class _Network:
    """Two network namespaces joined by a cable: `here` for the monitor, `there` for its targets."""

    def __init__(self, tag):
        self.here, self.there = f"as-here-{tag}", f"as-there-{tag}"
        self._cable, self._socket = f"as-c{tag}", f"as-s{tag}"

    def __enter__(self):
        for name in (self.here, self.there):
            _ip("netns", "add", name)
        _ip("-n", self.there, "link", "add", self._socket, "type", "veth", "peer", "name", self._cable)
        _ip("-n", self.there, "link", "set", self._cable, "netns", self.here)
        _ip("-n", self.here, "addr", "add", "10.93.0.1/24", "dev", self._cable)
        for name, device in ((self.here, self._cable), (self.there, self._socket), (self.here, "lo")):
            _ip("-n", name, "link", "set", device, "up")
        for address in TARGETS:
            self.address("add", address)
        return self

    def __exit__(self, *_):
        for name in (self.here, self.there):
            _ip("netns", "del", name)

    def address(self, verb, address):
        """`add` or `del` one of the targets' addresses."""
        _ip("-n", self.there, "addr", verb, f"{address}/24", "dev", self._socket)

    def cut(self):
        """Pull the cable at the targets' end: packets leave and nothing comes back."""
        _ip("-n", self.there, "link", "set", self._socket, "down")

    def mend(self):
        """Put it back."""
        _ip("-n", self.there, "link", "set", self._socket, "up")

    def forget_the_way(self):
        """Take the monitor's own interface down: there is not even a route."""
        _ip("-n", self.here, "link", "set", self._cable, "down")

    def remember_the_way(self):
        _ip("-n", self.here, "link", "set", self._cable, "up")


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _enter(namespace):
    """What this thread opens and starts from now on is in that network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {namespace}")


def _within(namespace, work):
    """Do this in that network namespace, on a thread of its own, and give what it gives."""
    with ThreadPoolExecutor(1, initializer=_enter, initargs=(namespace,)) as thread:
        return thread.submit(work).result()


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def network(tmp_path):
    """Namespaces and a cable, with a web server at every target's address."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("no root, or no `ip`: without them no network namespace can be made")
    with _Network(f"{os.getpid():x}") as network:
        server = _within(network.there, lambda: ThreadingHTTPServer(("0.0.0.0", 80), _Answers))
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield network
        server.shutdown()
        serving.join()
        server.server_close()


class _Reader:
    """Notes every result and every notification of a server."""

    def __init__(self, url):
        self.results = []
        self.notices = []
        self._url = url
        self._moved = asyncio.Event()

    async def __aenter__(self):
        self._http = aiohttp.ClientSession()
        self._socket = socketio.AsyncClient(reconnection=False, http_session=self._http)
        self._socket.on("healthMetricUpdate", lambda payload: self._note(self.results, payload))
        self._socket.on("notification", lambda payload: self._note(self.notices, payload))
        await self._socket.connect(self._url, transports=["websocket"], wait_timeout=DEADLINE_S)
        return self

    async def __aexit__(self, *_):
        await self._socket.eio.disconnect(abort=True)
        await self._http.close()

    def _note(self, noted, payload):
        noted.append(payload)
        self._moved.set()

    async def until(self, holds):
        """Wait until this holds of what was noted."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                self._moved.clear()
                await self._moved.wait()

    async def until_all(self, applications, status):
        """Wait until each of these has a new result, and its newest is of this status; gives all results meanwhile."""
        start = len(self.results)

        def holds():
            newest = {one["applicationId"]: one["status"] for one in self.results[start:]}
            return all(newest.get(one) == status for one in applications)

        await self.until(holds)
        return self.results[start:]


def _application(name, url):
    check = {"type": "health", "url": url, "interval": "1s", "timeout": "700ms", "confirm": 1}
    return {"id": name, "checks": [check]}


APPS = [f"app-{number}" for number in range(len(TARGETS))]
APPLICATIONS = [_application(name, f"http://{address}/") for name, address in zip(APPS, TARGETS, strict=True)]
HERE = _application("here", "http://127.0.0.1:9/")


def _classes(results, status, applications=APPS):
    return {
        one["failure"]["class"] for one in results if one["status"] == status and one["applicationId"] in applications
    }


async def _cut_off(reader, cut, mend):
    """Cut, see that the monitor knows it is blind, mend, and see that it sees."""
    noted = len(reader.notices)
    cut()
    during = await reader.until_all(APPS, "unknown")
    during += await reader.until_all(APPS, "unknown")
    mend()
    during += await reader.until_all(APPS, "up")
    assert _classes(during, "down") == set(), "a cut network was blamed on targets"
    assert _classes(during, "unknown") == {"blind"}
    assert _classes(during, "down", ["here"]) == {"refused"}, "what is on this machine needs no network"
    await reader.until(lambda: len(reader.notices) == noted + 2)
    began, ended = (one["message"] for one in reader.notices[noted:])
    assert "is blind" in began
    assert "sees again" in ended
    return sum(one["status"] == "unknown" for one in during)


@pytest.mark.timeout(300)
def test_a_cut_network_is_no_outage_of_its_targets_and_one_dead_target_is(network, serve, form, show):
    async def scenario():
        async with _Reader(serve([*APPLICATIONS, HERE]).url) as reader:
            await reader.until_all(APPS, "up")
            network.address("del", TARGETS[-1])
            alone = await reader.until_all(APPS[-1:], "down")
            assert _classes(alone, "unknown") == set()
            assert _classes(alone, "down", APPS[:-1]) == set()
            network.address("add", TARGETS[-1])
            await reader.until_all(APPS, "up")
            for _ in range(form(1, 10)):
                blind = await _cut_off(reader, network.cut, network.mend)
                blind += await _cut_off(reader, network.forget_the_way, network.remember_the_way)
                show(f"{blind} blind results, 0 down")

    _within(network.here, lambda: asyncio.run(scenario()))


def test_witnesses_that_are_gone_say_that_the_monitor_is_blind(network, serve):
    async def scenario():
        witnesses = [f"tcp://{TARGETS[0]}:80", f"http://{TARGETS[1]}/"]
        # Too few targets to tell without witnesses.
        async with _Reader(serve(APPLICATIONS[:2], server={"witnesses": witnesses}).url) as reader:
            await reader.until_all(APPS[:2], "up")
            network.address("del", TARGETS[1])
            await reader.until_all(APPS[1:2], "down")
            network.cut()
            during = await reader.until_all(APPS[:2], "unknown")
            assert _classes(during, "unknown") == {"blind"}
            assert _classes(during, "down", APPS[:1]) == set()

    _within(network.here, lambda: asyncio.run(scenario()))
