"""Whatever arrives as an event, the notebook side counts what it cannot use, shows the rest, and goes on."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_contract import events
from appsentry_kernel.clock import SystemClock
from appsentry_kernel.errors import ServerUnreachable
from appsentry_kernel.frames import applications_frame, frame
from appsentry_kernel.picture import empty_board, fold
from appsentry_kernel.reader import Reader
from appsentry_kernel.screen import Screen
from appsentry_kernel.widgets.still import as_html, as_text

EPOCH = "e1"
INSTANT = "2026-11-23T08:00:00.000Z"
NAMES = sorted(events.EVENTS.keys() - {"eventBatch"})
EVENTS_EACH = 5


class Shown:
    """A view that folds what it is shown, as a browser does, which knows no NaN."""

    closed = False

    def __init__(self) -> None:
        self.board = empty_board()

    def show(self, delta: Any) -> None:
        if delta is not None:
            self.board = fold(self.board, json.loads(json.dumps(delta, allow_nan=False)))


class Notebook:
    """A reader that never connects, with a view on it."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.reader = Reader("http://127.0.0.1:9", None, keep=1_000, simulated=True, clock=clock)
        self.shown = Shown()
        self._screen = Screen(self.reader.feed, clock)
        self.reader.thread.call(self._begin)

    async def _begin(self) -> None:
        for stream in ("applications", "metrics", "runs"):
            self.reader.feed.start(stream, EPOCH, 0)
        await self._screen.add(self.shown)
        await self.reader.show(self._screen)

    def hear(self, name: str, payload: object) -> None:
        """Let it arrive."""

        async def arrive() -> None:
            self.reader._receive(name, payload)

        self.reader.thread.call(arrive)

    def look(self) -> None:
        """Read everything that a notebook can read."""

        async def draw() -> None:
            self._screen.show()

        self.reader.thread.call(draw)
        frame(self.reader.results.seen().table)
        applications_frame(self.reader.applications)
        for run in self.reader.runs.all():
            run.view()
            frame(run.results())
        as_text(self.shown.board)
        as_html(self.shown.board)


@pytest.fixture
def notebook() -> Iterator[Callable[[], Notebook]]:
    """Makes a notebook side; the one before it is closed."""
    made: list[Notebook] = []

    def make() -> Notebook:
        close()
        made.append(Notebook())
        return made[-1]

    def close() -> None:
        while made:
            made.pop().reader.thread.close()

    yield make
    close()


