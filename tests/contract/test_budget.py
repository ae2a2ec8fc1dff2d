"""What is left of an error budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsentry_contract.accounting.budget import judge
from appsentry_contract.accounting.policy import DEFAULT, Policy
from appsentry_contract.accounting.tally import Tally, uptime

DAY_MS = 86_400_000
milliseconds = st.integers(0, 30 * DAY_MS)


def test_without_a_promise_there_is_no_budget() -> None:
    budget = judge(Tally(up=5, down=5), DEFAULT, None)
    assert (budget.status, budget.allowed, budget.remaining) == ("unknown", None, None)


def test_a_minute_down_in_the_first_hour_breaks_no_promise_about_a_month() -> None:
    tally = Tally(up=3_540_000, down=60_000, unknown=30 * DAY_MS - 3_600_000)
    assert judge(tally, DEFAULT, 99.9).status == "met"


def test_the_budget_is_the_target_as_written_not_as_binary_has_it() -> None:
    allowed = 2_592_000
    exactly = judge(Tally(up=30 * DAY_MS - allowed, down=allowed), DEFAULT, 99.9)
    assert (exactly.allowed, exactly.remaining, exactly.status) == (allowed, 0.0, "at_risk")
    more = judge(Tally(up=30 * DAY_MS - allowed - 1, down=allowed + 1), DEFAULT, 99.9)
    assert more.status == "breached"


def test_degraded_time_uses_the_budget_by_its_weight() -> None:
    half = Policy(name="half", degraded_weight=0.5)
    tally = Tally(up=50, degraded=40, down=10)
    assert judge(tally, half, 50.0).remaining == pytest.approx(1 - 30 / 50)
    assert uptime(tally, half).value == pytest.approx(0.7)


@given(milliseconds, milliseconds, milliseconds, milliseconds, st.sampled_from([50.0, 95.0, 99.5, 99.9, 99.99]))
def test_breached_means_missed_even_if_all_unknown_time_was_good(
    up: int, degraded: int, down: int, unknown: int, target: float
) -> None:
    tally = Tally(up=up, degraded=degraded, down=down, unknown=unknown)
    status, high = judge(tally, DEFAULT, target).status, uptime(tally, DEFAULT).high
    if not tally.known:
        assert status == "unknown"
    else:
        assert high is not None
        if abs(high * 100 - target) > 1e-9:
            assert (status == "breached") == (high * 100 < target)


@given(milliseconds, milliseconds, milliseconds)
def test_uptime_lies_in_its_range_and_is_never_rounded_to_all(up: int, down: int, unknown: int) -> None:
    figure = uptime(Tally(up=up, down=down, unknown=unknown), DEFAULT)
    if figure.value is not None:
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high
        assert (figure.value * 100 == 100) == (down == 0)


def test_nothing_known_gives_no_figure_but_the_whole_range() -> None:
    figure = uptime(Tally(unknown=10), DEFAULT)
    assert (figure.value, figure.low, figure.high) == (None, 0.0, 1.0)
    nothing = uptime(Tally(), DEFAULT)
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)


@pytest.mark.parametrize("target", [0.0, 100.0, -1.0, 120.0])
def test_a_target_that_leaves_no_budget_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="expected a target between 0 and 100 percent"):
        judge(Tally(up=1), DEFAULT, target)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gap_tolerance": 0.5}, "expected a gap_tolerance of 1 to 1000 intervals, found 0.5"),
        ({"gap_tolerance": float("nan")}, "expected a gap_tolerance"),
        ({"confirm": 0}, "expected confirm of at least 1, found 0"),
        ({"degraded_weight": 1.5}, "expected a degraded_weight from 0 to 1, found 1.5"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy(name="wrong", **wrong)  # type: ignore[arg-type]  # the point of the test
