"""What holds of every account, on thousands of invented histories."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import appsentry_kernel as sentry
from appsentry_contract.accounting.ledger import Ledger
from appsentry_contract.accounting.policy import DEFAULT
from appsentry_contract.accounting.spans import VERDICTS, Spans
from appsentry_kernel.accounts.instants import instants, micros

START = pd.Timestamp("2026-03-29T00:00:00Z")
START_US = micros(START)
STATUSES = [*VERDICTS, "maintenance", "down", "up", "up"]
INTERVAL_US = 20_000_003

rows = st.tuples(
    st.sampled_from(["shop", "pay"]),
    st.sampled_from(["health", "login"]),
    st.sampled_from([0, 1, 999_999, 19_999_999, 20_000_003, 20_000_003, 20_000_003, 41_000_007, 90_000_001]),
    st.sampled_from(STATUSES),
    st.sampled_from([1, 1, 1, 2]),
    st.booleans(),
)
histories = st.lists(rows, min_size=1, max_size=30)
treatments = st.sampled_from(["excluded", "up", "measured"])
hours = st.one_of(
    st.none(),
    st.builds(
        sentry.ServiceHours,
        rule=st.just("FREQ=MINUTELY;BYSECOND=0"),
        lasting=st.sampled_from([timedelta(seconds=30), timedelta(seconds=90, microseconds=1)]),
    ),
)
policies = st.builds(
    sentry.Policy,
    name=st.just("any"),
    weighting=st.sampled_from(["time", "count"]),
    confirm=st.integers(1, 4),
    attempts=st.sampled_from(["each", "last"]),
    gap_tolerance=st.sampled_from([1.1, 2.0, None]),
    gaps=st.sampled_from(["unknown", "up", "down"]),
    maintenance=treatments,
    pauses=treatments,
    outside_service_hours=treatments,
    service_hours=st.none(),
    degraded_weight=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    combine=st.sampled_from(["all", "any", "login"]),
)
windows = st.tuples(st.integers(-50_000_000, 300_000_000), st.integers(1, 400_000_000))


def frame_of(script: list[tuple[str, str, int, str, int, bool]]) -> pd.DataFrame:
    due: dict[tuple[str, str], int] = {}
    made = []
    for place, (application, check, after, status, attempt, simulated) in enumerate(script):
        due[application, check] = due.get((application, check), START_US) + after
        made.append((f"r{place}", due[application, check], application, check, status, attempt, simulated))
    names = ["result_id", "ts", "application", "check", "status", "attempt", "simulated"]
    frame = pd.DataFrame(made, columns=names)
    return frame.assign(ts=instants(frame["ts"].to_numpy()), interval_s=INTERVAL_US / 1e6, response_ms=1.5)


def stretch(window: tuple[int, int]) -> dict[str, pd.Timestamp]:
    since = START + pd.Timedelta(window[0], unit="us")
    return {"since": since, "until": since + pd.Timedelta(window[1], unit="us")}


def apart(begin: int, length: int) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    found = stretch((begin, length))
    return [(found["since"], found["until"])]


@settings(max_examples=150)
@given(histories, policies, windows, windows)
def test_the_states_add_up_to_the_window_to_the_microsecond_and_uptime_lies_in_its_range(
    script: list[tuple[str, str, int, str, int, bool]],
    policy: sentry.Policy,
    window: tuple[int, int],
    maintenance: tuple[int, int],
) -> None:
    account = sentry.account(frame_of(script), policy, **stretch(window), maintenance=apart(*maintenance), targets=99)
    for figures in account.figures.values():
        assert figures.time.window == window[1]
        assert min(figures.time.up, figures.time.down, figures.time.unknown, figures.time.excluded) >= 0
        assert figures.checks >= figures.down_checks >= 0
    table = account.table
    known = table.dropna(subset=["uptime"])
    assert ((known["uptime_low"] <= known["uptime"]) & (known["uptime"] <= known["uptime_high"])).all()
    assert table[["uptime", "uptime_low", "uptime_high"]].stack().dropna().between(0, 1).all()
    for _, states in account.states.groupby("application"):
        assert states["begin"].iloc[0] == account.since
        assert states["end"].iloc[-1] == account.until
        assert (states["begin"].to_numpy()[1:] == states["end"].to_numpy()[:-1]).all()
        assert (states["state"].to_numpy()[1:] != states["state"].to_numpy()[:-1]).all()
    hourly = account.by("hour").drop(columns=["until"])[["up_s", "down_s", "unknown_s", "excluded_s", "checks"]]
    for name, column in hourly.groupby("application").sum().items():
        assert (column - table[name]).abs().max() < 1e-6 if len(table) else True


@settings(max_examples=150)
@given(histories, policies, windows, st.randoms())
def test_the_order_of_rows_does_not_matter(
    script: list[tuple[str, str, int, str, int, bool]], policy: sentry.Policy, window: tuple[int, int], random: object
) -> None:
    frame = frame_of(script)
    shuffled = list(range(len(frame)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' stand-in for random.Random
    one = sentry.account(frame, policy, **stretch(window))
    other = sentry.account(frame.iloc[shuffled], policy, **stretch(window))
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.outages, other.outages)
    for application in one.table.index:
        assert one.evidence(application).sha256 == other.evidence(application).sha256


@settings(max_examples=150)
@given(histories, policies, windows, windows)
def test_the_evidence_counted_alone_gives_the_same_figures(
    script: list[tuple[str, str, int, str, int, bool]],
    policy: sentry.Policy,
    window: tuple[int, int],
    maintenance: tuple[int, int],
) -> None:
    more = {**stretch(window), "maintenance": apart(*maintenance)}
    account = sentry.account(frame_of(script), policy, **more)
    for application, figures in account.figures.items():
        evidence = account.evidence(application)
        again = sentry.account(evidence.rows, policy, **more)
        if len(evidence.rows):
            assert again.figures[application] == figures
            assert again.evidence(application).sha256 == evidence.sha256


@settings(max_examples=150)
@given(histories, policies, policies, windows, windows, hours, hours)
def test_every_waterfall_adds_up_exactly(
    script: list[tuple[str, str, int, str, int, bool]],
    a: sentry.Policy,
    b: sentry.Policy,
    window: tuple[int, int],
    maintenance: tuple[int, int],
    of_a: sentry.ServiceHours | None,
    of_b: sentry.ServiceHours | None,
) -> None:
    a, b = replace(a, service_hours=of_a), replace(b, service_hours=of_b)
    compared = sentry.compare(frame_of(script), a, b, **stretch(window), maintenance=apart(*maintenance))
    for application, difference in compared.difference.items():
        seconds = compared.table.loc[compared.table["application"] == application, "seconds"].tolist()
        assert sum(seconds) == sum(reversed(seconds)) == difference
        assert difference == compared.downtime.loc[application, "b"] - compared.downtime.loc[application, "a"]
    if "any" not in (a.combine, b.combine) and a.weighting == b.weighting == "time":
        for name, account in (("a", compared.a), ("b", compared.b)):
            for application, figures in account.figures.items():
                exact = figures.time.bad_exactly(account.policy)
                assert abs(compared.downtime.loc[application, name] * 1_000_000 - exact) < 0.5


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from([1, 20, 20, 20, 21, 22, 41, 90]), st.sampled_from(VERDICTS)), max_size=40),
    st.integers(-50, 900),
    st.integers(1, 900),
)
def test_rolled_up_and_raw_agree(script: list[tuple[int, str]], begin_ms: int, length_ms: int) -> None:
    """The server keeps spans of milliseconds; the notebook counts rows of microseconds."""
    spans, due, made = Spans(), START_US // 1000, []
    for after, verdict in script:
        due += after
        spans.add(due, verdict, 20)  # type: ignore[arg-type]  # one of VERDICTS
        made.append({"ts": due * 1000, "application": "shop", "status": verdict, "interval_s": 0.02})
    if not made:
        return
    frame = pd.DataFrame(made)
    frame = frame.assign(ts=instants(frame["ts"].to_numpy()))
    window = stretch((begin_ms * 1000, length_ms * 1000))
    raw = sentry.account(frame, **window).figures["shop"].time
    kept = Ledger([spans], DEFAULT).tally(micros(window["since"]) // 1000, micros(window["until"]) // 1000)
    for state in ("up", "degraded", "down", "unknown", "excluded", "blip"):
        assert getattr(raw, state) == getattr(kept, state) * 1000
