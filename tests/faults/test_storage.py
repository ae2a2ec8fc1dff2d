"""A disk that is full, for real: a small file system of the server's own is filled to the last byte and freed again."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import socketio

DEADLINE_S = 60
SCRIPTS = Path(__file__).parent / "storage"


def _mounting(folder, size, command):
    """The command to run `command` where a file system of this size is mounted on the folder, for it alone."""
    mount = f"mount -t tmpfs -o size={size} tmpfs {shlex.quote(str(folder))} && exec {shlex.join(command)}"
    return ["unshare", "--mount", "sh", "-c", mount]


@pytest.fixture(autouse=True)
def may_mount(tmp_path):
    """Says clearly that this test needs to mount, where that is not allowed."""
    tried = subprocess.run(_mounting(tmp_path, "1m", ["true"]), capture_output=True, text=True, check=False)
    assert tried.returncode == 0, f"a full disk is made with `unshare --mount` and a tmpfs, as root: {tried.stderr}"


class _Disk:
    """The server's file system, seen from outside its namespace."""

    def __init__(self, pid, folder):
        self._filler = Path(f"/proc/{pid}/root{folder}/filler")

    def fill(self):
        with self._filler.open("ab", buffering=0) as file:
            for size in (65_536, 512, 1):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def free(self):
        self._filler.unlink()


@asynccontextmanager
async def _serving(folder, applications):
    (folder / "appsentry.yaml").write_text(json.dumps({"applications": applications}))
    disk = folder / "disk"
    disk.mkdir()
    words = ["--port", "0", "--config", str(folder / "appsentry.yaml"), "--data-dir", str(disk / "history")]
    command = _mounting(disk, "48m", [sys.executable, "-m", "appsentry_server", "serve", *words])
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, "XDG_RUNTIME_DIR": str(folder)}
        )
    try:
        async with asyncio.timeout(DEADLINE_S):
            line = (await process.stdout.readline()).decode()
        assert "listening on" in line, (folder / "log").read_text()
        yield process, line.split()[-1], _Disk(process.pid, disk)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class _Reader:
    """A socket that notes every durable event, and the HTTP API beside it."""

    def __init__(self, url, http):
        self.url, self.http = url, http
        self.heard = []
        self.socket = socketio.AsyncClient(reconnection=False, http_session=http)
        self.socket.on("*", self._hear)

    def _hear(self, name, payload):
        if payload.get("seq"):
            self.heard.append((name, payload))

    def named(self, name):
        return [payload for one, payload in self.heard if one == name]

    async def until(self, holds):
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                await asyncio.sleep(0.02)

    async def ready(self):
        async with self.http.get(self.url + "/readyz") as answer:
            return answer.status, await answer.text()

    async def until_ready(self, status):
        async with asyncio.timeout(DEADLINE_S):
            while (found := await self.ready())[0] != status:
                await asyncio.sleep(0.02)
        return found[1]

    async def gauge(self, name):
        async with self.http.get(self.url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))

    async def ask(self, name, **request):
        return await self.socket.call(name, request, timeout=DEADLINE_S)


@pytest.mark.timeout(300)
def test_a_full_disk_makes_nothing_down_announces_nothing_and_ends_when_there_is_room(tmp_path, target, form, show):
    check = {"type": "health", "interval": "1s", "timeout": "5s", "confirm": 1}
    applications = [{"id": f"app-{n}", "checks": [{**check, "url": f"{target.url}/up"}]} for n in range(10)]
    enough = form(30, 10 * 30)
    """Results that wait before there is room again: ten a second."""

    async def full(reader, disk):
        await reader.until(lambda: len(reader.named("healthMetricUpdate")) >= 20)
        run_id = (await reader.ask("startTestRun"))["testRunId"]
        await reader.until(lambda: [run for run in reader.named("testRunCompleted") if run["testRunId"] == run_id])
        disk.fill()
        assert "No space left on device" in await reader.until_ready(503)
        said = len(reader.heard)
        refused = await reader.ask("startTestRun")
        assert (refused["ok"], refused["code"]) == (False, "internal")
        assert "No space left on device" in refused["message"]
        async with asyncio.timeout(DEADLINE_S):
            while await reader.gauge("appsentry_waiting") < enough:
                await asyncio.sleep(0.02)
        assert await reader.gauge("appsentry_history_failing") == 1
        assert len(reader.heard) == said, "something was announced that is not stored"
        return run_id

    async def scenario():
        async with _serving(tmp_path, applications) as (process, url, disk), aiohttp.ClientSession() as http:
            reader = _Reader(url, http)
            await reader.socket.connect(url, transports=["websocket"], wait_timeout=DEADLINE_S)
            run_id = await full(reader, disk)
            loop = asyncio.get_running_loop()
            disk.free()
            began = loop.time()
            await reader.until_ready(200)
            show(f"committed again {loop.time() - began:.2f} s after there was room")
            await reader.until(lambda: reader.named("notification"))
            heard = len(reader.named("healthMetricUpdate"))
            await reader.until(lambda: len(reader.named("healthMetricUpdate")) >= heard + 20)
            assert (await reader.ask("startTestRun"))["ok"]
            await reader.until(lambda: len(reader.named("testRunCompleted")) == 2)
            seen = {payload["resultId"] for payload in reader.named("healthMetricUpdate")}
            async with http.get(url + "/api/history?resolution=raw", headers={"Accept": "application/json"}) as answer:
                kept = await answer.json()
            await reader.socket.eio.disconnect(abort=True)
            process.terminate()
            assert await process.wait() == 0
            return run_id, reader, seen, kept

    run_id, reader, seen, kept = asyncio.run(scenario())
    metrics = reader.named("healthMetricUpdate")
    assert [payload["seq"] for payload in metrics] == list(range(metrics[0]["seq"], metrics[-1]["seq"] + 1))
    assert {payload["status"] for payload in metrics} == {"up"}
    assert {payload["status"] for payload in reader.named("applicationStatusUpdate")} <= {"healthy", "unknown"}
    stored = [row["result_id"] for row in kept]
    assert len(stored) == len(set(stored))
    assert not seen - set(stored)
    (told,) = reader.named("notification")
    assert told["type"] == "warning"
    assert "results waited and are kept" in told["message"]
    assert "given up" not in told["message"]
    started = [run["testRunId"] for run in reader.named("testRunStarted")]
    assert [run["testRunId"] for run in reader.named("testRunCompleted")] == started
    assert started[0] == run_id
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if "history" in line]
    assert 2 <= len(lines) <= 3, lines


@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_under_a_checkpoint_loses_and_repeats_nothing(tmp_path, form, show):
    rounds = str(form(2, 6))
    command = _mounting(tmp_path, "256m", [sys.executable, str(SCRIPTS / "checkpoints.py"), str(tmp_path), rounds])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S * 5)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    show(f"{seen['reopened']} times DuckDB gave the file up and it was opened anew, {seen['kept']} rows")
    assert seen["reopened"] >= int(rounds)
    assert seen["kept"] == seen["different"] == seen["handed_in"]
    assert seen["refused_reads"] == 0
