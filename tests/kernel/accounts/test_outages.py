"""Outages, and the means that are taken of them."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

import appsentry_kernel as sentry
from appsentry_contract.accounting.policy import DEFAULT

FrameOf = Callable[..., pd.DataFrame]
START = pd.Timestamp("2026-11-02T00:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    return START + pd.Timedelta(seconds=seconds)


def test_an_outage_begins_with_its_first_down_and_is_detected_with_the_confirming_one(frame_of: FrameOf) -> None:
    outage = sentry.account(frame_of({"shop": "++----++--+"})).outages.loc[0]
    assert (outage["begin"], outage["end"], outage["detected"]) == (at(20), at(60), at(40))
    assert (outage["duration_s"], outage["down_s"], outage["recovered"]) == (40, 40, True)
    assert not outage["clipped_begin"]
    assert not outage["clipped_end"]


def test_mttr_mtbf_and_mttd_are_means_of_confirmed_outages(frame_of: FrameOf) -> None:
    row = sentry.account(frame_of({"shop": "+---+++-----++--+"})).reliability.loc["shop"]
    assert row[["outages", "clipped", "mttr_s", "mtbf_s", "mttd_s", "longest_s"]].tolist() == [2, 0, 40, 45, 20, 50]
    assert row[["blips", "blip_s"]].tolist() == [1, 20]


def test_without_an_outage_there_is_nothing_to_take_a_mean_of(frame_of: FrameOf) -> None:
    row = sentry.account(frame_of({"shop": "++"})).reliability.loc["shop"]
    assert row["outages"] == 0
    assert row[["mttr_s", "mtbf_s", "mttd_s", "longest_s"]].isna().all()


def test_an_outage_that_is_under_way_at_an_edge_is_clipped_there_and_marked(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+------+"})
    account = sentry.account(frame, since=at(25), until=at(55))
    outage = account.outages.loc[0]
    assert (outage["begin"], outage["end"], outage["clipped_begin"], outage["clipped_end"]) == (
        at(25), at(55), True, True,
    )  # fmt: skip
    assert not outage["recovered"]
    assert account.reliability.loc["shop", ["outages", "clipped", "mttr_s"]].tolist() == [1, 1, 30]
    assert pd.isna(account.reliability.loc["shop", "mttd_s"])


def test_a_gap_or_maintenance_within_an_outage_does_not_make_two_of_it(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+---....---+---?---+"})
    outages = sentry.account(frame).outages
    assert outages["begin"].tolist() == [at(10), at(120)]
    assert outages["down_s"].tolist() == [70, 60]
    assert outages["duration_s"].tolist() == [100, 70]
    during = sentry.account(frame, maintenance=[(at(130), at(150))]).outages
    assert during["begin"].tolist() == [at(10), at(120)]
    assert during["down_s"].tolist() == [70, 40]


def test_an_outage_that_nothing_shows_to_be_over_is_not_recovered(frame_of: FrameOf) -> None:
    outage = sentry.account(frame_of({"shop": "+---"}), until=at(300)).outages.loc[0]
    assert (outage["end"], outage["clipped_end"], outage["recovered"]) == (at(50), False, False)


def test_an_application_that_any_check_keeps_up_is_known_to_be_down_with_the_last_of_them(frame_of: FrameOf) -> None:
    frame = frame_of({"shop/a": "+-----+", "shop/b": "++---++"})
    both = sentry.account(frame, replace(DEFAULT, combine="any", confirm=2)).outages.loc[0]
    assert (both["begin"], both["end"], both["detected"]) == (at(20), at(50), at(30))
    either = sentry.account(frame, replace(DEFAULT, confirm=2)).outages.loc[0]
    assert (either["begin"], either["end"], either["detected"]) == (at(10), at(60), at(20))
