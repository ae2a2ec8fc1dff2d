"""Single values that lie far from what is usual around them, by the median and its own spread."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import pandas as pd

from appsentry_kernel.incident.scan import LEAST, MAD_TO_SIGMA, Numbers

AROUND: Final = 101
"""Values that say what is usual: 50 on either side, whose median distance is known to about an eighth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Values `first` to `last`, `n` of which are out; the one furthest out, what is usual there, and by how much."""

    first: int
    last: int
    n: int
    worst: int
    usual: float
    z: float


def anomalies(values: Numbers, splits: list[int], *, alpha: float, least: float) -> list[Anomaly]:
    """Runs of values that are out; what lies fewer than `LEAST` values apart is one run.

    A value is out when it is further from the rolling median than by `least`, and than by so many robust standard
    deviations that of as many normal values one would be with the probability `alpha`. The median and the deviation
    are those of the values between two `splits` alone: what has changed for good is not an anomaly.
    """
    limit = NormalDist().inv_cdf(1 - alpha / (2 * max(len(values), 1)))
    usual, sigma = _usual(values, splits)
    distance = values - usual
    out = np.flatnonzero((np.abs(distance) > limit * sigma) & (np.abs(distance) > least))
    if not len(out):
        return []
    runs = np.split(out, np.flatnonzero(np.diff(out) > LEAST) + 1)
    found = []
    for run in runs:
        worst = int(run[np.abs(distance[run]).argmax()])
        z = abs(float(distance[worst])) / float(sigma[worst]) if sigma[worst] else np.inf
        found.append(
            Anomaly(first=int(run[0]), last=int(run[-1]), n=len(run), worst=worst, usual=float(usual[worst]), z=z)
        )
    return found


def _usual(values: Numbers, splits: list[int]) -> tuple[Numbers, Numbers]:
    usual, sigma = np.empty(len(values)), np.empty(len(values))
    for start, end in zip([0, *splits], [*splits, len(values)], strict=True):
        part = pd.Series(values[start:end])
        middle = _rolling(part)
        usual[start:end] = middle
        sigma[start:end] = MAD_TO_SIGMA * _rolling((part - middle).abs())
    return usual, sigma


def _rolling(part: "pd.Series[float]") -> "pd.Series[float]":
    """Medians of the values around each; where fewer than `AROUND` are left, of the nearest that are there."""
    if len(part) <= AROUND:
        return pd.Series(np.median(part) if len(part) else np.nan, index=part.index, dtype="float64")
    return part.rolling(AROUND, center=True).median().bfill().ffill()
