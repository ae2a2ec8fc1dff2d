"""The account of a frame under a policy: uptime with its range, and everything that explains it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from appsentry_contract.accounting.periods import Calendar
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.timeline import STATES, together
from appsentry_kernel.accounts import budgets, coverage, evidence, outages, responses
from appsentry_kernel.accounts.calendars import Unit, closed, edges, zone_of
from appsentry_kernel.accounts.evidence import Evidence
from appsentry_kernel.accounts.instants import instant, instants, micros
from appsentry_kernel.accounts.observations import Observations
from appsentry_kernel.accounts.part import TABLE_DTYPES, Figures, Part, figures_of
from appsentry_kernel.accounts.policies import policy_of
from appsentry_kernel.accounts.stretches import Stretches, periods_of
from appsentry_kernel.accounts.tables import table
from appsentry_kernel.accounts.targets import Targets, target_of
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.window import Moment, window


def account(
    frame: pd.DataFrame,
    policy: str | Policy = "default",
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    targets: Targets = None,
    maintenance: Stretches = None,
    pauses: Stretches = None,
) -> "Account":
    """Count a result frame under a policy: a name in `policies`, or one of your own.

    The window is from `since` until `until`, instants or (`since`) a duration before `until`; without them it is the
    frame's own span, from the first result until an interval after the last. Results outside it decide with those
    inside whether a row of downs is long enough, and how long one holds; the window only cuts time.

    `targets` are the promised uptimes, one for all or by application, in percent as in the configuration (99.9) or as
    fractions (0.999). `maintenance` and `pauses` are pairs of instants for all applications, a mapping of such pairs by
    application, or a frame with the columns `begin`, `end` and, where they are not for all, `application`.

    Simulated rows never count. Raises `AppSentryError` for a frame that holds no results or a policy that is none,
    `ValueError` for a window that cannot be read.
    """
    return Account(
        Observations(frame),
        policy_of(policy),
        since=since,
        until=until,
        targets=targets,
        maintenance=maintenance,
        pauses=pauses,
    )


class Account:
    """What `account` gives. Every table is indexed by application and computed when it is first asked for."""

    def __init__(
        self,
        observations: Observations,
        policy: Policy,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        targets: Targets = None,
        maintenance: Stretches = None,
        pauses: Stretches = None,
    ) -> None:
        self.policy = policy
        self._observations = observations
        self._since, self._until = _window(observations, since, until)
        shut = closed(policy, self._since, self._until)
        self.parts: Mapping[str, Part] = {
            name: Part(
                checks=[check for check in checks if policy.combine in ("all", "any", check.check)],
                policy=policy,
                calendar=Calendar(
                    maintenance=periods_of(maintenance, name, "maintenance"),
                    pauses=periods_of(pauses, name, "pauses"),
                    closed=shut,
                ),
                target=target_of(targets, name),
                since=self._since,
                until=self._until,
            )
            for name, checks in observations.applications.items()
        }
        """Each application under the policy, for whoever draws or explains figures."""

    @property
    def since(self) -> pd.Timestamp:
        """Where the window begins."""
        return instant(self._since)

    @property
    def until(self) -> pd.Timestamp:
        """Where it ends; this instant is not in it."""
        return instant(self._until)

    def __repr__(self) -> str:
        return (
            f"<Account of {len(self.parts)} applications under {self.policy.name} {self.policy.version}, "
            f"{self.since.isoformat()} to {self.until.isoformat()}>"
        )

    @cached_property
    def figures(self) -> Mapping[str, Figures]:
        """What `table` shows, exactly: integer microseconds and results by state."""
        return {name: part.figures for name, part in self.parts.items()}

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an application.

        `uptime` is of known time (under weighting `count`: of known results), missing when nothing is known;
        `uptime_low` takes all that is unknown as down, `uptime_high` as up; all three are fractions. `up_s`,
        `degraded_s`, `down_s`, `unknown_s` and `excluded_s` add up to the window. `checks` are the results in the
        window that are not excluded, `down_checks` those that said down. `target` is a fraction, `budget_remaining` a
        fraction of the error budget, negative once it is overdrawn; both are missing where nothing is promised.
        """
        rows = [part.figures.row(part.target) for part in self.parts.values()]
        return table(rows, list(self.parts), TABLE_DTYPES)

    @cached_property
    def states(self) -> pd.DataFrame:
        """Half-open intervals, one row each: `application`, `state`, `begin`, `end`, `seconds`.

        They follow each other without a hole through the window. States are up, blip (up by count, though results said
        down), degraded, down, unknown, excluded.
        """
        timelines = [part.timeline for part in self.parts.values()]
        lengths = [len(timeline.states) for timeline in timelines]
        empty = np.empty(0, np.int64)
        begins = np.concatenate([empty, *(timeline.edges[:-1] for timeline in timelines)])
        ends = np.concatenate([empty, *(timeline.edges[1:] for timeline in timelines)])
        codes = np.concatenate([np.empty(0, np.uint8), *(timeline.states for timeline in timelines)])
        return pd.DataFrame(
            {
                "application": pd.Series(np.repeat(np.array(list(self.parts), object), lengths), dtype="str"),
                "state": pd.Series(np.array(STATES, object)[codes], dtype="str"),
                "begin": instants(begins),
                "end": instants(ends),
                "seconds": (ends - begins) / 1e6,
            }
        )

    @cached_property
    def outages(self) -> pd.DataFrame:
        """Confirmed outages, one row each; see `outages.COLUMNS` for the columns."""
        return outages.frame_of(self.parts)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Outages in figures: how many, clipped ones, `mttr_s`, `mtbf_s`, `mttd_s`, and the blips beside them.

        MTTR is the mean duration of the outages as far as they lie in the window, MTBF the time up a outage, MTTD the
        mean time from the first result that was down to the one that confirmed it.
        """
        return outages.reliability(self.parts)

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """How much of the window the history covers, and how finely: see `coverage.COLUMNS`."""
        return coverage.coverage(self._observations, self.parts)

    @cached_property
    def sampling(self) -> pd.DataFrame:
        """One row a check: its interval, missed ticks, and how late its results were."""
        return coverage.sampling(self._observations, self.parts)

    @cached_property
    def responses(self) -> pd.DataFrame:
        """Response times of the results in the window that are not excluded: `n`, mean, percentiles, the slowest.

        The mean is of what the policy says (`responses`); percentiles are exact, of results that passed, and missing
        where n cannot carry them.
        """
        return responses.responses(self._observations, self.parts)

    @cached_property
    def budget(self) -> pd.DataFrame:
        """Error budgets: what is allowed, consumed, left, the burn rate, and when it runs out at that rate."""
        return budgets.budgets(self.parts)

    def burn_rate(self, over: str, at: "Moment | Sequence[Moment] | pd.DatetimeIndex | None" = None) -> Any:
        """Bad time as a share of known time `over` such a stretch (`"1h"`), in units of what the target allows.

        At 1 the budget lasts exactly as long as it is for. `at` is the instant the stretch ends at, by default the
        window's end: a Series by application; several instants give a frame, a row each. Missing where nothing is
        promised or known.
        """
        return budgets.burn_rate(self.parts, over, at, self.until)

    def by(self, unit: Unit) -> pd.DataFrame:
        """The columns of `table` by `hour`, `day`, `week` or `month` of the policy's zone, and `until`, `partial`.

        Indexed by application and where the stretch begins. A day may have 23 or 25 hours. One that the window cuts is
        counted as far as it lies in it, and is `partial`.
        """
        whole = np.array(edges(unit, zone_of(self.policy), self._since, self._until))
        cut = np.clip(whole, self._since, self._until)
        rows = [figures.row(part.target) for part in self.parts.values() for figures in part.figures_between(cut)]
        result = table(rows, [], TABLE_DTYPES)
        zone = zone_of(self.policy)
        begins = instants(whole[:-1]).tz_convert(zone)
        result.index = pd.MultiIndex.from_product(
            [pd.Index(list(self.parts), dtype="str"), begins], names=["application", unit]
        )
        result["until"] = np.tile(instants(whole[1:]).tz_convert(zone), len(self.parts))
        result["partial"] = np.tile((cut[:-1] != whole[:-1]) | (cut[1:] != whole[1:]), len(self.parts))
        return result

    def together(self, applications: Iterable[str] | None = None, *, by: Literal["all", "mean"] = "all") -> pd.Series:
        """Several applications as one: a journey that is up when `all` of them are, or the `mean` of their uptimes."""
        names = list(self.parts) if applications is None else [self._known(name) for name in applications]
        if by == "mean":
            return self.table.loc[names, ["uptime", "uptime_low", "uptime_high"]].mean(skipna=False)
        parts = [self.parts[name] for name in names]
        edges = np.array([self._since, self._until])
        time = together([part.timeline for part in parts]).spent(edges)[1]
        made = sum((part.reading.made(edges)[1] for part in parts), np.zeros(len(STATES), np.int64))
        return pd.Series(figures_of(time.tolist(), made.tolist(), self.policy, None).row(None), dtype="float64")

    def evidence(self, application: str) -> Evidence:
        """The rows behind the application's figures, and a SHA-256 over their canonical form."""
        part = self.parts[self._known(application)]
        return evidence.evidence(self._observations.frame, part, application)

    def _known(self, application: str) -> str:
        if application not in self.parts:
            raise AppSentryError(
                f"this frame has no application {application!r}; it has {', '.join(self.parts) or 'none'}"
            )
        return application


def _window(observations: Observations, since: Moment | None, until: Moment | None) -> tuple[int, int]:
    """The window in microseconds."""
    span = observations.span()
    if span is None and (since is None or until is None):
        if since is None and until is None:
            return 0, 0
        raise AppSentryError("this frame has no results, so it has no span of its own: give both since and until")
    first, last = span or (0, 0)
    now = instant(last).to_pydatetime()
    begin, end = window(instant(first).to_pydatetime() if since is None else since, until, now=now)
    return micros(begin), micros(end)
