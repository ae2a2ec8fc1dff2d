"""Stretches of time that the caller names, such as maintenance windows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from appsentry_contract.accounting.periods import Periods
from appsentry_kernel.accounts.instants import instant, micros

Pairs = Iterable[tuple[Any, Any]]
Stretches = Pairs | Mapping[str, Pairs] | pd.DataFrame | None
"""Pairs of instants for all applications, such pairs by application, or a frame with `begin`, `end`, `application`."""


def periods_of(stretches: Stretches, application: str, name: str) -> Periods:
    """The stretches that concern the application. Raises `ValueError` for one that cannot be read."""
    return Periods.of(_pair(begin, end, name) for begin, end in _pairs(stretches, application))


def _pairs(stretches: Stretches, application: str) -> Pairs:
    if stretches is None:
        return ()
    if isinstance(stretches, Mapping):
        return stretches.get(application, ())
    if isinstance(stretches, pd.DataFrame):
        mine = stretches
        if "application" in stretches:
            mine = stretches[stretches["application"].isna() | (stretches["application"] == application)]
        return zip(mine["begin"], mine["end"], strict=True)
    return stretches


def _pair(begin: Any, end: Any, name: str) -> tuple[int, int]:
    pair = _us(begin, name), _us(end, name)
    if pair[1] < pair[0]:
        found = f"{instant(pair[0]).isoformat()} to {instant(pair[1]).isoformat()}"
        raise ValueError(f"{name}: expected a stretch that ends after it begins, found {found}")
    return pair


def _us(value: Any, name: str) -> int:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError(f"{name}: expected an instant with its offset such as '2026-11-23T08:00:00Z', found {value!r}")
    return micros(at)
