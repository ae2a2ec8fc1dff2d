"""The parts of a running server, as the doors to it (sockets, API) are handed them."""

from dataclasses import dataclass

from appsentry_server.admission import Admission
from appsentry_server.audit import Audit
from appsentry_server.blindness import Sight
from appsentry_server.clock import Clock
from appsentry_server.conduct import Conductor
from appsentry_server.lag import Lag
from appsentry_server.runs.registry import Runs
from appsentry_server.schedule import Schedule
from appsentry_server.sockets.requests import Requests
from appsentry_server.sockets.transport import Transport
from appsentry_server.store.history import History
from appsentry_server.streams.journal import Journal
from appsentry_server.streams.published import Published
from appsentry_server.streams.publisher import Publisher
from appsentry_server.watchdog import Watchdog


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One running server."""

    admission: Admission
    audit: Audit
    clock: Clock
    conductor: Conductor
    history: History
    journal: Journal
    lag: Lag
    published: Published
    publisher: Publisher
    requests: Requests
    runs: Runs
    schedule: Schedule
    sight: Sight
    transport: Transport
    watchdog: Watchdog
