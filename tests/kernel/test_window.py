"""The stretch of time a question is about."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from appsentry_kernel.window import window

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "start", "end"),
    [
        ("7d", None, NOW - timedelta(days=7), NOW),
        ("1h30m", None, NOW - timedelta(minutes=90), NOW),
        (timedelta(hours=2), None, NOW - timedelta(hours=2), NOW),
        ("1d", "1d", NOW - timedelta(days=2), NOW - timedelta(days=1)),
        ("2026-11-20T00:00:00Z", None, datetime(2026, 11, 20, tzinfo=UTC), NOW),
        (
            datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=1))),
            "1h",
            datetime(2026, 11, 19, 23, tzinfo=UTC),
            NOW - timedelta(hours=1),
        ),
        (pd.Timestamp("2026-11-20", tz="UTC"), None, datetime(2026, 11, 20, tzinfo=UTC), NOW),
    ],
)
def test_durations_count_back_and_instants_are_taken_in_utc(
    since: Any, until: Any, start: datetime, end: datetime
) -> None:
    assert window(since, until, now=NOW) == (start, end)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("a week", None, r"since='a week' is neither a duration such as '7d'"),
        ("7", None, r"since='7' is neither a duration"),
        ("2026-11-20T00:00:00", None, r"names no offset from UTC: append Z"),
        (datetime(2026, 11, 20), None, r"names no offset from UTC"),  # noqa: DTZ001 - what is refused here
        (date(2026, 11, 20), None, r"since=.* is a date: give a duration like '7d' or an instant"),
        ("7d", "2026-11-01T00:00:00Z", None),
        ("0s", None, r"which is not before until"),
        ("2026-11-24T00:00:00Z", None, r"which is not before until"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_type(since: Any, until: Any, message: str | None) -> None:
    if message is None:
        assert window(since, until, now=NOW)[1] == datetime(2026, 11, 1, tzinfo=UTC)
        return
    with pytest.raises(ValueError, match=message):
        window(since, until, now=NOW)
