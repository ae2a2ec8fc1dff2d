"""The table of check kinds: a new kind is one line here."""

from collections.abc import Mapping

from appsentry_server.checks.health import HealthProbe, HealthSettings
from appsentry_server.checks.kind import Kind
from appsentry_server.checks.login import LoginProbe, LoginSettings

KINDS: Mapping[str, Kind] = {
    "health": Kind(settings=HealthSettings, prepare=HealthProbe),
    "login": Kind(settings=LoginSettings, prepare=LoginProbe),
}
