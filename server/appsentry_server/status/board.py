"""The board of all applications: results go in, changes come out, and nobody is told less than changed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from appsentry_contract import events
from appsentry_contract.accounting.policy import DEFAULT, Policy
from appsentry_contract.accounting.spans import Spans
from appsentry_contract.vocabulary import ApplicationStatus
from appsentry_server.configuration.model import ApplicationSettings
from appsentry_server.results import Result
from appsentry_server.status.application import ApplicationState, Facts
from appsentry_server.status.check import CheckStanding

Key = tuple[str, str]
"""The ids of an application and of a check of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one step made of an application."""

    application: events.Application
    """The application as it now is."""
    durable: bool
    """Whether readers must not miss it: something in it differs from what they were last told durably."""
    told: ApplicationStatus | None
    """The status they were last told, None when they never heard of the application."""
    downs: int = 0
    """How many results of the check in a row are down by the result that made the change; 0 when it is not down."""
    turned: Literal["down", "recovered"] | None = None
    """Whether that result confirmed an outage of the check, or ended a confirmed one."""


class Board:
    """Every configured application as it now is.

    The same results under the same configuration make the same board, whether they came one by one or were restored.
    """

    def __init__(self, policy: Policy = DEFAULT) -> None:
        self._policy: Final = policy
        self._applications: dict[str, ApplicationState] = {}
        self._told: dict[str, Facts] = {}

    def configure(self, applications: Iterable[ApplicationSettings]) -> list[str]:
        """Take up a configuration; the ids of applications that are gone from it. Then tell the `changes`.

        A check that keeps its id keeps what was observed of it; one that is gone is forgotten.
        """
        before, self._applications = self._applications, {}
        for settings in applications:
            known = before.get(settings.id)
            unchanged = known is not None and known.settings == settings
            self._applications[settings.id] = known if known and unchanged else self._state(settings, known)
        gone = [id_ for id_ in before if id_ not in self._applications]
        for id_ in gone:
            self._told.pop(id_, None)
        return gone

    def restore(self, spans: Mapping[Key, Spans], last: Iterable[Result]) -> None:
        """Take up what the history keeps of these checks, in place of what the board knew; others are left alone.

        The spans themselves are taken over, so what of them is not flushed yet stays noted.
        """
        newest = {(result.application_id, result.check_id): result for result in last if not result.simulated}
        for id_, state in self._applications.items():
            if any((id_, check_id) in spans or (id_, check_id) in newest for check_id in state.checks):
                checks = {
                    check_id: self._restored(standing, spans.get((id_, check_id)), newest.get((id_, check_id)))
                    for check_id, standing in state.checks.items()
                }
                self._applications[id_] = ApplicationState(state.settings, checks, self._policy)

    def told(self, applications: Iterable[events.Application]) -> list[str]:
        """Note what readers were last told durably, before this board was; the ids that are no longer configured.

        `changes` then gives what differs.
        """
        facts = {application["id"]: Facts.of(application) for application in applications}
        self._told = {id_: told for id_, told in facts.items() if id_ in self._applications}
        return [id_ for id_ in facts if id_ not in self._applications]

    def apply(self, result: Result, now_ms: int) -> Change | None:
        """Take up a result that came at `now_ms`; None when its check is no longer configured.

        Raises `ValueError` for a simulated one, which is for `simulate`.
        """
        if result.simulated:
            raise ValueError(f"the result {result.result_id} is simulated: hand it to simulate")
        state = self._applications.get(result.application_id)
        check = state.checks.get(result.check_id) if state else None
        if state is None or check is None:
            return None
        was_down = check.confirmed_down
        check.take(result, now_ms)
        turned: Literal["down", "recovered"] | None = None
        if check.confirmed_down != was_down:
            turned = "recovered" if was_down else "down"
        downs = check.spans.downs if result.outcome.verdict == "down" else 0
        return self._change(state.payload(now_ms), downs, turned)

    def simulate(self, result: Result, now_ms: int) -> Change | None:
        """Show what a simulated result would make of its application and change nothing; None as for `apply`."""
        state = self._applications.get(result.application_id)
        if state is None or result.check_id not in state.checks:
            return None
        return self._change(state.simulated(result, now_ms))

    def lapse(self, now_ms: int) -> list[Change]:
        """The applications of which a check has fallen silent since this was last asked."""
        changes = []
        for state in self._applications.values():
            silent = [check for check in state.checks.values() if not check.lapsed and check.silent(now_ms)]
            for check in silent:
                check.lapsed = True
            if silent:
                changes.append(self._change(state.payload(now_ms)))
        return changes

    def changes(self, now_ms: int) -> list[Change]:
        """Every application that is not as readers were last told."""
        payloads = (state.payload(now_ms) for state in self._applications.values())
        return [self._change(payload) for payload in payloads if Facts.of(payload) != self._told.get(payload["id"])]

    def application(self, application_id: str, now_ms: int) -> events.Application:
        """One application as it now is. `KeyError` when it is not configured."""
        return self._applications[application_id].payload(now_ms)

    def applications(self, now_ms: int) -> list[events.Application]:
        """All applications as they now are, in the order of the configuration."""
        return [state.payload(now_ms) for state in self._applications.values()]

    def spans(self) -> Iterator[tuple[Key, Spans]]:
        """What was observed of each check, for the history to keep."""
        for id_, state in self._applications.items():
            for check_id, check in state.checks.items():
                yield (id_, check_id), check.spans

    def forget(self, before_ms: int) -> None:
        """Let go of what was observed before this instant: retention."""
        for state in self._applications.values():
            state.ledger.forget(before_ms)
            for check in state.checks.values():
                check.spans.forget(before_ms)

    def _state(self, settings: ApplicationSettings, known: ApplicationState | None) -> ApplicationState:
        checks = {}
        for check in settings.checks:
            standing = known.checks.get(check.id) if known else None
            spans, last = (standing.spans, standing.last) if standing else (Spans(), None)
            checks[check.id] = CheckStanding(check, spans, last, self._policy)
        return ApplicationState(settings, checks, self._policy)

    def _restored(self, standing: CheckStanding, spans: Spans | None, last: Result | None) -> CheckStanding:
        return CheckStanding(standing.settings, spans or standing.spans, last or standing.last, self._policy)

    def _change(
        self, application: events.Application, downs: int = 0, turned: Literal["down", "recovered"] | None = None
    ) -> Change:
        facts, told = Facts.of(application), self._told.get(application["id"])
        self._told[application["id"]] = facts
        return Change(
            application=application,
            durable=facts != told,
            told=told.status if told else None,
            downs=downs,
            turned=turned,
        )
