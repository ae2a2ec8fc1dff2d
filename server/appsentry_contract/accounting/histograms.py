"""Many sketches at once: counts by group and bucket, made from their packed forms without opening each."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from appsentry_contract.accounting.sketch import GAMMA, HEADER, LARGEST_MS, PER_BUCKET, SMALLEST_MS, VERSION
from appsentry_contract.accounting.spans import Integers

ZEROS: Final = int(np.floor(np.log(SMALLEST_MS) * PER_BUCKET)) - 1
"""Stands for the bucket of values below `SMALLEST_MS`: a number under those of all others."""

_BUCKETS: Final = int(np.ceil(np.log(LARGEST_MS) * PER_BUCKET)) - ZEROS + 1
_HEADER: Final = np.dtype(
    [("version", "u1"), ("itemsize", "u1"), ("first", "<i2"), ("length", "<u2"), ("zeros", "<u8")]
)


def values_of(buckets: Integers) -> npt.NDArray[np.float64]:
    """The milliseconds that each bucket stands for."""
    return np.where(buckets <= ZEROS, 0.0, 2 * GAMMA**buckets / (GAMMA + 1))


@dataclass(slots=True, kw_only=True)
class Histograms:
    """Response times of so many groups, counted by the buckets of `Sketch`; adding to them is merging."""

    groups: int
    _counts: Integers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._counts = np.zeros(self.groups * _BUCKETS, np.int64)

    def add_packed(self, group: Integers, packed: npt.NDArray[np.uint8], offsets: Integers) -> None:
        """Count what packed sketches count: the i-th, of group `group[i]`, is `packed[offsets[i]:offsets[i + 1]]`.

        Raises `ValueError`, and counts none, when one is no packed sketch.
        """
        if not len(group):
            return
        starts, sizes = offsets[:-1], np.diff(offsets)
        if sizes.min() < HEADER.size:
            raise ValueError(f"expected packed sketches, found {sizes.min()} bytes")
        headers = packed[starts[:, None] + np.arange(HEADER.size)].view(_HEADER).ravel()
        itemsize, length = headers["itemsize"].astype(np.int64), headers["length"].astype(np.int64)
        if (headers["version"] != VERSION).any() or (sizes != HEADER.size + itemsize * length).any():
            raise ValueError(f"expected packed sketches of version {VERSION}, found another kind")
        base = group * _BUCKETS - ZEROS
        for width in np.unique(itemsize).tolist():
            here = itemsize == width
            self._add_counts(
                base[here] + headers["first"][here], length[here], packed, starts[here] + HEADER.size, width
            )
        self.add(group, np.full(len(group), ZEROS), headers["zeros"].astype(np.int64))

    def add(self, group: Integers, bucket: Integers, n: Integers) -> None:
        """Count `n` response times in each of these buckets."""
        np.add.at(self._counts, group * _BUCKETS + (bucket - ZEROS), n)

    def counts(self) -> tuple[Integers, Integers, Integers]:
        """Group, bucket and count of every bucket that is not empty, in the order of group and bucket."""
        places = np.flatnonzero(self._counts)
        group, bucket = np.divmod(places, _BUCKETS)
        return group, bucket + ZEROS, self._counts[places]

    def _add_counts(
        self, places: Integers, length: Integers, packed: npt.NDArray[np.uint8], starts: Integers, width: int
    ) -> None:
        """Add runs of counts: the i-th, `length[i]` numbers of `width` bytes from `starts[i]` on, to `places[i]` on."""
        ends = np.cumsum(length)
        within = np.arange(ends[-1]) - np.repeat(ends - length, length)
        first = np.repeat(starts, length) + within * width
        n = packed[first].astype(np.int64)
        for byte in range(1, width):
            n += packed[first + byte].astype(np.int64) << (8 * byte)
        np.add.at(self._counts, np.repeat(places, length) + within, n)
