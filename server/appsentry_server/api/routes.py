"""The server's doors as Tornado routes."""

from collections.abc import Callable, Iterable

import orjson
from tornado.routing import URLSpec

from appsentry_server.api import asyncapi, openapi
from appsentry_server.api.call import Api, Operation
from appsentry_server.api.door import Door
from appsentry_server.api.exports import Exports
from appsentry_server.api.operations import OPERATIONS
from appsentry_server.services import Services
from appsentry_server.telemetry import Telemetry


def routes(services: Services, *, exports: Exports, ready: Callable[[], bool]) -> list[URLSpec]:
    """The socket and the API, without a prefix; `ready` says whether checks are scheduled.

    Whoever closes the history closes `exports` before it.
    The last route takes every path that is left and says that nothing is there. Call it on the event loop that
    serves, once a server: it begins to count.
    """
    telemetry = Telemetry(services)
    services.publisher.listen(telemetry.hear)
    api = Api(
        services=services,
        exports=exports,
        telemetry=telemetry,
        scheduling=ready,
        documents={
            "openapi": orjson.dumps(openapi.document(OPERATIONS)),
            "asyncapi": orjson.dumps(asyncapi.document()),
        },
    )
    doors = [
        URLSpec(_pattern(path), Door, {"api": api, "operations": by_method})
        for path, by_method in _by_path(OPERATIONS).items()
    ]
    nothing = URLSpec(r".*", Door, {"api": api, "operations": {}})
    return [URLSpec(r"/socket\.io/", services.transport.handler()), *doors, nothing]


def _by_path(operations: Iterable[Operation]) -> dict[str, dict[str, Operation]]:
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return by_path


def _pattern(path: str) -> str:
    return path.replace(".", r"\.").replace("{id}", "([^/]+)")
