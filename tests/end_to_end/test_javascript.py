"""An unmodified `socket.io-client` sees whole runs, and everything that is sent is as AsyncAPI describes it."""

import json

import pytest

from appsentry_contract.events import EVENTS

NUMBER = (int, float)
FIELDS = {
    "testRunStarted": {"testRunId": str, "applicationCount": int},
    "testRunCompleted": {"testRunId": str},
    "testStarted": {"testRunId": str, "applicationId": str},
    "testCompleted": {"testRunId": str, "applicationId": str, "status": str, "duration": NUMBER},
    "testFailed": {"testRunId": str, "applicationId": str},
    "progressUpdate": {
        "testRunId": str,
        "completed": int,
        "total": int,
        "currentApplication": (str, type(None)),
    },
    "applicationStatusUpdate": {"id": str},
    "healthMetricUpdate": {"applicationId": str, "responseTime": (*NUMBER, type(None)), "status": str},
    "notification": {"type": str, "message": str, "timestamp": str},
}
"""What the specification says of every event that a run which completes brings about."""

WAYS = {
    "websocket": {"transports": ["websocket"]},
    "polling": {"transports": ["polling"]},
    "defaults": {"tryAllTransports": True},
    "websocket first": {"transports": ["websocket", "polling"], "tryAllTransports": True},
}
PAGE = {"Origin": "http://localhost:3000"}


class Heard:
    """What a JavaScript program printed so far: lines that begin with an event and its payload."""

    def __init__(self, process):
        self._process = process

    def lines(self):
        assert self._process.popen.poll() in (None, 0), self._process.err
        return [json.loads(line) for line in self._process.lines]

    def events(self, *names, **fields):
        """The events of these names with these fields, in order."""
        return [
            (name, payload)
            for name, payload, *_ in self.lines()
            if (not names or name in names) and all(payload.get(key) == value for key, value in fields.items())
        ]


def applications(target):
    return [
        target.application("good"),
        target.application("bad", "/down"),
        target.application("held", "/held"),
        target.application("shaky", "/down"),
    ]


def serve(place, target):
    """A server with four applications, each of which was looked at once."""
    place.configure(*applications(target))
    server = place.serve()
    server.looked()
    return server


@pytest.fixture(scope="module")
def server(shared_place, target):
    """The server of those tests that leave it as it is."""
    return serve(shared_place, target)


@pytest.fixture
def own_server(place, target):
    """A server of a test's own."""
    return serve(place, target)


def assert_is_a_whole_run(heard, run_id):
    """The run's events are those of the specification, in their order, each as often as it should be."""
    events = heard.events(testRunId=run_id)
    names = [name for name, _ in events]
    of_tests = [(name, payload) for name, payload in events if name.startswith("test") and "Run" not in name]
    begun = [payload["applicationId"] for name, payload in of_tests if name == "testStarted"]
    ended = {payload["applicationId"]: name for name, payload in of_tests if name != "testStarted"}
    assert sorted(begun) == ["bad", "good", "held", "shaky"]
    assert ended == {"good": "testCompleted", "held": "testCompleted", "bad": "testFailed", "shaky": "testFailed"}
    assert len(of_tests) == 8
    for application_id, ending in ended.items():
        started = ("testStarted", {"testRunId": run_id, "applicationId": application_id})
        assert events.index(started) < next(
            at for at, (name, payload) in enumerate(events)
            if name == ending and payload["applicationId"] == application_id
        )  # fmt: skip
    assert names[-1] == "testRunCompleted"
    assert names.count("testRunCompleted") == 1
    progress = [payload for name, payload in events if name == "progressUpdate"]
    assert [one["completed"] for one in progress] == sorted(one["completed"] for one in progress)
    assert {one["total"] for one in progress} == {4}
    assert progress[-1] == {"testRunId": run_id, "completed": 4, "total": 4, "currentApplication": None}


