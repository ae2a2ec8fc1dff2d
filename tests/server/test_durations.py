"""Durations are read with their units and written so that they read back the same."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsentry_server import durations


@pytest.mark.parametrize(
    ("text", "seconds", "shortest"),
    [
        ("800ms", 0.8, "800ms"), ("0.5ms", 0.0005, "0.5ms"), ("30s", 30, "30s"), ("90s", 90, "1m30s"),
        ("1h30m", 5400, "1h30m"), ("1.5h", 5400, "1h30m"), ("2w", 1_209_600, "14d"), ("30d", 2_592_000, "30d"),
        ("0s", 0, "0s"), ("36500d", 3_153_600_000, "36500d"),
    ],
)  # fmt: skip
def test_a_duration_is_read_with_its_unit_and_written_in_its_shortest_form(
    text: str, seconds: float, shortest: str
) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)
    assert durations.write(durations.parse(text)) == shortest


@pytest.mark.parametrize("text", ["", "30", "s", "-5s", "30 s", "1h 30m", "30S", "٣s", 30, 0.5, None, ["30s"], "30s\n"])
def test_what_does_not_say_its_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration with its unit, such as 30s, 800ms or 1h30m, found"):
        durations.parse(text)


@pytest.mark.parametrize("text", ["36501d", "36500d1ms", "9" * 400 + "d", "999999999d999999999d"])
def test_a_duration_beyond_a_century_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration of at most 36500d, found"):
        durations.parse(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_500)))
def test_every_duration_reads_back_as_it_was_written(duration: timedelta) -> None:
    assert durations.parse(durations.write(duration)) == duration
