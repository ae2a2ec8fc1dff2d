"""An account says what its frame holds, whatever the frame looks like."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.policy import DEFAULT
from appsentry_kernel.accounts.part import TABLE_DTYPES

FrameOf = Callable[..., pd.DataFrame]
COLUMNS = [
    "uptime", "uptime_low", "uptime_high", "up_s", "degraded_s", "down_s", "unknown_s", "excluded_s", "checks",
    "down_checks", "target", "budget_remaining",
]  # fmt: skip
START = pd.Timestamp("2026-11-02T00:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    return START + pd.Timedelta(seconds=seconds)


def test_the_table_has_one_row_an_application_and_the_promised_columns(frame_of: FrameOf) -> None:
    table = sentry.account(frame_of({"shop": "++---+", "pay": "++++++"}), targets={"shop": 99.9}).table
    assert list(table.columns) == COLUMNS
    assert table.index.name == "application"
    assert table.index.tolist() == ["pay", "shop"]
    shop = table.loc["shop"]
    assert (shop["uptime"], shop["up_s"], shop["down_s"], shop["checks"], shop["down_checks"]) == (0.5, 30, 30, 6, 3)
    assert (shop["target"], shop["budget_remaining"]) == (0.999, pytest.approx(1 - 30 / 0.06))
    assert table.loc["pay", ["target", "budget_remaining"]].isna().all()


def test_an_empty_frame_has_the_same_columns_and_no_row(frame_of: FrameOf) -> None:
    full = sentry.account(frame_of({"shop": "+"}))
    empty = sentry.account(frame_of({"shop": "+"}).iloc[:0])
    for name in ("table", "states", "outages", "reliability", "coverage", "sampling", "responses", "budget"):
        assert len(getattr(empty, name)) == 0
        assert getattr(empty, name).dtypes.tolist() == getattr(full, name).dtypes.tolist(), name
    assert {name: str(dtype) for name, dtype in empty.table.dtypes.items()} == TABLE_DTYPES


def test_the_window_is_the_frames_own_span_from_the_first_result_until_an_interval_after_the_last(
    frame_of: FrameOf,
) -> None:
    account = sentry.account(frame_of({"shop": "+++"}))
    assert (account.since, account.until) == (START, at(30))
    assert sentry.account(frame_of({"shop": "+++"}), since="5s", until=at(20)).since == at(15)


def test_simulated_rows_never_count(frame_of: FrameOf) -> None:
    real, simulated = frame_of({"shop": "+++"}), frame_of({"shop": "---", "ghost": "+"}, simulated=True)
    pd.testing.assert_frame_equal(sentry.account(pd.concat([real, simulated])).table, sentry.account(real).table)


def test_a_source_that_keeps_no_more_than_instant_application_and_status_can_be_counted(frame_of: FrameOf) -> None:
    full = frame_of({"shop": "+++---++"})
    bare = full[["ts", "application", "status"]]
    account = sentry.account(bare)
    pd.testing.assert_frame_equal(account.table, sentry.account(full).table)
    assert account.sampling.loc[0, ["interval_s", "inferred"]].tolist() == [10.0, True]
    assert account.responses.loc["shop", "n"] == 0
    assert account.sampling["late_p50_ms"].isna().all()


def test_maintenance_that_the_source_wrote_down_is_treated_as_the_policy_says(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "++mm-+"})
    seconds = ["up_s", "down_s", "unknown_s", "excluded_s"]
    one = replace(DEFAULT, confirm=1)
    assert sentry.account(frame, one).table.loc["shop", seconds].tolist() == [30, 10, 0, 20]
    up = sentry.account(frame, replace(one, maintenance="up")).table.loc["shop", seconds]
    assert up.tolist() == [50, 10, 0, 0]
    measured = sentry.account(frame, replace(one, maintenance="measured")).table.loc["shop", seconds]
    assert measured.tolist() == [30, 10, 20, 0]


@pytest.mark.parametrize(
    "maintenance",
    [
        [(at(20), at(40))],
        {"shop": [(at(20).isoformat(), at(40).isoformat())]},
        pd.DataFrame({"application": ["shop", "other"], "begin": [at(20), at(0)], "end": [at(40), at(60)]}),
    ],
    ids=["for all", "by application", "as a frame"],
)
def test_maintenance_can_be_handed_over_in_any_of_its_forms(frame_of: FrameOf, maintenance: object) -> None:
    account = sentry.account(frame_of({"shop": "++---+"}), maintenance=maintenance)  # type: ignore[arg-type]  # parametrized
    assert account.table.loc["shop", ["up_s", "down_s", "excluded_s", "checks", "down_checks"]].tolist() == [
        30, 10, 20, 4, 1,
    ]  # fmt: skip


def test_a_named_check_speaks_for_its_application_alone(frame_of: FrameOf) -> None:
    frame = frame_of({"shop/health": "++++++", "shop/login": "+---++", "pay/health": "++++++"})
    login = sentry.account(frame, replace(DEFAULT, combine="login")).table
    assert login.loc["shop", ["up_s", "down_s", "checks"]].tolist() == [30, 30, 6]
    assert login.loc["pay", ["unknown_s", "checks"]].tolist() == [60, 0]
    assert pd.isna(login.loc["pay", "uptime"])
    best = sentry.account(frame, replace(DEFAULT, combine="any")).table
    assert best.loc["shop", "up_s"] == 60


def test_of_a_result_and_its_retries_the_last_counts_where_the_policy_says_so(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+-+-----"})
    frame["attempt"] = [1, 1, 2, 1, 2, 3, 1, 1]
    datadog = sentry.account(frame, "datadog").table.loc["shop"]
    assert (datadog["checks"], datadog["down_checks"], datadog["down_s"]) == (5, 3, 30)
    assert sentry.account(frame, replace(DEFAULT, confirm=1)).table.loc["shop", "down_s"] == 60


def test_every_dtype_that_pandas_reads_a_frame_into_gives_the_same_account(frame_of: FrameOf) -> None:
    frame = frame_of({"shop/health": "++---+~?", "shop/login": "+---++++"})
    expected = sentry.account(frame)
    berlin = frame.assign(ts=frame["ts"].dt.tz_convert("Europe/Berlin").dt.as_unit("ns"))
    arrow = frame.convert_dtypes(dtype_backend="pyarrow")
    for other in (berlin, arrow, frame.convert_dtypes(), frame.astype({"status": "category", "application": object})):
        found = sentry.account(other)
        pd.testing.assert_frame_equal(found.table, expected.table)
        assert found.evidence("shop").sha256 == expected.evidence("shop").sha256


def test_a_result_that_is_there_twice_counts_once(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "++---+"})
    twice = sentry.account(pd.concat([frame, frame.iloc[1:5]]), "uptime_kuma")
    pd.testing.assert_frame_equal(twice.table, sentry.account(frame, "uptime_kuma").table)


def test_a_window_that_the_history_only_partly_covers_says_so(frame_of: FrameOf) -> None:
    account = sentry.account(frame_of({"shop": "++++"}), since=at(-60), until=at(40))
    row = account.coverage.loc["shop"]
    assert (row["coverage"], row["partial"], row["known_s"]) == (0.4, True, 40)
    assert (row["first_result"], row["last_result"]) == (at(0), at(30))
    assert account.table.loc["shop", ["uptime", "uptime_low", "uptime_high"]].tolist() == [1.0, 0.4, 1.0]


def test_missed_ticks_and_lateness_stand_beside_the_figures(frame_of: FrameOf) -> None:
    row = sentry.account(frame_of({"shop": "++..+.+"})).sampling.loc[0]
    assert (row["results"], row["missed"], row["late_n"], row["late_max_ms"]) == (4, 3, 4, 2.0)
    account = sentry.account(frame_of({"shop": "++---++"}))
    assert account.coverage.loc["shop", ["sure_to_be_seen_s", "sure_to_be_counted_s", "edges"]].tolist() == [10, 30, 2]
    assert account.coverage.loc["shop", "edge_error"] == pytest.approx(30.006 / 70)


def test_the_mean_response_time_leaves_failures_out_or_not_as_the_policy_says(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "++-"})
    assert sentry.account(frame, "uptime_kuma").responses.loc["shop", "mean_ms"] == 10.5
    assert sentry.account(frame, "gatus").responses.loc["shop", "mean_ms"] == 11.0


def test_a_percentile_that_n_cannot_carry_is_missing(frame_of: FrameOf) -> None:
    few, many = (sentry.account(frame_of({"shop": "+" * n})).responses.loc["shop"] for n in (19, 100))
    assert pd.isna(few["p95_ms"])
    assert few["p50_ms"] == 19.0
    assert many["p99_ms"] == pytest.approx(np.quantile(np.arange(100) + 10, 0.99))


def test_a_journey_is_up_when_all_its_parts_are(frame_of: FrameOf) -> None:
    account = sentry.account(frame_of({"shop": "+---++", "pay": "++---+", "other": "------"}))
    journey = account.together(["shop", "pay"])
    assert journey[["up_s", "down_s", "checks"]].tolist() == [20, 40, 12]
    assert account.together(["shop", "pay"], by="mean")["uptime"] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=["status"]), "lacks status"),
        (lambda frame: frame.assign(ts=frame["ts"].dt.tz_localize(None)), "not instants with a zone"),
        (lambda frame: frame.assign(ts=frame["ts"].astype(str)), "not instants with a zone"),
        (lambda frame: frame.assign(status="UP"), "status is one of up, degraded, .*; this frame also has UP"),
        (lambda frame: frame.assign(application=None), "3 of 3 rows have no application"),
        (lambda frame: frame.assign(interval_s=0.0), "interval_s is above 0 seconds or missing; found 0"),
        (lambda frame: frame.assign(interval_s=float("inf")), "interval_s is above 0 seconds or missing; found inf"),
        (lambda frame: frame.assign(ts=pd.to_datetime([None] * 3, utc=True)), "3 of 3 rows have no ts"),
    ],
)
def test_a_frame_that_holds_no_results_is_refused(
    frame_of: FrameOf, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(sentry.AppSentryError, match=message):
        sentry.account(change(frame_of({"shop": "+++"})))


def test_what_cannot_be_meant_is_refused(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+++"})
    with pytest.raises(sentry.AppSentryError, match=r"no policy 'uptime_kumar' \(did you mean 'uptime_kuma'\?\)"):
        sentry.account(frame, "uptime_kumar")
    with pytest.raises(ValueError, match=r"expected a target such as 99\.9 \(percent\) or 0\.999, found 100"):
        sentry.account(frame, targets=100)
    for wrong in (float("nan"), "99.9"):
        with pytest.raises(ValueError, match="shop: expected a target such as"):
            sentry.account(frame, targets=wrong)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(
        ValueError, match=r"maintenance: expected a stretch .* found 2026-11-02T00:00:09\+00:00 to 2026"
    ):
        sentry.account(frame, maintenance=[(at(9), at(3))])
    with pytest.raises(sentry.AppSentryError, match="a fingerprint needs the column ts"):
        sentry.fingerprint(frame.drop(columns=["ts"]))
    with pytest.raises(ValueError, match="maintenance: expected an instant with its offset"):
        sentry.account(frame, maintenance=[("2026-11-02T00:00:00", "2026-11-02T01:00:00")])
    with pytest.raises(ValueError, match="is not before until"):
        sentry.account(frame, since=at(50), until=at(20))
    with pytest.raises(sentry.AppSentryError, match="no application 'shpo'; it has shop"):
        sentry.account(frame).evidence("shpo")
    with pytest.raises(sentry.AppSentryError, match="no results, so it has no span"):
        sentry.account(frame.iloc[:0], since="7d")


def test_targets_in_percent_and_as_fractions_are_the_same(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "++---+"})
    pd.testing.assert_frame_equal(sentry.account(frame, targets=99.9).table, sentry.account(frame, targets=0.999).table)


def test_every_named_policy_counts(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "++-+~..-+++"})
    expected = {
        "default": 1.0, "uptime_kuma": 7 / 9, "gatus": 7 / 9, "checkmate": 7 / 9, "healthchecks": 90 / 110,
        "openstatus": 90 / 110, "upptime": 90 / 110, "oneuptime": 90 / 110, "datadog": 90 / 110,
    }  # fmt: skip
    assert list(sentry.policies) == list(expected)
    for name, share in expected.items():
        assert sentry.account(frame, name).table.loc["shop", "uptime"] == pytest.approx(share), name
