"""The table of check kinds: a new kind is one line here."""

from collections.abc import Mapping

from appsentry_server.checks.health import HealthProbe, HealthSettings
from appsentry_server.checks.kind import Kind

KINDS: Mapping[str, Kind] = {
    "health": Kind(settings=HealthSettings, prepare=HealthProbe),
}
