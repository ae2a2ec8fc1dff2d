"""What an answer has to look like: its status, its text, its JSON. One function a kind of expectation."""

from collections.abc import Mapping
from typing import Annotated

import orjson
from pydantic import Field, JsonValue

from appsentry_server.checks.excerpts import PLAIN, Quoter
from appsentry_server.checks.exchange import BODY_CAP, Exchange
from appsentry_server.checks.kind import Settings
from appsentry_server.checks.patterns import JsonPathField, RegexField
from appsentry_server.checks.statuses import SUCCESS, StatusSet
from appsentry_server.results import Failure

_MOST_VALUES = 50_000
"""That a path with a filter or `..` looks at: ten times as many keep it busy for seconds."""


class TextExpectations(Settings):
    """The status, and what the body has to hold."""

    status: StatusSet = SUCCESS
    text: Annotated[str, Field(min_length=1)] | None = None
    regex: RegexField | None = None

    @property
    def of_body(self) -> bool:
        """Whether the body is looked at."""
        return self.text is not None or self.regex is not None

    def failure(self, exchange: Exchange, quoter: Quoter = PLAIN) -> Failure | None:
        """The first expectation that a whole answer does not meet."""
        if exchange.status not in self.status.codes:
            return _of_status(self.status.written, exchange, quoter)
        if not self.of_body:
            return None
        if exchange.capped:
            message = f"expected a body of at most {BODY_CAP} bytes, decompressed, found a larger one"
            return Failure(failure_class="too_large", message=message)
        unmet = self._unmet(exchange, quoter)
        return Failure(failure_class="expectation", message=unmet) if unmet else None

    def _unmet(self, exchange: Exchange, quoter: Quoter) -> str | None:
        if self.text is None and self.regex is None:
            return None
        text = exchange.text
        if self.text is not None and self.text not in text:
            return f"expected the text {quoter.quote(self.text)} in the body, found {quoter.quote_body(exchange.body)}"
        if self.regex is not None and not self.regex.found_in(text):
            pattern = quoter.quote(self.regex.written)
            return f"expected a match of {pattern} in the body, found {quoter.quote_body(exchange.body)}"
        return None


class HttpExpectations(TextExpectations):
    """Also what the body, read as JSON, has to hold: a value by JSON path."""

    json_paths: Mapping[JsonPathField, JsonValue] = Field(default={}, alias="json")

    @property
    def of_body(self) -> bool:
        return bool(self.json_paths) or super().of_body

    def _unmet(self, exchange: Exchange, quoter: Quoter) -> str | None:
        return super()._unmet(exchange, quoter) or (self._unmet_json(exchange, quoter) if self.json_paths else None)

    def _unmet_json(self, exchange: Exchange, quoter: Quoter) -> str | None:
        try:
            document = orjson.loads(exchange.body)
        except orjson.JSONDecodeError as error:
            return f"expected JSON, found {quoter.quote_body(exchange.body)} ({error.msg})"
        for path, expected in self.json_paths.items():
            wanted = f"expected {_shown(expected, quoter)} at {path.written}"
            if not path.singular and _at_most(exchange.body) > _MOST_VALUES:
                return f"{wanted}, found that more than {_MOST_VALUES:,} values would have to be looked at"
            try:
                values = path.values_in(document)
            except ValueError as error:
                return f"{wanted}, found that it cannot be looked up: {error}"
            if not values:
                return f"{wanted}, found nothing there in {quoter.quote_body(exchange.body)}"
            for value in values:
                if not _same(value, expected):
                    return f"{wanted}, found {_shown(value, quoter)}"
        return None


def _at_most(body: bytes) -> int:
    """As many values as the JSON can hold at most: one for each sign that begins or separates them."""
    return 1 + sum(map(body.count, (b",", b"[", b"{")))


def _of_status(expected: str, exchange: Exchange, quoter: Quoter) -> Failure:
    said = f": {quoter.quote_body(exchange.body)}" if exchange.body else ""
    message = f"expected status {expected}, found {exchange.status}{said}"
    return Failure(failure_class="status", message=message)


def _same(value: object, expected: JsonValue) -> bool:
    """Equality of JSON values: true is not 1, but 1 is 1.0."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(_same, value, expected))
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(_same(value[key], expected[key]) for key in value)
    return value == expected


def _shown(value: object, quoter: Quoter) -> str:
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        # It writes less deep than it reads.
        return "a value that is nested too deeply to be shown"
    return quoter.quote(text)[1:-1]
