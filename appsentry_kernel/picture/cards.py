"""The applications' cards, and which of their fields changed since somebody last looked."""

from itertools import chain
from math import floor
from typing import Any, cast

from appsentry_contract.events import Application, CheckState, HealthMetricUpdate
from appsentry_contract.instants import from_wire
from appsentry_kernel.picture.board import BEATS_LENGTH, VERDICTS, Card, CheckLine


class Cards:
    """One card an application. Beats are those of its first check: different kinds share no scale."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}
        self._changed: dict[str, set[str]] = {}
        self._beating: dict[str, int] = {}
        """How many beats of a card were told, of those that have one that was not."""
        self._new: set[str] = set()
        self._gone: set[str] = set()

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
        card = self._cards.get(application_id)
        if card is None:
            self._cards[application_id] = {**fresh, "heard": 0, "beats": []}
            self._changed[application_id] = set(fresh)
            self._new.add(application_id)
            return None
        taken_back = card["simulated"] and not fresh["simulated"]
        before = None if card["checked"] is None or taken_back else card["status"]
        changed = {field for field, value in fresh.items() if card.get(field) != value}
        card.update(fresh)
        if changed:
            self._changed.setdefault(application_id, set()).update(changed)
        return before

    def replace(self, applications: list[Application]) -> None:
        """Keep these applications only; beats of those that stay are kept."""
        for gone in self._cards.keys() - {application["id"] for application in applications}:
            self.remove(gone)
        for application in applications:
            self.update(application)

    def remove(self, application_id: str) -> None:
        """Take a card away; nothing when there is none."""
        if self._cards.pop(application_id, None) is not None:
            self._changed.pop(application_id, None)
            self._beating.pop(application_id, None)
            self._new.discard(application_id)
            self._gone.add(application_id)

    def beat(self, metric: HealthMetricUpdate) -> bool:
        """Add one result to its card's line; False when there is no such card."""
        card = self._cards.get(metric["applicationId"])
        if card is None:
            return False
        checks = card["checks"]
        if not checks or checks[0]["check"] == metric["checkId"]:
            beats = card["beats"]
            self._beating.setdefault(card["id"], card["heard"])
            beats.append((_short(metric["responseTime"]), VERDICTS.index(metric["status"])))
            del beats[:-BEATS_LENGTH]
            card["heard"] += 1
        return True

    def changes(self) -> dict[str, Any]:
        """What changed since this was last called, as parts of a delta."""
        parts = {
            "cards": {card_id: self._change(card_id, fields) for card_id, fields in self._changed.items()},
            "cardsGone": sorted(self._gone),
            "beats": {card_id: self._beats(card_id, told) for card_id, told in self._beating.items()},
        }
        for changes in (self._changed, self._gone, self._beating, self._new):
            changes.clear()
        return {name: part for name, part in parts.items() if part}

    def whole(self) -> dict[str, Card]:
        """Every card, in a copy of its own."""
        return {card_id: {**card, "beats": list(card["beats"])} for card_id, card in self._cards.items()}

    def _change(self, card_id: str, fields: set[str]) -> Card:
        card = self._cards[card_id]
        change = cast(Card, {field: value for field, value in card.items() if field in fields})
        if card_id in self._new:
            change |= {"heard": card["heard"], "beats": list(card["beats"])}
            self._beating.pop(card_id, None)
        return change

    def _beats(self, card_id: str, told: int) -> list[float | None]:
        card = self._cards[card_id]
        return [card["heard"], *chain.from_iterable(card["beats"][told - card["heard"] :])]


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
        "response": _short(application["responseTime"]),
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
        "response": _short(check["responseTime"]),
        "message": failure["message"] if failure else None,
    }


def _short(ms: float | None) -> float | None:
    return ms if ms is None else round(ms) if ms >= 10 else round(ms, 1)


def _cut(value: float | None) -> float | None:
    """Four digits, never rounded up: 99.99999 % is not 100 %, and a budget overspent by little is overspent."""
    return None if value is None else floor(value * 10_000) / 10_000
