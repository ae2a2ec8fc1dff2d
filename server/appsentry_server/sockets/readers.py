"""One connected socket: who it is, what it follows, and how fast it may ask."""

from dataclasses import dataclass, field

from appsentry_server.allowance import Allowance
from appsentry_server.audit import Origin
from appsentry_server.clock import Clock

REQUESTS_PER_SECOND = 20
BURST = 40
MOST_SUBSCRIPTIONS = 100


@dataclass(slots=True, eq=False)
class Reader:
    """A socket. `follows` maps each stream to the room in which it hears it, None while it is told the past."""

    sid: str
    origin: Origin
    token: str | None = None
    """What it was let in with."""
    follows: dict[str, str | None] = field(default_factory=dict)
    catching_up: dict[str, object] = field(default_factory=dict)
    """By stream, the mark of the one replay that may go on."""
    gone: bool = False
    _requests: Allowance = field(default_factory=lambda: Allowance(REQUESTS_PER_SECOND, BURST, BURST))

    def may_ask(self, clock: Clock) -> bool:
        """Whether one more request is within 20 a second, bursts of 40 allowed; counts it when it is."""
        return self._requests.take(clock.monotonic())
