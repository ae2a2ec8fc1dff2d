"""What a check kind is: settings that are validated once, and a probe that is prepared from them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from appsentry_server.durations import Duration
from appsentry_server.results import Outcome

if TYPE_CHECKING:
    from appsentry_server.checks.http import HttpClient

Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$", max_length=100)]
"""An id that also serves as a key in frames and URLs."""


class Settings(BaseModel):
    """A frozen part of the configuration; keys it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckSettings(Settings):
    """What every check has, whatever its kind. After loading, `id` and the defaults are filled in."""

    type: str
    id: Name = ""
    interval: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(seconds=30)
    timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    confirm: Annotated[int, Field(ge=1, le=100, strict=True)] = 3
    retry_interval: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)

    @property
    def host(self) -> str | None:
        """The host it puts load on, for the limit per host."""
        return None

    @property
    def port(self) -> int | None:
        """Where TCP reaches it on that host: whether the monitor is blind is found out there. None: not by TCP."""
        return None


class Probe(ABC):
    """One configured check, made ready. It keeps what is dear to make; it knows neither schedule nor history.

    `run` keeps `settings.timeout` itself, because it knows what it was waiting for. The caller ends one that overstays:
    `run` may be cancelled at any await and must then leave the probe usable.
    A target that misbehaves is an `Outcome`; an exception means that the probe itself is at fault.
    """

    @abstractmethod
    async def run(self) -> Outcome:
        """Look once, on fresh connections."""

    def close(self) -> None:  # noqa: B027 - most kinds keep nothing
        """Let go of what was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row of the table of kinds."""

    settings: type[CheckSettings]
    prepare: Callable[[Any, "HttpClient"], Probe]
    """Makes a probe from settings of that type, inside or outside of the event loop."""
