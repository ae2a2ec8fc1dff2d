"""References to secrets: the configuration names where a secret is, and only a check that needs it reads it."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, ValidationInfo

from appsentry_contract.errors import AppSentryError

_LONGEST = 65_536
"""Bytes: more is no secret but a wrong path."""


class MissingReference(AppSentryError, LookupError):
    """What a reference names is not there."""


class Reference(str):
    """`env:NAME` or `file:PATH`. The text itself is no secret; what it resolves to is."""

    __slots__ = ()

    @property
    def path(self) -> Path | None:
        """The file it names, if it names one."""
        scheme, _, name = self.partition(":")
        return Path(name) if scheme == "file" else None

    def resolve(self) -> str:
        """Read the secret, now, so that a rotated one is picked up. Raises `MissingReference`."""
        scheme, _, name = self.partition(":")
        if scheme == "env":
            if name not in os.environ:
                raise MissingReference(f"the environment variable {_shown(name)} is not set")
            return os.environ[name]
        try:
            with Path(name).open("rb") as file:
                content = file.read(_LONGEST + 1)
            if len(content) > _LONGEST:
                raise MissingReference(f"the file {_shown(name)} is longer than {_LONGEST} bytes")
            return content.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise MissingReference(f"the file {_shown(name)} is not UTF-8 text") from None
        except (OSError, ValueError) as error:  # a path with a null character is a ValueError
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise MissingReference(f"the file {_shown(name)} cannot be read: {reason}") from None


def _shown(name: str) -> str:
    # What a message holds may end up in a terminal, which obeys some characters.
    return name if name.isprintable() else repr(name)


def parse(text: object, info: ValidationInfo) -> Reference:
    """Read a reference. Raises `ValueError` for anything else, without repeating it."""
    scheme, colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    # The value itself must not be in the message: it may be the secret.
    if not colon or scheme not in {"env", "file"} or not name:
        raise ValueError("expected a reference, env:NAME or file:PATH; a literal value is refused")
    context = info.context or {}
    if scheme == "file" and "directory" in context:
        name = str(context["directory"] / name)
    reference = Reference(f"{scheme}:{name}")
    if context.get("resolve"):
        try:
            reference.resolve()
        except MissingReference as error:
            raise ValueError(f"expected a reference to what exists, found that {error}") from None
    return reference


SecretReference = Annotated[Reference, PlainValidator(parse)]
"""A pydantic field that holds a `Reference` and refuses anything else.

Two things may stand in the validation context: `directory`, where a relative `file:` starts, and `resolve`, with
which a reference to nothing is refused too.
"""
