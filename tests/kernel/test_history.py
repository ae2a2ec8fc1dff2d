"""History from the real server, and what is said when it cannot be had."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from appsentry_contract.columns import RESULT_COLUMNS, ROLLUP_COLUMNS
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.frames import DTYPES, results_batch
from appsentry_kernel.history import table_of
from appsentry_kernel.session import Session

Eventually = Callable[[Callable[[], object]], None]


def dtypes(columns: Any) -> dict[str, str]:
    return {name: DTYPES[column.kind] for name, column in columns.items()}


def test_history_is_a_result_frame_of_what_was_asked_for(session: Session, eventually: Eventually) -> None:
    eventually(lambda: set(session.history("7d")["application"]) >= {"payment-api", "search"})
    one = session.history("7d", application="search", types=["health"])
    assert set(one["application"]) == {"search"}
    assert {name: str(dtype) for name, dtype in one.dtypes.items()} == dtypes(RESULT_COLUMNS)
    assert one["ts"].is_monotonic_increasing
    several = session.history("7d", application=["search", "payment-api"])
    assert set(several["application"]) == {"search", "payment-api"}


def test_history_of_a_time_without_results_has_the_same_columns(session: Session) -> None:
    empty = session.history("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")
    assert len(empty) == 0
    assert {name: str(dtype) for name, dtype in empty.dtypes.items()} == dtypes(RESULT_COLUMNS)


def test_since_is_inclusive_and_until_exclusive(session: Session, eventually: Eventually) -> None:
    eventually(lambda: len(session.history("1h")) >= 3)
    instants = session.history("1h")["ts"].drop_duplicates().tolist()
    first, last = instants[0].to_pydatetime(), instants[-1].to_pydatetime()
    between = session.history(first, last)["ts"]
    assert between.min() == first
    assert between.max() < last


def test_rolled_up_history_has_columns_of_its_own(session: Session, eventually: Eventually) -> None:
    eventually(lambda: len(session.history("1h")))
    minutes = session.history("1h", resolution="1m")
    assert {name: str(dtype) for name, dtype in minutes.dtypes.items()} == dtypes(ROLLUP_COLUMNS)
    assert (minutes["checks"] > 0).all()


def test_a_resolution_nobody_knows_is_refused_with_those_there_are(session: Session) -> None:
    with pytest.raises(ValueError, match="resolution='5m' is not one of raw, 1m, 1h, 1d"):
        session.history("1h", resolution="5m")


def test_an_application_nobody_knows_has_no_rows(session: Session) -> None:
    assert len(session.history("1h", application="nobody")) == 0


def test_a_stretch_of_time_that_cannot_be_read_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        session.history("a while")
    with pytest.raises(ValueError, match="is not before until"):
        session.history(datetime.now(UTC) + timedelta(days=1))


def stream_of(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def test_an_answer_that_breaks_off_is_never_taken_for_a_short_one(metric: Callable[..., dict[str, Any]]) -> None:
    whole = stream_of(results_batch([metric(seq) for seq in range(100)]))
    assert table_of(whole, resolution="raw").num_rows == 100
    for length in (0, 10, len(whole) // 2):
        with pytest.raises(AppSentryError, match="not a whole Arrow stream"):
            table_of(whole[:length], resolution="raw")
