"""Counting, held against the rules read literally and against scripts whose truth is known."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from appsentry_contract.accounting.policy import DEFAULT, Policy
from appsentry_contract.accounting.spans import VERDICTS, Spans
from appsentry_contract.accounting.tally import Tally, account
from appsentry_contract.vocabulary import Verdict

Results = list[tuple[int, Verdict]]
INTERVAL_MS = 20
ORDER = ("excluded", "up", "blip", "degraded", "unknown", "down")


def spans_of(results: Results, interval: int = INTERVAL_MS) -> Spans:
    spans = Spans()
    for due, verdict in results:
        spans.add(due, verdict, interval)
    return spans


def state_at(instant: int, results: Results, policy: Policy) -> str:
    """Rules 1 and 2 for one instant of one check, without spans, arrays or sums."""
    before = [place for place, (due, _) in enumerate(results) if due <= instant]
    if not before or instant >= results[before[-1]][0] + policy.gap_tolerance * INTERVAL_MS:
        return "unknown"
    place = before[-1]
    if results[place][1] != "down":
        return results[place][1]
    told = [(number, verdict) for number, (_, verdict) in enumerate(results) if verdict != "unknown"]
    here = told.index((place, "down"))
    first = last = here
    while first and told[first - 1][1] == "down":
        first -= 1
    while last + 1 < len(told) and told[last + 1][1] == "down":
        last += 1
    return "down" if last - first + 1 >= policy.confirm else "blip"


def literally(checks: list[Results], policy: Policy, since: int, until: int) -> Tally:
    milliseconds = dict.fromkeys(ORDER, 0)
    for instant in range(since, until):
        milliseconds[max((state_at(instant, results, policy) for results in checks), key=ORDER.index)] += 1
    return Tally.of_states([milliseconds[state] for state in ORDER])


histories = st.lists(
    st.tuples(st.sampled_from([1, 19, 20, 20, 20, 20, 21, 35, 40, 41, 60, 90]), st.sampled_from([*VERDICTS, "down"])),
    max_size=14,
).map(lambda steps: [(sum(step for step, _ in steps[: place + 1]), steps[place][1]) for place in range(len(steps))])

policies = st.builds(
    Policy, name=st.just("any"), gap_tolerance=st.sampled_from([1.05, 1.5, 2.0, 3.0]), confirm=st.integers(1, 5)
)


@settings(deadline=None)
@given(st.lists(histories, min_size=1, max_size=3), policies, st.integers(-20, 200), st.integers(0, 300))
def test_the_count_is_what_the_rules_say_instant_by_instant(
    checks: list[Results], policy: Policy, since: int, length: int
) -> None:
    found = account([spans_of(results).arrays() for results in checks], policy, since, since + length)
    assert found == literally(checks, policy, since, since + length)
    assert found.up + found.degraded + found.down + found.unknown == length


@given(st.lists(histories, min_size=1, max_size=3), policies, st.lists(st.integers(-50, 900), min_size=2, max_size=6))
def test_the_parts_of_a_window_add_up_to_it(checks: list[Results], policy: Policy, instants: list[int]) -> None:
    arrays = [spans_of(results).arrays() for results in checks]
    instants.sort()
    parts = [account(arrays, policy, since, until) for since, until in pairwise(instants)]
    whole = account(arrays, policy, instants[0], instants[-1])
    for state in ("up", "degraded", "down", "unknown", "blip"):
        assert sum(getattr(part, state) for part in parts) == getattr(whole, state)


@dataclass(frozen=True)
class Script:
    """An application that is up, down, up, … for so long each, and a check that looks unless the monitor is off."""

    phases_ms: list[int]
    missed: set[int]
    offset_ms: int

    @property
    def edges(self) -> list[int]:
        return [sum(self.phases_ms[: place + 1]) for place in range(len(self.phases_ms))]

    def is_down(self, instant: int) -> bool:
        return sum(edge <= instant for edge in self.edges) % 2 == 1

    def results(self, until: int) -> Results:
        looks = range(self.offset_ms, until, INTERVAL_MS)
        return [(t, "down" if self.is_down(t) else "up") for place, t in enumerate(looks) if place not in self.missed]

    def down(self, until: int) -> int:
        ends = [*self.edges, until]
        return sum(min(end, until) - min(edge, until) for edge, end in zip(ends[::2], ends[1::2], strict=False))


scripts = st.builds(
    Script,
    phases_ms=st.lists(st.integers(1, 150), max_size=8),
    missed=st.sets(st.integers(0, 40), max_size=15),
    offset_ms=st.integers(0, INTERVAL_MS - 1),
)


@settings(max_examples=500)
@given(scripts, policies, st.integers(1, 800))
@example(Script(phases_ms=[19, 1, 300], missed=set(), offset_ms=0), DEFAULT, 400)
def test_the_true_down_time_lies_in_the_range_as_far_as_sampling_allows(
    script: Script, policy: Policy, until: int
) -> None:
    found = account([spans_of(script.results(until)).arrays()], policy, 0, until)
    longest_hold_ms = policy.gap_tolerance * INTERVAL_MS if script.missed else INTERVAL_MS
    slack_ms = longest_hold_ms * sum(edge < until for edge in script.edges)
    truth_ms = script.down(until)
    assert found.down - slack_ms <= truth_ms
    assert truth_ms <= found.down + found.blip + found.unknown + slack_ms


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 3))
def test_outages_that_begin_and_end_when_the_check_looks_are_counted_exactly(steps: list[int], confirm: int) -> None:
    lasting = [step + confirm - 1 if place % 2 else step for place, step in enumerate(steps)]
    script = Script(phases_ms=[step * INTERVAL_MS for step in lasting], missed=set(), offset_ms=0)
    until = sum(script.phases_ms)
    policy = Policy(name="any", confirm=confirm)
    found = account([spans_of(script.results(until)).arrays()], policy, 0, until)
    assert found == Tally(up=until - script.down(until), down=script.down(until))


def test_a_window_that_ends_before_it_begins_is_empty() -> None:
    assert account([spans_of([(0, "up")]).arrays()], DEFAULT, 30, 30) == Tally()
    assert account([spans_of([(0, "up")]).arrays()], DEFAULT, 30, 10) == Tally()


def test_nothing_looked_at_is_unknown() -> None:
    assert account([], DEFAULT, 0, 50) == Tally(unknown=50)
