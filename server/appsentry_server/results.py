"""A check's result, from the probe's own words to the row that is kept."""

from dataclasses import dataclass

from appsentry_contract.vocabulary import FailureClass, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Milliseconds by phase of a request; a phase that did not happen is None. Added: those of two requests."""

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    transfer_ms: float | None = None

    def __add__(self, other: "Phases") -> "Phases":
        return Phases(
            dns_ms=_sum(self.dns_ms, other.dns_ms),
            connect_ms=_sum(self.connect_ms, other.connect_ms),
            tls_ms=_sum(self.tls_ms, other.tls_ms),
            first_byte_ms=_sum(self.first_byte_ms, other.first_byte_ms),
            transfer_ms=_sum(self.transfer_ms, other.transfer_ms),
        )


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a verdict is `down` or `unknown`: the class decides which, the message says what was expected and found."""

    failure_class: FailureClass
    message: str
    step: str | None = None

    def __post_init__(self) -> None:
        # Half a surrogate pair is no text that can be stored or sent, and one bad message must stop nothing.
        if not self.message.isascii():
            object.__setattr__(self, "message", self.message.encode("utf-8", "replace").decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one probe found. `degraded` may carry a failure-free `note` that says why."""

    verdict: Verdict
    response_ms: float | None = None
    phases: Phases | None = None
    failure: Failure | None = None
    note: str | None = None
    steps: tuple[tuple[str, float], ...] = ()
    """Name and milliseconds of each step, for kinds that have several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One check result as it is kept: an outcome with its place in time and its identity."""

    result_id: str
    due_ms: int
    application_id: str
    check_id: str
    test_type: str
    outcome: Outcome
    run_id: str | None
    attempt: int
    late_ms: float
    interval_ms: int
    location: str
    simulated: bool = False
