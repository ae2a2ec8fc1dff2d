"""The shape of `appsentry.yaml`, after defaults are applied."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator

from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.kind import CheckSettings, Name, Settings
from appsentry_server.durations import Duration
from appsentry_server.references import SecretReference
from appsentry_server.witnesses import Witness

Label = Annotated[str, Field(min_length=1, max_length=200)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]


class Limits(Settings):
    """How much may go on at once."""

    checks: int = Field(512, ge=1, strict=True, description="checks at once")
    checks_per_host: int = Field(64, ge=1, strict=True, description="checks at once against one host")


class TlsSettings(Settings):
    """The server's certificate. Files that change are taken up while it runs."""

    certificate: Path = Field(description="a PEM file of the certificate and those that vouch for it")
    key: Path = Field(description="a PEM file of its private key, which only its owner may read")

    @field_validator("certificate", "key", mode="before")
    @classmethod
    def _beside_the_configuration(cls, path: object, info: ValidationInfo) -> object:
        """A relative path starts at the configuration's own folder, as those of references do."""
        directory = (info.context or {}).get("directory")
        return Path(directory) / path if directory and isinstance(path, str) else path


class ServerSettings(Settings):
    """Where the server listens, what it keeps and whom it lets in. Options of the command line stand over it."""

    host: str = Field("127.0.0.1", min_length=1, description="the address to listen on")
    port: int = Field(3001, ge=0, le=65535, strict=True, description="the port; 0 picks a free one")
    data_dir: Path = Field(Path(".appsentry"), description="the folder of the history")
    retention: Duration = Field(timedelta(days=400), ge=timedelta(days=1), description="how long results are kept")
    journal: Duration = Field(timedelta(hours=24), ge=timedelta(minutes=1), description="how long events are replayed")
    token: SecretReference | None = Field(None, description="what every client must show; needed beyond loopback")
    origins: tuple[Label, ...] = Field((), description="origins of pages let in besides those on loopback")
    hosts: tuple[Label, ...] = Field((), description="names this server answers to besides those of loopback")
    proxies: tuple[Label, ...] = Field((), description="addresses of proxies whose `X-Forwarded-For` is believed")
    tls: TlsSettings | None = Field(None, description="the certificate to serve https with")
    location: Name = Field("local", description="the place results are marked with")
    witnesses: tuple[Witness, ...] = Field((), description="what is always there: without an answer we are blind")
    dev: bool = Field(False, strict=True, description="development mode: clients may `simulate`")
    limits: Limits = Limits()
    targets: AddressRules = AddressRules()


class CheckDefaults(Settings):
    """What every check gets that does not say otherwise and knows the setting."""

    interval: Annotated[Duration, Field(ge=timedelta(seconds=1))] | None = None
    timeout: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    confirm: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    retry_interval: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None


class SlaSettings(Settings):
    """The promise: at least `target` percent up over each `window`."""

    target: float = Field(gt=0, lt=100, strict=True, description="percent of the time that it is up")
    window: Duration = Field(timedelta(days=30), ge=timedelta(hours=1), description="what the target is held over")


class ApplicationSettings(Settings):
    """One application and the checks that say whether it works."""

    id: Name = Field(description="its key in frames and URLs")
    name: Label = Field(description="what people call it; its id when left out")
    group: Label | None = Field(None, description="the heading it is shown under")
    tags: tuple[Tag, ...] = Field((), description="words to choose applications by")
    sla: SlaSettings | None = None
    checks: tuple[SerializeAsAny[CheckSettings], ...] = Field(min_length=1, description="at least one, see below")


class Configuration(Settings):
    """The whole file."""

    server: ServerSettings = ServerSettings()
    applications: tuple[ApplicationSettings, ...] = ()

    def with_server(self, **options: object) -> Self:
        """The same under other `server` settings; None leaves one as it is. Raises pydantic's `ValidationError`."""
        chosen = {name: value for name, value in options.items() if value is not None}
        return self.model_copy(update={"server": ServerSettings.model_validate({**dict(self.server), **chosen})})
