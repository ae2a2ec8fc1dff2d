"""A YAML document as plain values, each with the line it stands on.

Only null, true, false, numbers and text are read, by the rules of YAML 1.2: `on`, `yes` and `12:30` are text. Tags
are refused, so that no document can name a Python object. Depth and size are bounded before anything is built, and
an alias counts with all it stands for, so that a small file cannot unfold into a large one.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Steps = tuple[str | int, ...]
"""The way from the top to a value: keys and list indices."""

LONGEST = 16_000_000
DEEPEST = 40
MOST_VALUES = 1_000_000

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_WORDS: Mapping[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong with the text itself, at a line counted from 1."""

    line: int
    steps: Steps
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was read. With faults the content is what could be had beside them."""

    content: Value
    lines: Mapping[Steps, int]
    """The line of every key and list item, counted from 1."""
    faults: tuple[Fault, ...]
    complete: bool
    """Whether the text could be read to its end."""

    def line(self, steps: Steps) -> int:
        """The line of the nearest value on the way that stands in the text."""
        return self.lines.get(self.nearest(steps), 1)

    def nearest(self, steps: Steps) -> Steps:
        """As much of the way as stands in the text."""
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return steps


def read(text: str) -> Document:
    """Read one document. What is wrong with it is in `faults`; nothing is raised."""
    return _Reader(text).read()


class _Unreadable(Exception):
    """Reading cannot go on; the fault is already noted."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Steps, int] = {}
        self._faults: list[Fault] = []
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._count = 0

    def read(self) -> Document:
        content: Value = None
        complete = True
        try:
            content = self._document()
        except _Unreadable:
            complete = False
        return Document(content=content, lines=self._lines, faults=tuple(self._faults), complete=complete)

    def _document(self) -> Value:
        if len(self._text) > LONGEST:
            raise self._unreadable(1, (), f"expected at most {LONGEST:,} characters, found {len(self._text):,}")
        try:
            self._events = yaml.parse(self._text, Loader=_LOADER)
            self._skip(StreamStartEvent)
            if isinstance(self._next(), StreamEndEvent):
                return None
            content = self._value(self._next(), (), 0)
            self._skip(DocumentEndEvent)
            after = self._next()
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from None
        except UnicodeEncodeError as error:
            line = self._text.count("\n", 0, error.start) + 1
            raise self._unreadable(line, (), "expected Unicode text, found half of a surrogate pair") from None
        if isinstance(after, DocumentStartEvent):
            self._fault(after, (), "expected one document, found the start of a second one")
        return content

    def _next(self) -> Event:
        return next(self._events)

    def _skip(self, kind: type[Event]) -> None:
        event = self._next()
        assert isinstance(event, kind)

    def _value(self, event: Event, steps: Steps, depth: int) -> Value:
        self._lines.setdefault(steps, _line(event))
        if isinstance(event, AliasEvent):
            return self._aliased(event, steps)
        assert isinstance(event, ScalarEvent | CollectionStartEvent)
        if event.tag is not None:
            self._fault(event, steps, f"expected a plain value, found the tag {event.tag!r}; remove it")
        before = self._count
        self._grow(event, steps, 1)
        if depth > DEEPEST:
            raise self._unreadable(_line(event), steps, f"expected at most {DEEPEST} levels of nesting")
        value = self._built(event, steps, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._count - before
        return value

    def _built(self, event: ScalarEvent | CollectionStartEvent, steps: Steps, depth: int) -> Value:
        if isinstance(event, SequenceStartEvent):
            return self._list(steps, depth)
        if isinstance(event, MappingStartEvent):
            return self._mapping(steps, depth)
        assert isinstance(event, ScalarEvent)
        return _plain(event.value) if event.implicit[0] else str(event.value)

    def _list(self, steps: Steps, depth: int) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._value(event, (*steps, len(items)), depth + 1))
        return items

    def _mapping(self, steps: Steps, depth: int) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                # A key that is itself a list or a mapping cannot be stepped over without building it.
                raise self._unreadable(_line(event), steps, "expected a plain word as the key")
            key = str(event.value)
            inner = (*steps, key)
            if key in entries:
                self._fault(event, inner, f"expected the key once, found it already in line {self._lines[inner]}")
            self._lines[inner] = _line(event)
            entries[key] = self._value(self._next(), inner, depth + 1)
        return entries

    def _aliased(self, event: AliasEvent, steps: Steps) -> Value:
        if event.anchor not in self._anchors:
            self._fault(event, steps, f"expected &{event.anchor} somewhere before *{event.anchor}, found none")
            return None
        value, size = self._anchors[event.anchor]
        self._grow(event, steps, size)
        return value

    def _grow(self, event: Event, steps: Steps, size: int) -> None:
        self._count += size
        if self._count > MOST_VALUES:
            message = f"expected at most {MOST_VALUES:,} values, aliases unfolded, found more"
            raise self._unreadable(_line(event), steps, message)

    def _fault(self, event: Event, steps: Steps, message: str) -> None:
        self._faults.append(Fault(line=_line(event), steps=steps, message=message))

    def _unreadable(self, line: int, steps: Steps, message: str) -> _Unreadable:
        self._faults.append(Fault(line=line, steps=steps, message=message))
        return _Unreadable()

    def _syntax_error(self, error: yaml.YAMLError) -> _Unreadable:
        # The error's own text quotes the lines around it, which may hold what nobody should read.
        if not isinstance(error, yaml.MarkedYAMLError):
            return self._unreadable(1, (), "expected YAML text, found characters that YAML does not allow")
        mark = error.problem_mark or error.context_mark
        words = " ".join(part for part in (error.context, error.problem) if part)
        return self._unreadable(mark.line + 1 if mark else 1, (), f"expected YAML, found a mistake {words}")


def _line(event: Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1


def _plain(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
