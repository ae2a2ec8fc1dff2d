"""The dashboard, whole or some of its parts: connection, test progress, applications, activity."""

from collections.abc import Sequence
from typing import Any

import traitlets

from appsentry_kernel.picture.board import PartName
from appsentry_kernel.widgets.joined import joined_module
from appsentry_kernel.widgets.part import OnCommand, Part
from appsentry_kernel.widgets.still import ALL, as_html, as_text

_NEEDED: dict[PartName, set[str]] = {
    "connection": set(),
    "progress": {"runs", "names"},
    "cards": {"cards"},
    "feed": {"feed"},
}


class Dashboard(Part):
    """Connection, test progress, applications and activity, live; or those of them that `parts` names.

    `on_command(name, arguments)` is called for what people press: `run` with any of `applicationIds`, `tags` and
    `testTypes`; `pause`, `resume` and `cancel` with `testRunId`; `reconnect`; `simulate` with `kind` and perhaps
    `seed`. It runs on whatever thread the kernel handles comm messages on, perhaps in the middle of a busy cell: it
    should only post. The arguments come from a browser and are not checked.
    """

    _esm = joined_module("dashboard")

    parts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Which parts are shown, of `connection`, `progress`, `cards` and `feed`."""

    def __init__(self, on_command: OnCommand | None = None, *, parts: Sequence[PartName] = ALL) -> None:
        if not parts or not set(parts) <= set(ALL):
            raise ValueError(f"parts={parts!r}: name some of {', '.join(ALL)}")
        self.needs = frozenset().union(*(_NEEDED[part] for part in parts))
        super().__init__(on_command, parts=list(parts))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The live view, with a still picture for exported notebooks and terminals."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        mimetypes, metadata = bundle
        board, parts = self.board, self.parts
        return {**mimetypes, "text/plain": as_text(board, parts), "text/html": as_html(board, parts)}, metadata
