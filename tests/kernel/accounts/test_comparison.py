"""What sets two policies apart, cause by cause."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta

import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.policy import DEFAULT
from appsentry_kernel.accounts.comparison import CAUSES

FrameOf = Callable[..., pd.DataFrame]
START = pd.Timestamp("2026-11-02T00:00:00Z")


def test_every_choice_of_a_policy_belongs_to_one_cause_or_moves_no_downtime() -> None:
    owned = [field for choices in CAUSES.values() for field in choices]
    assert sorted([*owned, "name", "version", "responses"]) == sorted(field.name for field in fields(sentry.Policy))


def test_each_cause_takes_the_seconds_that_it_makes(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+--+~~+---....++"})
    maintenance = [(START + pd.Timedelta(seconds=70), START + pd.Timedelta(seconds=80))]
    b = replace(DEFAULT, name="b", confirm=1, gaps="down", maintenance="measured", degraded_weight=0.5)
    compared = sentry.compare(frame, "default", b, maintenance=maintenance)
    # 20 s of blip; 30 s of gap that no result covers (110 until 140); 10 s of maintenance; half of 20 s degraded.
    assert dict(zip(compared.table["cause"], compared.table["seconds"], strict=True)) == {
        "retries": 20, "gaps": 30, "maintenance": 10, "service hours": 0, "degraded": 10, "weighting": 0,
    }  # fmt: skip
    assert compared.difference["shop"] == 70
    assert compared.downtime.loc["shop"].tolist() == [30, 100]
    assert compared.a.policy == DEFAULT
    assert compared.b.policy == b


def test_service_hours_are_a_cause_of_their_own(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+---" + "+" * 10 + "---+"})
    night = sentry.ServiceHours(rule="FREQ=DAILY;BYHOUR=0;BYMINUTE=1;BYSECOND=0", lasting=timedelta(hours=23))
    compared = sentry.compare(frame, "default", replace(DEFAULT, name="hours", service_hours=night))
    seconds = compared.table.set_index("cause")["seconds"]
    assert seconds["service hours"] == -30
    assert compared.b.table.loc["shop", "excluded_s"] == 60


def test_policies_that_take_checks_together_otherwise_have_one_cause_more(frame_of: FrameOf) -> None:
    frame = frame_of({"shop/health": "++++++", "shop/login": "+---++"})
    compared = sentry.compare(frame, "default", replace(DEFAULT, combine="health"))
    assert compared.table["cause"].tolist()[-2:] == ["checks", "weighting"]
    assert compared.table.set_index("cause")["seconds"]["checks"] == -30


def test_microseconds_survive_the_floating_point(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+-" * 40}, step="10.000001s")
    compared = sentry.compare(frame, "default", replace(DEFAULT, confirm=1))
    assert round(compared.difference["shop"], 6) == 400.00004
    assert sum(compared.table["seconds"]) == compared.difference["shop"]


def test_the_columns_are_promised_for_an_empty_frame_too(frame_of: FrameOf) -> None:
    compared = sentry.compare(frame_of({"shop": "+"}).iloc[:0])
    assert compared.table.dtypes.to_dict() == sentry.compare(frame_of({"shop": "+"})).table.dtypes.to_dict()
    assert compared.difference.empty


def test_a_policy_compared_with_itself_differs_in_nothing(frame_of: FrameOf) -> None:
    compared = sentry.compare(frame_of({"shop": "+-~?--+"}), "gatus", "gatus")
    assert (compared.table["seconds"] == 0).all()
    with pytest.raises(sentry.AppSentryError, match="there is no policy 'none'"):
        sentry.compare(frame_of({"shop": "+"}), "default", "none")
