"""Check kinds of the tests' own, so that messages do not change with every setting of a real kind."""

from collections.abc import Mapping
from typing import Literal

import pytest

from appsentry_server.checks.kind import CheckSettings, Kind, Probe, Settings
from appsentry_server.durations import Duration
from appsentry_server.references import SecretReference


class Expectation(Settings):
    status: int | tuple[int, ...] = 200
    text: str | None = None


class PageSettings(CheckSettings):
    type: Literal["page"] = "page"
    url: str
    expect: Expectation = Expectation()
    method: Literal["GET", "HEAD"] = "GET"
    degraded_above: Duration | None = None


class DoorSettings(CheckSettings):
    type: Literal["door"] = "door"
    key: SecretReference


def _never(settings: CheckSettings, client: object) -> Probe:
    raise AssertionError("loading prepares no probe")


@pytest.fixture(scope="session")
def kinds() -> Mapping[str, Kind]:
    return {
        "page": Kind(settings=PageSettings, prepare=_never),
        "door": Kind(settings=DoorSettings, prepare=_never),
    }
