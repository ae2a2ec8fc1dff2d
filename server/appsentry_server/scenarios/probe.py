"""A probe that finds what the script says, in the time that the script says it takes."""

import math
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from appsentry_contract.vocabulary import DownClass
from appsentry_server import durations
from appsentry_server.checks.kind import CheckSettings, Kind, Probe
from appsentry_server.results import Failure, Outcome, Phases
from appsentry_server.scenarios.script import Happening, ScriptedApplication
from appsentry_server.scenarios.virtual import VirtualClock

_MESSAGES: Final[Mapping[DownClass, str]] = {
    "dns_not_found": "expected an address, found that there is no such name",
    "dns_timeout": "expected an address, found no answer of the name server",
    "refused": "expected a connection, found it refused",
    "connect_timeout": "expected a connection within {connect}, found none",
    "reset": "expected an answer, found the connection reset",
    "tls_expired": "expected a valid certificate, found an expired one",
    "tls_host": "expected a certificate for this host, found one for another",
    "tls_other": "expected a TLS connection, found that it could not be agreed on",
    "status": "expected a status of 200-299, found 503",
    "expectation": "expected $.status to be 'ok', found 'error'",
    "too_large": "expected a body of at most 10 MB, found a larger one",
    "deadline": "expected an answer within {timeout}, found none",
}
_AT_ONCE: Final = frozenset({"dns_not_found", "refused", "reset"})
_AT_ONCE_S: Final = 0.004
_CONNECT: Final = timedelta(seconds=5)
_SHARES: Final = {"dns_ms": 0.06, "connect_ms": 0.14, "tls_ms": 0.2, "first_byte_ms": 0.5, "transfer_ms": 0.1}
_DAY: Final = timedelta(days=1)
_BUSIEST_H: Final = 15
_MOST: Final = 0.9
"""Of the timeout: an answer that truly comes does so in time."""


class ScriptedSettings(CheckSettings):
    """A health check of an application of the script."""

    script: ScriptedApplication


class ScriptedProbe(Probe):
    """Finds the state that the script gives the application at the instant at which the look begins."""

    def __init__(self, settings: ScriptedSettings, clock: VirtualClock, seed: int) -> None:
        self._application = settings.script
        self._timeout = settings.timeout
        self._clock = clock
        self._dice = random.Random(f"{seed}/{settings.script.id}/{clock.now_ms()}")  # noqa: S311 - invented figures

    async def run(self) -> Outcome:
        happening = self._application.at(self._clock.elapsed)
        if happening is not None and happening.state == "down":
            return await self._fail(happening)
        phases = self._phases(1.0 if happening is None else happening.slower)
        response_ms = round(sum(phases.values()), 3)
        await self._clock.sleep(response_ms / 1000)
        if happening is None or happening.state == "up":
            return Outcome(verdict="up", response_ms=response_ms, phases=Phases(**phases))
        note = happening.message or f"expected a faster answer, found {response_ms:.0f} ms"
        return Outcome(verdict="degraded", response_ms=response_ms, phases=Phases(**phases), note=note)

    async def _fail(self, happening: Happening) -> Outcome:
        failure_class = happening.failure
        phases = None
        if failure_class in _AT_ONCE:
            took_s = _AT_ONCE_S * math.exp(self._dice.gauss(0, 0.3))
        elif failure_class == "connect_timeout":
            took_s = min(_CONNECT, self._timeout).total_seconds()
        elif failure_class in ("deadline", "dns_timeout"):
            took_s = self._timeout.total_seconds()
        else:
            measured = self._phases(happening.slower)
            took_s, phases = sum(measured.values()) / 1000, Phases(**measured)
        await self._clock.sleep(took_s)
        found = _MESSAGES[failure_class].format(
            connect=durations.write(min(_CONNECT, self._timeout)), timeout=durations.write(self._timeout)
        )
        failure = Failure(failure_class=failure_class, message=happening.message or found)
        return Outcome(verdict="down", response_ms=round(took_s * 1000, 3), phases=phases, failure=failure)

    def _phases(self, slower: float) -> dict[str, float]:
        response, elapsed = self._application.response, self._clock.elapsed
        hour = self._clock.now_ms() / 3_600_000 % 24
        busy = 0.5 + 0.5 * math.cos((hour - _BUSIEST_H) * math.pi / 12)
        usual_ms = response.median / timedelta(milliseconds=1) * slower
        usual_ms *= (1 + response.rhythm * busy) * max(0.1, 1 + response.drift * (elapsed / _DAY))
        phases = {
            phase: share * usual_ms * math.exp(self._dice.gauss(0, response.spread)) for phase, share in _SHARES.items()
        }
        most_ms = _MOST * self._timeout / timedelta(milliseconds=1)
        fitting = min(1.0, most_ms / sum(phases.values()))
        return {phase: round(ms * fitting, 3) for phase, ms in phases.items()}


def kinds(clock: VirtualClock, seed: int) -> Mapping[str, Kind]:
    """A table of kinds in which a health check does what the script says."""

    def prepare(settings: ScriptedSettings, _client: Any) -> Probe:
        return ScriptedProbe(settings, clock, seed)

    return {"health": Kind(settings=ScriptedSettings, prepare=prepare)}
