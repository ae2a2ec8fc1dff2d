"""What changes between two configurations, so that only that is swapped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from appsentry_server.configuration.model import Configuration

Key = TypeVar("Key")

AT_ONCE = frozenset({"retention", "journal"})
"""The `server` settings that take effect when the file changes; the others do at the next start."""

CheckKey = tuple[str, str]
"""An application's id and the id of one of its checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Generic[Key]):
    """What came, went, and stayed with other settings, each in the order of its file."""

    added: tuple[Key, ...]
    removed: tuple[Key, ...]
    changed: tuple[Key, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def counts(self, noun: str) -> list[str]:
        """In words: `2 checks added`, and so on for what there is."""
        parts = (("added", self.added), ("removed", self.removed), ("changed", self.changed))
        return [f"{len(keys)} {noun}{'s'[: len(keys) != 1]} {what}" for what, keys in parts if keys]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The way from one configuration to the next."""

    applications: Changes[str]
    """By id; `changed` means name, group, tags or SLA: checks are counted on their own."""
    checks: Changes[CheckKey]
    """All checks, also those of applications that came or went."""
    server: tuple[str, ...]
    """The names of the `server` settings that differ."""

    def __bool__(self) -> bool:
        return bool(self.applications or self.checks or self.server)

    def __str__(self) -> str:
        """What changed, in words for people."""
        said = [*self.applications.counts("application"), *self.checks.counts("check")]
        at_once = [name for name in self.server if name in AT_ONCE]
        later = [name for name in self.server if name not in AT_ONCE]
        if at_once:
            said.append(f"server settings changed: {', '.join(at_once)}")
        if later:
            said.append(f"server settings that take effect at the next start: {', '.join(later)}")
        return ", ".join(said) or "nothing changed"


def difference(old: Configuration, new: Configuration) -> Difference:
    """Name what differs. An application or check whose id changes is one that went and another that came."""
    return Difference(
        applications=_changes(_applications(old), _applications(new)),
        checks=_changes(_checks(old), _checks(new)),
        server=tuple(name for name, value in new.server if value != getattr(old.server, name)),
    )


def _applications(configuration: Configuration) -> Mapping[str, object]:
    return {one.id: (one.name, one.group, one.tags, one.sla) for one in configuration.applications}


def _checks(configuration: Configuration) -> Mapping[CheckKey, object]:
    return {(one.id, check.id): check for one in configuration.applications for check in one.checks}


def _changes(old: Mapping[Key, object], new: Mapping[Key, object]) -> Changes[Key]:
    return Changes(
        added=tuple(key for key in new if key not in old),
        removed=tuple(key for key in old if key not in new),
        changed=tuple(key for key in new if key in old and new[key] != old[key]),
    )
