"""Changes of level and of spread in response times, and anomalies."""

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_kernel.incident.scan import LEAST, by_chance, level_scores, splits, spread_scores


def times(values, start: str = "2026-11-02T00:00:00Z") -> "pd.Series[float]":
    return pd.Series(values, index=pd.date_range(start, periods=len(values), freq="1min"))


def normal(n: int, seed: int, *, middle: float = 50.0, spread: float = 0.05):
    return middle * np.exp(np.random.default_rng(seed).normal(0, spread, n))


def test_on_real_latencies_one_spread_four_anomalies_two_of_them_false(nab):
    """The labelled windows: the last by its spread, the two before by anomalies."""
    found = sentry.changes(nab)
    (change,) = found.table.to_dict("records")
    assert change["kind"] == "spread"
    assert change["at"] == pd.Timestamp("2014-03-21T03:01:00Z")
    assert pd.Timestamp("2014-03-20T21:26Z") <= change["at"] <= pd.Timestamp("2014-03-21T03:41Z")
    assert change["n_after"] == 9
    windows = [("2014-03-14T03:31Z", "2014-03-14T14:41Z"), ("2014-03-18T17:06Z", "2014-03-19T04:16Z")]
    inside = [
        found.anomalies["begin"].ge(pd.Timestamp(begin)) & found.anomalies["end"].le(pd.Timestamp(end))
        for begin, end in windows
    ]
    assert [int(one.sum()) for one in inside] == [1, 1]
    assert int((~(inside[0] | inside[1])).sum()) == 2


def test_a_change_of_level_is_found_where_it_is():
    (row,) = sentry.changes(times(np.r_[normal(300, 1), normal(200, 2, middle=65)])).table.to_dict("records")
    assert row["kind"] == "level"
    assert abs(pd.Timestamp(row["at"]) - pd.Timestamp("2026-11-02T05:00Z")) <= pd.Timedelta("2min")
    assert row["factor"] == pytest.approx(1.3, rel=0.02)


def test_a_change_of_spread_is_not_one_of_level():
    (row,) = sentry.changes(times(np.r_[normal(300, 1), normal(200, 2, spread=0.2)])).table.to_dict("records")
    assert row["kind"] == "spread"
    assert row["spread_factor"] == pytest.approx(4, rel=0.25)


def test_a_change_there_and_back_is_found_twice():
    values = np.r_[normal(400, 1), normal(20, 2, middle=80), normal(400, 3)]
    assert sentry.changes(times(values)).table["kind"].tolist() == ["level", "level"]


def test_a_change_too_small_to_matter_is_not_reported_unless_asked_for():
    values = times(np.r_[normal(500, 1), normal(500, 2, middle=53)])
    assert len(sentry.changes(values).table) == 0
    assert len(sentry.changes(values, shift=0.03).table) == 1


def test_two_outliers_are_anomalies_and_no_change():
    values = normal(500, 1)
    values[[200, 202]] = 200.0
    found = sentry.changes(times(values))
    assert len(found.table) == 0
    assert found.anomalies["n"].tolist() == [2]
    assert found.anomalies["worst_ms"].tolist() == [pytest.approx(200)]


def test_what_has_changed_for_good_is_no_anomaly():
    found = sentry.changes(times(np.r_[normal(300, 1), normal(200, 2, middle=200)]))
    assert len(found.anomalies) == 0


def test_in_rows_without_a_change_something_is_found_no_more_often_than_promised():
    """Of 100 rows at alpha 0.01 each of three looks finds one at most; the seeds are fixed, so is the answer."""
    found = [sentry.changes(times(normal(400, seed))) for seed in range(100)]
    assert sum(len(one.table) for one in found) == 0
    assert sum(len(one.anomalies) > 0 for one in found) <= 4


def test_values_that_depend_on_their_neighbours_are_mostly_told_from_changes():
    """An autoregressive row of 0.5 wanders; blocks of it in a random order show as much, nearly always."""
    reported = scanned = 0
    for seed in range(20):
        random, log = np.random.default_rng(seed), np.zeros(1000)
        for place in range(1, 1000):
            log[place] = 0.5 * log[place - 1] + random.normal(0, 0.05)
        scanned += len(splits(level_scores(log), alpha=0.01))
        reported += len(sentry.changes(times(50 * np.exp(log))).table)
    assert scanned > 5 * reported
    assert reported <= 2


def test_by_checks_and_of_what_passed_only(frame_of):
    frame = frame_of({"shop/health": "+" * 60 + "-" * 20, "shop/login": "+" * 80})
    frame.loc[frame["status"] == "down", "response_ms"] = 1.0
    found = sentry.changes(frame, application="shop")
    assert [(one.check, len(one.log)) for one in found.responses] == [("health", 60), ("login", 80)]
    assert len(found.table) == 0


@pytest.mark.parametrize("values", [[10.0], [10.0] * 4, [10.0] * 200])
def test_rows_with_nothing_to_find(values):
    found = sentry.changes(times(values))
    assert len(found.table) == 0
    assert len(found.anomalies) == 0


def test_one_different_value_among_equal_ones_is_an_anomaly():
    values = [10.0] * 200
    values[77] = 30.0
    (row,) = sentry.changes(times(values)).anomalies.to_dict("records")
    assert row["worst_ms"] == pytest.approx(30)
    assert row["z"] == np.inf


def test_missing_and_nought_are_left_out_and_order_does_not_matter():
    values = times(np.r_[normal(100, 1), normal(100, 2, middle=90)])
    values.iloc[5], values.iloc[9] = np.nan, 0.0
    shuffled = values.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(sentry.changes(values).table, sentry.changes(shuffled).table)
    assert len(sentry.changes(values).responses[0].log) == 198


def test_what_cannot_be_looked_at_is_refused_in_words(frame_of):
    with pytest.raises(sentry.AppSentryError, match="no result that passed has a response time"):
        sentry.changes(times([np.nan, np.nan]))
    with pytest.raises(sentry.AppSentryError, match=r"indexed by instants with a zone: series\.tz_localize"):
        sentry.changes(pd.Series([1.0, 2.0]))
    with pytest.raises(sentry.AppSentryError, match="no application 'shp'; it has shop"):
        sentry.changes(frame_of({"shop": "++"}), application="shp")
    with pytest.raises(ValueError, match="expected 0 < alpha < 1"):
        sentry.changes(times([1.0]), alpha=0)


def test_the_smallest_stretch_can_be_found_at_the_end():
    values = np.r_[normal(1000, 1), normal(LEAST + 2, 2, middle=100)]
    (row,) = sentry.changes(times(values)).table.to_dict("records")
    assert row["n_after"] == LEAST + 2


def test_the_p_value_of_nothing_is_not_small():
    scores = level_scores(np.random.default_rng(5).normal(size=300))
    assert by_chance(scores, 150, seed=1) > 0.05


def test_scores_of_equal_values_are_equal_and_finite():
    scores = spread_scores(np.array([0.0, 1.0, 1.0, 5.0]))
    assert scores[1] == scores[2]
    assert np.isfinite(scores).all()
    assert splits(level_scores(np.ones(50)), alpha=0.01) == []
