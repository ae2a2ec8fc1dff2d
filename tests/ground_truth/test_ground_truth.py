"""What truly was against what is counted: scripts of which everything is known, played through the real server."""

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.ledger import Ledger
from appsentry_contract.accounting.policy import DEFAULT
from appsentry_contract.accounting.sketch import RELATIVE_ERROR, SMALLEST_MS, Sketch
from appsentry_contract.accounting.spans import Spans

LEAST = 1e-9


def micros(instant: pd.Timestamp) -> int:
    return (instant - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1us")


def true_uptime(case: Any, account: Any, name: str) -> Fraction | None:
    truth, without = case.played.truth[name], case.played.maintenance[name]
    return truth.uptime(micros(account.since), micros(account.until), without)


def all_seen(case: Any, name: str) -> bool:
    """Whether a result was made in every outage and between any two, those apart of which a gap says so."""
    truth = case.played.truth[name]
    rows = case.frame[(case.frame["application"] == name) & (case.frame["status"] != "unknown")]
    due = rows["ts"].astype("int64")
    looked = (due + (rows["late_ms"] * 1000).round().astype("int64")).tolist()
    gap = 2 * int(rows["interval_s"].iloc[0] * 1_000_000)
    due = [-gap, *due.tolist(), truth.edges[-1] + 2 * gap]
    changes = [
        place for place, state in enumerate(truth.states) if place == 0 or (state == "down") != is_down(truth, place)
    ]
    edges = [truth.edges[place] for place in changes] + [truth.edges[-1]]
    for begin, end in pairwise(edges):
        looks = bisect_left(looked, end) - bisect_left(looked, begin)
        behind = bisect_left(looked, end)
        if not looks and due[behind + 1] - due[behind] <= gap:
            return False
    return True


def is_down(truth: Any, place: int) -> bool:
    return bool(truth.states[place - 1] == "down")


def test_the_range_with_its_stated_error_contains_the_true_uptime_when_every_change_was_seen(case: Any) -> None:
    seen = {name for name in case.played.truth if all_seen(case, name)}
    assert len(seen) > len(case.played.truth) / 5
    for account in case.accounts:
        rows = account.table.join(account.coverage["edge_error"]).join(account.reliability["blip_s"])
        for name in sorted(seen):
            row, true = rows.loc[name], true_uptime(case, account, name)
            if true is not None:
                accountable_s = row[["up_s", "degraded_s", "down_s", "unknown_s"]].sum()
                low = row["uptime_low"] - row["edge_error"] - row["blip_s"] / accountable_s
                high = row["uptime_high"] + row["edge_error"]
                assert low - LEAST <= true <= high + LEAST, (case.name, name, float(true), low, high)


def test_an_outage_long_enough_to_be_counted_is_in_the_range_without_its_blips(case: Any) -> None:
    for account in case.accounts:
        rows = account.table.join(account.coverage["edge_error"]).join(account.reliability["blip_s"])
        for name, row in rows[rows["blip_s"] == 0].iterrows():
            true = true_uptime(case, account, str(name))
            if true is not None and all_seen(case, str(name)):
                low, high = row["uptime_low"] - row["edge_error"], row["uptime_high"] + row["edge_error"]
                assert low - LEAST <= true <= high + LEAST, (case.name, name, float(true), low, high)


def test_what_was_not_seen_is_bounded_by_how_often_the_truth_changed(case: Any) -> None:
    for account in case.accounts:
        since, until = micros(account.since), micros(account.until)
        for name, figures in account.figures.items():
            truth, time = case.played.truth[name], figures.time
            rows = case.frame[case.frame["application"] == name]
            holds = 2 * int(rows["interval_s"].iloc[0] * 1_000_000) + int(rows["late_ms"].max() * 1000)
            places = [place for place in range(1, len(truth.states)) if since - holds < truth.edges[place] < until]
            changes = len(places) + 1 + len(case.script.jumps)
            true_down = truth.spent(since, until, case.played.maintenance[name])["down"]
            least, most = time.down - changes * holds, time.down + time.blip + time.unknown + changes * holds
            assert least <= true_down <= most, (case.name, name)


def test_the_states_add_up_to_the_window_to_the_microsecond(case: Any) -> None:
    for account in case.accounts:
        window = micros(account.until) - micros(account.since)
        states = account.states
        lengths = states["end"].astype("int64") - states["begin"].astype("int64")
        for name, figures in account.figures.items():
            assert figures.time.window == window
            mine = states["application"] == name
            assert lengths[mine].sum() == window
            for word in ("up", "degraded", "down", "unknown", "excluded"):
                words = [word, "blip"] if word == "up" else [word]
                assert lengths[mine & states["state"].isin(words)].sum() == getattr(figures.time, word)


def test_every_waterfall_adds_up_exactly(case: Any) -> None:
    since, until = case.windows[1]
    for other in case.others:
        compared = sentry.compare(case.frame, "default", other, since=since, until=until)
        sums = compared.table.groupby("application")["seconds"].sum()
        assert (sums == compared.difference[sums.index]).all()
        assert (compared.downtime["b"] - compared.downtime["a"] == compared.difference).all()


def test_what_the_server_keeps_counts_the_same_as_the_raw_results(case: Any) -> None:
    since, until = (micros(edge) // 1000 for edge in case.windows[1])
    bounds = [pd.Timestamp(edge, unit="ms", tz="UTC") for edge in (since, until)]
    account = sentry.account(case.frame, since=bounds[0], until=bounds[1])
    for (name, _), arrays in case.played.summaries.spans.items():
        tally, raw = Ledger([Spans.of(arrays)], DEFAULT).tally(since, until), account.figures[name].time
        for word in ("up", "blip", "degraded", "down", "unknown", "excluded"):
            assert getattr(tally, word) * 1000 == getattr(raw, word), (case.name, name, word)


def test_percentiles_of_sketches_are_within_their_stated_error(case: Any) -> None:
    sketches = case.played.summaries.sketches
    passed = case.frame[case.frame["status"].isin(["up", "degraded"])]
    for name, times in passed.groupby("application")["response_ms"]:
        merged = Sketch.merged(sketch for (key, _), sketch in sketches.items() if key[0] == name)
        exact = np.sort(times.to_numpy())
        assert len(merged) == len(exact)
        for q in (0.0, 0.5, 0.95, 0.99, 1.0):
            value = exact[int(q * (len(exact) - 1))]
            assert merged.quantile(q) == pytest.approx(value, rel=RELATIVE_ERROR * (1 + LEAST), abs=SMALLEST_MS)
