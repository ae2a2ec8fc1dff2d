"""Every command leaves a line in the audit log, by whichever door it comes; what is refused leaves none."""

import asyncio
import json

import aiohttp
import pytest


def _lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "history" / "audit.jsonl").read_text().split("\n")[:-1]]


@pytest.mark.parametrize("guarded", [True, False], ids=["with a token", "without"])
def test_commands_by_the_socket_and_the_api(serving, app, tmp_path, guarded):
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text("right")

    async def scenario():
        options = {"token_file": token_file} if guarded else {}
        async with serving(app("shop"), app("held", "held"), dev=True, **options) as running:
            headers = {"User-Agent": "a program", "Authorization": "Bearer right"}
            async with (
                running.reader(token="right" if guarded else None) as reader,
                aiohttp.ClientSession(running.url, headers=headers) as http,
            ):
                running.target.gate.clear()
                first = (await reader.ask("startTestRun", {"tags": ["none"]}))["code"]
                assert first == "malformed"
                run = (await reader.ask("startTestRun", {"applicationIds": ["held"]}))["testRunId"]
                for command in ("pauseTestRun", "resumeTestRun", "resumeTestRun", "cancelTestRun"):
                    await reader.ask(command, {"testRunId": run})
                async with http.post("/api/test-runs", json={"applicationIds": ["held"]}) as answer:
                    other = (await answer.json())["testRunId"]
                for command in ("pause", "pause", "resume", "cancel"):
                    await (await http.post(f"/api/test-runs/{other}/{command}", json={})).read()
                await reader.ask("simulate", {"kind": "statusUpdate", "seed": 3})
            if guarded:
                token_file.write_text("new")
                async with asyncio.timeout(20):
                    while "rotateToken" not in (tmp_path / "history" / "audit.jsonl").read_text():
                        await asyncio.sleep(0.05)
        return run, other

    run, other = asyncio.run(scenario())
    lines = _lines(tmp_path)
    done = [(line["door"], line["action"], line.get("testRunId")) for line in lines]
    assert done == [
        *(("socket", action, run) for action in ("start", "pause", "resume", "cancel")),
        *(("api", action, other) for action in ("start", "pause", "resume", "cancel")),
        ("socket", "simulate", None),
        *([("file", "rotateToken", None)] if guarded else []),
    ]
    assert all(line["address"] == "127.0.0.1" and line["token"] is guarded for line in lines if line["door"] != "file")
    assert {line["agent"] for line in lines if line["door"] == "api"} == {"a program"}
    assert lines[0]["applicationIds"] == ["held"]
    assert lines[8]["kind"] == "statusUpdate"
