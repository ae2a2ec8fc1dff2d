"""Regular expressions and JSON paths of the configuration: validated when read, safe on whatever is sent."""

from typing import Annotated, Any

import jsonpath
import re2
from pydantic import PlainSerializer, PlainValidator

_REGEX_OPTIONS = re2.Options()
_REGEX_OPTIONS.log_errors = False


class Regex:
    """A regular expression in RE2's syntax: the time it takes grows with the text and with nothing else."""

    __slots__ = ("_compiled", "written")

    def __init__(self, written: str) -> None:
        self.written = written
        try:
            self._compiled = re2.compile(written, _REGEX_OPTIONS)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace")
            raise ValueError(
                f"expected a regular expression in RE2's syntax (no look-around, no back references), found {reason}"
            ) from None

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in the text."""
        return self._compiled.search(text) is not None

    def end_in(self, text: str) -> int | None:
        """Where its first match in the text ends, None without one."""
        found = self._compiled.search(text)
        return None if found is None else int(found.end())

    def __hash__(self) -> int:
        return hash(self.written)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and self.written == other.written


class JsonPath:
    """A JSON path as in RFC 9535, without the functions `match` and `search`, whose time a target could stretch."""

    __slots__ = ("_compiled", "written")

    def __init__(self, written: str) -> None:
        self.written = written
        try:
            self._compiled = _PATHS.compile(written)
        except jsonpath.JSONPathError as error:
            raise ValueError(f"expected a JSON path such as $.status, found {written!r}: {error.message}") from None

    @property
    def singular(self) -> bool:
        """Whether it leads to one place, so that it costs the same whatever the document holds."""
        return isinstance(self._compiled, jsonpath.JSONPath) and self._compiled.singular_query()

    def values_in(self, document: Any) -> list[object]:
        """What the path selects. Raises `ValueError` when the document is nested too deeply for it."""
        try:
            return self._compiled.findall(document)
        except jsonpath.JSONPathError as error:
            raise ValueError(str(error.message)) from None

    def __hash__(self) -> int:
        return hash(self.written)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonPath) and self.written == other.written


def _paths() -> jsonpath.JSONPathEnvironment:
    environment = jsonpath.JSONPathEnvironment(strict=True)
    for function in ("match", "search"):
        del environment.function_extensions[function]
    return environment


_PATHS = _paths()


def _regex(value: object) -> Regex:
    if isinstance(value, Regex):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("expected a regular expression as text")
    return Regex(value)


def _path(value: object) -> JsonPath:
    if isinstance(value, JsonPath):
        return value
    if not isinstance(value, str):
        raise ValueError("expected a JSON path such as $.status as text")
    return JsonPath(value)


def _written(value: Regex | JsonPath) -> str:
    return value.written


RegexField = Annotated[Regex, PlainValidator(_regex), PlainSerializer(_written)]
"""A pydantic field that compiles a regular expression."""

JsonPathField = Annotated[JsonPath, PlainValidator(_path), PlainSerializer(_written)]
"""A pydantic field that compiles a JSON path."""
