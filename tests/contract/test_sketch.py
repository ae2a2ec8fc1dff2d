"""The sketch keeps its promise of one percent on whatever is put in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsentry_contract.accounting.sketch import LARGEST_MS, RELATIVE_ERROR, SMALLEST_MS, Sketch

QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)

values = st.one_of(
    st.floats(SMALLEST_MS, LARGEST_MS),
    # On and beside the edges of buckets, where a wrong rounding would show.
    st.builds(
        lambda bucket, nudge: float(np.nextafter((1.01 / 0.99) ** bucket, nudge)),
        st.integers(-344, 1035),
        st.sampled_from([0.0, np.inf]),
    ),
    st.sampled_from([0.0, SMALLEST_MS, 1.0, LARGEST_MS]),
)


def sketch_of(numbers: list[float]) -> Sketch:
    sketch = Sketch()
    for number in numbers:
        sketch.add(number)
    return sketch


def assert_within_promise(sketch: Sketch, numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    for q in QUANTILES:
        true = float(np.quantile(numbers, q, method="lower"))
        found = sketch.quantile(q)
        assert found is not None
        assert abs(found - true) <= RELATIVE_ERROR * true * (1 + 1e-9)


@given(st.lists(values, min_size=1, max_size=200))
def test_every_quantile_is_right_to_one_percent(numbers: list[float]) -> None:
    assert_within_promise(sketch_of(numbers), np.array(numbers))


@pytest.mark.parametrize(
    "numbers",
    [
        np.full(10_000, 123.456),
        np.geomspace(SMALLEST_MS, LARGEST_MS, 50_000),
        np.concatenate([np.full(9_900, 1.0), np.full(100, 1e8)]),
        np.random.default_rng(1).pareto(0.5, 50_000) + 1,
        np.maximum(np.random.default_rng(2).lognormal(4, 3, 50_000), SMALLEST_MS),
        np.concatenate([np.zeros(10), np.full(1, 5.0)]),
    ],
    ids=["all equal", "every magnitude", "two far apart", "no mean at all", "lognormal", "mostly zero"],
)
def test_hostile_distributions_gain_nothing(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    sketch = Sketch()
    sketch.add_all(np.random.default_rng(3).permutation(numbers))
    assert len(sketch) == len(numbers)
    assert_within_promise(sketch, np.clip(numbers, 0, LARGEST_MS))


@given(st.lists(st.lists(values, max_size=30), max_size=6), st.randoms())
def test_merging_in_any_order_and_grouping_equals_adding(parts: list[list[float]], random: object) -> None:
    whole = sketch_of([number for part in parts for number in part])
    left = Sketch.merged(sketch_of(part) for part in parts)
    right = Sketch()
    for part in reversed(parts):
        right = Sketch.merged([sketch_of(part), right])
    assert left == whole
    assert right == whole


@given(st.lists(values, min_size=1, max_size=60))
def test_adding_one_by_one_and_all_at_once_are_equal(numbers: list[float]) -> None:
    at_once = Sketch()
    at_once.add_all(np.array(numbers, dtype=np.float64))
    one_by_one = sketch_of(numbers)
    assert len(at_once) == len(one_by_one) == len(numbers)
    for q in QUANTILES:
        # numpy's logarithm and math's may differ in the last bit, and so at an edge by a bucket.
        assert at_once.quantile(q) == pytest.approx(one_by_one.quantile(q), rel=2.1 * RELATIVE_ERROR)


@given(st.lists(values, max_size=60))
def test_packing_keeps_everything(numbers: list[float]) -> None:
    sketch = sketch_of(numbers)
    packed = sketch.to_bytes()
    assert Sketch.from_bytes(packed).to_bytes() == packed
    assert len(Sketch.from_bytes(packed)) == len(numbers)


def test_many_equal_values_are_packed_wider_not_wrong() -> None:
    for n in (255, 256, 70_000):
        sketch = Sketch()
        sketch.add_all(np.full(n, 20.0))
        assert len(Sketch.from_bytes(sketch.to_bytes())) == n


def test_an_hour_of_one_check_fits_in_three_hundred_bytes() -> None:
    sketch = Sketch()
    sketch.add_all(np.random.default_rng(4).lognormal(4, 1, 120))
    assert len(sketch.to_bytes()) < 300


def test_a_merged_sketch_does_not_share_with_its_parts() -> None:
    part = sketch_of([5.0])
    whole = Sketch.merged([part])
    whole.add(5.0)
    assert len(part) == 1


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_what_is_no_duration_is_refused_and_not_counted(wrong: float) -> None:
    sketch = sketch_of([1.0])
    with pytest.raises(ValueError, match="expected milliseconds of at least 0"):
        sketch.add(wrong)
    with pytest.raises(ValueError, match="expected milliseconds of at least 0"):
        sketch.add_all(np.array([2.0, wrong]))
    assert len(sketch) == 1


@pytest.mark.parametrize("packed", [b"", b"\x01", b"\x02" * 14, Sketch().to_bytes() + b"x", b"\x01\x03" + b"\0" * 12])
def test_bytes_of_another_kind_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="expected a packed sketch"):
        Sketch.from_bytes(packed)


def test_an_empty_sketch_has_no_quantile_and_an_absurd_quantile_is_refused() -> None:
    assert Sketch().quantile(0.5) is None
    with pytest.raises(ValueError, match="expected a quantile from 0 to 1"):
        Sketch().quantile(95)


def test_tiny_and_huge_values_are_counted_at_the_ends() -> None:
    sketch = sketch_of([SMALLEST_MS / 2, LARGEST_MS * 1000])
    assert sketch.quantile(0) == 0
    assert sketch.quantile(1) == pytest.approx(LARGEST_MS, rel=RELATIVE_ERROR)
