"""The sample applications behave as the demo tells it, at any moment and the same for the same seed."""

from itertools import pairwise

import pytest

from appsentry_server.samples import behaviour

SEEDS = range(20)
MINUTES = [second / 2 for second in range(2 * 1200)]


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_begins_well(seed: int) -> None:
    for second in range(5):
        assert not behaviour.recommendations_fail(seed, second)
        assert not behaviour.reporting_is_out(seed, second)
        assert behaviour.search_delay_s(seed, second) < 0.3
        assert behaviour.storefront_delay_s(seed, second) < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_the_search_grows_slower_for_minutes_and_then_starts_over(seed: int) -> None:
    for cycle in range(4):
        begin = cycle * behaviour.DRIFT_S
        early, middle, late = (
            behaviour.search_delay_s(seed, begin + part * behaviour.DRIFT_S) for part in (0, 0.5, 0.98)
        )
        assert early < 0.1 < 0.4 < middle < 0.6 < late < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_recommendations_go_up_and_down(seed: int) -> None:
    states = [behaviour.recommendations_fail(seed, second) for second in MINUTES]
    changes = sum(before != after for before, after in pairwise(states))
    assert changes > 20
    assert 0.2 < sum(states) / len(states) < 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reports_are_out_for_20_seconds_once_a_cycle(seed: int) -> None:
    cycles = int(1200 // behaviour.CYCLE_S)
    for cycle in range(cycles):
        moments = [cycle * behaviour.CYCLE_S + tenth / 10 for tenth in range(int(behaviour.CYCLE_S * 10))]
        out = [moment for moment in moments if behaviour.reporting_is_out(seed, moment)]
        assert len(out) in {199, 200, 201}
        assert out[-1] - out[0] <= behaviour.OUTAGE_S


def test_the_same_seed_plays_the_same_and_another_plays_otherwise() -> None:
    def play(seed: int) -> list[object]:
        return [(behaviour.recommendations_fail(seed, s), behaviour.reporting_is_out(seed, s)) for s in MINUTES]

    assert play(3) == play(3)
    assert play(3) != play(4)
