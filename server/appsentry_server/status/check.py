"""How one check stands: its newest result, after confirmation and while it holds."""

from datetime import timedelta
from typing import Final

from appsentry_contract import events
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import DOWN, VERDICTS, Spans
from appsentry_contract.instants import to_wire
from appsentry_contract.vocabulary import Verdict
from appsentry_server import payloads
from appsentry_server.checks.kind import CheckSettings
from appsentry_server.results import Result

_NEVER: Final = -1
_MILLISECOND: Final = timedelta(milliseconds=1)


class CheckStanding:
    """One check's status, which a `down` result changes only when it is the `confirm`-th in a row.

    Up and degraded results recover it at once. An unknown result shows as unknown; it neither counts as down nor ends
    a row of downs, for the monitor could not tell. A check that falls silent turns unknown when its newest result is
    older than the policy's gap tolerance, counted from when it came: a slow check is not a silent one.
    """

    __slots__ = ("_expires_ms", "_policy", "_settled", "lapsed", "last", "response_ms", "settings", "spans")

    def __init__(self, settings: CheckSettings, spans: Spans, last: Result | None, policy: Policy) -> None:
        self.settings = settings
        self.spans = spans
        self.last = last
        self.response_ms = last.outcome.response_ms if last else None
        """The newest response time there was."""
        self.lapsed = last is None and not spans
        """Whether it is known already that it fell silent."""
        self._policy = policy
        self._settled: Verdict = _standing(spans, settings.confirm, policy)
        newest_ms = max(spans.last or _NEVER, last.due_ms if last else _NEVER)
        self._expires_ms = newest_ms + self._hold_ms(spans.interval) if newest_ms != _NEVER else _NEVER

    @property
    def confirmed_down(self) -> bool:
        """Whether the present row of downs is long enough, whatever is shown meanwhile."""
        return self.spans.downs >= self.settings.confirm

    def take(self, result: Result, now_ms: int) -> None:
        """Take up the next result, which came at `now_ms`."""
        verdict = result.outcome.verdict
        before = self.verdict(now_ms)
        self.spans.add(result.due_ms, verdict, result.interval_ms)
        if verdict == "down" and not self.confirmed_down:
            verdict = before
        self._settled = verdict
        self._expires_ms = max(result.due_ms, now_ms) + self._hold_ms(result.interval_ms)
        self.lapsed = False
        self.last = result
        if result.outcome.response_ms is not None:
            self.response_ms = result.outcome.response_ms

    def _hold_ms(self, interval_ms: int) -> int:
        """How long a result stands. A check that may take longer than its interval is not silent while it takes it."""
        return self._policy.hold(max(interval_ms, self.settings.timeout // _MILLISECOND))

    def silent(self, now_ms: int) -> bool:
        """Whether the newest result no longer holds."""
        return now_ms >= self._expires_ms

    def verdict(self, now_ms: int) -> Verdict:
        """What the check amounts to now."""
        return "unknown" if self.silent(now_ms) else self._settled

    @property
    def last_ms(self) -> int | None:
        """When the newest result was due."""
        return self.last.due_ms if self.last else self.spans.last

    def payload(self, now_ms: int) -> events.CheckState:
        """The check as a part of its application's events."""
        return check_state(self.settings, self.verdict(now_ms), self.last_ms, self.last)


def check_state(
    settings: CheckSettings, status: Verdict, checked_ms: int | None, result: Result | None
) -> events.CheckState:
    """A check of this status as a part of its application's events."""
    outcome = result.outcome if result else None
    return {
        "checkId": settings.id,
        "testType": settings.type,
        "status": status,
        "responseTime": outcome.response_ms if outcome else None,
        "lastChecked": None if checked_ms is None else to_wire(checked_ms),
        "failure": payloads.failure(outcome.failure) if outcome and outcome.failure else None,
    }


def _standing(spans: Spans, confirm: int, policy: Policy) -> Verdict:
    """What `take` would have arrived at, result by result."""
    if spans.downs >= confirm and spans.last_verdict == "down":
        return "down"
    arrays = spans.arrays()
    next_ms = None
    for place in reversed(range(len(arrays))):
        if next_ms is not None and next_ms >= arrays.end[place] + policy.hold(int(arrays.interval[place])):
            return "unknown"
        if arrays.verdict[place] != DOWN:
            return VERDICTS[int(arrays.verdict[place])]
        next_ms = arrays.begin[place]
    return "unknown"
