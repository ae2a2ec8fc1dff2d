"""A history told again: the events that a server would have sent as its results came, and how it all stood then."""

from collections.abc import Iterator, Mapping
from itertools import chain, count
from typing import Any, Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.ledger import Ledger
from appsentry_contract.accounting.policy import DEFAULT
from appsentry_contract.accounting.spans import CODES, DOWN, SpanArrays, Spans
from appsentry_contract.accounting.tally import uptime
from appsentry_contract.instants import to_wire
from appsentry_kernel.accounts.observations import CheckResults, Observations
from appsentry_kernel.cursor import Event
from appsentry_kernel.picture import PastResult
from appsentry_kernel.picture.board import BEATS_LENGTH

EPOCH: Final = "replay"
WINDOW_MS: Final = 30 * 86_400_000
"""What the uptime on a card is counted over, as on a server where nothing is promised."""

_WORDS: Final = tuple(CODES)
_PHASES: Final = {
    "dns_ms": "dnsMs",
    "connect_ms": "connectMs",
    "tls_ms": "tlsMs",
    "first_byte_ms": "firstByteMs",
    "transfer_ms": "transferMs",
}
_STATUS: Final = {"up": "healthy", "maintenance": "maintenance"}
_WORST_LAST: Final = ("maintenance", "up", "degraded", "unknown", "down")
_TO_MS: Final = 1_000


