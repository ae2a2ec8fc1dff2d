"""Result frames: the same columns and dtypes whatever is in them."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from appsentry_contract.columns import RESULT_COLUMNS, ROLLUP_COLUMNS
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.frames import (
    DTYPES,
    applications_frame,
    conform,
    frame,
    metric_of_test,
    results_batch,
)
from appsentry_sources.arrow import RESULT_SCHEMA, ROLLUP_SCHEMA

Metric = Callable[..., dict[str, Any]]


def results_frame(metrics: list[dict[str, Any]]) -> pd.DataFrame:
    return frame(results_batch(metrics))


EXPECTED = {name: DTYPES[column.kind] for name, column in RESULT_COLUMNS.items()}


def dtypes(rows: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in rows.dtypes.items()}


def test_dtypes_are_the_listed_ones_for_a_full_and_for_an_empty_frame(metric: Metric) -> None:
    failed = metric(2, failure={"class": "status", "message": "200 expected, 503 found", "step": None}, timings=None)
    assert dtypes(results_frame([metric(1), failed])) == EXPECTED
    assert dtypes(results_frame([])) == EXPECTED
    assert dtypes(results_frame([failed])) == EXPECTED, "a column without any value keeps its dtype"


def test_an_event_becomes_a_row(metric: Metric) -> None:
    failure = {"class": "expectation", "message": "text 'Dashboard' expected", "step": "verify"}
    timings = {"dnsMs": 1.5, "connectMs": 2.0, "tlsMs": None, "firstByteMs": 3.0, "transferMs": 0.5}
    rows = results_frame(
        [metric(7, status="down", failure=failure, timings=timings, testRunId="run-1", simulated=True)]
    )
    row = rows.iloc[0]
    assert row["ts"] == pd.Timestamp("2026-11-23T07:59:59.250Z")
    assert (row["failure"], row["message"], row["run_id"]) == ("expectation", "text 'Dashboard' expected", "run-1")
    assert (row["dns_ms"], row["first_byte_ms"], row["interval_s"]) == (1.5, 3.0, 30.0)
    assert pd.isna(row["tls_ms"]), "a phase that did not happen is missing"
    assert row["simulated"]


def test_the_reason_of_a_degraded_result_is_its_message(metric: Metric) -> None:
    rows = results_frame([metric(1, status="degraded", message="900 ms, above 800 ms")])
    assert rows["message"].tolist() == ["900 ms, above 800 ms"]
    assert rows["failure"].isna().all()


def test_a_frame_can_be_written_to(metric: Metric) -> None:
    rows = results_frame([metric(1), metric(2)])
    for column, value in {"response_ms": 5.0, "attempt": 4, "status": "down", "simulated": True}.items():
        rows.loc[0, column] = value
        assert rows.loc[0, column] == value


def test_markup_in_a_message_is_shown_as_text(metric: Metric) -> None:
    rows = results_frame([metric(1, message="<script>alert(1)</script>")])
    assert "<script>" not in rows._repr_html_()


def test_a_test_that_was_cut_off_becomes_a_row_without_a_result() -> None:
    started = {"at": "2026-11-23T08:00:00.000Z", "attempt": 1}
    ended = {
        "testRunId": "run-1", "applicationId": "a", "testId": "t", "testType": "health", "checkId": "health",
        "status": "unknown", "duration": 12.0, "resultId": None,
        "failure": {"class": "cancelled", "message": "the run was cancelled", "step": None},
    }  # fmt: skip
    rows = results_frame([metric_of_test(started, ended)])
    assert dtypes(rows) == EXPECTED
    row = rows.iloc[0]
    assert (row["status"], row["failure"], row["run_id"]) == ("unknown", "cancelled", "run-1")
    assert rows[["result_id", "response_ms", "late_ms", "interval_s", "location"]].isna().all(axis=None)


def test_a_table_from_the_wire_is_brought_to_the_listed_types(metric: Metric) -> None:
    wire = pa.Table.from_batches([results_batch([metric(1)])])
    wire = wire.set_column(2, "application", wire.column("application").cast(pa.string()).dictionary_encode())
    wire = wire.append_column("colour", pa.array(["red"]))
    table = conform(wire, RESULT_COLUMNS)
    assert table.schema == RESULT_SCHEMA
    assert dtypes(frame(table)) == EXPECTED


def test_a_rolled_up_table_has_columns_of_its_own() -> None:
    rows = frame(conform(ROLLUP_SCHEMA.empty_table(), ROLLUP_COLUMNS))
    assert dtypes(rows) == {name: DTYPES[column.kind] for name, column in ROLLUP_COLUMNS.items()}


def test_a_table_that_lacks_columns_is_refused_by_name(metric: Metric) -> None:
    wire = pa.Table.from_batches([results_batch([metric(1)])]).drop_columns(["late_ms", "location"])
    with pytest.raises(AppSentryError, match=r"lacks late_ms, location; it has result_id, .* same version"):
        conform(wire, RESULT_COLUMNS)


def test_a_table_of_other_types_is_refused(metric: Metric) -> None:
    wire = pa.Table.from_batches([results_batch([metric(1)])])
    wire = wire.set_column(6, "response_ms", pa.array(["fast"]))
    with pytest.raises(AppSentryError, match="other types"):
        conform(wire, RESULT_COLUMNS)


def test_a_table_with_gaps_where_none_may_be_is_refused(metric: Metric) -> None:
    wire = pa.Table.from_batches([results_batch([metric(1)])])
    wire = wire.set_column(15, "attempt", pa.array([None], pa.int64()))
    with pytest.raises(AppSentryError, match=r"column 'attempt' .* has gaps"):
        conform(wire, RESULT_COLUMNS)


def test_applications_are_indexed_by_id_with_the_same_dtypes_when_there_are_none() -> None:
    application = {
        "id": "pay", "name": "Pay", "status": "down", "responseTime": None, "uptime": None, "group": None,
        "sla": {"status": "unknown", "target": None, "actual": None, "errorBudgetRemaining": -0.5},
        "lastChecked": None, "tags": ["tier-1"], "simulated": False, "checks": [],
    }  # fmt: skip
    unchecked, empty = applications_frame([application]), applications_frame([])
    checked = applications_frame([application | {"lastChecked": "2026-11-23T08:00:00.000Z"}])
    assert dtypes(unchecked) == dtypes(empty) == dtypes(checked)
    assert unchecked.index.name == empty.index.name == "id"
    assert unchecked.loc["pay", "status"] == "down"
    assert checked.loc["pay", "last_checked"] == pd.Timestamp("2026-11-23T08:00:00Z")
