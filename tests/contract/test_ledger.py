"""The ledger answers what the plain function answers, whatever comes."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_contract.accounting.ledger import Ledger
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import VERDICTS, Spans
from appsentry_contract.accounting.tally import account
from appsentry_contract.vocabulary import Verdict


@dataclass(frozen=True)
class Arrival:
    """One result: of which check, how long after the newest of that check, its verdict and interval."""

    check: int
    after: int
    verdict: Verdict
    interval: int
    asked: bool


arrivals = st.builds(
    Arrival,
    check=st.integers(0, 2),
    after=st.sampled_from([-5, 0, 1, 10, 10, 10, 10, 11, 21, 25, 300]),
    verdict=st.sampled_from([*VERDICTS, "up", "down"]),
    interval=st.sampled_from([10, 10, 10, 25]),
    asked=st.booleans(),
)
policies = st.builds(
    Policy, name=st.just("any"), gap_tolerance=st.sampled_from([1.1, 2.0, 3.7]), confirm=st.sampled_from([1, 2, 3, 7])
)
windows = st.tuples(st.integers(-50, 600), st.integers(-50, 1200))


@settings(max_examples=400)
@given(st.integers(1, 3), st.lists(arrivals, max_size=80), policies, st.lists(windows, min_size=1, max_size=4))
def test_carried_along_and_counted_at_once_are_equal(
    checks: int, script: list[Arrival], policy: Policy, asked: list[tuple[int, int]]
) -> None:
    spans = [Spans() for _ in range(checks)]
    ledger = Ledger(spans, policy)
    for place, arrival in enumerate(script):
        one = spans[arrival.check % checks]
        one.add((one.last or 0) + arrival.after, arrival.verdict, arrival.interval)
        if arrival.asked:
            since, until = asked[place % len(asked)]
            plain = account([check.arrays() for check in spans], policy, since, until)
            assert ledger.tally(since, until) == plain


@settings(max_examples=200)
@given(st.integers(1, 3), st.lists(arrivals, max_size=60), policies, st.integers(0, 700), st.integers(1, 500))
def test_forgetting_changes_nothing_after_the_instant_it_names(
    checks: int, script: list[Arrival], policy: Policy, before: int, length: int
) -> None:
    spans, whole = [Spans() for _ in range(checks)], [Spans() for _ in range(checks)]
    ledger = Ledger(spans, policy)
    for place, arrival in enumerate(script):
        due = (whole[arrival.check % checks].last or 0) + arrival.after
        for kept in (spans, whole):
            kept[arrival.check % checks].add(due, arrival.verdict, arrival.interval)
        if arrival.asked and place > len(script) // 2:
            for one in spans:
                one.forget(before)
            ledger.forget(before)
        expected = account([one.arrays() for one in whole], policy, before, before + length)
        assert account([one.arrays() for one in spans], policy, before, before + length) == expected
        if arrival.asked:
            assert ledger.tally(before, before + length) == expected


def test_an_application_without_results_is_unknown_throughout() -> None:
    assert Ledger([Spans()], Policy(name="any")).tally(10, 30).unknown == 20
    assert Ledger([], Policy(name="any")).tally(10, 30).unknown == 20
