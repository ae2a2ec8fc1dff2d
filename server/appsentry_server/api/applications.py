"""Applications over HTTP: as their stream last described them."""

from typing import Any

from typing_extensions import TypedDict

from appsentry_contract.events import Application
from appsentry_server.api.call import Call, Reply, json_reply
from appsentry_server.api.problems import Problem


class Applications(TypedDict):
    """Every application; `next` is null, because there are no further pages."""

    items: list[Application]
    next: str | None


async def list_applications(call: Call[Any, Any]) -> Reply:
    """All of them, in the order of the configuration."""
    return json_reply({"items": list(call.api.services.published.applications.values()), "next": None})


async def show_application(call: Call[Any, Any]) -> Reply:
    """One of them."""
    application = call.api.services.published.applications.get(call.id)
    if application is None:
        detail = f"no application is called {call.id!r}; GET /api/applications lists them"
        raise Problem(404, detail, code="unknown_application")
    return json_reply(application)
