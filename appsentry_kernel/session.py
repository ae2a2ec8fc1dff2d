"""A session with one server: what a notebook holds in its hand."""

import os
import weakref
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from appsentry_contract.columns import LATENCY_COLUMNS, SPAN_COLUMNS
from appsentry_contract.instants import to_datetime
from appsentry_kernel.clock import Clock, SystemClock
from appsentry_kernel.discovery import address
from appsentry_kernel.errors import ServerUnreachable, TokenRefused
from appsentry_kernel.frames import applications_frame, frame
from appsentry_kernel.history import read_stream, table_of
from appsentry_kernel.reader import Reader
from appsentry_kernel.run import Run
from appsentry_kernel.window import Moment, window

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

    from appsentry_kernel.accounts.policies import Policy
    from appsentry_kernel.accounts.stretches import Stretches
    from appsentry_kernel.accounts.targets import Targets
    from appsentry_kernel.incident.incident import Incident
    from appsentry_kernel.picture.board import PartName
    from appsentry_kernel.screen import Screen, View
    from appsentry_kernel.widgets import Dashboard

KEEP = 1_000_000

_CONNECT_TAKES = ("url", "token", "keep", "simulated")
Words = str | Sequence[str] | None
ViewT = TypeVar("ViewT", bound="View")


def connect(
    url: str | None = None, *, token: str | None = None, keep: int = KEEP, simulated: bool = False, **unknown: object
) -> "Session":
    """Open a session with a server, and wait until its applications are known.

    Without `url` the server is `APPSENTRY_URL`, else the newest one running nearby, else `http://127.0.0.1:3001`;
    without `token` it is `APPSENTRY_TOKEN`, or the nearby server's own. At most `keep` results are held for
    `Session.results`. `simulated=True` lets the simulator's results and statuses in.

    Raises `ServerUnreachable` (a `ConnectionError`) when no server answers, `TokenRefused` when it wants another token.
    """
    if unknown:
        raise TypeError(_unknown_keywords(unknown))
    if keep < 1:
        raise ValueError(f"keep={keep!r}: keep at least 1 result")
    return Session(url, token=token, keep=keep, simulated=simulated, clock=SystemClock())


_open: "weakref.WeakValueDictionary[int, Session]" = weakref.WeakValueDictionary()
_numbers = count(1)


def current() -> "Session | None":
    """The session opened last, of those that are open and that anybody holds."""
    return max(_open.items(), default=(0, None))[1]


