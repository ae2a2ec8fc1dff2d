"""The table of check kinds: a new kind is one line here."""

from collections.abc import Mapping

from appsentry_server.checks.dns import DnsProbe, DnsSettings
from appsentry_server.checks.health import HealthProbe, HealthSettings
from appsentry_server.checks.kind import Kind
from appsentry_server.checks.login import LoginProbe, LoginSettings
from appsentry_server.checks.ping import PingProbe, PingSettings
from appsentry_server.checks.tcp import TcpProbe, TcpSettings
from appsentry_server.checks.tls import TlsCheckSettings, TlsProbe
from appsentry_server.checks.websocket import WebSocketProbe, WebSocketSettings

KINDS: Mapping[str, Kind] = {
    "health": Kind(settings=HealthSettings, prepare=HealthProbe),
    "login": Kind(settings=LoginSettings, prepare=LoginProbe),
    "tcp": Kind(settings=TcpSettings, prepare=TcpProbe),
    "tls": Kind(settings=TlsCheckSettings, prepare=TlsProbe),
    "dns": Kind(settings=DnsSettings, prepare=DnsProbe),
    "ping": Kind(settings=PingSettings, prepare=PingProbe),
    "websocket": Kind(settings=WebSocketSettings, prepare=WebSocketProbe),
}
