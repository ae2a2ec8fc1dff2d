"""Reading results under every choice a policy has, held against the rules read instant by instant."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_contract.accounting.ledger import Ledger
from appsentry_contract.accounting.periods import Calendar, Periods
from appsentry_contract.accounting.policy import DEFAULT, Policy
from appsentry_contract.accounting.reading import Observed, Reading
from appsentry_contract.accounting.spans import CODES, MAINTENANCE, VERDICTS, SpanArrays, Spans
from appsentry_contract.accounting.tally import Tally, uptime
from appsentry_contract.accounting.timeline import STATES

WORDS = tuple(CODES)
INTERVAL = 20

Results = list[tuple[int, str]]
Stretches = list[tuple[int, int]]

words = st.sampled_from([*WORDS, "down", "down", "up"])
histories = st.lists(st.tuples(st.sampled_from([1, 19, 20, 20, 20, 20, 21, 35, 41, 90]), words), max_size=12).map(
    lambda steps: [(sum(step for step, _ in steps[: place + 1]), steps[place][1]) for place in range(len(steps))]
)
stretches = st.lists(st.tuples(st.integers(-20, 250), st.integers(0, 60)), max_size=3).map(
    lambda pairs: [(begin, begin + length) for begin, length in pairs]
)
treatments = st.sampled_from(["excluded", "up", "measured"])
policies = st.builds(
    Policy,
    name=st.just("any"),
    confirm=st.integers(1, 4),
    gap_tolerance=st.sampled_from([1.05, 2.0, 3.0, None]),
    gaps=st.sampled_from(["unknown", "up", "down"]),
    maintenance=treatments,
    pauses=treatments,
    outside_service_hours=treatments,
    degraded_weight=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    combine=st.sampled_from(["all", "any"]),
)


def observed(results: Results) -> Observed:
    due = np.array([due for due, _ in results], np.int64)
    codes = np.array([CODES[word] for _, word in results], np.uint8)
    return Observed.of(due, codes, np.full(len(results), INTERVAL))


def state_of(results: Results, place: int, policy: Policy) -> str:
    word = results[place][1]
    if word == "maintenance":
        return {"measured": "unknown"}.get(policy.maintenance, policy.maintenance)
    if word != "down":
        return word
    told = [number for number, (_, verdict) in enumerate(results) if verdict not in ("unknown", "maintenance")]
    first = last = told.index(place)
    while first and results[told[first - 1]][1] == "down":
        first -= 1
    while last + 1 < len(told) and results[told[last + 1]][1] == "down":
        last += 1
    return "down" if last - first + 1 >= policy.confirm else "blip"


def state_at(instant: int, results: Results, policy: Policy) -> str:
    before = [place for place, (due, _) in enumerate(results) if due <= instant]
    if not before:
        return policy.gaps
    if policy.gap_tolerance is not None and instant >= results[before[-1]][0] + policy.hold(INTERVAL):
        return policy.gaps
    return state_of(results, before[-1], policy)


def overlay(instant: int, apart: dict[str, Stretches], policy: Policy) -> str | None:
    found = {
        getattr(policy, field)
        for field, stretch in apart.items()
        if any(begin <= instant < end for begin, end in stretch)
    }
    return "excluded" if "excluded" in found else "up" if "up" in found else None


def combined(states: list[str], combine: str) -> str:
    counted = [state for state in states if state != "excluded"]
    if not counted:
        return "excluded" if states else "unknown"
    order = ("up", "blip", "degraded", "unknown", "down")
    return max(counted, key=order.index) if combine == "all" else min(counted, key=order.index)


@settings(max_examples=300)
@given(
    st.lists(histories, min_size=1, max_size=3), policies, stretches, stretches, stretches, st.lists(
        st.integers(-30, 330), min_size=2, max_size=5
    )
)  # fmt: skip
def test_time_is_what_the_rules_say_instant_by_instant(
    checks: list[Results],
    policy: Policy,
    maintenance: Stretches,
    pauses: Stretches,
    closed: Stretches,
    instants: list[int],
) -> None:
    apart = {"maintenance": maintenance, "pauses": pauses, "outside_service_hours": closed}
    calendar = Calendar(maintenance=Periods.of(maintenance), pauses=Periods.of(pauses), closed=Periods.of(closed))
    reading = Reading.of([observed(results) for results in checks], policy, calendar)
    instants.sort()
    spent, made = reading.timeline.spent(np.array(instants)), reading.made(np.array(instants))
    for (row, since), (_, until) in pairwise(enumerate(instants)):
        expected = dict.fromkeys(STATES, 0)
        for instant in range(since, until):
            states = [state_at(instant, results, policy) for results in checks]
            expected[overlay(instant, apart, policy) or combined(states, policy.combine)] += 1
        assert dict(zip(STATES, (spent[row + 1] - spent[row]).tolist(), strict=True)) == expected
        results = dict.fromkeys(STATES, 0)
        for check in checks:
            for place, (due, _) in enumerate(check):
                if since <= due < until:
                    results[overlay(due, apart, policy) or state_of(check, place, policy)] += 1
        assert dict(zip(STATES, (made[row + 1] - made[row]).tolist(), strict=True)) == results


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-40, 0, 1, 20, 20, 20, 21, 22, 41]), st.sampled_from(VERDICTS), st.sampled_from([20, 40])
        ),
        max_size=60,
    )
)
def test_results_at_once_and_one_by_one_make_the_same_spans(script: list[tuple[int, str, int]]) -> None:
    spans, due = Spans(), 0
    rows = []
    for after, verdict, interval in script:
        due += after
        spans.add(due, verdict, interval)  # type: ignore[arg-type]  # one of VERDICTS
        rows.append((due, CODES[verdict], interval))
    columns = np.array(rows, np.int64).reshape(-1, 3)
    at_once = SpanArrays.of_results(columns[:, 0], columns[:, 1].astype(np.uint8), columns[:, 2])
    for name in ("begin", "end", "n", "verdict", "interval"):
        assert getattr(at_once, name).tolist() == getattr(spans.arrays(), name).tolist()


@given(stretches, stretches, st.integers(-40, 300), st.integers(0, 200))
def test_periods_are_sets_of_instants(some: Stretches, others: Stretches, since: int, length: int) -> None:
    until = since + length
    instants = np.arange(since, until)
    one, other = Periods.of(some), Periods.of(others)
    inside = [any(begin <= instant < end for begin, end in some) for instant in instants]
    assert one.at(instants).tolist() == inside
    assert one.joined(other).at(instants).tolist() == (one.at(instants) | other.at(instants)).tolist()
    outside = Periods.all_but(one, since, until)
    assert outside.at(instants).tolist() == [not there for there in inside]
    assert (np.diff(outside.edges) > 0).all()
    assert not outside.at(np.array([since - 1, until])).any()


def test_a_stretch_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a stretch that ends after it begins, found 9 to 3"):
        Periods.of([(9, 3)])


def test_excluded_time_widens_no_range_and_uses_no_budget() -> None:
    tally = Tally(up=60, down=20, unknown=20, excluded=900)
    assert (tally.accountable, tally.window) == (100, 1000)
    figure = uptime(tally, DEFAULT)
    assert (figure.value, figure.low, figure.high) == (0.75, 0.6, 0.8)


def test_a_ledger_refuses_a_policy_that_invents_what_happens_in_gaps() -> None:
    with pytest.raises(ValueError, match="a ledger needs a policy that leaves gaps unknown, not up"):
        Ledger([Spans()], replace(DEFAULT, gaps="up"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weighting": "mean"}, "expected weighting to be time, count, found 'mean'"),
        ({"maintenance": "down"}, "expected maintenance to be excluded, up, measured, found 'down'"),
        ({"gaps": "ignored"}, "expected gaps to be unknown, up, down, found 'ignored'"),
        ({"combine": ""}, "expected combine to be all, any or the id of a check"),
    ],
)
def test_a_choice_that_is_none_is_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(DEFAULT, **wrong)  # type: ignore[arg-type]  # the point of the test


def test_the_code_of_maintenance_is_no_verdict() -> None:
    assert len(VERDICTS) == MAINTENANCE
