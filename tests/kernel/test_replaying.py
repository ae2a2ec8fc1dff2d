"""A replay: the dashboard plays a history, frame by frame under a clock that the test moves."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.events import validator
from appsentry_kernel.replaying import Replay
from appsentry_kernel.retelling import Retelling

SIGNS = {"+": "up", "~": "degraded", "-": "down", "?": "unknown"}
FIRST = datetime(2026, 6, 5, 23, 30, tzinfo=UTC)


def history(**applications: str) -> pd.DataFrame:
    """A sign every 10 s from 23:30 UTC on; `.` is no result."""
    rows = [
        {
            "result_id": f"{name}-{place}",
            "ts": pd.Timestamp(FIRST) + place * pd.Timedelta("10s"),
            "application": name,
            "check": "health",
            "type": "health",
            "status": SIGNS[sign],
            "response_ms": 20.0 + place,
            "failure": "status" if sign == "-" else None,
            "message": "found 503" if sign == "-" else None,
            "interval_s": 10.0,
            "attempt": 1,
            "simulated": False,
        }
        for name, signs in applications.items()
        for place, sign in enumerate(signs)
        if sign != "."
    ]
    return pd.DataFrame(rows)


class FrameClock:
    """Time that passes a frame at a time, when the test says so; whoever sleeps is on the replay's thread."""

    def __init__(self) -> None:
        self.ms = 1_790_000_000_000
        self._asleep = threading.Event()
        self._waking: Callable[[], object] = lambda: None

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        self._waking = lambda: loop.call_soon_threadsafe(future.set_result, None)
        self._asleep.set()
        await future

    def frame(self, ms: int = 100) -> None:
        assert self._asleep.wait(30)
        self._asleep.clear()
        self.ms += ms
        self._waking()
        assert self._asleep.wait(30)


@pytest.fixture
def clock() -> FrameClock:
    return FrameClock()


@pytest.fixture
def begin(clock: FrameClock) -> Iterator[Callable[..., Replay]]:
    """Begins replays, and closes them."""
    begun: list[Replay] = []

    def make(source: Any, speed: float = 60.0, **stretch: Any) -> Replay:
        options = {"start": None, "stop": None, "clock": clock} | stretch
        begun.append(Replay(source, speed, **options))
        return begun[-1]

    yield make
    for one in begun:
        one.close()


def statuses(replay: Replay) -> dict[str, str]:
    return {name: card["status"] for name, card in replay.dashboard().board["cards"].items()}


def test_it_shows_what_happened_when_it_happened(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="+++---++", search="++++++++"), 100)
    board = replay.dashboard
    assert statuses(replay) == {"shop": "unknown", "search": "unknown"}
    assert board().board["connection"] == {"state": "replay", "detail": "Replay of 2026-06-05 23:30", "retry": None}
    clock.frame(510)
    assert (replay.at - FIRST).total_seconds() == 51
    assert statuses(replay) == {"shop": "down", "search": "healthy"}
    assert [entry["message"] for entry in board().board["feed"]] == ["shop is down (health): found 503"]
    assert [beat[1] for beat in board().board["cards"]["shop"]["beats"]] == [0, 0, 0, 2, 2, 2]
    clock.frame(100)
    assert statuses(replay)["shop"] == "healthy"
    assert board().board["feed"][0]["message"] == "shop has recovered"
    clock.frame(1_000)
    assert (replay.state, replay.at) == ("ended", datetime(2026, 6, 5, 23, 31, 20, tzinfo=UTC))
    assert board().board["connection"]["detail"] == "Replay of 2026-06-05 23:31, ended"


def test_paused_it_stands_still_and_goes_on_where_it_was(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="+" * 60), 10)
    clock.frame()
    replay.pause()
    at = replay.at
    clock.frame(900)
    assert (replay.at, replay.state) == (at, "paused")
    assert replay.dashboard().board["connection"]["detail"] == "Replay of 2026-06-05 23:30, paused"
    replay.play()
    replay.speed = 50
    clock.frame()
    assert (replay.at - at).total_seconds() == 5


def test_it_goes_back_and_forth_and_shows_how_it_stood(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="+++---" + "+" * 40), 600)
    clock.frame()
    assert statuses(replay) == {"shop": "down"}
    assert len(replay.dashboard().board["feed"]) == 1
    replay.seek("2026-06-05T23:30:25Z")
    shown = replay.dashboard().board
    assert shown["cards"]["shop"]["status"] == "healthy"
    assert [beat[0] for beat in shown["cards"]["shop"]["beats"]] == [20, 21, 22]
    assert shown["feed"] == []
    replay.seek("2026-06-05T23:30:59Z")
    assert statuses(replay) == {"shop": "down"}
    replay.pause()
    clock.frame()
    assert statuses(replay) == {"shop": "down"}


