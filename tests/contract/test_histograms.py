"""Many sketches counted at once are what they are merged one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsentry_contract.accounting.histograms import Histograms, values_of
from appsentry_contract.accounting.sketch import Sketch

TIMES = st.lists(st.sampled_from([0.0, 0.0005, 0.001, 1.0, 37.5, 1e9, 1e12]) | st.floats(0, 1e6), max_size=20)


def _packed(sketches):
    blobs = [sketch.to_bytes() for sketch in sketches]
    offsets = np.cumsum([0, *map(len, blobs)])
    return np.frombuffer(b"".join(blobs), np.uint8), offsets


def _sketch(times_ms, repeated=1):
    sketch = Sketch()
    sketch.add_all(np.repeat(np.array(times_ms, np.float64), repeated))
    return sketch


@given(st.lists(st.tuples(st.integers(0, 3), TIMES, st.sampled_from([1, 300, 70_000])), max_size=8))
def test_packed_sketches_are_merged_by_group(parts):
    sketches = [_sketch(times, repeated) for _, times, repeated in parts]
    histograms = Histograms(groups=4)
    histograms.add_packed(np.array([group for group, _, _ in parts], np.int64), *_packed(sketches))
    group, bucket, n = histograms.counts()
    for one in range(4):
        merged = Sketch.merged(sketch for sketch, part in zip(sketches, parts, strict=True) if part[0] == one)
        values, counts = values_of(bucket[group == one]), np.cumsum(n[group == one])
        assert (counts[-1] if len(counts) else 0) == len(merged)
        for q in (0, 0.25, 0.5, 0.99, 1) if len(merged) else ():
            rank = int(np.floor(q * (len(merged) - 1)))
            value = values[np.searchsorted(counts, rank, side="right")]
            assert value == pytest.approx(merged.quantile(q), rel=1e-12)


def test_what_is_no_packed_sketch_is_refused_and_nothing_of_it_counted():
    histograms = Histograms(groups=1)
    good = _sketch([1.0, 2.0]).to_bytes()
    for bad in (good[:5], good + b"x", b"\x09" + good[1:]):
        both = np.frombuffer(good + bad, np.uint8)
        with pytest.raises(ValueError, match="expected packed sketches"):
            histograms.add_packed(np.zeros(2, np.int64), both, np.array([0, len(good), len(both)]))
    assert len(histograms.counts()[0]) == 0
