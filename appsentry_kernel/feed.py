"""What arrives on the socket, made into facts: batches opened, order restored, malformed and unknown events counted."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from appsentry_contract.events import EVENTS, validator
from appsentry_contract.instants import from_wire
from appsentry_kernel.cursor import Cursor, Event

_INSTANTS = ("at", "dueAt", "lastChecked", "timestamp", "startedAt", "endedAt")
_NAMES_COUNTED = 100


class Feed:
    """The events of every stream that is followed, in order, each exactly once.

    Nothing that arrives raises: what has no place in a stream, or not the shape the contract gives it, is counted in
    `malformed`, what the contract does not know in `unknown`.
    """

    def __init__(self) -> None:
        self.malformed = 0
        self.unknown: Counter[str] = Counter()
        self._cursors: dict[str, Cursor] = {}

    def cursor(self, stream: str) -> Cursor:
        """The stream's place; it is followed from now on."""
        return self._cursors.setdefault(stream, Cursor(stream))

    def forget(self, stream: str) -> None:
        """Stop following a stream: its events are ignored."""
        self._cursors.pop(stream, None)

    @property
    def followed(self) -> list[str]:
        """Every stream that has a place."""
        return list(self._cursors)

    @property
    def behind(self) -> list[str]:
        """The streams in which something was missed."""
        return [name for name, cursor in self._cursors.items() if cursor.behind]

    def receive(self, name: str, payload: object) -> list[Event]:
        """What arrived over the socket; the facts that are now in order, ready to be reduced."""
        if name == "eventBatch":
            return [fact for inner in self._open(payload) for fact in self.receive(*inner)]
        if name not in EVENTS:
            self.unknown[name if name in self.unknown or len(self.unknown) < _NAMES_COUNTED else "…"] += 1
            return []
        if not isinstance(payload, dict) or not isinstance(payload.get("stream"), str):
            self.malformed += 1
            return []
        cursor = self._cursors.get(payload["stream"])
        return [] if cursor is None else self._advance(cursor, name, payload)

    def start(self, stream: str, epoch: str, head: int) -> list[Event]:
        """Go on from a snapshot of the stream. Raises `TypeError` when that is no place in one."""
        if not _is_place({"epoch": epoch, "head": head}, "head"):
            raise TypeError(f"expected an epoch and a head, found {epoch!r} and {head!r}")
        return self._checked_all(self.cursor(stream).start(epoch, head))

    def sound(self, shape: type, items: Iterable[object]) -> list[dict[str, Any]]:
        """The items of a snapshot that have the shape the contract gives them."""
        check: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        return [good for item in items if (good := self._checked(check, item)) is not None]

    def _advance(self, cursor: Cursor, name: str, payload: dict[str, Any]) -> list[Event]:
        if name == "streamHead" and _is_place(payload, "head"):
            cursor.heard(payload["epoch"], payload["head"])
            return []
        if not _is_place(payload, "seq" if payload.get("seq") is not None else "after"):
            self.malformed += 1
            return []
        return self._checked_all(cursor.take(name, payload))

    def _open(self, payload: object) -> Iterator[tuple[str, object]]:
        events = payload.get("events") if isinstance(payload, dict) else None
        if not isinstance(events, list):
            self.malformed += 1
            return
        for entry in events:
            # A batch inside a batch is nothing the contract knows: opening it could recurse without end.
            if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and entry[0] != "eventBatch":
                yield entry[0], entry[1]
            else:
                self.malformed += 1

    def _checked_all(self, events: list[Event]) -> list[Event]:
        """Numbers are counted before shapes: a malformed event must not look like a missing one."""
        return [
            (name, good) for name, payload in events if (good := self._checked(validator(name), payload)) is not None
        ]

    def _checked(self, check: TypeAdapter[dict[str, Any]], item: object) -> dict[str, Any] | None:
        try:
            good = check.validate_python(item)
            for field in _INSTANTS:
                if isinstance(text := good.get(field), str):
                    _check_instant(text)
        except ValueError:  # pydantic's ValidationError is one
            self.malformed += 1
            return None
        return good


@lru_cache(maxsize=4_096)
def _check_instant(text: str) -> None:
    """Raises `ValueError` when it is none. What one commit made true shares its instant: reading it once is enough."""
    from_wire(text)


def _is_place(payload: dict[str, Any], number: str) -> bool:
    value = payload.get(number)
    return isinstance(payload.get("epoch"), str) and type(value) is int and value >= 0
