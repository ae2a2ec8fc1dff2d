"""Which server is spoken to when nobody says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appsentry_kernel.discovery import DEFAULT_URL, address, nearby, normal


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment of its own, with a folder for the notes of running servers."""
    (tmp_path / "appsentry").mkdir(mode=0o700)
    return {"XDG_RUNTIME_DIR": str(tmp_path)}


def announce(environment: dict[str, str], pid: int, url: str, *, started: str, token_file: Path | None = None) -> Path:
    note = Path(environment["XDG_RUNTIME_DIR"]) / "appsentry" / f"{pid}.json"
    content = {"url": url, "pid": pid, "token_file": token_file and str(token_file), "started_at": started}
    note.write_text(json.dumps(content))
    return note


def dead_pid() -> int:
    """The id of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_address_given_wins_over_the_environment(environment: dict[str, str]) -> None:
    environment |= {"APPSENTRY_URL": "http://b:1", "APPSENTRY_TOKEN": "from-environment"}
    found = address("http://a:1/", "given", environment)
    assert (found.url, found.token) == ("http://a:1", "given")
    assert address(None, None, environment).token == "from-environment"


def test_the_environment_wins_over_a_server_nearby(environment: dict[str, str]) -> None:
    announce(environment, os.getpid(), "http://127.0.0.1:1", started="2026-11-23T08:00:00.000Z")
    found = address(None, None, environment | {"APPSENTRY_URL": "http://b:1"})
    assert (found.url, found.source) == ("http://b:1", "APPSENTRY_URL")


def test_the_newest_live_server_nearby_is_found_with_its_token(environment: dict[str, str], tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("secret\n")
    announce(environment, os.getppid(), "http://127.0.0.1:1", started="2026-11-23T07:00:00.000Z")
    announce(environment, os.getpid(), "http://127.0.0.1:2", started="2026-11-23T08:00:00.000Z", token_file=token_file)
    announce(environment, dead_pid(), "http://127.0.0.1:3", started="2026-11-23T09:00:00.000Z")
    found = address(None, None, environment)
    assert (found.url, found.token) == ("http://127.0.0.1:2", "secret")


def test_a_server_nearby_lends_its_token_to_its_own_address_only(environment: dict[str, str], tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("secret\n")
    announce(environment, os.getpid(), "http://127.0.0.1:2", started="2026-11-23T08:00:00.000Z", token_file=token_file)
    assert address("127.0.0.1:2", None, environment).token == "secret"
    assert address("http://elsewhere:2", None, environment).token is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": 5}', '{"url": "x", "token_file": null, "started_at": "now"}']
)
def test_a_note_that_cannot_be_read_is_passed_over(environment: dict[str, str], content: str) -> None:
    announce(environment, os.getpid(), "http://127.0.0.1:1", started="2026-11-23T07:00:00.000Z").write_text(content)
    assert list(nearby(environment)) == []
    assert address(None, None, environment).url == DEFAULT_URL


def test_a_folder_that_others_may_write_to_is_not_believed(environment: dict[str, str]) -> None:
    announce(environment, os.getpid(), "http://127.0.0.1:1", started="2026-11-23T07:00:00.000Z")
    (Path(environment["XDG_RUNTIME_DIR"]) / "appsentry").chmod(0o777)
    assert list(nearby(environment)) == []


def test_a_bare_host_is_an_address() -> None:
    assert normal("localhost:3001") == "http://localhost:3001"
    assert normal("https://host/user/a/appsentry/") == "https://host/user/a/appsentry"


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "http://host?token=x", "http://user:pw@host"])
def test_what_is_no_address_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(ValueError, match="server address") as refused:
        normal(url)
    assert "pw" not in str(refused.value)
