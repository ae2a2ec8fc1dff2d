"""Files that hold a secret of the server's own, and who else may read them."""

import os
import stat
from pathlib import Path

from appsentry_contract.errors import AppSentryError


class TooOpen(AppSentryError, PermissionError):
    """Others on this machine may read what should be secret."""


def check_private(path: Path) -> None:
    """Refuse a file that others may read, by PostgreSQL's rule for its keys. Raises `TooOpen`.

    Nobody but the owner, or, when root owns the file, a group that may read it. What is no plain file (a pipe, say) and
    what is not there is not judged here.
    """
    try:
        status = path.stat()
    except OSError:
        return
    open_to = stat.S_IRWXG | stat.S_IRWXO if status.st_uid != 0 else stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
    if status.st_uid == 0 and os.geteuid() == 0:
        open_to = stat.S_IRWXG | stat.S_IRWXO
    if stat.S_ISREG(status.st_mode) and status.st_mode & open_to:
        mode = stat.S_IMODE(status.st_mode)
        raise TooOpen(f"others may read the secret in {path} (mode {mode:04o}): chmod 600 {path}")
