"""Each figure's table, counted by hand for small frames."""

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.timeline import STATES


def _at(text):
    return pd.Timestamp(f"2026-11-02T{text}Z")


def test_latency_has_only_the_quantiles_that_n_carries(beats):
    frame = beats(shop="+" * 100 + "-" * 10 + "+")
    whole = sentry.fig.latency(frame, until="2026-11-02T01:40:00Z", every="1d").table
    assert whole["n"].tolist() == [100]
    row = whole.iloc[0]
    assert row[["p10_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms"]].tolist() == pytest.approx(
        [109, 505, 901, 990.1, 1000]
    )
    assert sentry.fig.latency(frame, every="1d").table["n"].tolist() == [101]
    few = sentry.fig.latency(frame, until="2026-11-02T00:09:00Z", every="1d").table.iloc[0]
    assert few["p50_ms"] == 50
    assert few[["p10_ms", "p90_ms", "p99_ms"]].isna().all()


def test_heartbeats_are_the_last_ones_newest_at_nought(beats):
    frame = beats.named({"shop": "+-~", "pay/health": "?+", "pay/login": "m-"})
    figure = sentry.fig.heartbeats(frame, beats=2)
    columns = ["application", "check", "beat", "status", "glyph", "response_ms", "failure"]
    rows = figure.table[columns].astype(object).where(figure.table[columns].notna(), None).values.tolist()
    assert rows == [
        ["pay", "health", -1, "unknown", "?", 10.0, None],
        ["pay", "health", 0, "up", "✓", 20.0, None],
        ["pay", "login", -1, "maintenance", "m", 10.0, None],
        ["pay", "login", 0, "down", "✗", 20.0, "refused"],
        ["shop", "health", -1, "down", "✗", 20.0, "refused"],
        ["shop", "health", 0, "degraded", "~", 30.0, None],
    ]
    assert figure.table["ts"].iloc[-1] == _at("00:02:00")
    assert [trace.customdata[0] for trace in figure.data if trace.name == "down"] == ["2026-11-02 00:01:00, 20.0 ms"]
    assert list(figure.layout.yaxis.ticktext) == ["pay · health", "pay · login", "shop"]
    with pytest.raises(ValueError, match="at least 1 beat, found beats=0"):
        sentry.fig.heartbeats(frame, beats=0)


def test_heartbeats_need_no_check_and_no_response_time(beats):
    frame = beats(shop="+-").drop(columns=["check", "response_ms", "failure"])
    table = sentry.fig.heartbeats(frame).table
    assert table["status"].tolist() == ["up", "down"]
    assert table[["check", "response_ms", "failure"]].isna().all(axis=None)


def test_a_day_has_its_uptime_its_range_and_says_when_it_is_cut(beats):
    # Hours: up all of the 1st, on the 2nd six down and six of which nothing is known after the two that hold on.
    frame = beats("2026-11-01T00:00:00Z", 3_600, shop="+" * 24 + "-" * 6 + "+" * 10 + "." * 7 + "+" + "+" * 12)
    figure = sentry.fig.daily(frame)
    table = figure.table
    assert table["day"].tolist() == [pd.Timestamp(f"2026-11-0{day}", tz="UTC") for day in (1, 2, 3)]
    assert table["down_s"].tolist() == [0, 6 * 3_600, 0]
    assert table["unknown_s"].tolist() == [0, 6 * 3_600, 0]
    assert table["uptime"].tolist() == [1, 12 / 18, 1]
    assert table["uptime_low"].tolist() == [1, 0.5, 1]
    assert table["uptime_high"].tolist() == [1, 0.75, 1]
    assert table["checks"].tolist() == [24, 17, 12]
    assert table["cut"].tolist() == [False, False, True]
    assert figure.data[0].z.tolist() == [[0, 2, 0]]
    partial = next(trace for trace in figure.data if trace.name == "partial data")
    assert pd.to_datetime(partial.x, unit="ms").day.tolist() == [2, 3]


def test_days_are_those_of_the_zone_and_may_have_25_hours(beats):
    frame = beats("2026-10-23T22:00:00Z", 3_600, shop="+" * 24 + "-" * 25 + "+" * 24)
    table = sentry.fig.daily(frame, zone="Europe/Berlin").table
    assert table["down_s"].tolist() == [0, 25 * 3_600, 0]
    assert not table["cut"].any()
    assert [day.isoformat() for day in table["day"]] == [
        "2026-10-24T00:00:00+02:00",
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    ]


