"""The results of every check in the order of time, also when the wall clock is set back."""

from collections.abc import Container, Mapping
from dataclasses import replace

from appsentry_contract.instants import to_wire
from appsentry_server.results import Failure, Outcome, Result

Key = tuple[str, str]


class Chronology:
    """Gives each result of a check a later due time than the one before it: time counted once is not counted again.

    `last_due_ms` are the newest results of an earlier server.
    """

    def __init__(self, last_due_ms: Mapping[Key, int]) -> None:
        self._last = dict(last_due_ms)

    def placed(self, result: Result) -> Result:
        """The result where it belongs: 1 ms after the newest of its check when it was due before that.

        Behind by an interval or more it says nothing of the time it stands at, and is unknown.
        """
        key = (result.application_id, result.check_id)
        last_ms = self._last.get(key)
        if last_ms is None or result.due_ms > last_ms:
            self._last[key] = result.due_ms
            return result
        self._last[key] = last_ms + 1
        behind = last_ms - result.due_ms >= result.interval_ms
        return replace(result, due_ms=last_ms + 1, outcome=_too_late(result, last_ms) if behind else result.outcome)

    def forget(self, known: Container[Key]) -> None:
        """Remember nothing of checks that are no longer known."""
        self._last = {key: last_ms for key, last_ms in self._last.items() if key in known}


def _too_late(result: Result, last_ms: int) -> Outcome:
    outcome = result.outcome
    why = outcome.failure.message if outcome.failure else None
    found = outcome.verdict if why is None else f"{outcome.verdict} ({why})"
    message = (
        f"the wall clock was set back to {to_wire(result.due_ms)}, and time up to {to_wire(last_ms)} was already"
        f" counted; found then: {found}"
    )
    return replace(outcome, verdict="unknown", note=None, failure=Failure(failure_class="internal", message=message))
