"""Ids that are unique for ever and cheap to make."""

import secrets
from collections.abc import Callable
from itertools import count


def ids(prefix: str) -> Callable[[], str]:
    """A maker of ids `<prefix>-<random of this process>-<n>`.

    64 random bits a maker keep restarts and machines apart; counting keeps an id in under a microsecond and
    lets the history compress it.
    """
    origin = secrets.token_hex(8)
    numbers = count(1)
    return lambda: f"{prefix}-{origin}-{next(numbers):x}"
