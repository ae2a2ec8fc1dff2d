"""The note that a running server leaves."""

import json
import os

import pytest

from appsentry_server.discovery import NoteRefused, announced, folder


def _announced(environment):
    return announced("http://127.0.0.1:1", token_file=None, started_ms=0, environment=environment)


def test_the_note_is_there_while_the_server_is_and_for_its_user_alone(tmp_path):
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with _announced(environment):
        (note,) = folder(environment).iterdir()
        assert json.loads(note.read_text())["pid"] == os.getpid()
        assert note.stat().st_mode & 0o777 == 0o600
        assert note.parent.stat().st_mode & 0o777 == 0o700
    assert list(folder(environment).iterdir()) == []


def test_a_place_where_no_note_can_be_is_refused_and_not_a_crash(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NoteRefused), _announced({"XDG_RUNTIME_DIR": str(tmp_path / "file")}):
        pass


def test_a_folder_others_may_enter_is_refused(tmp_path):
    (tmp_path / "appsentry").mkdir(mode=0o755)
    with pytest.raises(NoteRefused, match="this user alone"), _announced({"XDG_RUNTIME_DIR": str(tmp_path)}):
        pass


def test_a_relative_runtime_directory_is_ignored():
    assert folder({"XDG_RUNTIME_DIR": "here"}) == folder({})
