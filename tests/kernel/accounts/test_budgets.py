"""Error budgets, and how fast they burn."""

from collections.abc import Callable

import pandas as pd
import pytest

import appsentry_kernel as sentry

FrameOf = Callable[..., pd.DataFrame]
START = pd.Timestamp("2026-11-02T00:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    return START + pd.Timedelta(seconds=seconds)


def test_a_budget_runs_out_at_the_present_rate(frame_of: FrameOf) -> None:
    account = sentry.account(frame_of({"shop": "+" * 95 + "---" + "++", "free": "+"}), targets={"shop": 90})
    row = account.budget.loc["shop"]
    assert row[["target", "allowed_s", "consumed_s", "remaining_s", "remaining"]].tolist() == [0.9, 100, 30, 70, 0.7]
    assert row["burn_rate"] == pytest.approx(0.3)
    # 30 s in 1,000 s, so the 70 s that are left take 2,333.333 s.
    assert abs(row["runs_out"] - at(1000 + 7000 / 3)) <= pd.Timedelta(microseconds=1)
    assert account.budget.loc["free"].isna().all()


def test_a_budget_that_is_overdrawn_says_when_it_was_used_up(frame_of: FrameOf) -> None:
    row = sentry.account(frame_of({"shop": "+" * 10 + "-----" + "+" * 85}), targets=99).budget.loc["shop"]
    assert (row["remaining_s"], row["runs_out"]) == (-40, at(110))


def test_a_budget_of_which_nothing_is_used_never_runs_out(frame_of: FrameOf) -> None:
    row = sentry.account(frame_of({"shop": "++++"}), targets=99).budget.loc["shop"]
    assert pd.isna(row["runs_out"])
    assert (row["remaining"], row["burn_rate"]) == (1, 0)


def test_burn_rates_at_many_instants_are_a_frame(frame_of: FrameOf) -> None:
    account = sentry.account(frame_of({"shop": "+++---+++", "free": "+" * 9}), targets={"shop": 50})
    rates = account.burn_rate("30s", [at(30), at(60), at(75), at(200)])
    assert rates["shop"].tolist()[:3] == [0, 2, 1]
    assert rates["shop"].isna().tolist() == [False, False, False, True], "of that time nothing is known"
    assert rates["free"].isna().all()
    assert account.burn_rate("30s")["shop"] == 0
