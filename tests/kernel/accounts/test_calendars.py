"""Time by the wall clock of a zone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.policy import DEFAULT

FrameOf = Callable[..., pd.DataFrame]
OFFICE = sentry.ServiceHours(
    rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=0;BYSECOND=0",
    lasting=timedelta(hours=10),
    holidays=(date(2026, 10, 26),),
)
BERLIN = replace(DEFAULT, name="office", service_hours=OFFICE, zone="Europe/Berlin")


def hourly(frame_of: FrameOf, start: str, hours: int) -> pd.DataFrame:
    return frame_of({"shop": "+" * hours}, start=start, step="1h")


def test_time_outside_service_hours_is_excluded_and_a_holiday_has_none(frame_of: FrameOf) -> None:
    week = hourly(frame_of, "2026-10-25T23:00:00Z", 24 * 7)
    table = sentry.account(week, BERLIN).table
    assert table.loc["shop", ["up_s", "excluded_s"]].tolist() == [4 * 36_000, 7 * 86_400 - 4 * 36_000]
    states = sentry.account(week, BERLIN).states
    opened = states[states["state"] == "up"]["begin"]
    assert opened.tolist() == [pd.Timestamp(f"2026-10-{day}T07:00:00Z") for day in (27, 28, 29, 30)]


def test_service_hours_follow_the_wall_clock_through_its_changes(frame_of: FrameOf) -> None:
    night = replace(BERLIN, service_hours=sentry.ServiceHours(
        rule="FREQ=DAILY;BYHOUR=22;BYMINUTE=0;BYSECOND=0", lasting=timedelta(hours=8)
    ))  # fmt: skip
    for start, hours in (("2026-03-28T12:00:00Z", 7), ("2026-10-24T12:00:00Z", 9), ("2026-06-01T12:00:00Z", 8)):
        table = sentry.account(hourly(frame_of, start, 24), night).table
        assert table.loc["shop", "up_s"] == hours * 3600


def test_an_opening_that_began_before_the_window_is_open_in_it(frame_of: FrameOf) -> None:
    table = sentry.account(hourly(frame_of, "2026-10-28T10:00:00Z", 2), BERLIN).table
    assert table.loc["shop", ["up_s", "excluded_s"]].tolist() == [7200, 0]


def test_months_are_those_of_the_zone_and_a_cut_one_is_partial(frame_of: FrameOf) -> None:
    frame = hourly(frame_of, "2026-02-10T00:00:00Z", 24 * 60)
    months = sentry.account(frame, replace(DEFAULT, zone="Europe/Berlin")).by("month").loc["shop"]
    assert months["partial"].tolist() == [True, False, True]
    assert months.index[1] == pd.Timestamp("2026-03-01", tz="Europe/Berlin")
    assert months["up_s"].iloc[1] == (31 * 24 - 1) * 3600, "March has an hour less"
    assert months["up_s"].sum() == 60 * 86_400
    weeks = sentry.account(frame).by("week")
    assert {begin.weekday() for _, begin in weeks.index} == {0}


def test_what_is_no_rule_zone_or_unit_is_refused(frame_of: FrameOf) -> None:
    frame = hourly(frame_of, "2026-10-28T10:00:00Z", 2)
    with pytest.raises(sentry.AppSentryError, match="there is no time zone 'Europe/Berlni'"):
        sentry.account(frame, replace(BERLIN, zone="Europe/Berlni"))
    wrong = replace(BERLIN, service_hours=replace(OFFICE, rule="FREQ=SOMETIMES"))
    with pytest.raises(sentry.AppSentryError, match=r"service_hours\.rule='FREQ=SOMETIMES' is no RFC 5545 rule"):
        sentry.account(frame, wrong)
    with pytest.raises(ValueError, match="expected hour, day, week, month, found 'year'"):
        sentry.account(frame).by("year")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="expected service hours that last longer than nothing"):
        sentry.ServiceHours(rule="FREQ=DAILY", lasting=timedelta(0))
