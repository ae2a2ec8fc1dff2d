"""Who else may read a secret."""

import os

import pytest

from appsentry_server.private import TooOpen, check_private


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_what_only_its_owner_reads_is_private(tmp_path, mode):
    (tmp_path / "key").touch()
    (tmp_path / "key").chmod(mode)
    check_private(tmp_path / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o777])
def test_what_others_read_or_write_is_not_and_the_message_says_what_to_type(tmp_path, mode):
    (tmp_path / "key").touch()
    (tmp_path / "key").chmod(mode)
    (tmp_path / "link").symlink_to("key")
    for path in (tmp_path / "key", tmp_path / "link"):
        with pytest.raises(TooOpen, match=f"mode {mode:04o}.: chmod 600 {path}"):
            check_private(path)


def test_of_a_file_of_roots_a_group_may_read(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (tmp_path / "key").touch()
    owned = os.stat(tmp_path / "key").st_uid == 0
    (tmp_path / "key").chmod(0o640)
    if owned:
        check_private(tmp_path / "key")
        (tmp_path / "key").chmod(0o660)
    with pytest.raises(TooOpen):
        check_private(tmp_path / "key")


def test_a_pipe_and_what_is_not_there_are_not_judged(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o644)
    check_private(tmp_path / "pipe")
    check_private(tmp_path / "nothing")
