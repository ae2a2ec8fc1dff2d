"""One connected socket: what it follows and how fast it may ask."""

from dataclasses import dataclass, field

from appsentry_server.clock import Clock

REQUESTS_PER_SECOND = 20
BURST = 40
MOST_SUBSCRIPTIONS = 100


@dataclass(slots=True, eq=False)
class Reader:
    """A socket. `follows` maps each stream to the room in which it hears it, None while it is told the past."""

    sid: str
    address: str
    follows: dict[str, str | None] = field(default_factory=dict)
    catching_up: dict[str, object] = field(default_factory=dict)
    """By stream, the mark of the one replay that may go on."""
    gone: bool = False
    allowance: float = BURST
    asked_at: float = 0.0

    def may_ask(self, clock: Clock) -> bool:
        """Whether one more request is within 20 a second, bursts of 40 allowed; counts it when it is."""
        now = clock.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.asked_at) * REQUESTS_PER_SECOND)
        self.asked_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True
