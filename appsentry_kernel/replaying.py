"""Replays: the live dashboard plays a stretch of history, without a server."""

import weakref
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from appsentry_contract.instants import from_datetime, to_datetime
from appsentry_kernel.clock import Clock, SystemClock
from appsentry_kernel.errors import AppSentryError, SessionClosed
from appsentry_kernel.feed import Feed
from appsentry_kernel.iothread import IoThread
from appsentry_kernel.retelling import Retelling
from appsentry_kernel.screen import FRAME_S, Screen
from appsentry_kernel.window import Moment, window

if TYPE_CHECKING:
    import pandas as pd

    from appsentry_kernel.screen import View
    from appsentry_kernel.widgets import Dashboard

State = Literal["playing", "paused", "ended", "closed"]

_MOST_A_FRAME = 2_000
"""Results drawn between two frames: what is asked to go faster than this goes as fast as this."""

_LONGEST_FRAME_MS = 1_000
"""A kernel that stood still, or a clock that was set, does not make the replay leap."""


def replay(
    source: "str | Path | pd.DataFrame", speed: float = 60.0, *, start: Moment | None = None, stop: Moment | None = None
) -> "Replay":
    """Play a history on the dashboard: `speed` seconds of it a second, from `start` until `stop`, at once.

    `source` is a result frame, or a file that `read_history` reads. `start` and `stop` are instants, or (`start`) a
    duration before `stop`; without them all of it is played. Results before `start` count for what is shown then.
    Simulated results are left out. The replay needs no server, and changes nothing.

    Raises `AppSentryError` for a history without results, `ValueError` for a speed or a stretch that means nothing.
    """
    return Replay(source, speed, start=start, stop=stop, clock=SystemClock())


class Replay:
    """A stretch of history on a dashboard, shown by the last expression of a cell; until `close`, or let go of."""

    def __init__(
        self,
        source: "str | Path | pd.DataFrame",
        speed: float,
        *,
        start: Moment | None,
        stop: Moment | None,
        clock: Clock,
    ) -> None:
        retelling = Retelling(_frame(source))
        if not len(retelling):
            raise AppSentryError("there is nothing to replay: the history has no results besides simulated ones")
        first, last = retelling.span
        begin, end = window(to_datetime(first) if start is None else start, stop, now=to_datetime(last))
        self._player = _Player(retelling, from_datetime(begin), from_datetime(end), _sound(speed), clock)
        self._thread = IoThread("appsentry-replay", self._player.farewell)
        self._letting_go = weakref.finalize(self, self._thread.let_go)
        self._letting_go.atexit = False  # the thread sees to that itself, and waits
        self._dashboard: Dashboard | None = None
        self._thread.call(partial(self._player.open, self._thread))

    @property
    def state(self) -> State:
        """`playing`, `paused`, `ended` (at `stop`; `seek` goes back) or `closed`."""
        return self._player.state

    @property
    def at(self) -> datetime:
        """The instant of the history that is shown, UTC."""
        return to_datetime(int(self._player.at))

    @property
    def speed(self) -> float:
        """Seconds of the history a second; may be set while it plays."""
        return self._player.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._player.speed = _sound(speed)

    def play(self) -> None:
        """Go on. At the end, from the start again."""
        self._thread.call(self._player.play)

    def pause(self) -> None:
        """Stand still at this instant."""
        self._thread.call(self._player.pause)

    def seek(self, moment: "Moment") -> None:
        """Go to an instant, within `start` and `stop`; or, with a duration, to so long before `stop`."""
        end = to_datetime(self._player.end)
        at, _ = window(moment, None, now=end)
        if from_datetime(at) < self._player.begin:
            begin = to_datetime(self._player.begin).isoformat()
            raise ValueError(f"moment={moment!r} is before the replay's start, {begin}")
        self._thread.call(partial(self._player.seek, from_datetime(at)))

    def dashboard(self) -> "Dashboard":
        """The widget: connection, cards and feed. Asked again, it is the same one."""
        from appsentry_kernel.widgets import Dashboard

        if self._dashboard is None or self._dashboard.closed:
            dashboard = Dashboard(parts=("connection", "cards", "feed"))
            self._thread.call(partial(self._player.add, dashboard))
            self._dashboard = dashboard
        return self._dashboard

    def close(self) -> None:
        """End it: its thread and its timers are gone when this returns. Closing twice is fine."""
        self._letting_go.detach()
        self._thread.close()

    def __enter__(self) -> "Replay":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Replay of {self.at:%Y-%m-%d %H:%M:%S} UTC, {self.speed:g} times as fast, {self.state}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        try:
            return self.dashboard()._repr_mimebundle_(**kwargs)
        except SessionClosed:
            return {"text/plain": repr(self)}, {}