def test_only_the_last_days_are_counted_and_what_was_before_says_how_they_began(beats):
    frame = beats("2026-11-01T00:00:00Z", 3_600, shop="+" * 22 + "--" + "-" + "+" * 47)
    figure = sentry.fig.daily(frame, days=2)
    # The row of three downs began on the day before.
    assert figure.table["down_s"].tolist() == [3_600, 0]
    assert figure.layout.title.subtitle.text.startswith("n = 48 · ")
    with pytest.raises(ValueError, match="at least 1 day, found days=0"):
        sentry.fig.daily(frame, days=0)


def test_a_day_is_judged_by_its_target(beats):
    frame = beats("2026-11-01T00:00:00Z", 3_600, shop="+" * 21 + "---")
    assert sentry.fig.daily(frame, target=87.5).data[0].z.tolist() == [[1]]
    assert sentry.fig.daily(frame, target=0.876).data[0].z.tolist() == [[2]]
    maintained = sentry.fig.daily(beats("2026-11-01T00:00:00Z", 3_600, shop="m" * 24))
    assert maintained.data[0].z.tolist() == [[4]]


def test_the_timeline_shows_every_state_in_its_time(beats):
    figure = sentry.fig.timeline(beats(shop="++---~?m+-+"))
    rows = [(row.state, row.begin, row.seconds) for row in figure.table.itertuples()]
    assert rows == [
        ("up", _at("00:00:00"), 120),
        ("down", _at("00:02:00"), 180),
        ("degraded", _at("00:05:00"), 60),
        ("unknown", _at("00:06:00"), 60),
        ("excluded", _at("00:07:00"), 60),
        ("up", _at("00:08:00"), 60),
        ("blip", _at("00:09:00"), 60),
        ("up", _at("00:10:00"), 60),
    ]
    assert max(figure.data, key=lambda trace: trace.width).name == "✗ down"
    drawn = {trace.name: np.asarray(trace.x).tolist() for trace in figure.data}
    assert drawn["✗ down"] == [180_000]
    assert list(figure.data[0].customdata) == ["2026-11-02 00:07:00, 60 s"]
    assert drawn["✓ up"] == [120_000, 60_000, 60_000]


def test_no_outage_is_too_short_to_be_seen_and_no_bar_too_many(beats):
    frame = beats(shop="+" * 30_000 + "---" + "+" * 30_000 + "---+++" * 3_000)
    figure = sentry.fig.timeline(frame)
    pixel_ms = 78_003 * 60 / 1_000 * 1_000
    down = next(trace for trace in figure.data if trace.name == "✗ down")
    assert len(figure.table) == 6_003
    assert sum(len(trace.x) for trace in figure.data) <= 2_500
    assert down.base[0] == _at("00:00:00").value / 1e6 + 30_000 * 60_000
    assert np.min(down.x) >= pixel_ms
    # Of what is merged, the worst is shown: the flapping is one bar, and says of how many stretches.
    assert down.customdata[-1].endswith(" s, 6,000 states")
    assert [trace.name[2:] for trace in figure.data] == [state for state in STATES if state in ("up", "down")]


def test_an_hour_that_comes_twice_makes_no_bar_of_negative_width(beats):
    frame = beats("2026-10-25T00:30:00Z", 60, shop="+" * 25 + "-" * 20 + "+" * 60)
    figure = sentry.fig.timeline(frame, zone="Europe/Berlin")
    assert figure.table["seconds"].tolist() == [1_500, 1_200, 3_600]
    assert all(np.min(trace.x) >= 0 for trace in figure.data)


def test_the_heatmap_counts_by_stretch_and_by_tenths_of_a_power_of_ten(beats):
    frame = beats(shop="+" * 6 + "-")
    frame["response_ms"] = [1.0, 1.2, 1.3, 10.0, 0.0, 100.0, 5.0]
    table = sentry.fig.latency_heatmap(frame, every="4m").table
    assert table["begin"].tolist() == [_at("00:00:00")] * 3 + [_at("00:04:00")] * 2
    assert table["low_ms"].tolist() == pytest.approx([1, 10**0.1, 10, 1, 100])
    assert table["high_ms"].tolist() == pytest.approx([10**0.1, 10**0.2, 10**1.1, 10**0.1, 10**2.1])
    assert table["n"].tolist() == [2, 1, 1, 1, 1]