class _Line:
    """One check of the history, and how far it was told."""

    def __init__(self, results: CheckResults, kind: str) -> None:
        self.results = results
        self.kind = kind
        self.due = results.due // _TO_MS
        self.interval = np.maximum(results.interval // _TO_MS, 1)
        self.spans = Spans()
        self.told = 0
        self.settled = "unknown"

    def rewind(self, told: int) -> None:
        """Stand as after so many results."""
        verdict = self.results.verdict[:told]
        self.spans = Spans.of(SpanArrays.of_results(self.due[:told], verdict, self.interval[:told]))
        self.told, self.settled = told, "unknown"
        if self.spans.downs >= DEFAULT.confirm and self.spans.last_verdict == "down":
            self.settled = "down"
        elif len(before := np.flatnonzero(verdict != DOWN)):
            self.settled = _WORDS[verdict[before[-1]]]

    def take(self) -> tuple[str, bool]:
        """Take up the next result: its verdict, and whether an outage was confirmed or ended by it."""
        word = _WORDS[self.results.verdict[self.told]]
        was_down = self.spans.downs >= DEFAULT.confirm
        before = self.status(int(self.due[self.told]))
        self.spans.add(int(self.due[self.told]), word, int(self.interval[self.told]))
        is_down = self.spans.downs >= DEFAULT.confirm
        self.settled = before if word == "down" and not is_down else word
        self.told += 1
        return word, was_down != is_down

    def status(self, now_ms: int) -> str:
        """What the check amounts to now: unknown once its newest result no longer holds."""
        last = self.spans.last
        silent = last is None or now_ms >= last + DEFAULT.hold(self.spans.interval)
        return "unknown" if silent else self.settled


class Retelling:
    """The real results of a frame, told in the order in which they were due. Simulated ones are left out.

    Instants are milliseconds since 1970. Statuses follow the rules of the server, with three results in a row to
    confirm an outage; uptime is that of the 30 days before.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        observations = Observations(frame)
        self._frame = frame
        self._names: Mapping[str, str] = frame.attrs.get("names", {})
        self._lines: dict[str, list[_Line]] = {
            name: [_Line(check, self._kind(check)) for check in checks]
            for name, checks in observations.applications.items()
        }
        self._ledgers: dict[str, Ledger] = {}
        self._told_status: dict[str, str] = {}
        lines = [line for lines in self._lines.values() for line in lines]
        self._owners = [(name, line) for name, lines in self._lines.items() for line in lines]
        due = np.concatenate([np.empty(0, np.int64), *(line.due for line in lines)])
        owner = np.repeat(np.arange(len(lines)), [len(line.due) for line in lines])
        order = np.argsort(due, kind="stable")
        self._due, self._owner = due[order], owner[order]
        self._place = 0
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._due)

    @property
    def span(self) -> tuple[int, int]:
        """From the first result until an interval after the last; of an empty history, nothing."""
        if not len(self):
            return 0, 0
        ends = (int(line.due[-1] + line.interval[-1]) for _, line in self._owners)
        return int(self._due[0]), max(ends)

    def seek(self, at: int) -> None:
        """Go to this instant: everything that was due before it counts as told."""
        self._place = int(np.searchsorted(self._due, at, side="left"))
        for _, line in self._owners:
            line.rewind(int(np.searchsorted(line.due, at, side="left")))
        self._ledgers = {name: Ledger([line.spans for line in lines], DEFAULT) for name, lines in self._lines.items()}
        self._told_status = {name: self._status(name, at) for name in self._lines}

    def applications(self, at: int) -> list[dict[str, Any]]:
        """Every application as it stands."""
        return [self._application(name, at) for name in self._lines]

    def past(self) -> list[PastResult]:
        """The newest results of each application's first check, oldest first."""
        return [
            PastResult(str(place), name, lines[0].results.check, self._number("response_ms", place), _verdict(line, at))
            for name, lines in self._lines.items()
            for line in lines[:1]
            for at in range(max(0, line.told - BEATS_LENGTH), line.told)
            for place in (int(line.results.places[at]),)
        ]

    def next_due(self) -> int | None:
        """When the next result that was not told was due."""
        return int(self._due[self._place]) if self._place < len(self) else None

    def tell(self, until: int, most: int) -> Iterator[Event]:
        """The events of what was due before `until`, of `most` results at most, and of checks that fell silent.

        Of every application that is told of, its state comes last; of a change of state, each.
        """
        touched: dict[str, None] = {}
        end = min(int(np.searchsorted(self._due, until, side="left")), self._place + most)
        while self._place < end:
            name, line = self._owners[self._owner[self._place]]
            at = int(self._due[self._place])
            self._place += 1
            touched[name] = None
            yield from self._result(name, line, at)
        now = min(until, self.next_due() or until)
        for name in chain(touched, self._silent(now, touched)):
            self._told_status[name] = self._status(name, now)
            yield "applicationStatusUpdate", self._placed("applications", now) | self._application(name, now)

    def _result(self, name: str, line: _Line, at: int) -> Iterator[Event]:
        place = int(line.results.places[line.told])
        word, turned = line.take()
        yield "healthMetricUpdate", self._placed("metrics", at) | self._metric(name, line, place, word, at)
        if turned:
            label = self._names.get(name, name)
            why = self._text("message", place)
            down = f"{label} is down ({line.results.check})" + (f": {why}" if why else "")
            kind, message = ("error", down) if word == "down" else ("success", f"{label} has recovered")
            said = {"type": kind, "message": message, "timestamp": to_wire(at), "applicationId": name}
            yield "notification", self._placed("applications", at) | said
        if (status := self._status(name, at)) != self._told_status[name]:
            self._told_status[name] = status
            yield "applicationStatusUpdate", self._placed("applications", at) | self._application(name, at)

    def _silent(self, now: int, touched: Mapping[str, None]) -> list[str]:
        """Those that turned unknown because nothing came any more."""
        return [
            name
            for name, told in self._told_status.items()
            if told != "unknown" and name not in touched and self._status(name, now) == "unknown"
        ]

    def _status(self, name: str, now: int) -> str:
        worst = max((line.status(now) for line in self._lines[name]), key=_WORST_LAST.index)
        return _STATUS.get(worst, worst)

    def _application(self, name: str, now: int) -> dict[str, Any]:
        lines = self._lines[name]
        share = uptime(self._ledgers[name].tally(now - WINDOW_MS, now), DEFAULT).value
        percent = None if share is None else share * 100
        checks = [self._check(line, now) for line in lines]
        return {
            "id": name,
            "name": self._names.get(name, name),
            "status": self._status(name, now),
            "responseTime": checks[0]["responseTime"],
            "uptime": percent,
            "sla": {"status": "unknown", "target": None, "actual": percent, "errorBudgetRemaining": None},
            "lastChecked": max((check["lastChecked"] for check in checks if check["lastChecked"]), default=None),
            "group": None,
            "tags": [],
            "simulated": False,
            "checks": checks,
        }

    def _check(self, line: _Line, now: int) -> dict[str, Any]:
        last = int(line.results.places[line.told - 1]) if line.told else None
        return {
            "checkId": line.results.check,
            "testType": line.kind,
            "status": line.status(now),
            "responseTime": None if last is None else self._number("response_ms", last),
            "lastChecked": None if last is None else to_wire(int(line.due[line.told - 1])),
            "failure": None if last is None else self._failure(last),
        }

    def _metric(self, name: str, line: _Line, place: int, word: str, at: int) -> dict[str, Any]:
        timings = {field: self._number(column, place) for column, field in _PHASES.items()}
        return {
            "applicationId": name,
            "responseTime": self._number("response_ms", place),
            "status": word,
            "resultId": self._text("result_id", place) or str(place),
            "checkId": line.results.check,
            "testType": line.kind,
            "dueAt": to_wire(at),
            "lateMs": self._number("late_ms", place) or 0.0,
            "intervalMs": int(line.interval[line.told - 1]),
            "timings": timings if any(ms is not None for ms in timings.values()) else None,
            "steps": None,
            "testRunId": self._text("run_id", place),
            "attempt": int(line.results.attempt[line.told - 1]),
            "failure": self._failure(place),
            "message": None if self._text("failure", place) else self._text("message", place),
            "location": self._text("location", place) or "",
        }

    def _placed(self, stream: str, at: int) -> dict[str, Any]:
        return {"stream": stream, "seq": next(self._numbers), "epoch": EPOCH, "at": to_wire(at)}

    def _failure(self, place: int) -> dict[str, Any] | None:
        why = self._text("failure", place)
        return {"class": why, "message": self._text("message", place) or "", "step": None} if why else None

    def _kind(self, check: CheckResults) -> str:
        return self._text("type", int(check.places[0])) or "health"

    def _number(self, column: str, place: int) -> float | None:
        value = self._value(column, place)
        return None if value is None else float(value)

    def _text(self, column: str, place: int) -> str | None:
        value = self._value(column, place)
        return None if value is None else str(value)

    def _value(self, column: str, place: int) -> Any:
        if column not in self._frame:
            return None
        value = self._frame[column].array[place]
        return None if pd.isna(value) else value


def _verdict(line: _Line, at: int) -> Any:
    return _WORDS[line.results.verdict[at]]
