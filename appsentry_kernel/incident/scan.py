"""Where a row of numbers changes its level or its spread: a scan of scores, robust against single outliers.

A split is looked for in many overlapping stretches of all lengths (seeded binary segmentation: Kovács, Bühlmann, Li and
Munk, Biometrika 2023), and the shortest stretch that shows one wins (narrowest over threshold: Baranowski, Chen and
Fryzlewicz, JRSS B 2019), so that changes that lie close together do not hide each other.
"""

from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

LEAST: Final = 5
"""Points on either side of a change. The scores of two of five outliers stay under every threshold, those of three do
not: what fewer than most of the smallest stretch show are anomalies, not a change."""

MAD_TO_SIGMA: Final = 1 / NormalDist().inv_cdf(0.75)
"""What the median distance from the median is multiplied by to be the standard deviation of a normal distribution."""

_SHRINK: Final = 2**-0.5
_PERMUTATIONS: Final = 999
_BY_NORMAL: Final = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


def level_scores(values: Numbers) -> Numbers:
    """Van der Waerden's scores: for each value the normal quantile of its rank."""
    return _normal(_ranks(values) / (len(values) + 1))


def spread_scores(distances: Numbers) -> Numbers:
    """Fligner's and Killeen's scores of distances from the middle: the half-normal quantile of their rank.

    The least sensitive to other distributions than the normal of 56 tests of spread (Conover, Johnson and Johnson,
    Technometrics 1981).
    """
    return _normal(0.5 + _ranks(distances) / (2 * (len(distances) + 1)))


def splits(scores: Numbers, *, alpha: float) -> list[int]:
    """The places at which the mean of the scores changes, ascending; each is the first of the new stretch.

    `alpha` is how often one is found in a row of independent numbers that has none, at most: Bonferroni over all
    stretches and splits. In rows that depend on their neighbours more pass; `by_chance` sees to those.
    """
    n = len(scores)
    if n < 2 * LEAST:
        return []
    stretches = list(_stretches(n))
    tests = sum(starts.size * length for starts, length in stretches)
    found = _over(scores, stretches, NormalDist().inv_cdf(1 - alpha / (2 * tests)))
    chosen: list[int] = []
    for start, end, split in sorted(found, key=lambda one: (one[1] - one[0], one[0])):
        if not any(start < other < end for other in chosen):
            chosen.append(split)
    return _settled(scores, sorted(chosen))


def by_chance(scores: Numbers, split: int, *, seed: int) -> float:
    """How often blocks of these scores, put in a random order, show as great a change somewhere: a p-value.

    The place was chosen for its change, so the greatest change of each order is taken. What depends on its neighbours
    stays beside them: blocks are as long as the cube root of the number of scores (Hall, Horowitz and Jing, Biometrika
    1995), or half of the shorter side of the split, which could not be taken apart otherwise.
    """
    n = len(scores)
    block = max(1, min(round(n ** (1 / 3)), split // 2, (n - split) // 2))
    starts = np.arange(0, n, block)
    greatest = _greatest(scores[None, :])[0][0]
    random = np.random.default_rng(seed)
    beaten = 0
    for batch in np.array_split(np.arange(_PERMUTATIONS), max(1, _PERMUTATIONS * n // 2_000_000)):
        order = starts[np.argsort(random.random((len(batch), len(starts))), axis=1)]
        places = (order[:, :, None] + np.arange(block)).reshape(len(batch), -1)
        # The last block may be short: what lies beyond the end is dropped, row by row the same number.
        places = places[places < n].reshape(len(batch), n)
        beaten += int((_greatest(scores[places])[0] >= greatest - 1e-12).sum())
    return (1 + beaten) / (1 + _PERMUTATIONS)


def _stretches(n: int) -> Iterator[tuple[npt.NDArray[np.intp], int]]:
    """Starts and length of each layer, from the whole down to twice the least."""
    length, shrunk = n, 1.0
    while length >= 2 * LEAST:
        many = 2 * int(np.ceil(1 / shrunk)) - 1
        yield np.unique(np.linspace(0, n - length, many).round().astype(np.intp)), length
        shrunk *= _SHRINK
        length = int(np.ceil(n * shrunk))


def _over(
    scores: Numbers, stretches: list[tuple[npt.NDArray[np.intp], int]], threshold: float
) -> list[tuple[int, int, int]]:
    """Start, end and split of each stretch that shows a change."""
    found = []
    for starts, length in stretches:
        greatest, place = _greatest(np.lib.stride_tricks.sliding_window_view(scores, length)[starts])
        for row in np.flatnonzero(greatest > threshold):
            start = int(starts[row])
            found.append((start, start + length, start + int(place[row])))
    return found


def _greatest(rows: Numbers) -> tuple[Numbers, npt.NDArray[np.intp]]:
    """Of each row the greatest standardised difference of means on either side of a split, and that split.

    Under exchange of the row's scores the sum of the first `k` of `m` has the variance `s² k (m - k) / (m - 1)`.
    """
    m = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    k = np.arange(LEAST, m - LEAST + 1)
    sums = np.cumsum(centred, axis=1)[:, k - 1]
    variance = (centred**2).mean(axis=1, keepdims=True) * (k * (m - k) / (m - 1))
    z = np.abs(sums) / np.sqrt(np.where(variance > 0, variance, np.inf))
    best = z.argmax(axis=1)
    return z[np.arange(len(z)), best], k[best]


def _settled(scores: Numbers, chosen: list[int]) -> list[int]:
    """Each split moved to where it is clearest between its neighbours."""
    edges = [0, *chosen, len(scores)]
    for place in range(1, len(edges) - 1):
        start, end = edges[place - 1], edges[place + 1]
        if end - start >= 2 * LEAST:
            edges[place] = start + int(_greatest(scores[None, start:end])[1][0])
    return sorted(set(edges[1:-1]))


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Numbers = last - (counts - 1) / 2
    return middle[place]


def _normal(probabilities: Numbers) -> Numbers:
    """Normal quantiles, each different probability computed once."""
    different, place = np.unique(probabilities, return_inverse=True)
    quantiles: Numbers = _BY_NORMAL(different)
    return quantiles[place]
