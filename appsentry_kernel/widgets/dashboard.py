"""The dashboard: one anywidget that draws the board it is shown and hands back what people press.

How it thinks. The kernel's I/O thread calls `show`; each delta leaves as one numbered custom message and is folded into
`_board`, so that a view opened later gets the whole board with the widget's state. No trait is ever set: setting traits
from two threads is not safe, and the full state on every change is what costs the browser most. A view that misses a
number asks, and the next `show` carries everything. What people press arrives on whatever thread the kernel uses for
comm messages; it is only passed on.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal, cast

import anywidget
import traitlets

from appsentry_kernel.picture.board import Board, Delta, empty_board, fold
from appsentry_kernel.widgets.joined import joined_module, joined_styles
from appsentry_kernel.widgets.still import as_html, as_text

Command = Literal["run", "pause", "resume", "cancel", "reconnect"]

_ARGUMENTS: dict[Command, str | None] = {
    "run": "applicationIds",
    "pause": "testRunId",
    "resume": "testRunId",
    "cancel": "testRunId",
    "reconnect": None,
}
_QUIET_CALLS = 20
"""Calls of `show` with nothing new between two signs of life: 2 s at ten frames a second."""


class Dashboard(anywidget.AnyWidget):
    """Connection, test progress, activity and applications, live.

    `on_command(name, arguments)` is called for what people press: `run` with `{"applicationIds": [...]}` or with `{}`
    for all, `pause`, `resume` and `cancel` with `{"testRunId": ...}`, `reconnect` with `{}`. It runs on whatever thread
    the kernel handles comm messages on, perhaps in the middle of a busy cell: it should only post. The arguments come
    from a browser and are not checked.
    """

    _esm = joined_module("dashboard")
    _css = joined_styles()

    snapshot = traitlets.Dict().tag(sync=True)
    """The whole board with the number of its newest message; filled in when the whole state is asked for."""

    def __init__(self, on_command: Callable[[Command, dict[str, Any]], None]) -> None:
        self._on_command = on_command
        self._lock = threading.Lock()
        self._board = empty_board()
        self._number = 0
        self._asked = False
        self._quiet = 0
        super().__init__()
        self.on_msg(self._heard)

    def open(self) -> None:
        """Open the comm; presses are then handled at once even while a cell is busy."""
        super().open()
        # ipykernel 7.4 sends what the view says to the subshell that last sent on this comm. That is our thread's,
        # so every press would wait for the running cell. Without this private hook (7.3) nothing is to be undone.
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda data, default: default

    def show(self, delta: Delta | None) -> None:
        """Draw what changed. Call it from one thread only; None, when nothing did, lets views know we are alive."""
        with self._lock:
            message = self._next_message(delta)
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

    def _copy(self) -> Board:
        # Folding replaces lines and cards, it never changes one: the containers are all there is to copy.
        return {**self._board, "runs": dict(self._board["runs"]), "cards": dict(self._board["cards"])}

    def _next_message(self, delta: Delta | None) -> dict[str, Any] | None:
        if delta is not None:
            self._board = fold(self._board, delta)
        self._quiet = 0 if delta is not None else self._quiet + 1
        if not self._asked and self._quiet % _QUIET_CALLS:
            return None
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
        if command == "look":
            self._asked = True
        elif command in _ARGUMENTS:
            name = _ARGUMENTS[command]
            self._on_command(command, {name: content[name]} if name is not None and name in content else {})

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The live view, with a still picture for exported notebooks and terminals."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        mimetypes, metadata = bundle
        board = self.board
        return {**mimetypes, "text/plain": as_text(board), "text/html": as_html(board)}, metadata
