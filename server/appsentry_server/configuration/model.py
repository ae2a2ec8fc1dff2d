"""The shape of `appsentry.yaml`, after defaults are applied."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SerializeAsAny

from appsentry_server.checks.kind import CheckSettings, Name, Settings
from appsentry_server.durations import Duration
from appsentry_server.references import SecretReference


class Limits(Settings):
    """How much may go on at once."""

    checks: Annotated[int, Field(ge=1)] = 512
    checks_per_host: Annotated[int, Field(ge=1)] = 64


class ServerSettings(Settings):
    """Where the server listens, what it keeps and whom it lets in."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3001
    data_dir: Path = Path(".appsentry")
    retention: Duration = timedelta(days=400)
    journal: Duration = timedelta(hours=24)
    token: SecretReference | None = None
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    location: Name = "local"
    limits: Limits = Limits()


class SlaSettings(Settings):
    """The promise: at least `target` percent up over each `window`."""

    target: Annotated[float, Field(gt=0, lt=100)]
    window: Annotated[Duration, Field(ge=timedelta(hours=1))] = timedelta(days=30)


class ApplicationSettings(Settings):
    """One application and the checks that say whether it works."""

    id: Name
    name: Annotated[str, Field(min_length=1, max_length=200)]
    group: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    sla: SlaSettings | None = None
    checks: Annotated[tuple[SerializeAsAny[CheckSettings], ...], Field(min_length=1)]


class Configuration(Settings):
    """The whole file."""

    server: ServerSettings = ServerSettings()
    applications: tuple[ApplicationSettings, ...] = ()
