"""A part of the board as one anywidget: it is shown deltas, keeps views that open late whole, and passes presses on.

How it thinks. The kernel's I/O thread calls `show`; each delta leaves as one numbered custom message and is folded into
`_board`, so that a view opened later gets the whole board with the widget's state. No trait is ever set: setting traits
from two threads is not safe, and the full state on every change is what costs the browser most. A view that misses a
number asks, and the next `show` carries everything. What people press arrives on whatever thread the kernel uses for
comm messages; it is only passed on, and the next `show` answers it, if only with a sign of life: so a view soon knows
that its kernel is gone.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal, cast

import anywidget
import traitlets

from appsentry_kernel.picture.board import SMALL, Board, Card, Delta, copied, empty_board, fold
from appsentry_kernel.widgets.joined import joined_styles

Command = Literal["run", "pause", "resume", "cancel", "reconnect", "simulate"]
OnCommand = Callable[[Command, dict[str, Any]], None]

_ARGUMENTS: dict[Command, tuple[str, ...]] = {
    "run": ("applicationIds", "tags", "testTypes"),
    "pause": ("testRunId",),
    "resume": ("testRunId",),
    "cancel": ("testRunId",),
    "reconnect": (),
    "simulate": ("kind", "seed"),
}
_QUIET_CALLS = 20
"""Calls of `show` with nothing new between two signs of life: 2 s at ten frames a second."""

_ALWAYS = ("whole", *SMALL)
_NAMES = ("id", "name", "group", "tags", "types")

NEEDS = frozenset({"runs", "feed", "cards", "names"})
"""What a part may need of the board; `names` are cards with nothing but what they are called and chosen by."""


class Part(anywidget.AnyWidget):
    """Base of every widget that draws the board, or a part of it; `Session.show` puts it on the screen.

    A subclass gives `_esm`, perhaps from `part_module`, and `needs`: what is not needed is not sent to its browser. The
    state of the connection and the other small things always are.
    """

    _css = joined_styles()

    needs: frozenset[str] = NEEDS
    """Of `runs`, `feed`, `cards`, `names`."""

    snapshot = traitlets.Dict().tag(sync=True)
    """The whole board with the number of its newest message; filled in when the whole state is asked for."""

    def __init__(self, on_command: OnCommand | None = None, **traits: Any) -> None:
        self.on_command = on_command
        self._lock = threading.Lock()
        self._board = empty_board()
        self._number = 0
        self._asked = False
        self._pressed = False
        self._quiet = 0
        super().__init__(**traits)
        self.on_msg(self._heard)

    def open(self) -> None:
        """Open the comm; presses are then handled at once even while a cell is busy."""
        super().open()
        # ipykernel 7.4 sends what the view says to the subshell that last sent on this comm. That is our thread's,
        # so every press would wait for the running cell. Without this private hook (7.3) nothing is to be undone.
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda data, default: default

    @property
    def closed(self) -> bool:
        """Whether the widget was closed: nobody can see it any more."""
        return self.comm is None

    def show(self, delta: Delta | None) -> None:
        """Draw what changed. Call it from one thread only; None, when nothing did, lets views know we are alive."""
        with self._lock:
            message = self._next_message(None if delta is None else self._needed(delta))
        if message is not None:
            self.send(message)

    def get_state(self, key: str | Iterable[str] | None = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The widget's state; the whole of it has the board as it now is, for views that open late."""
        state = cast(dict[str, Any], super().get_state(key, drop_defaults))
        if key is None:
            with self._lock:
                state["snapshot"] = self._whole()
        return state

    @property
    def board(self) -> Board:
        """What is shown, in a copy that later deltas leave alone."""
        with self._lock:
            return self._copy()

    def _needed(self, delta: Delta) -> Delta | None:
        kept = {*_ALWAYS, *self.needs, *(["beats"] if "cards" in self.needs else [])}
        needed: dict[str, Any] = {field: part for field, part in delta.items() if field.removesuffix("Gone") in kept}
        if "names" in self.needs and "cards" not in self.needs:
            named = {card_id: _names(card) for card_id, card in delta.get("cards", {}).items()}
            needed["cards"] = {card_id: names for card_id, names in named.items() if names}
            needed["cardsGone"] = delta.get("cardsGone", [])
        return cast(Delta, {field: part for field, part in needed.items() if part or field in _ALWAYS}) or None

    def _copy(self) -> Board:
        # Of what the containers hold, folding changes cards alone.
        cards = {card_id: copied(card) for card_id, card in self._board["cards"].items()}
        return {**self._board, "runs": dict(self._board["runs"]), "cards": cards}

    def _next_message(self, delta: Delta | None) -> dict[str, Any] | None:
        if delta is not None:
            self._board = fold(self._board, delta)
        self._quiet = 0 if delta is not None else self._quiet + 1
        if not (self._asked or self._pressed) and self._quiet % _QUIET_CALLS:
            return None
        self._pressed = False
        self._number += 1
        if self._asked:
            self._asked = False
            return self._whole()
        return {"number": self._number, "delta": delta or {}}

    def _whole(self) -> dict[str, Any]:
        board = self._copy()
        return {"number": self._number, "delta": {"whole": True, **board, "feed": board["feed"][::-1]}}

    def _heard(self, _widget: object, content: Any, _buffers: object) -> None:
        """Check what a view says before passing it on: it comes from a browser."""
        command = content.get("command") if isinstance(content, dict) else None
        if not isinstance(command, str):
            return
        self._pressed = True
        if command == "look":
            self._asked = True
        elif command in _ARGUMENTS and self.on_command is not None:
            self.on_command(command, {name: content[name] for name in _ARGUMENTS[command] if name in content})


def _names(card: Card) -> dict[str, Any]:
    return {field: value for field, value in card.items() if field in _NAMES}
