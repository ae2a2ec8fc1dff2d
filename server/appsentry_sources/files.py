"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from appsentry_contract.errors import AppSentryError


class NotWritten(AppSentryError):
    """A file could not be written; what was there before still is."""


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when all of it is written, and is gone when something fails.

    Raises `NotWritten` when it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            with part.open("w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except AppSentryError:
        raise
    except OSError as error:
        raise NotWritten(f"{path}: {error.strerror or error}") from error
