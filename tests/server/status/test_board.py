"""The board shows what the results say, tells what changed, and is the same after a restart."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_contract.accounting.policy import DEFAULT
from appsentry_contract.accounting.spans import VERDICTS, Spans
from appsentry_contract.accounting.tally import account, uptime
from appsentry_contract.events import validator
from appsentry_contract.instants import to_wire
from appsentry_contract.vocabulary import Verdict
from appsentry_server.checks.kind import CheckSettings
from appsentry_server.configuration.model import ApplicationSettings, SlaSettings
from appsentry_server.results import Failure, Outcome, Result
from appsentry_server.status.board import Board, Change, Key

INTERVAL_MS = 30_000
START_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def application(
    id_: str = "shop", *, checks: tuple[str, ...] = ("health",), confirm: int = 3, **more: object
) -> ApplicationSettings:
    return ApplicationSettings.model_validate(
        {
            "id": id_,
            "name": id_.title(),
            "sla": SlaSettings(target=99.9),
            "checks": tuple(CheckSettings(type=check, id=check, confirm=confirm) for check in checks),
            **more,
        }
    )


def board_of(*applications: ApplicationSettings) -> Board:
    board = Board()
    board.configure(applications)
    return board


def result(
    step: float, verdict: Verdict, check: str = "health", *, simulated: bool = False, response_ms: float | None = 12.5
) -> Result:
    failure = Failure(failure_class="refused", message="refused") if verdict == "down" else None
    return Result(
        result_id=f"result-{step}",
        due_ms=START_MS + round(step * INTERVAL_MS),
        application_id="shop",
        check_id=check,
        test_type=check,
        outcome=Outcome(verdict=verdict, response_ms=response_ms, failure=failure),
        run_id=None,
        attempt=1,
        late_ms=0,
        interval_ms=INTERVAL_MS,
        location="local",
        simulated=simulated,
    )


def apply(board: Board, made: Result) -> Change:
    change = board.apply(made, made.due_ms + 20)
    assert change is not None
    return change


def kept_by(board: Board) -> dict[Key, Spans]:
    return {key: Spans.of(spans.arrays()) for key, spans in board.spans()}


def statuses(board: Board, *verdicts: Verdict) -> list[str]:
    return [apply(board, result(step, verdict)).application["status"] for step, verdict in enumerate(verdicts)]


def test_a_check_turns_down_with_its_third_down_in_a_row_and_recovers_at_once() -> None:
    found = statuses(board_of(application()), "up", "down", "down", "down", "down", "degraded", "up")
    assert found == ["healthy", "healthy", "healthy", "down", "down", "degraded", "healthy"]


def test_what_was_never_known_stays_unknown_until_a_down_is_confirmed() -> None:
    assert statuses(board_of(application(confirm=2)), "down", "down") == ["unknown", "down"]
    assert statuses(board_of(application(confirm=1)), "down") == ["down"]


def test_an_unknown_result_shows_as_unknown_and_neither_counts_as_down_nor_ends_a_row_of_downs() -> None:
    found = statuses(
        board_of(application()), "up", "down", "unknown", "down", "unknown", "down", "unknown", "down", "up"
    )
    assert found == ["healthy", "healthy", "unknown", "unknown", "unknown", "down", "unknown", "down", "healthy"]


def test_an_outage_turns_down_once_and_recovers_once() -> None:
    board = board_of(application())
    verdicts: list[Verdict] = [
        "up",
        "down",
        "down",
        "up",
        "down",
        "down",
        "unknown",
        "down",
        "unknown",
        "down",
        "up",
        "up",
    ]
    turned = [apply(board, result(step, verdict)).turned for step, verdict in enumerate(verdicts)]
    assert turned == [None, None, None, None, None, None, None, "down", None, None, "recovered", None]


def test_downs_count_the_row_and_are_none_for_a_result_that_is_not_down() -> None:
    board = board_of(application())
    verdicts: list[Verdict] = ["down", "unknown", "down", "up", "down"]
    assert [apply(board, result(step, verdict)).downs for step, verdict in enumerate(verdicts)] == [1, 0, 2, 0, 1]


@pytest.mark.parametrize("health", VERDICTS)
@pytest.mark.parametrize("login", VERDICTS)
def test_an_application_is_the_worst_of_its_checks(health: Verdict, login: Verdict) -> None:
    board = board_of(application(checks=("health", "login"), confirm=1))
    apply(board, result(0, health))
    seen = apply(board, result(0.1, login, "login")).application["status"]
    if "down" in (health, login):
        assert seen == "down"
    elif "unknown" in (health, login):
        assert seen == "unknown"
    else:
        assert seen == ("degraded" if "degraded" in (health, login) else "healthy")


def test_a_check_that_falls_silent_turns_unknown_after_two_intervals_and_is_told_once() -> None:
    board = board_of(application(), application("other"))
    assert apply(board, result(0, "up")).application["status"] == "healthy"
    assert board.lapse(START_MS + 20 + 2 * INTERVAL_MS - 1) == []
    (change,) = board.lapse(START_MS + 20 + 2 * INTERVAL_MS)
    assert (change.application["status"], change.durable, change.told) == ("unknown", True, "healthy")
    assert board.lapse(START_MS + 9 * INTERVAL_MS) == []
    assert apply(board, result(10, "up")).durable
    assert len(board.lapse(START_MS + 20 * INTERVAL_MS)) == 1


def test_a_first_down_after_silence_does_not_bring_back_what_was_known_before_it() -> None:
    board = board_of(application())
    apply(board, result(0, "up"))
    assert apply(board, result(5, "down")).application["status"] == "unknown"
    again = board_of(application())
    again.restore(kept_by(board), [result(5, "down")])
    assert again.application("shop", START_MS + 5 * INTERVAL_MS)["status"] == "unknown"


def test_a_slow_result_holds_from_when_it_came_not_from_when_it_was_due() -> None:
    board = board_of(application(confirm=1))
    slow = result(0, "down")
    change = board.apply(slow, slow.due_ms + 5 * INTERVAL_MS)
    assert change is not None
    assert change.application["status"] == "down"


def test_updates_are_durable_when_and_only_when_a_fact_changed() -> None:
    board = board_of(application())
    verdicts: list[Verdict] = ["up", "up", "down", "up", "degraded"]
    changes = [apply(board, result(step, verdict)) for step, verdict in enumerate(verdicts)]
    assert [change.durable for change in changes] == [True, False, False, False, True]
    assert [change.told for change in changes] == [None, "healthy", "healthy", "healthy", "healthy"]


def test_a_budget_that_is_overdrawn_is_told_durably() -> None:
    board = board_of(application(sla=SlaSettings(target=99.9, window=timedelta(hours=1))))
    changes = [apply(board, result(step, "up" if step < 60 else "down")) for step in range(65)]
    seen = [(change.application["sla"]["status"], change.durable) for change in changes]
    assert seen[60] == ("met", False)
    assert seen[62] == ("breached", True)
    assert seen[64] == ("breached", False)


def test_a_simulated_result_is_shown_and_changes_nothing_and_the_truth_follows_durably() -> None:
    board = board_of(application(checks=("health", "login")))
    for check in ("health", "login"):
        apply(board, result(0, "up", check))
    before = board.application("shop", START_MS + 100)
    fake = result(0.001, "down", simulated=True, response_ms=None)
    shown = board.simulate(fake, START_MS + 100)
    assert shown is not None
    assert shown.durable
    assert shown.application["status"] == "down"
    assert shown.application["simulated"]
    assert shown.application["responseTime"] is None
    assert shown.application["lastChecked"] == to_wire(fake.due_ms)
    assert shown.application["uptime"] == before["uptime"]
    assert shown.application["sla"] == before["sla"]
    assert board.application("shop", START_MS + 100) == before
    truth = apply(board, result(1, "up"))
    assert (truth.application["status"], truth.application["simulated"], truth.durable) == ("healthy", False, True)
    assert all(len(spans) == 1 for _, spans in board.spans())


def test_a_simulated_result_is_refused_where_it_would_count() -> None:
    with pytest.raises(ValueError, match="simulated: hand it to simulate"):
        board_of(application()).apply(result(0, "up", simulated=True), START_MS)


def test_a_result_of_a_check_that_is_gone_is_passed_over() -> None:
    assert board_of(application("other")).apply(result(0, "up"), START_MS) is None
    assert board_of(application()).apply(result(0, "up", "login"), START_MS) is None
    assert board_of(application("other")).simulate(result(0, "up", simulated=True), START_MS) is None
    assert board_of(application()).simulate(result(0, "up", "login", simulated=True), START_MS) is None


def test_the_response_time_is_the_first_checks_newest_there_is() -> None:
    board = board_of(application(checks=("health", "login")))
    apply(board, result(0, "up", response_ms=5.0))
    apply(board, result(0.5, "up", "login", response_ms=70.0))
    seen = apply(board, result(1, "down", response_ms=None)).application
    assert seen["responseTime"] == 5.0
    assert [check["responseTime"] for check in seen["checks"]] == [None, 70.0]
    assert seen["checks"][0]["failure"] == {"class": "refused", "message": "refused", "step": None}


def test_nothing_known_is_null_not_a_figure() -> None:
    shown = board_of(application()).application("shop", START_MS)
    assert (shown["status"], shown["uptime"], shown["responseTime"], shown["lastChecked"]) == (
        "unknown",
        None,
        None,
        None,
    )
    assert shown["sla"] == {"status": "unknown", "target": 99.9, "actual": None, "errorBudgetRemaining": None}


def test_without_a_promise_uptime_is_counted_and_judged_by_nothing() -> None:
    board = board_of(application(sla=None))
    apply(board, result(0, "up"))
    shown = apply(board, result(1, "up")).application
    assert shown["uptime"] == 100
    assert shown["sla"] == {"status": "unknown", "target": None, "actual": 100, "errorBudgetRemaining": None}


def test_an_uptime_just_under_all_is_not_shown_as_all() -> None:
    board = board_of(application(confirm=1))
    total = 30 * DAY_MS // INTERVAL_MS
    for step in range(total):
        for _, spans in board.spans():
            spans.add(START_MS + step * INTERVAL_MS, "down" if 10 <= step < 13 else "up", INTERVAL_MS)
    shown = apply(board, result(total, "up")).application
    assert shown["uptime"] is not None
    assert 99.99 < shown["uptime"] < 100


def test_the_payload_is_the_event_of_the_contract() -> None:
    board = board_of(application(group="Sales", tags=("tier-1",)))
    shown = apply(board, result(0, "down")).application
    place = {"stream": "applications", "epoch": "e", "at": "2026-11-23T08:00:00.000Z", "seq": 1}
    assert validator("applicationStatusUpdate").validate_python({**shown, **place}, strict=True)["id"] == "shop"


def test_a_new_configuration_forgets_adds_renames_and_keeps_what_was_observed() -> None:
    board = board_of(application(), application("gone"))
    apply(board, result(0, "up"))
    board.changes(START_MS + 30)
    gone = board.configure([application(checks=("login", "health"), name="Shop 2"), application("new")])
    assert gone == ["gone"]
    changes = {change.application["id"]: change for change in board.changes(START_MS + 40)}
    assert set(changes) == {"shop", "new"}
    assert changes["shop"].application["name"] == "Shop 2"
    assert [check["status"] for check in changes["shop"].application["checks"]] == ["unknown", "up"]
    assert all(change.durable for change in changes.values())
    assert board.changes(START_MS + 50) == []


def test_an_application_that_comes_back_is_told_anew_and_nothing_is_known_of_it() -> None:
    board = board_of(application())
    apply(board, result(0, "unknown"))
    board.configure([])
    board.configure([application()])
    (change,) = board.changes(START_MS + 30)
    assert (change.durable, change.told, change.application["lastChecked"]) == (True, None, None)


def test_the_same_configuration_again_changes_nothing() -> None:
    board = board_of(application())
    apply(board, result(0, "up"))
    assert board.configure([application()]) == []
    assert board.changes(START_MS + 30) == []


def test_a_lower_confirm_counts_for_the_downs_there_are() -> None:
    board = board_of(application())
    statuses(board, "up", "down", "down")
    board.configure([application(confirm=2)])
    assert board.application("shop", START_MS + 2 * INTERVAL_MS)["status"] == "down"


def test_what_readers_were_told_before_the_start_is_told_again_only_if_it_differs() -> None:
    board = board_of(application())
    apply(board, result(0, "up"))
    told = board.application("shop", START_MS + 20)
    again = board_of(application())
    again.restore(kept_by(board), [result(0, "up")])
    left = told.copy()
    left["id"] = "left"
    assert again.told([told, left]) == ["left"]
    assert again.changes(START_MS + 20) == []
    (change,) = again.changes(START_MS + 10 * INTERVAL_MS)
    assert (change.application["status"], change.told) == ("unknown", "healthy")


def test_results_taken_up_again_at_the_start_are_still_to_be_flushed() -> None:
    spans = Spans()
    spans.add(START_MS, "up", INTERVAL_MS)
    spans.flushed(spans.unflushed())
    for step in (1, 2):
        spans.add(START_MS + step * INTERVAL_MS, "down" if step == 1 else "up", INTERVAL_MS)
    board = board_of(application())
    board.restore({("shop", "health"): spans}, [])
    ((_, restored),) = board.spans()
    assert restored.unflushed().n.tolist() == [1, 1]


steps = st.lists(
    st.tuples(st.sampled_from(["health", "login"]), st.sampled_from([0.2, 1, 1, 1, 1, 2.5]), st.sampled_from(VERDICTS)),
    max_size=30,
)


@settings(max_examples=150)
@given(steps, st.integers(0, 30), st.integers(1, 4))
def test_a_restored_board_goes_on_as_if_it_had_never_stopped(
    script: list[tuple[str, float, Verdict]], cut: int, confirm: int
) -> None:
    settings_ = application(checks=("health", "login"), confirm=confirm)
    through = board_of(settings_)
    board, newest = board_of(settings_), dict[str, Result]()
    at = {"health": 0.0, "login": 0.0}
    for place, (check, after, verdict) in enumerate(script):
        if place == cut:
            restored = board_of(settings_)
            restored.restore(kept_by(board), newest.values())
            board = restored
        at[check] += after
        newest[check] = made = result(at[check], verdict, check)
        expected, found = through.apply(made, made.due_ms), board.apply(made, made.due_ms)
        assert expected is not None
        assert found is not None
        assert (found.downs, found.turned, found.application) == (expected.downs, expected.turned, expected.application)


@settings(max_examples=100)
@given(steps)
def test_the_uptime_on_a_card_is_what_counting_its_spans_from_the_start_gives(
    script: list[tuple[str, float, Verdict]],
) -> None:
    board = board_of(application(checks=("health", "login")))
    at = {"health": 0.0, "login": 0.0}
    for check, after, verdict in script:
        at[check] += after
        made = result(at[check], verdict, check)
        change = board.apply(made, made.due_ms + 7)
        assert change is not None
        now_ms = made.due_ms + 7
        tally = account([spans.arrays() for _, spans in board.spans()], DEFAULT, now_ms - 30 * DAY_MS, now_ms)
        share = uptime(tally, DEFAULT).value
        assert change.application["uptime"] == (None if share is None else share * 100)


def test_retention_forgets_without_changing_what_is_shown() -> None:
    board = board_of(application(sla=SlaSettings(target=99.0, window=timedelta(hours=1))))
    for step in range(1000):
        apply(board, result(step, "down" if step % 50 < 5 else "up"))
    now_ms = START_MS + 1000 * INTERVAL_MS
    before = board.application("shop", now_ms)
    board.forget(now_ms - 2 * 3_600_000)
    assert board.application("shop", now_ms) == before
    assert sum(len(spans) for _, spans in board.spans()) < 15
    assert apply(board, result(1000, "up")).application["uptime"] is not None