@st.composite
def sound_event(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """An event as the contract has it; its number is given to it when it is sent."""
    kind = events.EVENTS[name]
    payload: dict[str, Any] = _counted(draw(st.from_type(kind.payload)))
    instants = {field: INSTANT for field in ("at", "dueAt", "timestamp") if field in payload}
    ids = {"testRunId": "r1", "applicationId": "a1", "id": "a1", "testId": "t1"}
    known = {field: value for field, value in ids.items() if field in payload}
    stream = kind.stream if kind.stream in ("applications", "metrics", "runs") else "run:r1"
    checked = {"lastChecked": INSTANT} if "lastChecked" in payload else {}
    return {**payload, **instants, **known, **checked, "stream": stream, "epoch": EPOCH}


def _counted(value: Any) -> Any:
    """The value with numbers that the contract has: hypothesis takes no note of pydantic's bounds."""
    if isinstance(value, dict):
        return {key: _counted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_counted(inner) for inner in value]
    if isinstance(value, float):
        return value if abs(value) < 2**53 else 1.5
    return abs(value) % 2**53 if type(value) is int else value


def a_metric(seq: int) -> dict[str, Any]:
    """A result that can be used."""
    return {
        "stream": "metrics", "seq": seq, "epoch": EPOCH, "at": INSTANT, "applicationId": "a1", "responseTime": 1.5,
        "status": "up", "resultId": f"good-{seq}", "checkId": "health", "testType": "health",
        "dueAt": "2999-01-01T00:00:00.000Z", "lateMs": 0.0, "intervalMs": 1000, "timings": None, "steps": None,
        "testRunId": None, "attempt": 1, "failure": None, "message": None, "location": "here",
    }  # fmt: skip


def in_its_place(notebook: Notebook, payload: object) -> object:
    """The payload with the number that its stream waits for, unless the damage has put another there."""
    if not isinstance(payload, dict) or not isinstance(payload.get("stream"), str):
        return payload
    cursor = notebook.reader.feed.cursor(payload["stream"])
    place = {"after": cursor.seq} if "after" in payload and "seq" not in payload else {"seq": cursor.seq + 1}
    return {**place, **payload}


def test_what_no_contract_has_is_counted_and_the_next_result_is_shown(
    notebook: Callable[[], Notebook],
    generated: Callable[[int, int], settings],
    damaged: Callable[..., st.SearchStrategy[Any]],
    caplog: pytest.LogCaptureFixture,
    show: Callable[[str], None],
) -> None:
    one = st.sampled_from(NAMES).flatmap(
        lambda name: st.tuples(st.just(name), damaged(sound_event(name).map(_without_number)))
    )
    totals = {"events": 0, "malformed": 0}

    @generated(20, 2_400)
    @given(st.lists(one, min_size=EVENTS_EACH, max_size=EVENTS_EACH))
    def holds(arriving: list[tuple[str, Any]]) -> None:
        here = notebook()
        for name, payload in arriving:
            here.hear(name, in_its_place(here, payload))
        here.look()
        cursor = here.reader.feed.cursor("metrics")
        before = here.reader.results.rows
        here.hear("healthMetricUpdate", a_metric(cursor.seq + 1))
        here.look()
        assert here.reader.results.rows == before + 1
        assert not here.reader.thread.closed
        totals["events"] += len(arriving)
        totals["malformed"] += here.reader.feed.malformed

    holds()
    assert 0 < totals["malformed"] < totals["events"]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    show(f"{totals['events']} events, {totals['malformed']} of them malformed, each counted")


def _without_number(payload: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in payload.items() if field != "seq"}


@st.composite
def sound_answer(draw: st.DrawFn, stream: str) -> dict[str, Any]:
    """What a `subscribe` to the stream is acknowledged with."""
    place = {"ok": True, "epoch": EPOCH, "head": draw(st.integers(0, 3))}
    application = _dated(_counted(draw(st.from_type(events.Application))))
    run = {**_dated(_counted(draw(st.from_type(events.TestRun)))), "testRunId": "r1"}
    tests = [_dated(_counted(draw(st.from_type(events.TestView))))]
    snapshots: dict[str, Any] = {
        "applications": {"applications": [application]},
        "runs": {"runs": [run]},
        "metrics": {},
    }
    if draw(st.booleans()):
        return {**place, "snapshot": snapshots.get(stream, {"run": run, "tests": tests})}
    return {**place, "events": [["healthMetricUpdate", a_metric(1)]], "more": draw(st.booleans())}


def _dated(value: dict[str, Any]) -> dict[str, Any]:
    dates = {field: INSTANT for field in ("startedAt", "endedAt", "lastChecked") if field in value}
    return {**value, **dates}


def test_no_answer_to_a_subscription_stops_the_reader(
    notebook: Callable[[], Notebook],
    generated: Callable[[int, int], settings],
    damaged: Callable[..., st.SearchStrategy[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    streams = st.sampled_from(("applications", "runs", "metrics", "run:r1"))
    answers = streams.flatmap(lambda stream: st.tuples(st.just(stream), damaged(sound_answer(stream))))

    @generated(20, 2_000)
    @given(answers.filter(lambda one: isinstance(one[1], dict)))
    def holds(one: tuple[str, Any]) -> None:
        stream, answer = one
        here = notebook()
        said = iter([answer])

        async def request(name: str, asked: Any) -> Any:
            for first in said:
                return first
            raise ServerUnreachable("there is no more")

        here.reader._link.request = request  # type: ignore[method-assign] # the line is the test's
        with suppress(ServerUnreachable):
            here.reader.thread.call(lambda: here.reader._resume(stream))
        here.look()
        metrics = here.reader.feed.cursor("metrics")
        metrics.start(EPOCH, 10)
        before = here.reader.results.rows
        here.hear("healthMetricUpdate", a_metric(11))
        here.look()
        assert here.reader.results.rows == before + 1

    holds()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