class _Player:
    """What a replay does on its thread. It never refers to its replay, so that a forgotten one can be collected."""

    def __init__(self, retelling: Retelling, begin: int, end: int, speed: float, clock: Clock) -> None:
        self.begin, self.end = begin, end
        self.at: float = begin
        self.speed = speed
        self.state: State = "playing"
        self._retelling = retelling
        self._clock = clock
        self._views: list[View] = []
        self._screen = self._drawn(begin)

    async def open(self, thread: IoThread) -> None:
        """Begin to play."""
        thread.spawn(self._work())

    async def add(self, view: "View") -> None:
        """Show all of it on this view from now on."""
        self._views.append(view)
        await self._screen.add(view)

    async def play(self) -> None:
        """Go on."""
        if self.state == "ended":
            await self.seek(self.begin)
        self._turn("playing")

    async def pause(self) -> None:
        """Stand still."""
        if self.state == "playing":
            self._turn("paused")

    async def seek(self, at: int) -> None:
        """Show another instant, and go on from there as before."""
        self.at = at
        if self.state == "ended":
            self.state = "paused"
        self._screen = self._drawn(at)
        self._views = [view for view in self._views if not view.closed]
        for view in self._views:
            await self._screen.add(view)

    async def farewell(self) -> None:
        """Say on every view that this is over."""
        self.state = "closed"
        self._screen.connection("closed", "the replay is closed")
        self._screen.show()

    async def _work(self) -> None:
        before = self._clock.now_ms()
        while True:
            await self._clock.sleep(FRAME_S)
            now = self._clock.now_ms()
            if self.state == "playing":
                self._go_on(min(max(now - before, 0), _LONGEST_FRAME_MS))
            before = now
            self._screen.show()

    def _go_on(self, passed_ms: int) -> None:
        self.at = min(self.at + passed_ms * self.speed, float(self.end))
        for name, payload in self._retelling.tell(int(self.at), _MOST_A_FRAME):
            self._screen.apply(name, payload)
        untold = self._retelling.next_due()
        if untold is not None and untold < self.at:
            self.at = untold
        self._turn("ended" if self.at >= self.end else "playing")

    def _turn(self, state: State) -> None:
        self.state = state
        self._screen.connection("replay", self._label())

    def _drawn(self, at: int) -> Screen:
        """A screen that shows how it all stood at an instant."""
        self._retelling.seek(at)
        screen = Screen(Feed(), self._clock)
        screen.await_past()
        screen.load(self._retelling.applications(at), [])
        screen.put_past(self._retelling.past())
        screen.connection("replay", self._label())
        screen.show()
        return screen

    def _label(self) -> str:
        more = "" if self.state == "playing" else f", {self.state}"
        return f"Replay of {to_datetime(int(self.at)):%Y-%m-%d %H:%M}{more}"


def _frame(source: "str | Path | pd.DataFrame") -> "pd.DataFrame":
    if isinstance(source, str | Path):
        from appsentry_kernel.reading import read_history

        return read_history(source)
    return source


def _sound(speed: float) -> float:
    if not 0 < speed < float("inf"):
        raise ValueError(f"speed={speed!r}: seconds of history a second, above 0; pause() stands still")
    return float(speed)
