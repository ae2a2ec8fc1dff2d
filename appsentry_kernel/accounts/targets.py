"""The promised uptimes of an account."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

Targets = float | Mapping[str, float] | None
"""One for all applications, or by application: in percent (99.9) or as a fraction (0.999)."""


def target_of(targets: Targets, application: str) -> float | None:
    """The application's target in percent, None where nothing is promised. Raises `ValueError` for one that is none."""
    target: Any = targets.get(application) if isinstance(targets, Mapping) else targets
    if target is None:
        return None
    if not isinstance(target, int | float) or not 0 < target < 100 or target == 1:
        raise ValueError(f"{application}: expected a target such as 99.9 (percent) or 0.999, found {target!r}")
    # As it is written: 0.999 * 100 would be a hair less than 99.9.
    return float(Fraction(str(target)) * (100 if target < 1 else 1))
