"""Whatever applications are called and targets answer, every door of the server and every command tells it as text."""

import csv
import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import appsentry_kernel as sentry
from appsentry_contract.plain import plain
from appsentry_server.cli.run import _report

SECRETS = {"token": "planted-token-5c1f", "word": "planted-word-77aa"}
FORMULA = tuple("=+-@\t\r＝＋－＠")
PATIENCE_S = 90.0
AT_ONCE = 150


class Told:
    """Everything that was handed out, to be searched for secrets."""

    def __init__(self, url: str, token_file: Path) -> None:
        self.everything: list[bytes] = []
        self._url = url
        self._token_file = token_file

    def answer(self, path: str, content: Any = None, accept: str = "*/*") -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer of the API; content is posted."""
        headers = {"Accept": accept, "Content-Type": "application/json", "Authorization": f"Bearer {SECRETS['token']}"}
        body = None if content is None else json.dumps(content).encode()
        try:
            request = urllib.request.Request(self._url + path, data=body, headers=headers)
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                answer = response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                answer = error.code, error.headers, error.read()
        self.everything.append(answer[2])
        return answer

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What `appsentry` with these words writes; not a line of it moves a terminal."""
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "APPSENTRY_URL": self._url}
        remote = ["--token-file", str(self._token_file)] if words[0] in ("run", "export") else []
        done = subprocess.run(
            [sys.executable, "-m", "appsentry_server", *words, *remote],
            capture_output=True, encoding="utf-8", env=environment, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        for line in [*done.stdout.split("\n"), *done.stderr.split("\n")]:
            assert plain(line) == line
        assert "Traceback" not in done.stderr
        self.everything += [done.stdout.encode(), done.stderr.encode()]
        return done


def described(strings: list[str], url: str) -> list[dict[str, Any]]:
    """An application for each, called so; its target answers so. One more logs in with a secret that is echoed."""
    secret = {"username": "env:PLANTED_WORD", "password": "env:PLANTED_WORD", "interval": "1h"}
    login = {"id": "secret", "checks": [{"type": "login", "url": f"{url}/secret", **secret}]}
    called = [
        {
            "id": f"app-{number}", "name": said, "group": said, "tags": [said[:100]],
            "checks": [{"type": "health", "url": f"{url}/{number}", "interval": "1h", "confirm": 1}],
        }
        for number, said in enumerate(strings)
    ]  # fmt: skip
    return [*called, login]


def commands_hand_on_text(told: Told, strings: list[str], folder: Path) -> None:
    ran = told.command("run")
    assert ran.returncode == 1, ran.stderr
    assert len(ran.stdout.splitlines()) == len(strings) + 2
    good, bad = folder / "good.yaml", folder / "bad.yaml"
    good.write_text(yaml.safe_dump({"applications": described(strings, "http://127.0.0.1:9")}))
    assert told.command("validate", str(good)).returncode == 0
    odd = [{"id": said, said: said, "checks": [{"type": said, "url": said, said: [said]}]} for said in strings]
    bad.write_text(yaml.safe_dump({"applications": odd, **dict.fromkeys(strings)}))
    judged = told.command("validate", str(bad))
    assert judged.returncode == 2
    assert len(judged.stderr.splitlines()) > 2 * len(strings)
    assert told.command("run", "--app", strings[0]).returncode == 2
    assert told.command("export", "--format", "csv", "--out", str(folder / "results.csv")).returncode == 0
    cells_compute_nothing((folder / "results.csv").read_text("utf-8"), len(strings))


def cells_compute_nothing(text: str, count: int) -> None:
    """No cell begins as a formula does; numbers are numbers."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len({row["application"] for row in rows}) == count + 1
    for row in rows:
        for column in ("application", "check", "message", "failure", "location", "run_id"):
            assert not row[column].startswith(FORMULA), row


def doors_hand_on_text(told: Told, strings: list[str]) -> None:
    families = list(text_string_to_metric_families(told.answer("/metrics")[2].decode()))
    known = {f"app-{number}" for number in range(len(strings))} | {"secret"}
    labels = [one.labels for family in families for one in family.samples]
    assert {one["application"] for one in labels if "application" in one} == known
    listed = json.loads(told.answer("/api/applications")[2])["items"]
    assert [one["name"] for one in listed[:-1]] == [one["group"] for one in listed[:-1]] == strings
    cells_compute_nothing(told.answer("/api/history", accept="text/csv")[2].decode(), len(strings))
    for said in strings:
        wrong: list[tuple[str, Any]] = [
            (f"/api/applications/{quote(said, safe='')}", None), (f"/{quote(said, safe='')}", None),
            (f"/api/history?{quote(said, safe='')}=1", None), (f"/api/test-runs/{quote(said, safe='')}/cancel", {}),
            ("/api/test-runs", {"applicationIds": [said]}), ("/api/test-runs", {"tags": [said], "testTypes": ["none"]}),
            ("/api/test-runs", {said: said}),
        ]  # fmt: skip
        for path, content in wrong:
            status, headers, body = told.answer(path, content)
            assert 400 <= status < 500, body
            assert headers["Content-Type"] == "application/problem+json"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert json.loads(body)["status"] == status
    for path in ("/api/openapi.json", "/api/asyncapi.json", "/api/test-runs", "/api/server"):
        status, headers, body = told.answer(path)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(body)


def a_session_has_them_as_they_are(url: str, strings: list[str]) -> None:
    with sentry.connect(url, token=SECRETS["token"]) as session:
        assert session.malformed == 0
        names = session.applications["name"]
        assert [names[f"app-{number}"] for number in range(len(strings))] == strings
        assert set(session.history("1d")["application"]) == set(session.applications.index)


def test_every_door_and_every_command_hands_on_text(
    serve: Callable[..., Any],
    target: Any,
    form: Callable[[int, int], int],
    generated: Callable[..., settings],
    hostile: Callable[..., st.SearchStrategy[str]],
    hostile_kinds: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    show: Callable[[str], None],
) -> None:
    monkeypatch.setenv("PLANTED_WORD", SECRETS["word"])
    token_file = tmp_path / "token"
    token_file.write_text(SECRETS["token"])
    token_file.chmod(0o600)
    target.says["/secret"] = f"who is {SECRETS['word']}?".encode()
    drawn: dict[str, None] = {}

    @generated(5, 6_000)
    @given(hostile())
    def draw(said: str) -> None:
        drawn[said] = None

    def holds(strings: list[str]) -> None:
        target.says |= {f"/{number}": said.encode() for number, said in enumerate(strings)}
        server = serve(described(strings, target.url), "--token-file", str(token_file))
        told = Told(server.url, token_file)
        commands_hand_on_text(told, strings, tmp_path)
        doors_hand_on_text(told, strings)
        a_session_has_them_as_they_are(server.url, strings)
        assert server.end() == 0
        assert "Traceback" not in server.log
        told.everything += [path.read_bytes() for path in server.folder.rglob("*") if path.is_file()]
        for said in told.everything:
            assert not [secret for secret in SECRETS.values() if secret.encode() in said]

    draw()
    strings = list(dict.fromkeys((*hostile_kinds, *drawn)))
    for some in batched(strings):
        holds(some)
    assert len(strings) >= form(30, 5_000)
    show(f"{len(strings)} strings")


def batched(strings: list[str]) -> list[list[str]]:
    """As many at once as a server may well have applications."""
    return [strings[first : first + AT_ONCE] for first in range(0, len(strings), AT_ONCE)]


def test_what_a_server_makes_up_does_not_move_the_terminal(
    generated: Callable[..., settings],
    hostile: Callable[..., st.SearchStrategy[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    @generated(20, 6_000)
    @given(hostile())
    def holds(said: str) -> None:
        failure = {"class": said, "step": said, "message": said}
        test = {"status": said, "applicationId": said, "checkId": said, "duration": None, "failure": failure}
        sums = dict.fromkeys(("passed", "degraded", "failed", "unknown"), 0)
        _report({"tests": [test], **sums, "state": said, "reason": said})
        told = capsys.readouterr().out.split("\n")
        assert len(told) == 3
        assert all(plain(line) == line for line in told)

    holds()
