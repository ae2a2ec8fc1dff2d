"""How the sample applications behave at a moment: functions of a seed and the seconds since they started.

Every one of them begins well, so that the first results of a demo are good news.
"""

from hashlib import blake2b

DRIFT_S = 150.0
"""The search grows slower for this long, then starts over."""

FLAP_S = 7.0
"""The recommendations stay up or down for this long at a time."""

CYCLE_S = 80.0
OUTAGE_S = 20.0
"""The reports are out for this long once in every cycle."""


def storefront_delay_s(seed: int, seconds: float) -> float:
    """15 to 40 ms, another every second."""
    return 0.015 + 0.025 * _chance(seed, "storefront", int(seconds))


def search_delay_s(seed: int, seconds: float) -> float:
    """A sawtooth from 60 to 900 ms, with 10 % of noise."""
    height = (seconds % DRIFT_S) / DRIFT_S
    noise = 0.9 + 0.2 * _chance(seed, "search", int(seconds))
    return (0.06 + 0.84 * height) * noise


def recommendations_fail(seed: int, seconds: float) -> bool:
    """In about two of five stretches."""
    stretch = int(seconds / FLAP_S)
    return stretch > 0 and _chance(seed, "recommendations", stretch) < 0.4


def reporting_is_out(seed: int, seconds: float) -> bool:
    """For one stretch of `OUTAGE_S` in the later part of every cycle."""
    cycle, within = divmod(seconds, CYCLE_S)
    earliest = CYCLE_S / 4
    start = earliest + (CYCLE_S - OUTAGE_S - earliest) * _chance(seed, "reporting", int(cycle))
    return start <= within < start + OUTAGE_S


def _chance(seed: int, what: str, step: int) -> float:
    """A number from 0 to 1 that looks like chance and is always the same."""
    digest = blake2b(f"{seed}/{what}/{step}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
