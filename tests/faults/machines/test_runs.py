"""Whatever is done to test runs and to their server, each has one end, nothing after it, and sums that agree."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from appsentry_contract.events import RUN_ENDS, run_stream
from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_server.runs import run as run_module
from appsentry_server.runs.views import run_view
from appsentry_server.store import reading
from appsentry_server.store.history import Cursor

APPLICATIONS = ("a", "b", "c", "d")
MOST_RUNS = 4
PICK = st.integers(0, 20)
"""Which one of those that there are. How many there are is nothing hypothesis may depend on: it depends on threads."""

_STATES = {"testRunCompleted": "completed", "testRunCancelled": "cancelled", "testRunInterrupted": "interrupted"}


def application(name: str, **more: Any) -> dict[str, Any]:
    check = {"type": "health", "url": f"http://127.0.0.1/{name}", "interval": "1h", "timeout": "100s"}
    return {"id": name, "checks": [{**check, **more}]}


def durable_events(after: int) -> Callable[[Cursor], list[tuple[int, str, int, str, str]]]:
    """The rows of the events that follow a row, in the order in which they were told."""
    query = "select rowid, stream, seq, name, payload from events where rowid > ? order by rowid"
    return lambda cursor: cursor.execute(query, [after]).fetchall()


def views(run_ids: list[str]) -> Callable[[Cursor], list[Any]]:
    """What the history makes of these runs."""
    return lambda cursor: [
        run_view(reading.run(run_id)(cursor), reading.counts_of([run_id])(cursor)[run_id]) for run_id in run_ids
    ]


class Told:
    """What was told of one run, every step of it held to the contract."""

    def __init__(self, started: dict[str, Any]) -> None:
        self.state = "running"
        self.total = started["testCount"]
        self.going: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED_RUN_STATES

    def hear(self, name: str, payload: dict[str, Any]) -> None:
        assert not self.ended, f"{name} after the end of the run"
        match name:
            case "testRunPaused":
                assert self.state == "running"
                self.state = "paused"
            case "testRunResumed":
                assert self.state == "paused"
                self.state = "running"
            case "testStarted":
                assert self.state == "running", "a test was started in a pause"
                assert payload["testId"] not in self.going
                self.going.add(payload["testId"])
            case "testCompleted" | "testFailed":
                self.going.remove(payload["testId"])
                self.counts[payload["status"]] += 1
            case _:
                self._end(name, payload)

    def _end(self, name: str, payload: dict[str, Any]) -> None:
        assert not self.going, "a test has begun and not ended"
        self.state = _STATES[name]
        if name == "testRunCompleted":
            told = {status: payload[status] for status in ("passed", "degraded", "failed", "unknown")}
            assert told == {status: self.counts[status] for status in told}
            assert self.counts.total() == self.total
        else:
            assert payload["completed"] == self.counts.total() <= payload["total"] == self.total
            self.reason = payload["reason"]


class Life:
    """What one server told live: progress, which no history keeps, and events in their order."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._completed: dict[str, int] = {}
        self._ended: set[str] = set()

    async def hear(self, event: Any) -> None:
        run_id = event.payload.get("testRunId")
        if run_id is None or event.name == "healthMetricUpdate":
            return
        if run_id in self._ended:
            self.faults.append(f"{event.name} after the end")
        if event.name == "progressUpdate":
            if not self._completed.get(run_id, 0) <= event.payload["completed"] <= event.payload["total"]:
                self.faults.append(f"progress went from {self._completed[run_id]} to {event.payload}")
            self._completed[run_id] = event.payload["completed"]
        if event.name in RUN_ENDS:
            self._ended.add(run_id)
            sums = [event.payload.get(word, 0) for word in ("passed", "degraded", "failed", "unknown", "completed")]
            if sum(sums) != self._completed.get(run_id, 0):
                self.faults.append(f"{event.payload} after a progress of {self._completed.get(run_id)}")


