"""Scripts: what truly happens to applications, and to the monitor that watches them, written down beforehand."""

from bisect import bisect_right
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from appsentry_contract.errors import AppSentryError
from appsentry_contract.vocabulary import DownClass
from appsentry_server.checks.kind import Name, Settings
from appsentry_server.configuration import document
from appsentry_server.configuration.model import Label, SlaSettings, Tag
from appsentry_server.durations import Duration

TrueState = Literal["up", "degraded", "down"]
Positive = Annotated[Duration, Field(gt=timedelta(0))]
Share = Annotated[float, Field(ge=0)]


class ScriptUnreadable(AppSentryError, ValueError):
    """A script that cannot be played; the message says where and why."""


class Stretch(Settings):
    """From `begin` until `end` after the script's start; the latter is not in it."""

    begin: Duration
    end: Duration

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.begin:
            raise ValueError(f"expected an end after the begin {self.begin}, found {self.end}")
        return self


class Happening(Stretch):
    """A stretch in which an application is in this state, whether anybody looks or not."""

    state: TrueState = "down"
    failure: DownClass = "status"
    message: Label | None = None
    slower: Annotated[float, Field(gt=0)] = 1.0
    """What usual response times are multiplied by."""


class Jump(Settings):
    """The wall clock is set to another time: by so much, `at` this time after the script's start."""

    at: Duration
    forward: Duration = timedelta(0)
    back: Duration = timedelta(0)

    @property
    def by(self) -> timedelta:
        """How far forward; negative when back."""
        return self.forward - self.back


class Response(Settings):
    """How long an application takes to answer, log-normally around a median that has a rhythm and a drift."""

    median: Positive = timedelta(milliseconds=120)
    spread: Share = 0.25
    """Standard deviation of the logarithm, for each phase by itself."""
    rhythm: Share = 0.0
    """How much slower the busiest hour (15 h UTC) is than the quietest, as a share."""
    drift: float = 0.0
    """How much slower it becomes a day, as a share of the median."""


class ScriptedApplication(Settings):
    """One application: how it is checked, and what happens to it; it is up where nothing is said."""

    id: Name
    name: Label | None = None
    group: Label | None = None
    tags: tuple[Tag, ...] = ()
    sla: SlaSettings | None = None
    interval: Positive = timedelta(seconds=30)
    timeout: Positive = timedelta(seconds=10)
    confirm: Annotated[int, Field(ge=1, le=100)] = 3
    retry_interval: Positive = timedelta(seconds=5)
    response: Response = Response()
    states: tuple[Happening, ...] = ()
    maintenance: tuple[Stretch, ...] = ()
    """On the wall clock, as calendars are: after the script's start as if the clock never jumped."""

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        for before, after in zip(self.states, self.states[1:], strict=False):
            if after.begin < before.end:
                raise ValueError(f"expected states in order, found one from {after.begin} before {before.end}")
        return self

    @cached_property
    def _begins(self) -> list[timedelta]:
        return [state.begin for state in self.states]

    def at(self, elapsed: timedelta) -> Happening | None:
        """What happens at this time after the start; None while nothing does."""
        place = bisect_right(self._begins, elapsed) - 1
        return self.states[place] if place >= 0 and elapsed < self.states[place].end else None


class Script(Settings):
    """What happens, from its start on. In `off` the monitor is stopped, and started again at its end."""

    name: Label
    start: AwareDatetime
    length: Positive
    off: tuple[Stretch, ...] = ()
    jumps: tuple[Jump, ...] = ()
    applications: Annotated[tuple[ScriptedApplication, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ids = [application.id for application in self.applications]
        if twice := sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []:
            raise ValueError(f"expected applications with different ids, found {', '.join(twice)} more than once")
        for before, after in zip(self.off, self.off[1:], strict=False):
            if after.begin < before.end:
                raise ValueError(f"off: expected stretches in order, found {after.begin} before {before.end}")
        if sorted(self.jumps, key=lambda jump: jump.at) != list(self.jumps):
            raise ValueError("jumps: expected them in order")
        if self.start.microsecond % 1000:
            raise ValueError(f"start: expected whole milliseconds, found {self.start.isoformat()}")
        return self

    def instant(self, elapsed: timedelta) -> datetime:
        """What a wall clock that never jumps shows so long after the start."""
        return self.start + elapsed


def load(path: Path) -> Script:
    """Read a script from YAML: the fields of `Script`. Raises `ScriptUnreadable` with every problem."""
    try:
        read = document.read(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptUnreadable(f"{path}: expected a script that can be read, found: {error}") from None
    problems = [f"{path}:{fault.line}: {fault.message}" for fault in read.faults]
    if not problems:
        try:
            return Script.model_validate(read.content)
        except ValidationError as error:
            problems = [
                f"{path}:{read.line(each['loc'])}: {'.'.join(map(str, each['loc']))}: {each['msg']}"
                for each in error.errors()
            ]
    raise ScriptUnreadable("\n".join(problems))
