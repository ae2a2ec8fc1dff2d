"""How long the event loop stood still, and what a result that was made meanwhile is worth."""

from dataclasses import replace

from appsentry_server.clock import Clock
from appsentry_server.results import Failure, Outcome

BEAT_S = 0.05
"""How far apart the beats are by which a standstill is seen."""

_NOTED_S = 0.1
_SHARE = 0.25
"""Of a check's time: with less than three quarters of it left, its failure says nothing of the target."""

_OF_TIME = frozenset({"dns_timeout", "connect_timeout", "reset", "deadline"})
"""Failures that standing still brings about by itself: nobody read, so nobody was heard, or the other side gave up."""


class Lag:
    """Counts the seconds in which the event loop stood still: blocked, its process stopped, or its machine asleep.

    Until the first `beat` it knows of none.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat: float | None = None
        self._total_s = 0.0

    def beat(self) -> float:
        """To be called every `BEAT_S`; gives the seconds of standstill since the last beat, 0 when it was in time."""
        now = self._clock.boot()
        stood_still_s = self._open(now)
        self._beat = now
        self._total_s += stood_still_s
        return stood_still_s

    def total_s(self) -> float:
        """Seconds of standstill since the start, one that has only just ended included."""
        return self._total_s + self._open(self._clock.boot())

    def _open(self, now: float) -> float:
        if self._beat is None:
            return 0.0
        late_s = now - self._beat - BEAT_S
        return late_s if late_s >= _NOTED_S else 0.0


def believed(outcome: Outcome, *, stood_still_s: float, elapsed_s: float, timeout_s: float) -> Outcome:
    """As much of an outcome as can be believed when the loop stood still for so long while the check was made.

    A good answer is good however late it was read, but its times are the monitor's own, and so is that it was slow.
    """
    failure = outcome.failure
    of_time = failure is not None and failure.failure_class in _OF_TIME
    if outcome.verdict == "unknown" or stood_still_s <= _SHARE * (elapsed_s if of_time else timeout_s):
        return outcome
    stood_still = f"the monitor stood still for {stood_still_s:.3g} s"
    if outcome.verdict == "up":
        return Outcome(verdict="up", note=f"{stood_still} meanwhile: the response time is not known")
    found = failure.message if failure else outcome.note
    message = f"{stood_still} while the check was made, and cannot tell: {found}"
    step = failure.step if failure else None
    return replace(
        outcome, verdict="unknown", note=None, failure=Failure(failure_class="internal", message=message, step=step)
    )
