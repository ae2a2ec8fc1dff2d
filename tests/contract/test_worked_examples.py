"""The page on accounting shows what the code counts."""

import re
from pathlib import Path

import pytest

from appsentry_contract.accounting.budget import judge
from appsentry_contract.accounting.policy import DEFAULT
from appsentry_contract.accounting.spans import SpanArrays, Spans
from appsentry_contract.accounting.tally import Tally, account, uptime
from appsentry_contract.vocabulary import Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "accounting.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```example\n(.*?)\n```", PAGE, re.DOTALL)
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ s \|", line)
]
VERDICTS: dict[str, Verdict] = {"+": "up", "~": "degraded", "-": "down", "?": "unknown"}
STEP_MS = 10_000


def observed(signs: str) -> SpanArrays:
    spans = Spans()
    for place, sign in enumerate(signs):
        if sign != ".":
            spans.add(place * STEP_MS, VERDICTS[sign], STEP_MS)
    return spans.arrays()


def shown(tally: Tally) -> str:
    states = {
        "up": tally.up,
        "blip": tally.blip,
        "degraded": tally.degraded,
        "down": tally.down,
        "unknown": tally.unknown,
    }
    seconds = ", ".join(f"{name} {ms // 1000}" for name, ms in states.items() if ms)
    figure = uptime(tally, DEFAULT)
    value, low, high = (
        f"{round(share * 100, 2):g} %" for share in (figure.value, figure.low, figure.high) if share is not None
    )
    return f"{seconds}; uptime {value}, from {low} to {high}"


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 11
    assert len(ROWS) == 6


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_worked_example_counts_to_what_the_page_says(example: str) -> None:
    *lines, window, expected = example.splitlines()
    since, until = (int(number) * 1000 for number in re.findall(r"\d+", window))
    checks = [observed(line.split()[1]) for line in lines]
    assert shown(account(checks, DEFAULT, since, until)) == expected


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_a_row_of_the_budget_table_is_judged_as_the_page_says(row: list[str]) -> None:
    known, down, window = (int(cell.removesuffix(" s")) * 1000 for cell in row[:3])
    tally = Tally(up=known - down, down=down, unknown=window - known)
    budget, actual = judge(tally, DEFAULT, float(row[3].removesuffix(" %"))), uptime(tally, DEFAULT).value
    figures = ["none" if share is None else f"{round(share * 100, 4):g} %" for share in (actual, budget.remaining)]
    assert [*figures, budget.status] == row[4:]


def test_the_table_of_the_default_policy_is_the_default_policy() -> None:
    for name in ("gap_tolerance", "confirm", "degraded_weight"):
        assert f"| `{name}` | {getattr(DEFAULT, name):g} |" in PAGE