def test_the_heatmap_draws_what_the_table_says(beats):
    frame = beats(shop="+" * 3 + "." * 10 + "+" * 2)
    frame["response_ms"] = [1.0, 20.0, 20.0, 1.0, 3_000.0]
    figure = sentry.fig.latency_heatmap(frame, every="1m")
    picture = figure.data[0]
    assert picture.customdata.sum() == figure.table["n"].sum() == 5
    assert np.asarray(picture.z).shape == (len(picture.y) - 1, len(picture.x) - 1) == (35, 15)
    assert np.isfinite(picture.z).sum() == 5


def test_response_times_of_nought_alone_are_drawn(beats):
    table = sentry.fig.latency_heatmap(beats(shop="++").assign(response_ms=0.0)).table
    assert table["n"].sum() == 2


def test_phases_are_means_that_add_up_or_medians(beats):
    frame = beats(shop="+++-+").assign(
        dns_ms=[3.0, None, 6.0, 99.0, None], first_byte_ms=[10.0, 20.0, 60.0, 99.0, None], response_ms=1.0
    )
    means = sentry.fig.phases(frame, every="1h").table
    assert means["begin"].tolist() == [_at("00:00:00")]
    assert means.iloc[0, 1:].tolist() == [3, 3, 0, 0, 30, 0]
    medians = sentry.fig.phases(frame, by="median", every="1h").table
    assert medians.iloc[0, 1:].tolist() == [3, 3, 0, 0, 20, 0]
    one = sentry.fig.phases(frame.iloc[:1], by="median", every="1h").table
    assert one.iloc[0, 2:].isna().all()
    with pytest.raises(ValueError, match="expected by to be mean or median, found 'mode'"):
        sentry.fig.phases(frame, by="mode")


def test_the_week_shows_downtime_as_a_share_of_known_time(beats):
    # Two Mondays, 8:00 to 10:00 UTC: on the first the second half hour is down.
    week = 7 * 24 * 60
    signs = "+" * 30 + "-" * 30 + "+" * 60
    frame = beats("2026-11-02T08:00:00Z", 60, shop=signs + "." * (week - 120) + "+" * 120)
    table = sentry.fig.rhythm(frame).table.set_index(["weekday", "hour"])
    assert len(table) == 168
    assert table.loc[(0, 8)].tolist() == [7_200, 1_800, 0.25]
    assert table.loc[(0, 9)].tolist() == [7_200, 0, 0]
    # The last result before the gap holds for two intervals.
    assert table.loc[(0, 10), "known_s"] == 60
    assert np.isnan(table.loc[(3, 8), "share"])
    berlin = sentry.fig.rhythm(frame, zone="Europe/Berlin").table.set_index(["weekday", "hour"])
    assert berlin.loc[(0, 9)].tolist() == [7_200, 1_800, 0.25]


def test_the_week_shows_a_p95_only_where_n_carries_it(beats):
    frame = beats("2026-11-02T08:00:00Z", 60, shop="+" * 60 + "+" * 19)
    figure = sentry.fig.rhythm(frame, show="p95")
    table = figure.table.set_index(["weekday", "hour"])
    assert table.loc[(0, 8)].tolist() == pytest.approx([60, 570.5])
    assert table.loc[(0, 9), "n"] == 19
    assert np.isnan(table.loc[(0, 9), "p95_ms"])
    assert np.isfinite(figure.data[0].z).sum() == 1
    with pytest.raises(ValueError, match="expected show to be downtime or p95, found 'p99'"):
        sentry.fig.rhythm(frame, show="p99")


def test_the_hour_that_comes_twice_counts_twice(beats):
    frame = beats("2026-10-24T22:00:00Z", 60, shop="+" * 60 * 25)
    table = sentry.fig.rhythm(frame, zone="Europe/Berlin").table
    sunday = table[table["weekday"] == 6]
    assert sunday["known_s"].tolist() == [3_600, 3_600, 7_200, *[3_600] * 21]
    assert table["known_s"].sum() == 25 * 3_600


def test_time_is_drawn_by_the_clock_of_the_zone(beats):
    frame = beats("2026-10-25T00:30:00Z", 1_800, shop="++++")
    figure = sentry.fig.latency(frame, every="30m", zone="Europe/Berlin")
    line = next(trace for trace in figure.data if trace.name == "p50")
    hours = pd.to_datetime(np.asarray(line.x), unit="ms").strftime("%H:%M").tolist()
    assert hours == ["02:30", "02:00", "02:30", "03:00"]
    assert figure.table["begin"].iloc[1] == pd.Timestamp("2026-10-25T01:00Z")
