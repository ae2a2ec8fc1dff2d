"""Which tests a run consists of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from appsentry_contract.errors import AppSentryError
from appsentry_server.conduct import Check
from appsentry_server.configuration.model import ApplicationSettings


class UnknownApplication(AppSentryError, LookupError):
    """A run was asked for an application that is not configured."""


class NothingToTest(AppSentryError, ValueError):
    """What was asked for selects no test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to test: ids and tags intersect; None does not restrict."""

    application_ids: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    test_types: Sequence[str] | None = None


def plan(
    choice: Choice, applications: Iterable[ApplicationSettings], checks: Mapping[tuple[str, str], Check]
) -> list[Check]:
    """The checks to make, application by application in the order of the configuration.

    Raises `UnknownApplication` naming every id that is not configured, `NothingToTest` when nothing is left.
    """
    known = {application.id: application for application in applications}
    wanted = list(dict.fromkeys(choice.application_ids)) if choice.application_ids is not None else list(known)
    missing = [application_id for application_id in wanted if application_id not in known]
    if missing:
        raise UnknownApplication(f"no application is called {', '.join(map(repr, missing))}")
    chosen = [
        checks[application_id, check.id]
        for application_id in wanted
        if choice.tags is None or set(choice.tags) & set(known[application_id].tags)
        for check in known[application_id].checks
        if choice.test_types is None or check.type in choice.test_types
    ]
    if not chosen:
        raise NothingToTest(f"no test is left of {_words(choice)}")
    return chosen


def _words(choice: Choice) -> str:
    said = [
        f"{name} {', '.join(values)}"
        for name, values in (
            ("the applications", choice.application_ids),
            ("the tags", choice.tags),
            ("the test types", choice.test_types),
        )
        if values is not None
    ]
    return " with ".join(said) or "an empty configuration"
