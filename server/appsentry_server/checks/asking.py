"""How a request is configured: method, headers, body and credentials, with the secrets read when it is made."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

import orjson
from pydantic import AfterValidator, Field, JsonValue, PlainValidator, ValidationInfo, model_validator

from appsentry_server import references
from appsentry_server.checks.excerpts import PLAIN, Quoter
from appsentry_server.checks.kind import Settings
from appsentry_server.checks.request import Header, Request
from appsentry_server.references import Reference, SecretReference

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OF_THE_CONNECTION = frozenset(
    {
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("content-length", "trailer", "transfer-encoding", "upgrade"),
    }
)
_LONGEST_VALUE = 16_384
_LONGEST_BODY = 65_536
_SHORTEST_TOKEN = 8


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("expected the name of a header, such as X-Api-Key, found other characters in it")
    if name.lower() in _OF_THE_CONNECTION:
        raise ValueError(f"expected a header of the request, found {name}, which belongs to the connection")
    return name


def _value(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text or a reference, env:NAME or file:PATH, found a {type(value).__name__}")
    if value.startswith(("env:", "file:")):
        return references.parse(value, info)
    if _unfit(value):
        raise ValueError(f"expected a value of at most {_LONGEST_VALUE} characters on one line, found another")
    return value


def _unfit(value: str) -> bool:
    return len(value) > _LONGEST_VALUE or _NO_VALUE.search(value) is not None


HeaderName = Annotated[str, AfterValidator(_name)]
"""A pydantic field that holds the name of a header that a request may set."""

HeaderValue = Annotated[str, PlainValidator(_value)]
"""A pydantic field that holds a header's value: a `Reference` when it is written as one, else text as it is sent."""


class BasicAuth(Settings):
    """A user name and a password, sent with every request."""

    username: SecretReference = Field(repr=False)
    password: SecretReference = Field(repr=False)


class AuthSettings(Settings):
    """Who asks: exactly one of the ways to say it."""

    basic: BasicAuth | None = None
    bearer: SecretReference | None = Field(None, repr=False)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError("expected either basic or bearer")
        return self


class RequestSettings(Settings):
    """What is asked, beside where."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Mapping[HeaderName, HeaderValue] = {}
    body: Annotated[str, Field(max_length=_LONGEST_BODY)] | None = None
    json_body: JsonValue = Field(default=None, alias="json")
    auth: AuthSettings | None = None

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        names = [name.lower() for name in self.headers]
        if len(set(names)) < len(names):
            raise ValueError("expected each header once, found one twice in other letters")
        if self.body is not None and self.json_body is not None:
            raise ValueError("expected either body or json, found both")
        if self.method in {"GET", "HEAD"} and (self.body is not None or self.json_body is not None):
            raise ValueError(f"expected a method that carries a body, such as POST, found {self.method}")
        self._of_authorization()
        return self

    def _of_authorization(self) -> None:
        for name, value in self.headers.items():
            if name.lower() == "authorization":
                if self.auth is not None:
                    raise ValueError("expected either auth or a header Authorization, found both")
                if not isinstance(value, Reference):
                    raise ValueError("expected a reference as the header Authorization; a literal value is refused")


class Asking:
    """Makes the request of settings, anew only when a secret in it has changed."""

    def __init__(self, settings: RequestSettings) -> None:
        self._settings = settings
        self._references = tuple(_references(settings))
        self._secrets: tuple[str, ...] = ()
        self._made: Request | None = None

    def request(self) -> Request:
        """The request as it is now. Raises `MissingReference`, or `ValueError` for a secret that fits no header."""
        if not self._references and self._made is not None:
            return self._made
        secrets = tuple(reference.resolve() for reference in self._references)
        if self._made is None or secrets != self._secrets:
            self._made, self._secrets = self._make(dict(zip(self._references, secrets, strict=True))), secrets
        return self._made

    def _make(self, secrets: Mapping[str, str]) -> Request:
        settings = self._settings
        for reference, secret in secrets.items():
            if _unfit(secret):
                raise ValueError(f"expected one line of at most {_LONGEST_VALUE} characters in {reference}, found more")
        body, content_type = _body(settings)
        headers = [
            Header(name=name, value=secrets.get(value, value), secret=isinstance(value, Reference))
            for name, value in settings.headers.items()
        ]
        if content_type is not None and all(header.name.lower() != "content-type" for header in headers):
            headers.append(Header(name="Content-Type", value=content_type))
        if settings.auth is not None:
            headers.append(_authorization(settings.auth, secrets))
        quoter = Quoter(_hidden(headers, secrets)) if secrets else PLAIN
        return Request(method=settings.method, headers=tuple(headers), body=body, quoter=quoter)


def _references(settings: RequestSettings) -> Iterator[Reference]:
    yield from (value for value in settings.headers.values() if isinstance(value, Reference))
    if settings.auth is not None and settings.auth.basic is not None:
        yield from (settings.auth.basic.username, settings.auth.basic.password)
    if settings.auth is not None and settings.auth.bearer is not None:
        yield settings.auth.bearer


def _hidden(headers: list[Header], secrets: Mapping[str, str]) -> Iterator[str]:
    """The secrets, and what they are sent as: with the scheme before it, and without, as targets quote it."""
    yield from secrets.values()
    for value in (header.value for header in headers if header.secret):
        yield value
        token = value.rpartition(" ")[2]
        if len(token) >= _SHORTEST_TOKEN:
            yield token


def _authorization(auth: AuthSettings, secrets: Mapping[str, str]) -> Header:
    if auth.basic is not None:
        username = secrets[auth.basic.username]
        if ":" in username:
            raise ValueError(f"expected a user name without a colon in {auth.basic.username}, found one")
        pair = f"{username}:{secrets[auth.basic.password]}"
        value = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        assert auth.bearer is not None
        value = f"Bearer {secrets[auth.bearer]}"
    return Header(name="Authorization", value=value, secret=True)


def _body(settings: RequestSettings) -> tuple[bytes | None, str | None]:
    if settings.json_body is not None:
        return orjson.dumps(settings.json_body), "application/json"
    if settings.body is not None:
        return settings.body.encode(), "text/plain; charset=utf-8"
    return None, None