class RunMachine(RuleBasedStateMachine):
    """Runs are started and commanded, checks pass, fail, hang and break, the server is changed, stopped and killed."""

    make_world: Callable[..., Any]
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world(scripted=True)
        self.world.on_start = self._listen
        self.told: dict[str, Told] = {}
        self.acknowledged: list[str] = []
        self.cancelled: set[str] = set()
        self._row = -1
        self._heads: defaultdict[str, int] = defaultdict(int)
        self.configured = list(APPLICATIONS)

    def _listen(self, server: Any) -> None:
        self.life = Life()
        server.services.publisher.listen(self.life.hear)

    def _begin(self) -> None:
        self.world.start([application(name) for name in self.configured])

    def _look(self) -> None:
        """Hold everything that was told and kept since the last look to the contract."""
        self.world.settle()
        for row, stream, seq, name, payload in self.world.read(durable_events(self._row)):
            self._row = row
            self._heads[stream] += 1
            assert seq == self._heads[stream]
            self._take(name, orjson.loads(payload))
        assert self.life.faults == []
        assert self.world.server._fault is None
        for kept, (run_id, told) in zip(self.world.read(views(list(self.told))), self.told.items(), strict=True):
            self._agrees(kept, self.world.services.published.runs[run_id], told)

    def _take(self, name: str, payload: dict[str, Any]) -> None:
        if "testRunId" not in payload:
            return
        if name == "testRunStarted":
            assert payload["testRunId"] not in self.told
            self.told[payload["testRunId"]] = Told(payload)
        else:
            self.told[payload["testRunId"]].hear(name, payload)
            self.seen[name] += 1

    def _agrees(self, kept: Any, shown: Any, told: Told) -> None:
        """What readers are shown of a run is what was told of it."""
        for view in (kept, shown):
            assert (view["state"], view["total"], view["reason"]) == (told.state, told.total, told.reason)
            assert {status: view[status] for status in told.counts} == dict(told.counts)
            assert view["completed"] == told.counts.total()
        assert (kept["endedAt"] is None) == (not told.ended) == (shown["endedAt"] is None)

    @initialize(running=st.booleans())
    def begin(self, running: bool) -> None:
        self._begin()
        self._look()
        if running:
            self.start_a_run(names=set(), stranger=0)

    @property
    def open_runs(self) -> list[str]:
        return [run_id for run_id, told in self.told.items() if not told.ended]

    @rule(names=st.sets(st.sampled_from(APPLICATIONS)), stranger=st.integers(0, 5))
    def start_a_run(self, names: set[str], stranger: int) -> None:
        """Of those that are configured, or of all; now and then of one that is not."""
        if len(self.open_runs) >= MOST_RUNS:
            return
        chosen = sorted(names & set(self.configured)) + ["nobody"] * (stranger == 5)
        answer = self.world.ask("startTestRun", {"applicationIds": chosen} if chosen else {})
        assert answer["ok"] == ("nobody" not in chosen)
        if answer["ok"]:
            self.acknowledged.append(answer["testRunId"])
        self._look()

    @rule(pick=PICK, command=st.sampled_from(("pauseTestRun", "pauseTestRun", "resumeTestRun", "cancelTestRun")))
    def command_a_run(self, pick: int, command: str) -> None:
        runs = self.open_runs + list(self.told)[-1:]
        if not runs:
            self.start_a_run(names=set(), stranger=0)
            return
        run_id = runs[pick % len(runs)]
        state = self.told[run_id].state
        answer = self.world.ask(command, {"testRunId": run_id})
        admitted = {"pauseTestRun": ("running",), "resumeTestRun": ("paused",), "cancelTestRun": ("running", "paused")}
        assert answer["ok"] == (state in admitted[command]), (state, answer)
        assert answer["ok"] or answer["code"] == "conflict"
        self._look()
        if answer["ok"] and command == "cancelTestRun":
            # In a pause the last test may have ended: such a run is completed, as it has all its results.
            assert self.told[run_id].state in ("cancelled", "completed")

    @rule(pick=PICK, found=st.sampled_from(("up", "up", "up", "degraded", "down", "fault")))
    def let_a_check_end(self, pick: int, found: str) -> None:
        if looking := list(self.world.looking):
            looking[pick % len(looking)].set_result(found)
        self._look()

    @rule(found=st.sampled_from(("up", "down")))
    def let_all_checks_end(self, found: str) -> None:
        for looking in list(self.world.looking):
            looking.set_result(found)
        self._look()

    @rule(seconds=st.sampled_from((0.1, 1.0, 6.0)))
    def let_time_pass(self, seconds: float) -> None:
        self.world.do(self.world.clock.advance(seconds))
        self._look()

    @rule(names=st.sets(st.sampled_from(APPLICATIONS), min_size=1), confirm=st.integers(1, 2))
    def change_the_configuration(self, names: set[str], confirm: int) -> None:
        self.configured = sorted(names)
        changed = self.world.configuration([application(name, confirm=confirm) for name in self.configured], {})

        async def reload() -> None:
            self.world.server._reload(changed)

        self.world.do(reload())
        self._look()

    @rule(ending=st.integers(0, 2), turns=st.integers(0, 100) | st.none())
    def start_again(self, ending: int, turns: int | None) -> None:
        """After a stop, or after a kill so many turns of the loop after some checks have ended.

        What they found is then anywhere between the probe and the reader. A run is always in progress.
        """
        if not self.open_runs:
            self.start_a_run(names=set(), stranger=0)
        for looking in list(self.world.looking)[:ending]:
            looking.set_result("up")
        if turns is None:
            self.world.stop()
        else:
            self.world.kill(after=turns)
        self._begin()
        self._look()
        assert self.open_runs == []

    def teardown(self) -> None:
        if self.world.server is not None:
            self.world.stop()
            self._begin()
            self._look()
            assert set(self.acknowledged) <= self.told.keys()
            assert self.open_runs == []
            for run_id in self.told:
                self.seen["runs"] += 1
                assert self._heads[run_stream(run_id)] == 2 * self.told[run_id].counts.total()


def test_every_run_has_one_end_and_its_sums_agree(
    world: Callable[..., Any],
    generated: Callable[..., settings],
    show: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "AT_ONCE", 2)
    seen: Counter[str] = Counter()
    machine = type("Machine", (RunMachine,), {"make_world": staticmethod(world), "seen": seen})
    run_state_machine_as_test(machine, settings=generated(12, 2_000, stateful_step_count=20))
    assert seen["testRunCompleted"] > 0
    assert seen["testRunCancelled"] > 0
    assert seen["testRunInterrupted"] > 0
    show(str(dict(seen)))
