"""The JavaScript client of the documentation applies what the history holds, once and in order, whatever is cut."""

import json
import random

SEED = 7


class Followed:
    """What the reference client printed so far."""

    def __init__(self, process):
        self._process = process

    def lines(self):
        assert self._process.popen.poll() in (None, 0), self._process.err
        return [json.loads(line) for line in self._process.lines]

    def named(self, *names):
        return [payload for name, payload in self.lines() if name in names]

    def numbers(self):
        """The numbers of what was applied, by stream, in the order of their application."""
        numbers = {}
        for name, payload in self.lines():
            if name != "reset" and payload.get("seq") is not None:
                numbers.setdefault(payload["stream"], []).append(payload["seq"])
        return numbers


def assert_is_the_history(followed, server, eventually):
    """Every stream without a hole or a repeat, every result of the history and no other."""
    kept = {row["result_id"] for row in json.loads(server.answer("/api/history", accept="application/json")[1])}
    eventually(lambda: kept <= {payload["resultId"] for payload in followed.named("healthMetricUpdate")})
    for stream, numbers in followed.numbers().items():
        assert numbers == list(range(1, len(numbers) + 1)), stream
    results = [payload["resultId"] for payload in followed.named("healthMetricUpdate")]
    assert len(results) == len(set(results))


def test_through_cuts_and_a_restart_it_applies_the_history(place, target, cable, eventually):
    dice = random.Random(SEED)
    place.configure(*(target.application(f"app-{number}", interval="1s") for number in range(10)))
    server = place.serve()
    port = server.url.rpartition(":")[2]
    line = cable(server.url)
    first = Followed(place.node("follower.mjs", server.url))
    start = eventually(lambda: first.named("healthMetricUpdate"))[0]
    begin = {stream: {"epoch": start["epoch"], "seq": 0} for stream in ("applications", "metrics", "runs")}
    followed = Followed(place.node("follower.mjs", line.url, json.dumps(begin)))
    eventually(lambda: followed.named("healthMetricUpdate"))
    for life in range(2):
        for _ in range(3):
            run_id = server.ask("/api/test-runs", {})["testRunId"]
            heard = len(followed.named("healthMetricUpdate"))
            line.cut()
            there = heard + dice.randint(0, 20)
            eventually(lambda ask=server.ask, there=there: len(ask("/api/history")) >= there)
            line.mend()
            eventually(lambda heard=heard: len(followed.named("healthMetricUpdate")) > heard + 10)
            eventually(lambda run_id=run_id: run_id in {p["testRunId"] for p in followed.named("testRunCompleted")})
        if life == 0:
            server.popen.kill()
            server.ended()
            server = place.serve("--port", port)
    assert_is_the_history(followed, server, eventually)
    assert not followed.named("reset")
    assert len(followed.named("connect")) >= 5


def test_a_place_of_another_history_is_begun_anew(place, target, eventually):
    place.configure(target.application("shop", interval="1s"))
    server = place.serve()
    places = {"metrics": {"epoch": "another", "seq": 5}, "runs": {"epoch": "another", "seq": 0}}
    followed = Followed(place.node("follower.mjs", server.url, json.dumps(places)))
    eventually(lambda: len(followed.named("healthMetricUpdate")) > 2)
    reasons = {payload["stream"]: payload["reason"] for payload in followed.named("reset")}
    assert reasons == {"applications": None, "metrics": "epoch", "runs": "epoch"}
    numbers = followed.numbers()["metrics"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