class Session:
    """One server, live: its applications, its results, its runs.

    A background thread keeps it up to date until `close`, until nobody holds the session any more, or until the
    interpreter ends. A displayed dashboard does not hold it: keep the session in a variable.
    """

    def __init__(self, url: str | None, *, token: str | None, keep: int, simulated: bool, clock: Clock) -> None:
        found = address(url, token, os.environ)
        self.url = found.url
        self._simulated = simulated
        self._clock = clock
        self._reader = Reader(found.url, found.token, keep=keep, simulated=simulated, clock=clock)
        self._letting_go = weakref.finalize(self, self._reader.thread.let_go)
        self._letting_go.atexit = False  # the thread sees to that itself, and waits
        self._screen: Screen | None = None
        self._dashboards: dict[tuple[PartName, ...], Dashboard] = {}
        try:
            self._reader.thread.call(self._reader.open)
        except BaseException as error:
            self._reader.thread.close()
            if isinstance(error, TokenRefused):
                raise TokenRefused(_wrong_token(found.url, str(error))) from error
            if isinstance(error, ServerUnreachable):
                raise ServerUnreachable(_nobody_there(found.url, found.source, str(error))) from error
            raise
        self._number = next(_numbers)
        _open[self._number] = self

    @property
    def state(self) -> str:
        """`connecting`, `live`, `disconnected` (still trying, slowly; see `reconnect`) or `closed`."""
        return self._reader.state

    @property
    def detail(self) -> str | None:
        """Why the connection is in this state, in words; None while it is live."""
        return self._reader.detail

    @property
    def malformed(self) -> int:
        """How many events arrived that were not of the agreed form; they are left out."""
        return self._reader.feed.malformed

    @property
    def unknown(self) -> dict[str, int]:
        """How many events arrived by each name that this version does not know."""
        return dict(self._reader.feed.unknown)

    @property
    def applications(self) -> "pd.DataFrame":
        """One row an application as it now is, indexed by `id`.

        Columns: `name`, `group`, `status` (healthy, degraded, down, unknown, maintenance, paused), `response_ms`,
        `uptime_percent`, `sla_status` (met, at_risk, breached, unknown), `sla_target_percent`, `sla_actual_percent`,
        `error_budget_remaining` (a fraction, perhaps negative), `last_checked` (UTC), `tags`, `simulated`.
        """
        return applications_frame(self._reader.applications)

    @property
    def results(self) -> "pd.DataFrame":
        """Result frame of what was seen live since the session opened: no hole, no repeat, oldest first.

        Holds the last 24 hours, at most `keep` rows; `.attrs["trimmed"]` says how many went. When the server can no
        longer fill a hole (its history was reset, or the session was away for too long), the frame starts anew.
        """
        seen = self._reader.results.seen()
        rows = frame(seen.table)
        rows.attrs["trimmed"] = seen.trimmed
        return rows

    def history(
        self,
        since: Moment = "24h",
        until: Moment | None = None,
        *,
        application: Words = None,
        types: Words = None,
        resolution: str = "raw",
        simulated: bool | None = None,
    ) -> "pd.DataFrame":
        """Result frame from the server's history, from `since` (inclusive) to `until` (exclusive, default now).

        Either is an instant (text or an aware datetime) or a duration back: `"7d"` is the last seven days.
        `application` and `types` take one word or several. `resolution` is `raw`, or `1m`, `1h`, `1d` for a
        rolled-up frame, one row a bucket and check. Simulated rows are left out unless the session or the call
        asks for them.

        Raises `ValueError` for a stretch of time that cannot be read, `RequestRefused` with the server's reason.
        """
        start, end = window(since, until, now=to_datetime(self._clock.now_ms()))
        ask = partial(
            self._reader.api.history,
            start,
            end,
            applications=_words(application),
            types=_words(types),
            resolution=resolution,
            simulated=self._simulated if simulated is None else simulated,
        )
        return frame(table_of(self._reader.thread.call(ask), resolution=resolution))

    def sla(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        policy: "str | Policy" = "default",
        application: Words = None,
        targets: "Targets" = None,
        maintenance: "Stretches" = None,
        pauses: "Stretches" = None,
    ) -> "pd.DataFrame":
        """One row an application with results from `since` until `until`: uptime, its range, budget, percentiles.

        What `sentry.account` finds in the results themselves, without fetching them: the columns of its `table`, then
        `responses`, how many passed and have a response time, and their `p50_ms`, `p95_ms`, `p99_ms`. Time is exact.
        Percentiles are within `.attrs["relative_error"]` of the value of that rank, maintenance included, and missing
        where too few carry them. `checks` and `down_checks` take results for evenly spaced where the window, or
        maintenance, cuts a stretch of equal results. `targets` are those of the configuration when none are given.

        Raises `ValueError` and `AppSentryError` as `account` does, the latter also for a policy that tells a result
        from its retries, and `RequestRefused` with the server's reason.
        """
        from appsentry_kernel.accounts.instants import micros
        from appsentry_kernel.accounts.policies import policy_of
        from appsentry_kernel.accounts.summaries import Terms, summary_table

        start, end = window(since, until, now=to_datetime(self._clock.now_ms()))
        terms = Terms(
            policy=policy_of(policy),
            since=micros(start),
            until=micros(end),
            targets=self._promised() if targets is None else targets,
            maintenance=maintenance,
            pauses=pauses,
        )
        ask = partial(self._reader.api.window, start, end, applications=_words(application))
        spans, latencies = self._reader.thread.call(ask)
        return summary_table(read_stream(spans, SPAN_COLUMNS), read_stream(latencies, LATENCY_COLUMNS), terms)

    def incident(
        self,
        since: Moment = "24h",
        until: Moment | None = None,
        *,
        application: str | None = None,
        at: "str | pd.Timestamp | None" = None,
        policy: "str | Policy" = "default",
        signals: Sequence[str] = (),
    ) -> "Incident":
        """The newest incident from `since` to `until`, or the one under way `at` an instant.

        Of all applications, so that what failed together is seen; `application` takes the newest one that it was down
        in. `signals` names what is no outage. Raises `AppSentryError` when there is none; the rest is as for `history`.
        """
        from appsentry_kernel.incident.finding import incidents

        found = incidents(self.history(since, until), policy, signals=signals)
        return found.at(at, application) if at is not None else found.newest(application)

    def run_tests(self, applications: Words = None, *, tags: Words = None, types: Words = None) -> Run:
        """Start a test run and give it back at once; `await` it for its end.

        Applications are ids; ids and tags intersect; without either every application is tested. Types default to
        every kind that can be run on demand. Raises `RequestRefused` when the server names something it does not know.
        """
        choice = {
            "applicationIds": _choice("applications", applications),
            "tags": _choice("tags", tags),
            "testTypes": _choice("types", types),
        }
        return Run(self, self._reader.thread.call(partial(self._reader.start_run, choice)))

    def run_tests_sync(
        self,
        applications: Words = None,
        *,
        tags: Words = None,
        types: Words = None,
        timeout: float | None = None,
    ) -> Run:
        """Start a test run and wait for its end; for scripts. Raises `TimeoutError` after `timeout` seconds."""
        return self.run_tests(applications, tags=tags, types=types).wait(timeout)

    def dashboard(self) -> "Dashboard":
        """The live widget: connection, progress with its buttons, cards and feed. Asked again, it is the same one."""
        return self._dashboard("connection", "progress", "cards", "feed")

    def connection(self) -> "Dashboard":
        """The part of the dashboard that says whether there are live updates, and reconnects."""
        return self._dashboard("connection")

    def progress(self) -> "Dashboard":
        """The part of the dashboard that starts test runs and follows everybody's, with their buttons."""
        return self._dashboard("progress")

    def cards(self) -> "Dashboard":
        """The part of the dashboard with a card an application, worst first."""
        return self._dashboard("cards")

    def feed(self) -> "Dashboard":
        """The part of the dashboard with the last twenty things that happened, newest first."""
        return self._dashboard("feed")

    def show(self, part: ViewT) -> ViewT:
        """Keep a part of one's own up to date like the dashboard, and give it back.

        Its `show` is called with deltas of the board on the session's thread, at most ten times a second, until its
        `closed` is true. What a `Part` of `appsentry_kernel.widgets` has pressed is carried out.
        """
        from appsentry_kernel.screen import Screen
        from appsentry_kernel.widgets import Part

        if isinstance(part, Part) and part.on_command is None:
            part.on_command = _weakly(self._reader)
        if self._screen is None or self._screen.closed:
            screen = Screen(self._reader.feed, self._clock)
            self._reader.thread.call(partial(screen.add, part))
            self._reader.thread.call(partial(self._reader.show, screen))
            self._screen = screen
        else:
            self._reader.thread.call(partial(self._screen.add, part))
        return part

    def reconnect(self) -> None:
        """Try to connect now instead of waiting for the next attempt. A live session goes on as it is."""
        self._reader.thread.call(self._reader.reconnect)

    def close(self) -> None:
        """End the session: its thread, its connections and its timers are gone when this returns.

        What it has seen can still be read. Closing twice is fine.
        """
        _open.pop(self._number, None)
        self._letting_go.detach()
        self._reader.thread.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.url} {self.state}, {len(self._reader.applications)} applications>"

    def _repr_html_(self) -> str:
        detail = f" · {escape(self.detail)}" if self.detail else ""
        known = len(self._reader.applications)
        return f"<div>AppSentry at <code>{escape(self.url)}</code> · {self.state}{detail} · {known} applications</div>"

    def _dashboard(self, *parts: "PartName") -> "Dashboard":
        # The widgets' libraries take as long to import as everything else together.
        from appsentry_kernel.widgets import Dashboard

        known = self._dashboards.get(parts)
        if known is None or known.closed:
            known = self._dashboards[parts] = self.show(Dashboard(parts=parts))
        return known

    def _promised(self) -> dict[str, float]:
        """The configured targets in percent, by application."""
        targets = {str(one["id"]): one["sla"]["target"] for one in self._reader.applications}
        return {name: target for name, target in targets.items() if target is not None}

    def _command(self, command: str, run_id: str) -> None:
        self._reader.thread.call(partial(self._reader.command, command, run_id))


