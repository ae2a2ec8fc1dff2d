"""Reads `appsentry.yaml`: the whole file is checked, and every mistake is reported at once with its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from appsentry_server.checks.kind import CheckSettings, Kind
from appsentry_server.configuration.document import LONGEST, Document, Steps, Value, read
from appsentry_server.configuration.model import ApplicationSettings, CheckDefaults, Configuration, ServerSettings
from appsentry_server.configuration.problems import ConfigurationError, Problem
from appsentry_server.configuration.wording import kind_of, shown, unknown, wording

Mapped = dict[str, Value]
Model = TypeVar("Model", bound=BaseModel)

_SECTIONS = ("server", "defaults", "applications")
_ANY_CHECK = CheckSettings(type="any")
"""Stands for a check that is wrong, so that the rest of its application is still checked."""


def load(path: Path, *, kinds: Mapping[str, Kind] | None = None) -> Configuration:
    """Read the file. Raises `ConfigurationError` with every problem, also when the file cannot be read."""
    return load_bytes(read_file(path), path, kinds=kinds)


def read_file(path: Path) -> bytes:
    """What stands in the file. Raises `ConfigurationError` when it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise _one_problem(path, 1, f"expected a file that can be read, found: {error.strerror}") from None
    if len(content) > LONGEST:
        raise _one_problem(path, 1, f"expected a file of at most {LONGEST:,} bytes, found a larger one")
    return content