def assert_is_as_specified(heard):
    """Every event carries the specification's fields, in its types."""
    for name, payload in heard.events(*FIELDS):
        assert payload.keys() == FIELDS[name].keys()
        for field, kind in FIELDS[name].items():
            assert isinstance(payload[field], kind), f"{name}.{field} is {payload[field]!r}"
            assert kind is not int or not isinstance(payload[field], bool)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_page_that_knows_the_specification_alone_sees_a_run_it_starts(place, server, eventually, way):
    page = place.node(
        "specification.mjs", server.url, json.dumps({"options": {**way, "extraHeaders": PAGE}, "start": {}})
    )
    heard = Heard(page)
    eventually(lambda: heard.events("testRunCompleted"))
    eventually(lambda: len({one["id"] for _, one in heard.events("applicationStatusUpdate")}) == 4)

    ((_, started),) = heard.events("testRunStarted")
    assert started["applicationCount"] == 4
    assert heard.events(testRunId=started["testRunId"])[0] == ("testRunStarted", started)
    assert_is_a_whole_run(heard, started["testRunId"])
    results = {payload["applicationId"]: payload["status"] for _, payload in heard.events("healthMetricUpdate")}
    assert results == {"good": "up", "held": "up", "bad": "down", "shaky": "down"}
    assert_is_as_specified(heard)
    # Where both are allowed it ends up on a WebSocket.
    transport = "polling" if way is WAYS["polling"] else "websocket"
    eventually(lambda: heard.events("connect", "upgrade", transport=transport))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_page_that_comes_late_sees_the_whole_of_a_run_it_subscribes_to(place, server, target, eventually, way):
    with target.held():
        run_id = server.ask("/api/test-runs", {})["testRunId"]
        eventually(lambda: server.ask(f"/api/test-runs/{run_id}")["completed"] == 3)
        asked = {"options": {**way, "extraHeaders": PAGE}, "subscribe": run_id}
        heard = Heard(place.node("specification.mjs", server.url, json.dumps(asked)))
        eventually(lambda: heard.events("progressUpdate", completed=3))
        assert not heard.events("testRunCompleted")
    eventually(lambda: heard.events("testRunCompleted"))

    assert_is_a_whole_run(heard, run_id)
    assert_is_as_specified(heard)


def test_a_page_hears_of_an_application_that_goes_down_and_recovers(place, target, eventually):
    place.configure(target.application("shop", "/now", "1s"))
    heard = Heard(place.node("specification.mjs", place.serve().url, json.dumps({"options": WAYS["websocket"]})))
    eventually(lambda: heard.events("healthMetricUpdate", status="up"))
    target.now = 503
    eventually(lambda: heard.events("notification", type="error"))
    target.now = 200
    eventually(lambda: heard.events("notification", type="success"))

    (_, down), (_, recovered) = heard.events("notification")
    assert down["message"].startswith("shop is down (health): expected status")
    assert recovered["message"] == "shop has recovered (health)"
    assert_is_as_specified(heard)


@pytest.mark.parametrize("way", ["websocket", "polling"])
def test_a_page_from_elsewhere_is_not_let_in(place, server, eventually, way):
    options = {**WAYS[way], "extraHeaders": {"Origin": "https://elsewhere.example"}}
    heard = Heard(place.node("specification.mjs", server.url, json.dumps({"options": options})))

    eventually(lambda: heard.events("connect_error"))

    assert not heard.events("connect")


def test_every_event_is_as_the_asyncapi_document_describes_it(place, own_server, target, eventually):
    reader = Heard(place.node("reader.mjs", own_server.url))
    eventually(lambda: reader.events("connect"))
    with target.held() as holding:
        cancelled = own_server.ask("/api/test-runs", {})["testRunId"]
        eventually(lambda: reader.events("testFailed", applicationId="bad", testRunId=cancelled))
        assert holding.wait(60)
        for command in ("pause", "resume", "cancel"):
            own_server.ask(f"/api/test-runs/{cancelled}/{command}", {})
        eventually(lambda: reader.events("testRunCancelled"))
    own_server.ask("/api/test-runs", {"applicationIds": ["good"]})
    eventually(lambda: reader.events("testCompleted") and reader.events("testRunCompleted"))
    place.configure(*applications(target)[:-1])
    eventually(lambda: reader.events("applicationRemoved") and reader.events("notification"))
    with target.held() as holding:
        own_server.ask("/api/test-runs", {"applicationIds": ["held"]})
        eventually(lambda: reader.events("testStarted", applicationId="held"))
        own_server.popen.terminate()
        eventually(lambda: reader.events("testRunInterrupted"))

    assert [(name, payload, problem) for name, payload, problem in reader.lines() if problem] == []
    # The heads of the streams are told every 15 s, and the metrics come in batches as this reader asked.
    seen = {name for name, *_ in reader.lines()} | {name for name, _ in batched(reader)}
    assert EVENTS.keys() - seen <= {"streamHead"}


def batched(heard):
    """The events inside batches."""
    return [event for _, payload in heard.events("eventBatch") for event in payload["events"]]
