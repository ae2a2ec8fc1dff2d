"""The page on accounting shows what the code counts."""

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from appsentry_contract.accounting.budget import judge
from appsentry_contract.accounting.periods import Calendar, Periods
from appsentry_contract.accounting.policy import DEFAULT, Policy
from appsentry_contract.accounting.reading import Observed, Reading
from appsentry_contract.accounting.spans import CODES
from appsentry_contract.accounting.tally import Tally, uptime

PAGE = (Path(__file__).parents[2] / "docs" / "accounting.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```example\n(.*?)\n```", PAGE, re.DOTALL)
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ s \|", line)
]
VERDICTS = {"+": "up", "~": "degraded", "-": "down", "?": "unknown", "m": "maintenance"}
APART = {"maintenance": "maintenance", "pause": "pauses", "closed": "closed"}
STEP_MS = 10_000


def observed(signs: str) -> Observed:
    rows = [(place * STEP_MS, CODES[VERDICTS[sign]]) for place, sign in enumerate(signs) if sign != "."]
    due, verdict = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.uint8)
    return Observed.of(due, verdict, np.full(len(rows), STEP_MS))


def policy_of(line: str) -> Policy:
    words = dict(word.split("=") for word in line.split()[1:])
    numbers = {"None": None, "1": 1, "0.5": 0.5}
    return replace(DEFAULT, **{name: numbers.get(word, word) for name, word in words.items()})


def stretch(line: str) -> tuple[int, int]:
    since, until = (int(number) * 1000 for number in re.findall(r"\d+", line))
    return since, until


def shown(tally: Tally, counted: Tally, policy: Policy) -> str:
    states = {
        "up": tally.up,
        "blip": tally.blip,
        "degraded": tally.degraded,
        "down": tally.down,
        "unknown": tally.unknown,
        "excluded": tally.excluded,
    }
    seconds = ", ".join(f"{name} {ms // 1000}" for name, ms in states.items() if ms)
    figure = uptime(counted, policy)
    value, low, high = (
        f"{round(share * 100, 2):g} %" for share in (figure.value, figure.low, figure.high) if share is not None
    )
    return f"{seconds}; uptime {value}, from {low} to {high}"


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 22
    assert len(ROWS) == 6


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_worked_example_counts_to_what_the_page_says(example: str) -> None:
    *lines, window, expected = example.splitlines()
    kinds = [(line.split()[0], line) for line in lines]
    (policy,) = [policy_of(line) for kind, line in kinds if kind == "policy"] or [DEFAULT]
    calendar = Calendar(**{APART[kind]: Periods.of([stretch(line)]) for kind, line in kinds if kind in APART})
    checks = [observed(line.split()[1]) for kind, line in kinds if kind not in ("policy", *APART)]
    reading, edges = Reading.of(checks, policy, calendar), np.array(stretch(window))
    time = Tally.of_states(reading.timeline.spent(edges)[1].tolist())
    results = Tally.of_states(reading.made(edges)[1].tolist())
    assert shown(time, results if policy.weighting == "count" else time, policy) == expected


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_a_row_of_the_budget_table_is_judged_as_the_page_says(row: list[str]) -> None:
    known, down, window = (int(cell.removesuffix(" s")) * 1000 for cell in row[:3])
    tally = Tally(up=known - down, down=down, unknown=window - known)
    budget, actual = judge(tally, DEFAULT, float(row[3].removesuffix(" %"))), uptime(tally, DEFAULT).value
    figures = ["none" if share is None else f"{round(share * 100, 4):g} %" for share in (actual, budget.remaining)]
    assert [*figures, budget.status] == row[4:]


def test_the_table_of_the_default_policy_is_the_default_policy() -> None:
    apart = {"name", "version", "service_hours"}
    for name in {field.name for field in fields(Policy)} - apart:
        found = getattr(DEFAULT, name)
        assert f"| `{name}` | {found if isinstance(found, str) else format(found, 'g')} |" in PAGE
