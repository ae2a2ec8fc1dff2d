"""The place a reader has reached in one stream: puts numbered events in order, each exactly once.

Live events flow while older ones are still being fetched, so what arrives early is held, within a limit, until the
numbers before it are here; what the limit turns away is fetched again. Volatile events have no number of their own:
they wait, the latest one per subject, until the number they come after is here.
"""

from collections.abc import Mapping
from typing import Any

Payload = Mapping[str, Any]
Event = tuple[str, Payload]

HOLD = 2_000
"""How many early events are held: four pages of a resume."""


class Cursor:
    """One stream's place: an epoch, and the number of the last event handed on."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.epoch: str | None = None
        self.seq = 0
        self._head = 0
        self._other_epoch = False
        self._early: dict[int, Event] = {}
        self._volatile: dict[tuple[str, object], Event] = {}

    @property
    def started(self) -> bool:
        """Whether the stream's epoch and a place in it are known."""
        return self.epoch is not None

    @property
    def behind(self) -> bool:
        """Whether events exist that have to be asked for."""
        return self.started and (self._other_epoch or self._head > self.seq)

    @property
    def since(self) -> dict[str, object] | None:
        """The place as `subscribe` takes it; None before the first snapshot."""
        return {"epoch": self.epoch, "seq": self.seq} if self.started else None

    def start(self, epoch: str, seq: int) -> list[Event]:
        """Go on from a snapshot taken at `seq`; returns what came early and now follows."""
        self._early = {number: held for number, held in self._early.items() if held[1].get("epoch") == epoch}
        self._volatile = {key: held for key, held in self._volatile.items() if held[1].get("epoch") == epoch}
        self.epoch, self.seq, self._other_epoch = epoch, seq, False
        self._head = max([seq, *self._early])
        return self._follow()

    def take(self, name: str, payload: Payload) -> list[Event]:
        """The events that are now in order: none while an earlier one is missing, or when this one is known."""
        if self.started and payload["epoch"] != self.epoch:
            self._other_epoch = True
            return []
        number = payload.get("seq")
        if number is None:
            return self._take_volatile(name, payload)
        self._head = max(self._head, number)
        if number == self.seq + 1 and self.started:
            self.seq = number
            return [(name, payload), *self._follow()] if self._early or self._volatile else [(name, payload)]
        if number > self.seq and len(self._early) < HOLD:
            self._early.setdefault(number, (name, payload))
        return []

    def heard(self, epoch: str, head: int) -> None:
        """Take note of the head the server announces."""
        if self.started and epoch != self.epoch:
            self._other_epoch = True
        else:
            self._head = max(self._head, head)

    def _take_volatile(self, name: str, payload: Payload) -> list[Event]:
        after = payload["after"]
        if self.started and after <= self.seq:
            return [(name, payload)]
        self._head = max(self._head, after)
        if len(self._volatile) < HOLD:
            # Written out: it is not looked at yet, and may be anything.
            self._volatile[name, str(payload.get("id", payload.get("testRunId")))] = (name, payload)
        return []

    def _follow(self) -> list[Event]:
        ready: list[Event] = []
        while (held := self._early.pop(self.seq + 1, None)) is not None:
            self.seq += 1
            ready.append(held)
        self._early = {number: held for number, held in self._early.items() if number > self.seq}
        due = [key for key, held in self._volatile.items() if held[1]["after"] <= self.seq]
        return ready + [self._volatile.pop(key) for key in due]
