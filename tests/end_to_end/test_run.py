"""`appsentry run`: what it prints where, and what its exit code says."""

import signal

import pytest


@pytest.fixture(scope="module")
def server(shared_place, target):
    """A server with an application of every outcome."""
    place = shared_place
    for name in ("user", "password"):
        (place.folder / name).write_text("word")
    credentials = {"username": "file:user", "password": "file:password"}
    login = {"type": "login", "url": f"{target.url}/up", "interval": "1h", "confirm": 1, **credentials}
    slow = target.application("slow", tags=["fine"])
    slow["checks"][0]["degraded_above"] = "0.001ms"
    place.configure(
        target.application("good", tags=["fine", "tier-1"]),
        slow,
        target.application("bad", "/down", tags=["tier-1"]),
        target.application("held", "/held"),
        {"id": "blind", "checks": [login, *target.application("blind")["checks"]]},
    )
    server = place.serve()
    server.looked()
    (place.folder / "password").unlink()
    return server


@pytest.fixture
def run(place, server):
    """Runs `appsentry run` with these words against that server, and waits for its end."""

    def start(*words, **environment):
        process = place.start("run", *words, **{"APPSENTRY_URL": server.url, **environment})
        process.ended()
        return process

    return start


def statuses(process):
    """The status of each test by application and check, from what was printed."""
    *lines, _ = process.out.splitlines()
    return {tuple(line.split()[1:3]): line.split()[0] for line in lines}


def test_passed_and_degraded_is_0(run):
    process = run("--tag", "fine")

    assert process.popen.returncode == 0
    assert statuses(process) == {("good", "health"): "passed", ("slow", "health"): "degraded"}
    assert process.out.splitlines()[-1] == "1 passed, 1 degraded, 0 failed, 0 unknown"


def test_results_go_to_the_output_and_progress_beside_it(run):
    process = run("--app", "good")

    assert "1/1" in process.err
    assert "passed" not in process.err
    assert "1/1" not in process.out


def test_failed_is_1_and_its_line_says_why(run):
    process = run("--app", "good", "--app", "bad")

    assert process.popen.returncode == 1
    assert statuses(process) == {("good", "health"): "passed", ("bad", "health"): "failed"}
    (line,) = (line for line in process.out.splitlines() if " bad " in line)
    assert "status: expected status 200–299, found 503" in line


def test_unknown_is_1(run):
    process = run("--app", "blind", "--type", "login")

    assert process.popen.returncode == 1
    assert statuses(process) == {("blind", "login"): "unknown"}
    assert "internal at form: the file " in process.out


def test_applications_tags_and_types_intersect(run):
    process = run("--tag", "tier-1", "--tag", "fine", "--app", "bad", "--app", "slow", "--type", "health")

    assert set(statuses(process)) == {("bad", "health"), ("slow", "health")}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--app", "nobody"), "nobody"),
        (("--tag", "nothing"), "nothing"),
        (("--app", "good", "--type", "login"), "login"),
        (("--url", "http://127.0.0.1:1"), "no server answers at http://127.0.0.1:1"),
        (("--url", "127.0.0.1"), "no server answers at 127.0.0.1"),
        (("--token-file", "none"), "none"),
        (("--colour", "red"), "--colour"),
    ],
)
def test_what_cannot_run_is_2_and_named(run, words, named):
    process = run(*words)

    assert process.popen.returncode == 2
    assert named in process.err
    assert "Traceback" not in process.err
    assert process.out == ""


def test_a_token_comes_from_the_environment_or_a_file(place, target, run):
    file = place.folder / "token"
    file.touch(mode=0o600)
    file.write_text("open sesame\n")
    place.configure(target.application("shop"))
    guarded = place.serve("--token-file", str(file)).url

    refused = run(APPSENTRY_URL=guarded)
    assert refused.popen.returncode == 2
    assert "401" in refused.err
    assert run(APPSENTRY_URL=guarded, APPSENTRY_TOKEN="open sesame").popen.returncode == 0
    assert run("--token-file", str(file), APPSENTRY_URL=guarded).popen.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_run_even_while_it_begins(place, target, server, number):
    with target.held() as holding:
        process = place.start("run", "--app", "held", "--app", "good", "--url", server.url)
        # The check hangs before the server has so much as answered with the run's id.
        assert holding.wait(60)
        assert process.signal(number) == 2
        newest = server.ask("/api/test-runs")["items"][0]

    assert newest["state"] == "cancelled"
    assert process.out.splitlines()[-1].endswith(f"(cancelled: {newest['reason']})")
    assert statuses(process)["held", "health"] == "unknown"
    assert "Traceback" not in process.err


def test_a_server_that_dies_under_the_run_is_2(place, target):
    place.configure(target.application("held", "/held"))
    server = place.serve()
    server.looked()
    with target.held() as holding:
        process = place.start("run", "--url", server.url)
        assert holding.wait(60)
        server.kill()
        assert process.ended() == 2
    assert "no server answers at" in process.err


def test_a_server_that_is_stopped_under_the_run_is_2(place, target):
    place.configure(target.application("held", "/held"))
    server = place.serve()
    server.looked()
    with target.held() as holding:
        process = place.start("run", "--url", server.url)
        assert holding.wait(60)
        assert server.signal(signal.SIGTERM) == 0
        assert process.ended() == 2
