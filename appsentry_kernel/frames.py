"""Result frames: one table of Arrow types and of pandas dtypes, the same for an empty frame as for a million rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from appsentry_contract.columns import Column, Kind
from appsentry_contract.instants import from_wire
from appsentry_kernel.errors import AppSentryError
from appsentry_sources.arrow import ARROW_TYPES, RESULT_SCHEMA, schema_of

if TYPE_CHECKING:
    import pandas as pd

DTYPES: Mapping[Kind, str] = {
    "instant": "datetime64[us, UTC]",
    "text": "str",
    "word": "str",
    "number": "float64",
    "count": "int64",
    "flag": "bool",
}
"""The pandas dtype of each kind of column."""


_METRIC_FIELDS = {
    "result_id": "resultId",
    "application": "applicationId",
    "check": "checkId",
    "type": "testType",
    "status": "status",
    "response_ms": "responseTime",
    "run_id": "testRunId",
    "attempt": "attempt",
    "late_ms": "lateMs",
    "location": "location",
}
_PHASE_FIELDS = {
    "dns_ms": "dnsMs",
    "connect_ms": "connectMs",
    "tls_ms": "tlsMs",
    "first_byte_ms": "firstByteMs",
    "transfer_ms": "transferMs",
}
_VERDICTS = {"passed": "up", "degraded": "degraded", "failed": "down", "unknown": "unknown"}


def results_batch(metrics: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """`healthMetricUpdate` payloads as rows of a result frame, in their order."""
    phases = [metric["timings"] or {} for metric in metrics]
    failures = [metric["failure"] or {} for metric in metrics]
    values: dict[str, list[Any]] = {
        "ts": [from_wire(metric["dueAt"]) * 1_000 for metric in metrics],
        "failure": [failure.get("class") for failure in failures],
        "message": [
            failure.get("message", metric["message"]) for metric, failure in zip(metrics, failures, strict=True)
        ],
        "interval_s": [metric["intervalMs"] / 1_000 for metric in metrics],
        "simulated": [metric.get("simulated", False) for metric in metrics],
    }
    values |= {column: [metric[field] for metric in metrics] for column, field in _METRIC_FIELDS.items()}
    values |= {column: [phase.get(field) for phase in phases] for column, field in _PHASE_FIELDS.items()}
    return pa.RecordBatch.from_arrays(
        [pa.array(values[field.name], field.type) for field in RESULT_SCHEMA], schema=RESULT_SCHEMA
    )


def metric_of_test(started: Mapping[str, Any], ended: Mapping[str, Any]) -> dict[str, Any]:
    """A test's own two events in the shape of `healthMetricUpdate`, for a test that left no result behind.

    It was due when it started; lateness and interval are not known of it and stay missing.
    """
    return {
        **{field: ended.get(field) for field in ("resultId", "applicationId", "checkId", "testType", "testRunId")},
        "status": _VERDICTS[ended["status"]],
        "responseTime": None if ended["status"] == "unknown" else ended["duration"],
        "dueAt": started["at"],
        "lateMs": None,
        "intervalMs": float("nan"),
        "timings": ended.get("timings"),
        "attempt": started.get("attempt", 1),
        "failure": ended.get("failure"),
        "message": None,
        "location": None,
        "simulated": ended.get("simulated", False),
    }


def conform(table: pa.Table, columns: Mapping[str, Column]) -> pa.Table:
    """The table with exactly these columns in their Arrow types; others are dropped.

    Raises `AppSentryError` when a column is missing, is of another type, or lacks values it must have.
    """
    schema = schema_of(columns)
    if missing := [name for name in columns if name not in table.column_names]:
        raise AppSentryError(
            f"the server's table lacks {', '.join(missing)}; it has {', '.join(table.column_names) or 'no columns'}: "
            "install the same version of appsentry on both sides"
        )
    for name, column in columns.items():
        if column.kind in ("instant", "count", "flag") and table.column(name).null_count:
            raise AppSentryError(f"column {name!r} of the server's table has gaps: a {column.kind} is always there")
    try:
        return table.select(list(columns)).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise AppSentryError(f"the server's table has other types than {schema}: {error}") from error


def frame(table: pa.Table | pa.RecordBatch) -> "pd.DataFrame":
    """The table as pandas: `DTYPES` by column, text straight on Arrow's own buffers, missing values NaN or NaT."""
    rows: pd.DataFrame = table.to_pandas()
    return rows


def applications_frame(applications: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """One row an application, indexed by `id`, sorted by it.

    `uptime_percent`, `sla_target_percent` and `sla_actual_percent` are percent over the SLA window,
    `error_budget_remaining` a fraction that may be negative; what is unknown is missing.
    """
    import pandas as pd

    ordered = sorted(applications, key=lambda application: str(application["id"]))
    slas = [application["sla"] for application in ordered]
    checked = [application["lastChecked"] for application in ordered]
    instants = pa.array([text and from_wire(text) * 1_000 for text in checked], ARROW_TYPES["instant"])
    columns = {
        "name": pd.Series([application["name"] for application in ordered], dtype="str"),
        "group": pd.Series([application["group"] for application in ordered], dtype="str"),
        "status": pd.Series([application["status"] for application in ordered], dtype="str"),
        "response_ms": pd.Series([application["responseTime"] for application in ordered], dtype="float64"),
        "uptime_percent": pd.Series([application["uptime"] for application in ordered], dtype="float64"),
        "sla_status": pd.Series([sla["status"] for sla in slas], dtype="str"),
        "sla_target_percent": pd.Series([sla["target"] for sla in slas], dtype="float64"),
        "sla_actual_percent": pd.Series([sla["actual"] for sla in slas], dtype="float64"),
        "error_budget_remaining": pd.Series([sla["errorBudgetRemaining"] for sla in slas], dtype="float64"),
        "last_checked": instants.to_pandas(),
        "tags": pd.Series([tuple(application["tags"]) for application in ordered], dtype="object"),
        "simulated": pd.Series([application["simulated"] for application in ordered], dtype="bool"),
    }
    rows = pd.DataFrame(columns)
    rows.index = pd.Index([application["id"] for application in ordered], dtype="str", name="id")
    return rows
