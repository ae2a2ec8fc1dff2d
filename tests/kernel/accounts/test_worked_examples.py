"""The page on accounting shows what the notebook counts."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest

import appsentry_kernel as sentry

FrameOf = Callable[..., pd.DataFrame]
PAGE = (Path(__file__).parents[3] / "docs" / "accounting.md").read_text(encoding="utf-8")
START = pd.Timestamp("2026-11-02T00:00:00Z")


def examples(kind: str) -> list[str]:
    found = re.findall(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)
    assert found
    return found


@pytest.mark.parametrize("example", examples("outages"))
def test_outages_amount_to_what_the_page_says(frame_of: FrameOf, example: str) -> None:
    signs, expected = example.splitlines()
    row = sentry.account(frame_of({"shop": signs.split()[1]})).reliability.loc["shop"]
    assert expected == (
        f"{row['outages']:g} outages; mttr {row['mttr_s']:g}, mtbf {row['mtbf_s']:g}, mttd {row['mttd_s']:g}; "
        f"{row['blips']:g} blip of {row['blip_s']:g}"
    )


@pytest.mark.parametrize("example", examples("burn"))
def test_a_burn_rate_is_what_the_page_says(frame_of: FrameOf, example: str) -> None:
    signs, target, *lines = example.splitlines()
    account = sentry.account(frame_of({"shop": signs.split()[1]}), targets=float(target.split()[1]))
    for line in lines:
        _, over, _, second, rate = line.replace(":", "").split()
        found = account.burn_rate(over, START + pd.Timedelta(seconds=int(second)))
        assert f"{found['shop']:.4f}".rstrip("0").rstrip(".") == rate


@pytest.mark.parametrize("example", examples("compare"))
def test_a_comparison_is_what_the_page_says(frame_of: FrameOf, example: str) -> None:
    signs, expected = example.splitlines()
    a, b = re.findall(r"(\w+) to (\w+):", expected)[0]
    compared = sentry.compare(frame_of({"shop": signs.split()[1]}), a, b)
    causes = ", ".join(f"{row.cause} {round(row.seconds, 4):g}" for row in compared.table.itertuples())
    assert f"{a} to {b}: {causes}; difference {round(compared.difference['shop'], 4):g}" == expected


@pytest.mark.parametrize("name", [name for name in sentry.policies if name != "default"])
def test_the_table_of_policies_is_the_policies(name: str) -> None:
    policy, default = sentry.policies[name], sentry.policies["default"]
    (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", PAGE, re.MULTILINE)
    words = {
        field.name: getattr(policy, field.name)
        for field in fields(sentry.Policy)
        if field.name != "name" and getattr(policy, field.name) != getattr(default, field.name)
    }
    assert row == ", ".join(f"`{field}` {'none' if value is None else value}" for field, value in words.items())


@pytest.mark.parametrize(
    ("zone", "day", "hours"), re.findall(r"^\| ([\w/]+) \| (\d{4}-\d\d-\d\d) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
)
def test_a_day_has_the_hours_that_its_clock_gives_it(frame_of: FrameOf, zone: str, day: str, hours: str) -> None:
    midnight = pd.Timestamp(day, tz=zone)
    frame = frame_of({"shop": "+" * 24 * 4}, start=str(midnight - pd.Timedelta(days=1)), step="1h")
    policy = replace(sentry.policies["default"], zone=zone)
    days = sentry.account(frame, policy).by("day").loc["shop"]
    assert days.loc[midnight, "up_s"] == float(hours) * 3600
    assert not days.loc[midnight, "partial"]
