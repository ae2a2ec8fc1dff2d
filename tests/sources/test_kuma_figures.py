"""Uptime Kuma's own figures come out of its own database, and what explains the difference to ours adds up."""

import random
from typing import Any

import pytest

import appsentry_kernel as sentry

NOON = 1_780_000_000 // 86_400 * 86_400 + 43_200
DAY = 86_400
UP, DOWN, PENDING, MAINTENANCE = 1, 0, 2, 3


def run(kuma: Any, seed: int, days: int) -> int:
    """A monitor's life: mostly up, retries that come to nothing, outages, maintenance, and a night without Kuma."""
    dice = random.Random(seed)
    monitor: int = kuma.monitor("Shop", interval=300)
    unix_s = NOON - days * DAY
    while unix_s < NOON:
        kind = dice.choices(("fine", "blip", "outage", "maintenance", "off"), (300, 4, 2, 1, 1))[0]
        beats = {"fine": [UP], "blip": [PENDING, UP], "outage": [PENDING, *[DOWN] * dice.randrange(3, 30)]}.get(
            kind, []
        )
        beats = [MAINTENANCE] * 12 if kind == "maintenance" else beats
        for status in beats:
            kuma.beat(monitor, unix_s, status, 40 if status == UP else None)
            unix_s += 300
        unix_s += 6 * 3_600 if kind == "off" else 0
    return monitor


@pytest.mark.parametrize("seed", range(3))
def test_its_figure_is_reproduced_by_count_from_beats_and_sums(kuma: Any, seed: int) -> None:
    monitor = run(kuma, seed, 35)
    own = kuma.uptime(monitor, "stat_daily")
    kuma.forget(NOON)
    kuma.close()
    counted = sentry.account(sentry.read_history(kuma.path), "uptime_kuma").table.loc["shop"]
    assert counted["uptime"] == own


@pytest.mark.parametrize("seed", range(3))
def test_the_waterfall_to_our_own_counting_adds_up_and_names_the_causes(kuma: Any, seed: int) -> None:
    run(kuma, seed, 10)
    kuma.close()
    frame = sentry.read_history(kuma.path)
    compared = sentry.compare(frame, "uptime_kuma", "default")
    by_cause = compared.table.set_index("cause")["seconds"]
    assert by_cause.sum() == compared.difference["shop"] != 0
    # What Kuma calls pending is a down to it, and a blip here when nothing comes of it.
    assert by_cause["retries"] < 0
    assert by_cause["weighting"] != 0
