"""A board that stays open all day: after thousands of runs and reconnections as much is held as after a few."""

import gc
import json
import tracemalloc
from typing import Any

from appsentry_kernel.picture import Picture
from appsentry_kernel.widgets import Dashboard

RUNS = 10_000
RECONNECTIONS = 1_000


def run_listed(number: int) -> dict[str, Any]:
    return {
        "testRunId": f"r{number}", "state": "completed", "trigger": "api", "startedAt": "2026-11-23T08:00:00.000Z",
        "endedAt": "2026-11-23T08:00:01.000Z", "duration": 1000.0, "applicationIds": ["a"], "testTypes": ["health"],
        "completed": 1, "total": 1, "passed": 1, "degraded": 0, "failed": 0, "unknown": 0, "reason": None,
        "simulated": False,
    }  # fmt: skip


def application(name: str, status: str) -> dict[str, Any]:
    sla = {"status": "met", "target": 99.0, "actual": 99.9, "errorBudgetRemaining": 0.9}
    return {
        "id": name, "name": name.upper(), "status": status, "responseTime": 5.0, "uptime": 99.9, "sla": sla,
        "lastChecked": None, "group": None, "tags": [], "simulated": False, "checks": [],
    }  # fmt: skip


def live(picture: Picture, first: int, count: int) -> None:
    """So many runs, each of a new id with events that have no place, and now and then a reconnection."""
    for number in range(first, first + count):
        at = "2026-11-23T08:00:00.000Z"
        place = {"stream": "runs", "seq": number + 1, "epoch": "e", "at": at, "testRunId": f"r{number}"}
        started = {"applicationCount": 1, "testCount": 1, "applicationIds": ["a"], "testTypes": ["health"]}
        picture.apply("testRunStarted", place | started | {"trigger": "api"})
        tally = {"passed": 1, "degraded": 0, "failed": 0, "unknown": 0, "duration": 5.0}
        picture.apply("testRunCompleted", place | tally)
        picture.apply("progressUpdate", {**place, "after": 1, "completed": 1, "total": 1, "currentApplication": None})
        if number % (RUNS // RECONNECTIONS) == 0:
            retry: Any = {"attempt": 1, "of": 5, "wait": number % 5}
            picture.connection({"state": "connecting", "detail": "lost", "retry": retry})
            names = ["a", "b", f"passing-{number}"]
            picture.load([application(name, "healthy") for name in names], [run_listed(number)])
            picture.problem(f"refused {number}")


def test_the_kernel_holds_as_much_after_a_day_as_after_an_hour():
    picture, dashboard = Picture(), Dashboard()
    dashboard.send = lambda *_: None
    tracemalloc.start()
    held: list[int] = []
    sizes: list[int] = []
    for part in range(4):
        for first in range(0, RUNS // 4, 10):
            live(picture, part * RUNS // 4 + first, 10)
            dashboard.show(picture.delta())
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        sizes.append(len(json.dumps(dashboard.board)))
    tracemalloc.stop()
    dashboard.close()
    assert len(dashboard.board["runs"]) <= 20
    assert len(dashboard.board["cards"]) == 3
    assert max(sizes) - min(sizes) < 2_000
    assert held[-1] - held[0] < 100_000


ALL_DAY = """async ([from, to]) => {
    for (let n = from; n < to; n += 1) {
        const at = 1795420800000 + n;
        const run = {run: `r${n}`, state: "running", simulated: false, applications: 1, total: 2, completed: 1,
            current: "a", passed: 1, degraded: 0, failed: 0, unknown: 0, started: at, duration: null, paused: null,
            idle: 0, reason: null};
        const entry = {number: n + 1, at, what: "notice", status: n % 3 ? "info" : "error", application: "a", name: "A",
            type: null, message: `note ${n}`, duration: null, simulated: false};
        const card = (id) => ({id, name: id, group: id, tags: [id], types: ["health"],
            status: n % 2 ? "down" : "healthy", response: 1, uptime: 100, checked: 0, simulated: n % 5 === 0,
            heard: n, beats: [[1, 0]], checks: [], sla: {status: "met", target: 99, actual: 99, budget: 1}});
        const delta = {asOf: at, runs: {[run.run]: run}, runsGone: [`r${n - 1}`], feed: [entry],
            beats: {a: [n, n, n % 3]}, cards: {a: card("a"), [`x${n}`]: card(`x${n}`)}, cardsGone: [`x${n - 1}`],
            connection: {state: n % 4 ? "live" : "connecting", detail: null, retry: {attempt: 1, of: 5, wait: 1}}};
        hear(n + 1, n % 50 === 0 ? {...delta, whole: true} : delta);
        await new Promise(requestAnimationFrame);
        if (n % 25 === 0) {
            const el = document.body.appendChild(document.createElement("div"));
            (await open_view(el))();
            el.remove();
        }
    }
}"""


def test_the_page_holds_as_many_nodes_listeners_and_timers_after_many_changes_as_after_few(open_page):
    page = open_page(viewport={"width": 900, "height": 700})
    page.get_by_role("button", name="Choose what to test").click()
    page.evaluate(INTERVALS)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def held() -> dict[str, float]:
        devtools.send("HeapProfiler.collectGarbage")
        found = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
        return {name: found[name] for name in ("Nodes", "JSEventListeners")} | {"intervals": page.evaluate("ticking")}

    page.evaluate(ALL_DAY, [0, 100])
    before = held()
    page.evaluate(ALL_DAY, [100, 500])
    after = held()
    assert after["intervals"] == before["intervals"] == 0
    assert after["Nodes"] <= before["Nodes"] * 1.2
    assert after["JSEventListeners"] <= before["JSEventListeners"] * 1.2


INTERVALS = """() => {
    window.ticking = 0;
    const [set, clear] = [window.setInterval, window.clearInterval];
    window.setInterval = (...rest) => { ticking += 1; return set(...rest); };
    window.clearInterval = (id) => { ticking -= 1; clear(id); };
}"""
