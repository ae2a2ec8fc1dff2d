"""A dashboard and the picture it shows: every event goes into the picture, ten times a second to the browser."""

from collections.abc import Mapping, Sequence
from typing import Any

from appsentry_kernel.clock import Clock
from appsentry_kernel.feed import Feed
from appsentry_kernel.link import State
from appsentry_kernel.picture import Picture
from appsentry_kernel.widgets import Dashboard

FRAME_S = 0.1


class Screen:
    """One `Dashboard` with its `Picture`. Used on the I/O thread alone, which makes every widget send."""

    def __init__(self, dashboard: Dashboard, feed: Feed, clock: Clock) -> None:
        self._dashboard = dashboard
        self._picture = Picture()
        self._feed = feed
        self._clock = clock

    @property
    def closed(self) -> bool:
        """Whether the widget was closed: nobody can see it any more."""
        return self._dashboard.comm is None

    def load(self, applications: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> None:
        """Draw the whole as it now is."""
        self._picture.load([dict(application) for application in applications], [dict(run) for run in runs])

    def apply(self, name: str, payload: Mapping[str, Any]) -> None:
        """Draw one event."""
        self._picture.apply(name, payload)

    def connection(self, state: State, detail: str | None) -> None:
        """Draw the state of the connection."""
        self._picture.connection("disconnected" if state == "closed" else state, detail)

    def problem(self, message: str) -> None:
        """Show why a command was refused."""
        self._picture.problem(message)

    async def tick(self) -> None:
        """Send what changed, ten times a second, until the widget is closed."""
        while not self.closed:
            self.show()
            await self._clock.sleep(FRAME_S)

    def show(self) -> None:
        """Send what changed since the last time; that nothing did is a sign of life."""
        self._picture.dropped({"unreadable": self._feed.malformed, "unfamiliar": self._feed.unknown.total()})
        self._dashboard.show(self._picture.delta())