def load_bytes(content: bytes, path: Path, *, kinds: Mapping[str, Kind] | None = None) -> Configuration:
    """Read a configuration from what stands in the file at `path`. Raises `ConfigurationError`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _one_problem(path, line, "expected UTF-8 text, found other bytes") from None
    return load_text(text, source=str(path), directory=path.absolute().parent, kinds=kinds)


def load_text(
    text: str,
    *,
    source: str = "appsentry.yaml",
    directory: Path | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> Configuration:
    """Read a configuration from its text; `source` names it in messages, `directory` is where relative `file:`
    references start (default the working directory), `kinds` are the check kinds (default all there are).

    Raises `ConfigurationError` with every problem.
    """
    loading = _Loading(
        document=read(text),
        source=source,
        directory=directory or Path.cwd(),
        kinds=_all_kinds() if kinds is None else kinds,
    )
    configuration = loading.configuration()
    if loading.problems:
        raise ConfigurationError(tuple(sorted(loading.problems, key=lambda problem: problem.line)))
    return configuration


def _all_kinds() -> Mapping[str, Kind]:
    # Imported late: the kinds bring libcurl along, and the table's own modules import this package's neighbours.
    from appsentry_server.checks.table import KINDS

    return KINDS


def _one_problem(path: Path, line: int, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=str(path), line=line, path="", message=message),))


@dataclass(slots=True, kw_only=True)
class _Loading:
    """One reading of one text. Each part returns what is good in it and adds what is wrong to `problems`."""

    document: Document
    source: str
    directory: Path
    kinds: Mapping[str, Kind]
    problems: list[Problem] = field(default_factory=list)

    def configuration(self) -> Configuration:
        for fault in self.document.faults:
            self._add(fault.steps, fault.message, line=fault.line)
        content = self.document.content
        if not isinstance(content, dict):
            if self.document.complete:
                self._add((), f"expected a mapping with applications, found {kind_of(content)}")
            return Configuration()
        for key in content:
            if key not in _SECTIONS:
                self._add((key,), unknown("key", key, _SECTIONS))
        server = self._valid(ServerSettings, content.get("server", {}), ("server",)) or ServerSettings()
        defaults = self._defaults(content.get("defaults", {}))
        return Configuration(server=server, applications=self._applications(content, defaults))

    def _defaults(self, content: Value) -> Mapped:
        """The default settings as they are written; none when one of them is wrong, so that it is reported once."""
        settings = self._valid(CheckDefaults, content, ("defaults",))
        return dict(content) if settings is not None and isinstance(content, dict) else {}

    def _applications(self, content: Mapped, defaults: Mapped) -> tuple[ApplicationSettings, ...]:
        steps: Steps = ("applications",)
        listed = content.get("applications")
        if not isinstance(listed, list) or not listed:
            found = "an empty list" if listed == [] else kind_of(listed)
            self._add(steps, f"expected a list of at least one application, found {found}")
            return ()
        found_applications = [self._application(item, (*steps, index), defaults) for index, item in enumerate(listed)]
        self._once([_text(item, "id") for item in listed], steps, "application")
        return tuple(application for application in found_applications if application is not None)

    def _application(self, content: Value, steps: Steps, defaults: Mapped) -> ApplicationSettings | None:
        if not isinstance(content, dict):
            self._add(steps, f"expected a mapping with id and checks, found {kind_of(content)}")
            return None
        # Without an id, which is a problem of its own, any name will do.
        named = {"name": _text(content, "id") or "nameless", **content}
        checks = content.get("checks")
        if not isinstance(checks, list) or not checks:
            return self._valid(ApplicationSettings, named, steps)
        good = tuple(self._checks(checks, (*steps, "checks"), defaults))
        return self._valid(ApplicationSettings, {**named, "checks": good or (_ANY_CHECK,)}, steps)

    def _checks(self, listed: list[Value], steps: Steps, defaults: Mapped) -> Iterator[CheckSettings]:
        ids = self._check_ids(listed)
        self._once(ids, steps, "check")
        for index, (item, check_id) in enumerate(zip(listed, ids, strict=True)):
            check = self._check(item, (*steps, index), {**defaults, "id": check_id} if check_id else defaults)
            if check is not None:
                yield check

    def _check_ids(self, listed: list[Value]) -> list[str | None]:
        """The id of each check: its own, else its type, then `type-2`… as far as those are free."""
        ids = [_text(item, "id") for item in listed]
        taken = set(ids)
        candidates: dict[str, Iterator[str]] = {}
        for index, item in enumerate(listed):
            kind = _text(item, "type")
            if ids[index] is None and kind is not None:
                free = candidates.setdefault(kind, _numbered(kind))
                ids[index] = next(candidate for candidate in free if candidate not in taken)
                taken.add(ids[index])
        return ids

    def _check(self, content: Value, steps: Steps, defaults: Mapped) -> CheckSettings | None:
        if not isinstance(content, dict):
            self._add(steps, f"expected a mapping with a type, found {kind_of(content)}")
            return None
        if "type" not in content:
            self._add(steps, f"expected the key 'type', found none; known: {', '.join(sorted(self.kinds))}")
            return None
        kind = _text(content, "type") or ""
        if kind not in self.kinds:
            found = f"expected the name of a check type, found {kind_of(content['type'])}"
            message = unknown("check type", kind, self.kinds) if kind else found
            self._add((*steps, "type"), message)
            return None
        settings = self.kinds[kind].settings
        known = {field.alias or name for name, field in settings.model_fields.items()}
        inherited = {key: value for key, value in defaults.items() if key in known}
        return self._valid(settings, {**inherited, **content}, steps)

    def _valid(self, model: type[Model], content: object, steps: Steps) -> Model | None:
        try:
            return model.model_validate(content, context={"directory": self.directory, "resolve": True})
        except ValidationError as error:
            found = error.errors(include_url=False)
        messages: dict[Steps, list[str]] = {}
        for one in found:
            messages.setdefault(self._shown((*steps, *one["loc"]), one["type"]), []).append(wording(one, model))
        for place, several in messages.items():
            self._add(place, "; or ".join(dict.fromkeys(several)))
        return None

    def _shown(self, steps: Steps, error_type: str) -> Steps:
        """The way to name in a message: what stands in the text, and a key that is missing or comes from defaults."""
        nearest = self.document.nearest(steps)
        beyond = steps[len(nearest) :]
        if beyond and error_type == "missing":
            return (*nearest, beyond[-1])
        return (*nearest, beyond[0]) if beyond and beyond[0] in CheckDefaults.model_fields else nearest

    def _once(self, ids: Sequence[str | None], steps: Steps, what: str) -> None:
        first: dict[str, int] = {}
        for index, one in enumerate(ids):
            if one is None:
                continue
            if one in first:
                line = self.document.line((*steps, first[one], "id"))
                message = f"expected an id that no other {what} has, found {one!r} already in line {line}"
                self._add((*steps, index, "id"), message)
            first.setdefault(one, index)

    def _add(self, steps: Steps, message: str, *, line: int | None = None) -> None:
        line = self.document.line(steps) if line is None else line
        self.problems.append(Problem(file=self.source, line=line, path=self._path(steps), message=message))

    def _path(self, steps: Steps) -> str:
        """`applications[payment-api].checks[0].url`: an item by its id where it has one, else by its index."""
        path, value = "", self.document.content
        for step in steps:
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and step < len(value) else None
                path += f"[{shown(_text(value, 'id') or str(step))}]"
            else:
                value = value.get(step) if isinstance(value, dict) else None
                path += f".{shown(step)}" if path else shown(step)
        return path


def _text(content: Value, key: str) -> str | None:
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, str) and value else None


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))
