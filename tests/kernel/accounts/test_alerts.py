"""Rules replayed over history: what would have fired, how late, and for nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.policy import DEFAULT

FrameOf = Callable[..., pd.DataFrame]
START = pd.Timestamp("2026-11-02T00:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    return START + pd.Timedelta(seconds=seconds)


def test_a_rule_that_waits_for_fewer_downs_is_earlier_and_more_often_false(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+-+----++--+"})
    eager, patient = (sentry.replay_alerts(frame, sentry.ConfirmedDown(n=n)) for n in (1, 3))
    assert eager.table["fired"].tolist() == [at(10), at(30), at(90)]
    assert eager.table["false"].tolist() == [True, False, True]
    assert eager.table["late_s"].dropna().tolist() == [0]
    assert patient.table.loc[0, ["fired", "cleared", "outage", "late_s"]].tolist() == [at(50), at(70), at(30), 20]
    assert patient.summary.loc["shop"].tolist() == [1, 0, 1, 0, 20, 20]
    late = sentry.replay_alerts(frame, sentry.ConfirmedDown(n=5))
    assert late.summary.loc["shop", ["alerts", "outages", "missed"]].tolist() == [0, 1, 1]


def test_alerts_of_several_checks_that_overlap_are_one_of_their_application(frame_of: FrameOf) -> None:
    frame = frame_of({"shop/a": "+----+++", "shop/b": "++----++"})
    table = sentry.replay_alerts(frame, sentry.ConfirmedDown(n=2)).table
    assert table[["fired", "cleared"]].to_numpy().tolist() == [[at(20), at(60)]]


def test_one_that_has_not_cleared_says_so(frame_of: FrameOf) -> None:
    table = sentry.replay_alerts(frame_of({"shop": "+---"}), sentry.ConfirmedDown()).table
    assert table["cleared"].isna().all()


def test_slow_responses_fire_with_the_result_that_makes_the_percentile_too_high(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+" * 40})
    frame["response_ms"] = np.where(np.arange(40) < 20, 50.0, 500.0)
    rule = sentry.SlowResponses(above_ms=200, quantile=0.5, over="1m")
    table = sentry.replay_alerts(frame, rule).table
    # Of the six results in a minute, three slow ones make a median of 275 ms.
    assert table["fired"].tolist() == [at(220)]
    assert table["false"].tolist() == [True]
    few = sentry.SlowResponses(above_ms=200, quantile=0.95, over="1m")
    assert len(sentry.replay_alerts(frame, few).table) == 0, "six results cannot carry a 95th percentile"


def test_a_burn_rate_fires_when_both_windows_are_above_it(frame_of: FrameOf) -> None:
    # Of an hour, at 99.9 %, 14.4 times the rate is 51.84 s of downtime: five results of 10 s are too few, six enough.
    frame = frame_of({"short": "+" * 360 + "-" * 5 + "+" * 60, "long": "+" * 360 + "-" * 6 + "+" * 60})
    rule = sentry.BurnRate(target=99.9, windows=(sentry.BurnWindow(factor=14.4, long="1h", short="5m"),))
    alerts = sentry.replay_alerts(frame, rule)
    assert alerts.table["application"].tolist() == ["long"]
    assert alerts.table.loc[0, "fired"] == at(3660)
    assert alerts.table.loc[0, "cleared"] == at(3660 + 300)
    assert alerts.summary.loc["short", "missed"] == 1


def test_a_burn_rate_knows_no_downtime_before_it_is_confirmed(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+" * 60 + "-" * 12 + "+" * 6})
    rule = sentry.BurnRate(target=99, windows=(sentry.BurnWindow(factor=1, long="10m", short="1m"),), every="10s")
    assert sentry.replay_alerts(frame, rule).table.loc[0, "fired"] == at(620)
    assert sentry.replay_alerts(frame, rule, replace(DEFAULT, confirm=6)).table.loc[0, "fired"] == at(650)


def test_the_windows_of_the_workbook_are_the_default() -> None:
    windows = [(one.factor, one.long, one.short) for one in sentry.BurnRate().windows]
    assert windows == [(14.4, "1h", "5m"), (6, "6h", "30m"), (3, "1d", "2h"), (1, "3d", "6h")]


def test_rules_that_make_no_sense_are_refused(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+++"})
    with pytest.raises(sentry.AppSentryError, match="a burn rate is measured against a target"):
        sentry.replay_alerts(frame, sentry.BurnRate())
    with pytest.raises(ValueError, match="expected n of at least 1, found 0"):
        sentry.ConfirmedDown(n=0)
    with pytest.raises(ValueError, match="expected a quantile between 0 and 1, found 95"):
        sentry.SlowResponses(above_ms=1, quantile=95)
    with pytest.raises(ValueError, match="'soon' is neither a duration"):
        sentry.SlowResponses(above_ms=1, over="soon")
