"""References to secrets: the configuration names where a secret is, and only a check that needs it reads it."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator

from appsentry_server.errors import AppSentryError


class MissingReference(AppSentryError, LookupError):
    """What a reference names is not there."""


class Reference(str):
    """`env:NAME` or `file:PATH`. The text itself is no secret; what it resolves to is."""

    __slots__ = ()

    def resolve(self) -> str:
        """Read the secret, now, so that a rotated one is picked up. Raises `MissingReference`."""
        scheme, _, name = self.partition(":")
        if scheme == "env":
            if name not in os.environ:
                raise MissingReference(f"the environment variable {name} is not set")
            return os.environ[name]
        try:
            return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise MissingReference(f"the file {name} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise MissingReference(f"the file {name} is not UTF-8 text") from None


def _parse(text: object) -> Reference:
    scheme, colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    # The value itself must not be in the message: it may be the secret.
    if not colon or scheme not in {"env", "file"} or not name:
        raise ValueError("expected a reference, env:NAME or file:PATH; a literal value is refused")
    return Reference(f"{scheme}:{name}")


SecretReference = Annotated[Reference, PlainValidator(_parse)]
"""A pydantic field that holds a `Reference` and refuses anything else."""
