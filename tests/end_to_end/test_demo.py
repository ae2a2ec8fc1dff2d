"""`appsentry demo`: the sample applications, really checked, and nothing left behind."""

import signal

import psutil
import pytest

SAMPLES = ["accounts", "payments-gateway", "recommendations", "reporting", "search", "storefront"]


@pytest.fixture
def demo(place):
    """The demonstration without JupyterLab, with a temporary folder of its own."""
    return place.start("demo", "--no-lab", "--port", "0")


def test_the_samples_are_checked_and_are_as_they_should_be(demo, eventually):
    demo.looked()
    applications = {one["id"]: one for one in demo.ask("/api/applications")["items"]}
    assert sorted(applications) == SAMPLES
    checks = {(one["id"], check["checkId"]): check for one in applications.values() for check in one["checks"]}
    eventually(lambda: len({(one["application"], one["check"]) for one in demo.ask("/api/history")}) == len(checks))

    history = demo.ask("/api/history")
    # What the samples do later depends on the time; these do not, and every one of them begins well.
    assert {one["status"] for one in history if one["check"] == "login"} == {"up"}
    assert {one["status"] for one in history if one["application"] == "payments-gateway"} == {"degraded"}
    assert all("certificate" in one["message"] for one in history if one["application"] == "payments-gateway")
    assert {one["status"] for one in history if one["application"] == "storefront"} <= {"up", "degraded"}
    assert {one["status"] for one in history} <= {"up", "degraded", "down"}
    states = {one["id"]: one["status"] for one in demo.ask("/api/applications")["items"]}
    assert states["payments-gateway"] == "degraded"
    assert states["accounts"] in ("healthy", "degraded")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing(place, demo, number):
    assert demo.url
    family = demo.family()
    assert family

    assert demo.signal(number) == 0

    assert not any(process.is_running() for process in family)
    assert list(place.temporary.iterdir()) == []
    assert list(place.folder.glob("appsentry/*")) == []
    assert "Traceback" not in demo.err


def test_the_samples_end_even_if_it_is_killed(place, demo, eventually):
    assert demo.url
    (samples,) = demo.family()

    demo.popen.kill()

    eventually(lambda: not samples.is_running() or samples.status() == psutil.STATUS_ZOMBIE)
    assert list(place.temporary.glob("appsentry-samples-*")) == []


def test_with_a_data_dir_the_state_stays(place, eventually):
    words = ("demo", "--no-lab", "--port", "0", "--data-dir", str(place.data))
    first = place.start(*words)
    first.looked()
    told = eventually(lambda: first.ask("/api/history"))
    assert first.signal(signal.SIGTERM) == 0

    kept = {one["result_id"] for one in place.start(*words).ask("/api/history")}
    assert kept >= {one["result_id"] for one in told}


def test_a_port_that_is_taken_is_one_line_and_2(place, demo):
    port = demo.url.rpartition(":")[2]
    second = place.start("demo", "--no-lab", "--port", port)

    assert second.ended() == 2
    assert second.err.count("\n") == 1
    assert port in second.err