def test_at_its_end_play_begins_again(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="+---"), 600, start="2026-06-05T23:30:10Z", stop="2026-06-05T23:30:35Z")
    clock.frame()
    assert (replay.state, statuses(replay)) == ("ended", {"shop": "down"})
    replay.play()
    assert (replay.state, statuses(replay)) == ("playing", {"shop": "healthy"})
    assert replay.at == datetime(2026, 6, 5, 23, 30, 10, tzinfo=UTC)


def test_what_fell_silent_turns_unknown(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="++......++", search="++++++++++"), 100)
    clock.frame(250)
    assert statuses(replay) == {"shop": "healthy", "search": "healthy"}
    clock.frame(100)
    assert statuses(replay) == {"shop": "unknown", "search": "healthy"}
    clock.frame(500)
    assert statuses(replay) == {"shop": "healthy", "search": "healthy"}


def test_simulated_results_are_not_played(begin: Callable[..., Replay], clock: FrameClock) -> None:
    frame = history(shop="++---+")
    frame.loc[frame["status"] == "down", "simulated"] = True
    replay = begin(frame, 600)
    clock.frame()
    assert replay.dashboard().board["cards"]["shop"]["heard"] == 3
    assert replay.dashboard().board["feed"] == []
    with pytest.raises(sentry.AppSentryError, match="nothing to replay"):
        begin(frame[frame["simulated"]])


def test_several_play_at_once_and_none_leaves_a_thread(clock: FrameClock) -> None:
    before = threading.active_count()
    replays = [sentry.replay(history(shop="+" * 100), speed, start="2026-06-05T23:31:00Z") for speed in (1, 60)]
    assert threading.active_count() == before + 2
    boards = [replay.dashboard() for replay in replays]
    assert boards[0] is not boards[1]
    for replay in replays:
        replay.close()
        replay.close()
    assert threading.active_count() == before
    assert [replay.state for replay in replays] == ["closed", "closed"]
    assert boards[0].board["connection"]["detail"] == "the replay is closed"
    with pytest.raises(sentry.SessionClosed):
        replays[0].play()
    assert "1 healthy" in replays[0]._repr_mimebundle_()[0]["text/plain"]


def test_closed_before_it_was_shown_it_is_shown_as_words(begin: Callable[..., Replay]) -> None:
    replay = begin(history(shop="++"))
    replay.close()
    words, _ = replay._repr_mimebundle_()
    assert words == {"text/plain": "<Replay of 2026-06-05 23:30:00 UTC, 60 times as fast, closed>"}


def test_one_that_nobody_holds_ends_by_itself(eventually: Callable[[Callable[[], object]], None]) -> None:
    before = threading.active_count()
    replay = sentry.replay(history(shop="++"))
    replay.dashboard()
    del replay
    gc.collect()
    eventually(lambda: threading.active_count() == before)


def test_a_kernel_that_stood_still_does_not_make_it_leap(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="+" * 400), 60)
    clock.frame(3_600_000)
    assert (replay.at - FIRST).total_seconds() == 60
    clock.frame(-5_000)
    assert (replay.at - FIRST).total_seconds() == 60


def test_faster_than_it_can_be_drawn_loses_no_result(begin: Callable[..., Replay], clock: FrameClock) -> None:
    replay = begin(history(shop="+" * 5_000), 1e9)
    clock.frame()
    assert replay.state == "playing"
    clock.frame()
    clock.frame()
    assert (replay.state, replay.dashboard().board["cards"]["shop"]["heard"]) == ("ended", 5_000)


def test_a_file_is_played_like_the_frame_in_it(tmp_path: Path, begin: Callable[..., Replay], clock: FrameClock) -> None:
    path = tmp_path / "history.csv"
    history(shop="+---+").to_csv(path, index=False)
    replay = begin(path, 400)
    clock.frame()
    assert statuses(replay) == {"shop": "down"}


def test_its_events_are_those_of_the_contract() -> None:
    retelling = Retelling(history(shop="++---~+", search="+.....+"))
    begin, end = retelling.span
    retelling.seek(begin)
    told = list(retelling.tell(end, 100))
    for name, payload in told:
        validator(name).validate_python(payload, strict=True)
    assert sum(name == "healthMetricUpdate" for name, _ in told) == 9
    assert {name for name, _ in told} == {"healthMetricUpdate", "applicationStatusUpdate", "notification"}


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_means_nothing_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="pause"):
        sentry.replay(history(shop="++"), speed)


def test_a_stretch_that_means_nothing_is_refused(begin: Callable[..., Replay]) -> None:
    with pytest.raises(ValueError, match="not before"):
        begin(history(shop="++"), start="2027-01-01T00:00:00Z")
    replay = begin(history(shop="+" * 10), start="2026-06-05T23:30:10Z")
    with pytest.raises(ValueError, match="before the replay's start"):
        replay.seek("2026-06-05T23:30:00Z")
