"""The picture of a session and everything that shows it: every event goes in, ten times a second it goes out."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Literal, Protocol, cast

from appsentry_contract.events import Application, TestRun
from appsentry_kernel.clock import Clock
from appsentry_kernel.feed import Feed
from appsentry_kernel.link import Retry, State
from appsentry_kernel.picture import Delta, PastResult, Picture

FRAME_S = 0.1

_log = logging.getLogger(__name__)


class View(Protocol):
    """What can be put on a screen: the session's widgets, or a part of one's own."""

    @property
    def closed(self) -> bool:
        """Whether nobody can see it any more; it is then let go."""
        ...

    def show(self, delta: Delta | None) -> None:
        """Draw what changed, or None when nothing did. The first delta is the whole; always on the same thread."""
        ...


class Screen:
    """One `Picture` and its views. Used on the I/O thread alone, which makes every widget send."""

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._views: list[View] = []
        self._picture = Picture()
        self._feed = feed
        self._clock = clock
        self._state: tuple[State | Literal["replay"], str | None, Retry | None] = ("connecting", None, None)
        self._next_ms = 0

    @property
    def closed(self) -> bool:
        """Whether every view was closed."""
        return all(view.closed for view in self._views)

    async def add(self, view: View) -> None:
        """Show the whole on this view now, and what changes from now on."""
        self._views.append(view)
        self._tell(view, self._picture.snapshot())

    def load(self, applications: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> None:
        """Draw the whole as it now is; both are of the shape that the contract gives them."""
        self._picture.load(cast(Sequence[Application], applications), cast(Sequence[TestRun], runs))

    def await_past(self) -> None:
        """Be ready for results of the history."""
        self._picture.await_past()

    def put_past(self, results: Iterable[PastResult]) -> None:
        """Draw results of the history, oldest first, before those that came live."""
        self._picture.put_past(results)

    def apply(self, name: str, payload: Mapping[str, Any]) -> None:
        """Draw one event, as `Feed` hands it on."""
        self._picture.apply(name, payload)

    def connection(self, state: State | Literal["replay"], detail: str | None, retry: Retry | None = None) -> None:
        """Draw the state of the connection; the time until the next attempt is counted down. Of a replay, `detail`
        says what is shown."""
        retry = None if state == "closed" else retry
        self._state = (state, detail, retry)
        self._next_ms = self._clock.now_ms() + round(1000 * retry.pause_s) if retry else 0

    def server(self, *, dev: bool) -> None:
        """Draw what the server offers."""
        self._picture.server(dev=dev)

    def problem(self, message: str) -> None:
        """Show why a command was refused."""
        self._picture.problem(message)

    async def tick(self) -> None:
        """Send what changed, ten times a second, until every view is closed."""
        while not self.closed:
            self.show()
            await self._clock.sleep(FRAME_S)

    def show(self) -> None:
        """Send what changed since the last time; that nothing did is a sign of life."""
        self._picture.dropped({"malformed": self._feed.malformed, "unknown": self._feed.unknown.total()})
        self._count_down()
        delta = self._picture.delta()
        self._views = [view for view in self._views if not view.closed]
        for view in list(self._views):
            self._tell(view, delta)

    def _count_down(self) -> None:
        state, detail, retry = self._state
        wait = max(0, ceil((self._next_ms - self._clock.now_ms()) / 1000))
        self._picture.connection(
            {
                "state": "disconnected" if state == "closed" else state,
                "detail": detail,
                "retry": {"attempt": retry.attempt, "of": retry.of, "wait": wait} if retry else None,
            }
        )

    def _tell(self, view: View, delta: Delta | None) -> None:
        try:
            view.show(delta)
        except Exception:  # noqa: BLE001 - a view that fails is let go and named; the others still hear
            self._views.remove(view)
            _log.exception("%r could not be shown and is shown no more", view)
