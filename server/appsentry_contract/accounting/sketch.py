"""Response times kept as counts in logarithmic buckets: small, mergeable, and right to one percent.

After Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
PVLDB 12 (2019): bucket i holds the values in (γ^(i-1), γ^i], γ = (1 + α) / (1 - α), and stands for 2 γ^i / (γ + 1).
"""

import math
import struct
from collections.abc import Iterable
from typing import Final, Self

import numpy as np
import numpy.typing as npt

RELATIVE_ERROR: Final = 0.01
SMALLEST_MS: Final = 0.001
"""Below this a value is counted as zero: the error is then at most a microsecond, however large relatively."""
LARGEST_MS: Final = 1e9
"""Above this, 11 days, a value is counted as this."""

GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
PER_BUCKET: Final = 1 / math.log(GAMMA)
VERSION: Final = 1
HEADER: Final = struct.Struct("<BBhHQ")
_WIDTHS: Final = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"), np.dtype("<u8"))


class Sketch:
    """Non-negative milliseconds, each within one percent of what it was; merging equals having added everything."""

    __slots__ = ("_counts", "_first", "_zeros")

    def __init__(self) -> None:
        self._zeros = 0
        self._first = 0
        self._counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """How many values were added."""
        return self._zeros + int(self._counts.sum())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def add(self, value_ms: float) -> None:
        """Count one value. Raises `ValueError` for one that is negative or no number."""
        if not 0 <= value_ms < math.inf:
            raise ValueError(f"expected milliseconds of at least 0, found {value_ms}")
        if value_ms < SMALLEST_MS:
            self._zeros += 1
            return
        bucket = math.ceil(math.log(min(value_ms, LARGEST_MS)) * PER_BUCKET)
        self._reach(bucket, bucket)
        self._counts[bucket - self._first] += 1

    def add_all(self, values_ms: npt.NDArray[np.float64]) -> None:
        """Count every value of an array. Raises `ValueError`, and counts none, when one is negative or no number."""
        if not (np.isfinite(values_ms) & (values_ms >= 0)).all():
            raise ValueError("expected milliseconds of at least 0, found one that is negative or no number")
        counted = values_ms[values_ms >= SMALLEST_MS]
        self._zeros += len(values_ms) - len(counted)
        if len(counted):
            buckets = np.ceil(np.log(np.minimum(counted, LARGEST_MS)) * PER_BUCKET).astype(np.int64)
            self._reach(int(buckets.min()), int(buckets.max()))
            self._counts += np.bincount(buckets - self._first, minlength=len(self._counts))

    def merge(self, other: "Sketch") -> None:
        """Count everything that the other one counts."""
        self._zeros += other._zeros
        if len(other._counts):
            self._reach(other._first, other._first + len(other._counts) - 1)
            start = other._first - self._first
            self._counts[start : start + len(other._counts)] += other._counts

    @classmethod
    def merged(cls, sketches: Iterable["Sketch"]) -> Self:
        """A new sketch of everything that these count."""
        whole = cls()
        for sketch in sketches:
            whole.merge(sketch)
        return whole

    def quantile(self, q: float) -> float | None:
        """The value of rank `floor(q (n - 1))` in ascending order, to one percent; None when there are no values.

        Raises `ValueError` when `q` is not from 0 to 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"expected a quantile from 0 to 1, found {q}")
        n = len(self)
        if not n:
            return None
        rank = math.floor(q * (n - 1)) - self._zeros
        if rank < 0:
            return 0.0
        bucket = self._first + int(np.searchsorted(np.cumsum(self._counts), rank, side="right"))
        return float(2 * GAMMA**bucket / (GAMMA + 1))

    def to_bytes(self) -> bytes:
        """A compact form: 14 bytes, and as a rule one for each bucket between the smallest value and the largest."""
        width = next(width for width in _WIDTHS if self._counts.max(initial=0) <= np.iinfo(width).max)
        header = HEADER.pack(VERSION, width.itemsize, self._first, len(self._counts), self._zeros)
        return header + self._counts.astype(width).tobytes()

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """What `to_bytes` wrote. Raises `ValueError` when it is something else."""
        try:
            version, itemsize, first, length, zeros = HEADER.unpack_from(packed)
        except struct.error:
            raise ValueError(f"expected a packed sketch, found {len(packed)} bytes") from None
        widths = {width.itemsize: width for width in _WIDTHS}
        if version != VERSION or itemsize not in widths or len(packed) != HEADER.size + itemsize * length:
            raise ValueError(
                f"expected a packed sketch of version {VERSION}, found {len(packed)} bytes of another kind"
            )
        sketch = cls()
        sketch._zeros, sketch._first = zeros, first
        sketch._counts = np.frombuffer(packed, widths[itemsize], offset=HEADER.size).astype(np.int64)
        return sketch

    def _reach(self, low: int, high: int) -> None:
        """Make room for the buckets from `low` to `high`."""
        if not len(self._counts):
            self._first, self._counts = low, np.zeros(high - low + 1, np.int64)
            return
        before = max(0, self._first - low)
        behind = max(0, high - self._first - len(self._counts) + 1)
        if before or behind:
            self._first -= before
            self._counts = np.pad(self._counts, (before, behind))
