"""Rows and values as event payloads; the one place that knows the wire's field names on the way out."""

import orjson

from appsentry_contract.events import Failure, HealthMetricUpdate, Timings
from appsentry_contract.instants import to_wire
from appsentry_server.results import Failure as FailureValue
from appsentry_server.results import Phases
from appsentry_server.store.rows import ResultRow


def metric(row: ResultRow, epoch: str) -> HealthMetricUpdate:
    """`healthMetricUpdate` of a kept result: the same whether it was made a moment or a day ago."""
    payload: HealthMetricUpdate = {
        "stream": "metrics",
        "seq": row.seq,
        "epoch": epoch,
        "at": to_wire(row.published_ms),
        "applicationId": row.application,
        "responseTime": row.response_ms,
        "status": row.status,
        "resultId": row.result_id,
        "checkId": row.check,
        "testType": row.type,
        "dueAt": to_wire(row.due_ms),
        "lateMs": row.late_ms,
        "intervalMs": row.interval_ms,
        "timings": _timings_of_row(row) if row.has_phases else None,
        "steps": [{"step": name, "duration": ms} for name, ms in orjson.loads(row.steps)] if row.steps else None,
        "testRunId": row.run_id,
        "attempt": row.attempt,
        "failure": {"class": row.failure, "message": row.message or "", "step": row.step} if row.failure else None,
        "message": None if row.failure else row.message,
        "location": row.location,
    }
    if row.simulated:
        payload["simulated"] = True
    return payload


def _timings_of_row(row: ResultRow) -> Timings:
    return {
        "dnsMs": row.dns_ms,
        "connectMs": row.connect_ms,
        "tlsMs": row.tls_ms,
        "firstByteMs": row.first_byte_ms,
        "transferMs": row.transfer_ms,
    }


def timings(phases: Phases | None) -> Timings | None:
    """The phases of a request that was timed."""
    if phases is None:
        return None
    return {
        "dnsMs": phases.dns_ms,
        "connectMs": phases.connect_ms,
        "tlsMs": phases.tls_ms,
        "firstByteMs": phases.first_byte_ms,
        "transferMs": phases.transfer_ms,
    }


def failure(value: FailureValue) -> Failure:
    """Why a test failed or could not tell."""
    return {"class": value.failure_class, "message": value.message, "step": value.step}
