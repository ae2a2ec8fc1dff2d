"""`appsentry serve`: what it refuses, how it ends, what a kill leaves, and what a changed file does."""

import json
import re
import signal
import socket
import stat
from pathlib import Path

import pytest

WHOLE_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d .*")


def assert_refused(process, *words):
    """It ended with 2 and one line on its standard error, with these words in it."""
    assert process.ended() == 2
    assert process.out == ""
    assert process.err.startswith("appsentry: ")
    assert process.err.count("\n") == 1, process.err
    for word in words:
        assert word in process.err


def notes(place):
    """The notes that servers left for others to find."""
    return list(place.folder.glob("appsentry/*.json"))


def test_without_a_configuration_it_says_what_to_write(place):
    assert_refused(place.start("serve", "--port", "0"), "no configuration", "--config FILE")


def test_a_port_that_is_taken_is_named(place, target):
    place.configure(target.application("shop"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert_refused(place.start("serve", "--port", port), f"127.0.0.1 port {port}", "in use", "--port")


def test_a_host_of_another_machine_is_refused(place, target):
    place.configure(target.application("shop"))
    (place.folder / "token").touch(mode=0o600)
    (place.folder / "token").write_text("open sesame\n")
    process = place.start("serve", "--port", "0", "--host", "203.0.113.1", "--token-file", str(place.folder / "token"))
    assert_refused(process, "cannot listen on 203.0.113.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_loopback_it_wants_a_token(place, target, host):
    place.configure(target.application("shop"))
    assert_refused(place.start("serve", "--port", "0", "--host", host), host, "token", "--token-file")


@pytest.mark.parametrize("content", [None, "", " \n"], ids=["no file", "empty", "blank"])
def test_a_token_file_that_gives_no_token_is_refused(place, target, content):
    place.configure(target.application("shop"))
    file = place.folder / "token"
    if content is not None:
        file.touch(mode=0o600)
        file.write_text(content)
    process = place.start("serve", "--port", "0", "--token-file", str(file))
    assert_refused(process, str(file) if content is None else "the token is empty")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660], ids=oct)
def test_a_token_that_others_may_read_is_refused(place, target, mode):
    place.configure(target.application("shop"))
    file = place.folder / "token"
    file.write_text("open sesame")
    file.chmod(mode)
    assert_refused(place.start("serve", "--port", "0", "--token-file", str(file)), f"chmod 600 {file}", f"{mode:04o}")


@pytest.mark.parametrize("take_away", [Path.unlink, lambda file: file.write_text("")], ids=["away", "empty"])
def test_while_its_token_file_is_away_or_empty_nobody_is_let_in(place, target, eventually, take_away):
    def status(token):
        return server.answer("/api/applications", token=token)[0]

    place.configure(target.application("shop"))
    file = place.folder / "token"
    file.touch(mode=0o600)
    file.write_text("old")
    server = place.serve("--token-file", str(file))
    assert status("old") == 200
    take_away(file)
    assert (status("old"), status("")) == (401, 401)
    eventually(lambda: "the token has changed" in server.err)
    file.write_text("new")
    assert (status("old"), status("new")) == (401, 200)
    assert server.signal(signal.SIGTERM) == 0


def test_a_history_in_use_is_named(place, target):
    place.configure(target.application("shop"))
    place.serve()
    assert_refused(place.start("serve", "--port", "0", "--data-dir", str(place.data)), str(place.data))


def test_nobody_else_of_the_machine_can_enter_a_data_directory_it_makes(place, target):
    place.configure(target.application("shop"))
    place.serve("--data-dir", str(place.folder / "made"))
    assert stat.S_IMODE((place.folder / "made").stat().st_mode) == 0o700


def test_a_data_directory_that_is_a_file_is_refused(place, target):
    place.configure(target.application("shop"))
    place.data.write_text("not a folder")
    assert_refused(place.start("serve", "--port", "0", "--data-dir", str(place.data)), str(place.data))


def test_a_port_out_of_range_is_refused_by_the_name_of_its_option(place, target):
    place.configure(target.application("shop"))
    assert_refused(place.start("serve", "--port", "65536"), "--port")


def test_a_bad_configuration_is_refused_with_all_its_places(place):
    place.configuration.write_text("applications:\n  - id: shop\n    colour: red\n  - id: shop\n")
    process = place.start("serve", "--port", "0")

    assert process.ended() == 2
    assert {line.split(" ")[0] for line in process.err.splitlines()} >= {"appsentry.yaml:2:", "appsentry.yaml:3:"}
    assert "Traceback" not in process.err


def test_the_environment_stands_behind_the_options(place, target):
    place.configure(target.application("shop"))
    elsewhere = place.folder / "elsewhere.yaml"
    place.configuration.rename(elsewhere)
    environment = {
        "APPSENTRY_CONFIG": str(elsewhere),
        "APPSENTRY_DATA_DIR": str(place.folder / "named"),
        "APPSENTRY_TOKEN": "open sesame",
    }
    server = place.start("serve", "--port", "0", **environment)

    assert server.answer("/api/applications")[0] == 401
    assert server.ask("/api/applications", token="open sesame")["items"][0]["id"] == "shop"
    assert list((place.folder / "named").iterdir())
    option = place.start("serve", "--port", "0", "--data-dir", str(place.data), **environment)
    assert option.url
    assert list(place.data.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_though_a_check_hangs(place, target, eventually, number):
    place.configure(target.application("held", "/held"), target.application("shop"))
    server = place.serve()
    server.looked()
    with target.held() as holding:
        run_id = server.ask("/api/test-runs", {})["testRunId"]
        eventually(lambda: server.ask(f"/api/test-runs/{run_id}")["completed"] == 1)
        assert holding.wait(60)
        assert server.signal(number) == 0
    assert "Traceback" not in server.err
    assert all(WHOLE_LOG_LINE.fullmatch(line) for line in server.err.splitlines()), server.err

    run = place.serve().ask(f"/api/test-runs/{run_id}")
    assert (run["state"], run["reason"]) == ("interrupted", "the server was stopped")
    assert {test["applicationId"]: test["status"] for test in run["tests"]} == {"shop": "passed", "held": "unknown"}
    assert {test["failure"]["class"] for test in run["tests"] if test["failure"]} == {"interrupted"}


def test_a_second_signal_changes_nothing(place, target):
    place.configure(target.application("held", "/held"))
    server = place.serve()
    server.looked()
    with target.held() as holding:
        server.ask("/api/test-runs", {})
        assert holding.wait(60)
        server.popen.send_signal(signal.SIGTERM)
        server.popen.send_signal(signal.SIGINT)
        assert server.signal(signal.SIGTERM) == 0
    assert "Traceback" not in server.err


def test_a_kill_loses_nothing_that_was_told_and_the_next_server_ends_the_run(place, target, eventually):
    place.configure(target.application("held", "/held"), target.application("shop", "/up", "1s"))
    server = place.serve()
    server.looked()
    with target.held():
        run_id = server.ask("/api/test-runs", {})["testRunId"]
        eventually(lambda: server.ask(f"/api/test-runs/{run_id}")["completed"] == 1)
        told = server.ask("/api/history")
        server.kill()
    assert len(told) >= 3

    server = place.serve()
    kept = {result["result_id"]: result for result in server.ask("/api/history")}
    assert [kept[result["result_id"]] for result in told] == told
    run = eventually(lambda: (run := server.ask(f"/api/test-runs/{run_id}"))["state"] == "interrupted" and run)
    assert (run["completed"], run["total"]) == (2, 2)
    assert {test["applicationId"]: test["status"] for test in run["tests"]} == {"shop": "passed", "held": "unknown"}
    eventually(lambda: len(server.ask("/api/history?application=shop")) > len(told))


def test_while_it_runs_a_note_of_its_own_user_alone_says_where_it_is(place, target):
    place.configure(target.application("shop"))
    (place.folder / "token").touch(mode=0o600)
    (place.folder / "token").write_text("open sesame\n")
    server = place.serve("--token-file", str(place.folder / "token"))

    (note,) = notes(place)
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(note.parent.stat().st_mode) == 0o700
    content = json.loads(note.read_text())
    assert content["url"] == server.url
    assert content["pid"] == server.popen.pid
    assert content["token_file"] == str(place.folder / "token")
    assert "open sesame" not in note.read_text()
    assert server.signal(signal.SIGTERM) == 0
    assert notes(place) == []


def test_a_folder_for_notes_that_others_can_read_gets_none(place, target):
    place.configure(target.application("shop"))
    (place.folder / "appsentry").mkdir(mode=0o755)
    server = place.serve()

    assert notes(place) == []
    assert "is not a folder of this user alone" in server.err
    assert server.answer("/healthz")[0] == 200


def test_a_changed_file_is_taken_up_and_a_bad_one_is_not(place, target, eventually):
    def ids():
        return [one["id"] for one in server.ask("/api/applications")["items"]]

    place.configure(target.application("shop"))
    server = place.serve()
    place.configure(target.application("shop"), target.application("search"))
    eventually(lambda: ids() == ["search", "shop"] or ids() == ["shop", "search"])
    eventually(lambda: all(one["status"] == "healthy" for one in server.ask("/api/applications")["items"]))

    place.configure(target.application("shop", colour="red"))
    eventually(lambda: ": applications[shop].colour: " in server.err)
    assert sorted(ids()) == ["search", "shop"]
    assert server.popen.poll() is None
    assert server.signal(signal.SIGTERM) == 0
