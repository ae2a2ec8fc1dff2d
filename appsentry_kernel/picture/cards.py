"""The applications' cards, and which of their fields changed since somebody last looked."""

from collections.abc import Iterable, Sequence
from math import floor
from typing import Any, NamedTuple, cast

from appsentry_contract.events import Application, CheckState, HealthMetricUpdate
from appsentry_contract.instants import from_wire
from appsentry_contract.vocabulary import Verdict
from appsentry_kernel.picture.beats import Beats, short
from appsentry_kernel.picture.board import Card, CheckLine


class PastResult(NamedTuple):
    """One result that the history holds. Thousands are made at once, so it is a tuple."""

    result_id: str
    application_id: str
    check_id: str
    response_ms: float | None
    status: Verdict


class Cards:
    """One card an application. Beats are those of its first check: different kinds share no scale."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}
        self._beats: dict[str, Beats] = {}
        self._changed: dict[str, set[str]] = {}
        self._beating: dict[str, Beats] = {}
        self._gone: set[str] = set()
        self._live: set[str] | None = None

    def __contains__(self, application_id: str) -> bool:
        return application_id in self._cards

    def name(self, application_id: str) -> str:
        """The application's name, or its id when it is not known."""
        card = self._cards.get(application_id)
        return card["name"] if card else application_id

    def update(self, application: Application) -> str | None:
        """Take over an application as it now is; its status until now.

        None when there was no result of it yet, and when only the simulator's word is taken back.
        """
        application_id = application["id"]
        fresh = _card(application)
        beats = self._beats.setdefault(application_id, Beats())
        beats.check = fresh["checks"][0]["check"] if fresh["checks"] else None
        card = self._cards.get(application_id)
        if card is None:
            self._cards[application_id] = fresh
            self._changed[application_id] = {*fresh, "beats"}
            return None
        taken_back = card["simulated"] and not fresh["simulated"]
        before = None if card["checked"] is None or taken_back else card["status"]
        changed = {field for field, value in fresh.items() if card.get(field) != value}
        card.update(fresh)
        if changed:
            self._changed.setdefault(application_id, set()).update(changed)
        return before

    def replace(self, applications: Sequence[Application]) -> None:
        """Keep these applications only; beats of those that stay are kept."""
        for gone in self._cards.keys() - {application["id"] for application in applications}:
            self.remove(gone)
        for application in applications:
            self.update(application)

    def remove(self, application_id: str) -> None:
        """Take a card away; nothing when there is none."""
        if self._cards.pop(application_id, None) is not None:
            del self._beats[application_id]
            self._changed.pop(application_id, None)
            self._beating.pop(application_id, None)
            self._gone.add(application_id)

    def beat(self, metric: HealthMetricUpdate) -> bool:
        """Add one result to its card's line; False when there is no such card."""
        application_id = metric["applicationId"]
        beats = self._beats.get(application_id)
        if beats is None:
            return False
        if beats.takes(metric["checkId"]):
            beats.add(metric["responseTime"], metric["status"])
            self._beating[application_id] = beats
            if self._live is not None:
                self._live.add(metric["resultId"])
        return True

    def await_past(self) -> None:
        """From now on note which results come live, until `put_past` brings the older ones."""
        self._live = set()

    def put_past(self, results: Iterable[PastResult]) -> None:
        """Put results of the history, oldest first, before those that came live; one that came live stays where it is.

        Every result among them that is still to come live would be shown twice.
        """
        live, self._live = self._live or set(), None
        lines: dict[str, list[tuple[float | None, Verdict]]] = {}
        for result in results:
            beats = self._beats.get(result.application_id)
            if beats is not None and beats.takes(result.check_id) and result.result_id not in live:
                lines.setdefault(result.application_id, []).append((result.response_ms, result.status))
        for application_id, line in lines.items():
            self._beats[application_id].put_before(line)
            self._changed.setdefault(application_id, set()).add("beats")

    def changes(self) -> dict[str, Any]:
        """What changed since this was last called, as parts of a delta."""
        cards = {card_id: self._change(card_id, fields) for card_id, fields in self._changed.items()}
        beats = {
            card_id: beats.tell() for card_id, beats in self._beating.items() if "beats" not in cards.get(card_id, ())
        }
        parts = {"cards": cards, "cardsGone": sorted(self._gone), "beats": beats}
        for changes in (self._changed, self._gone, self._beating):
            changes.clear()
        return {name: part for name, part in parts.items() if part}

    def whole(self) -> dict[str, Card]:
        """Every card, in a copy of its own."""
        return {card_id: {**card, **_told(self._beats[card_id])} for card_id, card in self._cards.items()}

    def _change(self, card_id: str, fields: set[str]) -> Card:
        change = cast(Card, {field: value for field, value in self._cards[card_id].items() if field in fields})
        if "beats" in fields:
            beats = self._beats[card_id]
            beats.tell()
            change |= _told(beats)
        return change


def _told(beats: Beats) -> Card:
    return {"heard": beats.heard, "beats": beats.line()}


def _card(application: Application) -> Card:
    sla = application["sla"]
    checked = application["lastChecked"]
    return {
        "id": application["id"],
        "name": application["name"],
        "group": application["group"],
        "tags": application["tags"],
        "types": sorted({check["testType"] for check in application["checks"]}),
        "status": application["status"],
        "response": short(application["responseTime"]),
        "uptime": _cut(application["uptime"]),
        "sla": {
            "status": sla["status"],
            "target": sla["target"],
            "actual": _cut(sla["actual"]),
            "budget": _cut(sla["errorBudgetRemaining"]),
        },
        "checked": from_wire(checked) if checked else None,
        "simulated": application["simulated"],
        "checks": [_line(check) for check in application["checks"]],
    }


def _line(check: CheckState) -> CheckLine:
    failure = check["failure"]
    return {
        "check": check["checkId"],
        "type": check["testType"],
        "status": check["status"],
        "response": short(check["responseTime"]),
        "message": failure["message"] if failure else None,
    }


def _cut(value: float | None) -> float | None:
    """Four digits, never rounded up: 99.99999 % is not 100 %, and a budget overspent by little is overspent."""
    return None if value is None else floor(value * 10_000) / 10_000
