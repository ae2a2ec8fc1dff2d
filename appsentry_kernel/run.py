"""A test run in the hand: awaited, paused, cancelled, and read as a frame."""

import asyncio
from collections.abc import Generator
from html import escape
from typing import TYPE_CHECKING, Any

from appsentry_contract.plain import plain
from appsentry_kernel.frames import frame
from appsentry_kernel.runs import TrackedRun

if TYPE_CHECKING:
    import pandas as pd

    from appsentry_kernel.session import Session


class Run:
    """A test run that was started, going on by itself on the server.

    `await run` waits for its end and gives the run back; interrupting the cell stops the waiting, not the run.
    """

    def __init__(self, session: "Session", tracked: TrackedRun) -> None:
        self._session = session  # a run in the hand keeps its session open
        self._tracked = tracked

    @property
    def id(self) -> str:
        """The run's id, as in the column `run_id`."""
        return self._tracked.run_id

    @property
    def state(self) -> str:
        """`running`, `paused`, `completed`, `cancelled` or `interrupted` (the server died under it)."""
        return str(self._tracked.view()["state"])

    @property
    def reason(self) -> str | None:
        """Why the run was cancelled or interrupted."""
        return self._tracked.view().get("reason")

    @property
    def progress(self) -> tuple[int, int]:
        """How many tests have ended, and how many there are."""
        view = self._tracked.view()
        return view["completed"], view["total"]

    @property
    def results(self) -> "pd.DataFrame":
        """Result frame, one row a test that has ended, in the order in which they ended.

        A test that was cut off has no result: its row is `unknown` with failure `cancelled` or `interrupted`, and no
        `result_id`.
        """
        return frame(self._tracked.results())

    def pause(self) -> None:
        """Start no new test; running ones finish. Raises `RequestRefused` when the run has ended."""
        self._session._command("pause", self.id)

    def resume(self) -> None:
        """Start tests again. Raises `RequestRefused` when the run is not paused."""
        self._session._command("resume", self.id)

    def cancel(self) -> None:
        """End the run: tests that are running end as `unknown`. Raises `RequestRefused` when it has ended."""
        self._session._command("cancel", self.id)

    def wait(self, timeout: float | None = None) -> "Run":
        """Wait for the end where nothing can be awaited. Raises `TimeoutError` after `timeout` seconds."""
        end = self._tracked.end()
        try:
            end.result(timeout)
        finally:
            end.cancel()
        return self

    def __await__(self) -> Generator[Any, None, "Run"]:
        yield from asyncio.wrap_future(self._tracked.end()).__await__()
        return self

    def __repr__(self) -> str:
        completed, total = self.progress
        return f"<Run {plain(self.id)} {self.state} {completed}/{total}>"

    def _repr_html_(self) -> str:
        completed, total = self.progress
        reason = f" · {escape(self.reason)}" if self.reason else ""
        return f"<div>Run <code>{escape(self.id)}</code> · {escape(self.state)} · {completed} of {total}{reason}</div>"
