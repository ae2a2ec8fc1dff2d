"""The figures that explain: incidents, changes, comparisons, budgets and waterfalls."""

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry

HOSTILE = "<b onclick=x>shop $x$"


def timed(n=400, *, name="shop", factor=1.0, start="2026-11-02T00:00:00Z", seed=1) -> pd.DataFrame:
    times = 50 * factor * np.exp(np.random.default_rng(seed).normal(0, 0.1, n))
    ts = pd.date_range(start, periods=n, freq="1min").as_unit("us")
    return pd.DataFrame(
        {"ts": ts, "application": name, "check": "health", "status": "up", "response_ms": times, "interval_s": 60.0}
    )


def drawn(beats, name, look="light"):
    history = beats.named({name: "++++++---++++--+++++" * 3, "base": "+++++----+++++++++++" * 3})
    parted = pd.concat([timed(name=name), timed(name=name, factor=1.4, start="2026-11-03T00:00:00Z", seed=2)])
    return {
        "incident": sentry.incidents(history)[0].figure(look=look),
        "changes": sentry.fig.changes(parted, look=look),
        "compare": sentry.fig.compare(parted, at="2026-11-03T00:00Z", look=look),
        "budget": sentry.fig.budget(history, application=name, targets=80, look=look),
        "waterfall": sentry.fig.waterfall(sentry.compare(history), application=name, look=look),
    }


def texts(of):
    if isinstance(of, dict):
        return [text for value in of.values() for text in texts(value)]
    if isinstance(of, list | tuple):
        return [text for value in of for text in texts(value)]
    return [of] if isinstance(of, str) else []


def test_a_name_is_never_markup_nor_a_formula(beats):
    for kind, figure in drawn(beats, HOSTILE).items():
        for text in texts(figure.to_plotly_json()):
            assert "<b" not in text, kind
            assert "$" not in text, kind


@pytest.mark.parametrize("look", ["light", "dark"])
def test_each_says_of_how_many_results_of_which_time_and_how_counted(beats, look):
    for figure in drawn(beats, "shop", look).values():
        said = figure.layout.title.subtitle.text
        assert said.startswith("n = ")
        assert "covers" in said or "no statuses" in said
        assert "policy" in said
        assert said.endswith("UTC")
        assert len(figure.table)


def test_an_incident_shows_each_window_from_the_last_good_result_to_the_first_bad_one(beats):
    one = sentry.incidents(beats(shop="++++----++", base="++------++"))[0]
    (windows,) = [trace for trace in one.figure().data if trace.name == "may have failed"]
    ends = pd.to_datetime(pd.Series(windows.x).dropna(), unit="ms", utc=True).tolist()
    assert ends == one.onsets[["last_good", "first_bad"]].to_numpy().ravel().tolist()


def test_down_is_told_by_its_pattern_and_glyph_beside_its_colour(beats):
    bars = {
        trace.name: trace for trace in sentry.incidents(beats(shop="++---++"))[0].figure().data if trace.type == "bar"
    }
    assert set(bars) == {"✓ up", "✗ down"}
    assert bars["✗ down"].marker.pattern.shape != bars["✓ up"].marker.pattern.shape


def test_slower_is_said_only_where_the_interval_leaves_no_other_answer():
    same = sentry.fig.compare(timed(seed=1), timed(seed=2)).table
    slower = sentry.fig.compare(timed(seed=1), timed(seed=2, factor=1.2)).table
    assert same["sure"].tolist() == ["cannot tell", "cannot tell"]
    assert slower["sure"].tolist() == ["slower", "slower"]
    assert slower.loc["p50", "difference_low_ms"] < 10 < slower.loc["p50", "difference_high_ms"]


def test_the_intervals_are_those_of_drawing_samples_again_and_again():
    values = timed(200)["response_ms"].to_numpy()
    table = sentry.fig.compare(timed(200), timed(200, seed=2)).table
    random = np.random.default_rng(3)
    medians = np.median(random.choice(values, (4_000, 200)), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    assert table.loc["p50", "before_low_ms"] == pytest.approx(low, rel=0.01)
    assert table.loc["p50", "before_high_ms"] == pytest.approx(high, rel=0.01)


def test_the_same_question_has_the_same_answer():
    pd.testing.assert_frame_equal(
        sentry.fig.compare(timed(), timed(seed=2)).table, sentry.fig.compare(timed(), timed(seed=2)).table
    )


def test_no_quantile_that_n_cannot_carry():
    table = sentry.fig.compare(timed(10), timed(400)).table
    assert table.loc["p95", ["before_ms", "before_low_ms", "difference_ms"]].isna().all()
    assert table.loc["p95", "sure"] == "cannot tell"
    assert table.loc["p50", "before_ms"] > 0


def test_what_is_left_of_a_budget_ends_where_the_account_does(beats):
    counted = sentry.account(beats(shop="+" * 90 + "-" * 5 + "+" * 5), targets=90)
    table = sentry.fig.budget(counted).table
    assert table["remaining"].iloc[0] == 1
    assert table["remaining"].iloc[-1] == pytest.approx(counted.table.loc["shop", "budget_remaining"])
    assert table["remaining"].is_monotonic_decreasing
    assert table["burn_1h"].iloc[-1] == pytest.approx(counted.burn_rate("1h")["shop"])


def test_a_budget_by_count_ends_where_the_account_does(beats):
    counted = sentry.account(beats(shop="+" * 90 + "-" * 5 + "+" * 5), "uptime_kuma", targets=90)
    left = sentry.fig.budget(counted).table["remaining"].iloc[-1]
    assert left == pytest.approx(counted.table.loc["shop", "budget_remaining"])


def test_a_waterfall_leads_from_the_one_downtime_to_the_other(beats):
    compared = sentry.compare(beats(shop="+++--+++---+"), "default", "uptime_kuma")
    table = sentry.fig.waterfall(compared).table
    assert table["level_s"].iloc[-2] == table["level_s"].iloc[-1] == compared.downtime.loc["shop", "b"]
    assert table["level_s"].iloc[0] == compared.downtime.loc["shop", "a"]


def test_what_cannot_be_drawn_is_refused_in_words(beats):
    two = beats(shop="++---++", base="+++++++")
    with pytest.raises(sentry.AppSentryError, match=r"name it, application=\.\.\.; there are base, shop"):
        sentry.fig.budget(two, targets=90)
    with pytest.raises(sentry.AppSentryError, match="nothing is promised of shop"):
        sentry.fig.budget(two, application="shop")
    with pytest.raises(sentry.AppSentryError, match="no application 'shp'"):
        sentry.fig.waterfall(sentry.compare(two), application="shp")
    with pytest.raises(sentry.AppSentryError, match=r"name it, application=\.\.\. and check=\.\.\."):
        sentry.fig.changes(two)
    with pytest.raises(sentry.AppSentryError, match=r"the instant that parts it: at="):
        sentry.fig.compare(two)
    with pytest.raises(sentry.AppSentryError, match="after: this frame holds no result"):
        sentry.fig.compare(two, at="2027-01-01T00:00Z")
    with pytest.raises(ValueError, match="names no offset from UTC"):
        sentry.fig.compare(two, at="2026-11-02")