def _weakly(reader: Reader) -> Callable[[str, dict[str, Any]], None]:
    """Commands for a reader that does not live on for them: widgets are registered for ever, results are not."""
    known = weakref.ref(reader)

    def obey(command: str, arguments: dict[str, Any]) -> None:
        reader = known()
        if reader is not None:
            reader.obey(command, arguments)

    return obey


def _words(words: Words) -> list[str]:
    return [words] if isinstance(words, str) else list(words or ())


def _choice(name: str, words: Words) -> list[str] | None:
    if words is None:
        return None
    if chosen := _words(words):
        return chosen
    raise ValueError(f"{name}={words!r} chooses nothing: leave it out to choose everything")


def _unknown_keywords(unknown: dict[str, object]) -> str:
    word = next(iter(unknown))
    close = get_close_matches(word, _CONNECT_TAKES, n=1)
    hint = f"did you mean {close[0]}=?" if close else f"it takes {', '.join(f'{name}=' for name in _CONNECT_TAKES)}"
    return f"connect() knows no {word}=; {hint}"


def _wrong_token(url: str, reason: str) -> str:
    return (
        f"the server at {url} refused the token: {reason}. "
        "Give the right one as sentry.connect(token=...), or in APPSENTRY_TOKEN."
    )


def _nobody_there(url: str, source: str, reason: str) -> str:
    return (
        f"no AppSentry server answers at {url} ({source}): {reason}. "
        "Start one with `appsentry demo --no-lab` in a terminal, or name another: sentry.connect(url='http://host:port')."
    )
