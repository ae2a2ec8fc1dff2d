"""The rows behind a figure, and a hash of them that anyone can compute again.

The canonical form of rows is UTF-8 text. Its first line is `appsentry evidence 1`. Each row is one line of eight fields
with a tab between them; the lines are sorted by their bytes; every line, the last included, ends with a line feed.

1. `result_id`, as it is
2. `ts` in UTC: `2026-11-23T08:00:00.000000Z`
3. `application`, 4. `check`, 5. `status`, as they are
6. `attempt` as a decimal integer
7. `interval_s` times 1,000,000, 8. `response_ms` times 1,000: products in binary64, rounded half to even to an integer

A value that is missing, or whose column is, is an empty field. In texts a backslash, tab, line feed and carriage return
are written as a backslash followed by a backslash, `t`, `n` and `r`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import DOWN, MAINTENANCE, UNKNOWN, Integers, distinct
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.observations import CheckResults
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.errors import AppSentryError

HEADER: Final = "appsentry evidence 1"

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_OF_A_ROW = (DOWN, UNKNOWN, MAINTENANCE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """The rows that an application's figures follow from, as they are in the frame, and their SHA-256.

    Besides those in the window these are the results in force where it begins, and the whole of a row of downs that
    crosses an edge; of a check that has no result by then, its first. Counted alone, under the same policy in the same
    window, they give the same figures, provided that they tell their interval.
    """

    application: str
    policy: Policy
    since: pd.Timestamp
    until: pd.Timestamp
    rows: pd.DataFrame
    sha256: str

    def __repr__(self) -> str:
        return f"<Evidence of {self.application} under {self.policy.name}: {len(self.rows)} rows, sha256 {self.sha256}>"


def fingerprint(rows: pd.DataFrame) -> str:
    """The SHA-256 of the rows' canonical form, in hexadecimal.

    It does not depend on the order of rows or columns, nor on whether they came through Parquet or CSV; from CSV read
    ids as text (`dtype={"result_id": str, "application": str, "check": str}, keep_default_na=False, na_values=[""]`).
    """
    return hashlib.sha256(canonical(rows)).hexdigest()


def canonical(rows: pd.DataFrame) -> bytes:
    """The canonical form. Raises `AppSentryError` for rows without instants."""
    if "ts" not in rows:
        raise AppSentryError("a fingerprint needs the column ts, which these rows lack")
    fields = [
        _texts(rows, "result_id"),
        _instants(rows),
        *(_texts(rows, name) for name in ("application", "check", "status")),
        _integers(rows, "attempt", 1),
        _integers(rows, "interval_s", 1e6),
        _integers(rows, "response_ms", 1e3),
    ]
    lines = sorted("\t".join(row).encode() for row in zip(*fields, strict=True))
    return b"".join(line + b"\n" for line in (HEADER.encode(), *lines))


def _texts(rows: pd.DataFrame, column: str) -> Sequence[str]:
    if column not in rows:
        return [""] * len(rows)
    missing = rows[column].isna().tolist()
    return [
        "" if gone else str(value).translate(_ESCAPES)
        for value, gone in zip(rows[column].tolist(), missing, strict=True)
    ]


def _instants(rows: pd.DataFrame) -> Sequence[str]:
    # What was read from CSV may still be text.
    instants = pd.to_datetime(rows["ts"], utc=True, format="ISO8601") if rows["ts"].dtype == "str" else rows["ts"]
    due = pd.DatetimeIndex(instants.astype("datetime64[us, UTC]"))
    return due.strftime("%Y-%m-%dT%H:%M:%S.%fZ").tolist()


def _integers(rows: pd.DataFrame, column: str, factor: float) -> Sequence[str]:
    if column not in rows:
        return [""] * len(rows)
    numbers = np.rint(rows[column].to_numpy(dtype=np.float64, na_value=np.nan) * factor)
    return ["" if number != number else str(int(number)) for number in numbers.tolist()]


def evidence(frame: pd.DataFrame, part: Part, application: str) -> Evidence:
    """The evidence of one application of an account."""
    places = [check.places[slice(*_needed(check, part))] for check in part.checks]
    rows = frame.iloc[np.sort(np.concatenate([np.empty(0, np.int64), *places]))]
    return Evidence(
        application=application,
        policy=part.policy,
        since=instant(part.since),
        until=instant(part.until),
        rows=rows,
        sha256=fingerprint(rows),
    )


def _needed(check: CheckResults, part: Part) -> tuple[int, int]:
    """The first of the check's results that matters to the window, and the first that does not any more."""
    verdict, attempt = check.verdict, check.attempt
    taken_as_due = distinct(check.due)
    first = max(0, int(np.searchsorted(taken_as_due, part.since, side="right")) - 1)
    behind = int(np.searchsorted(check.due, part.until, side="left"))
    # A result that a retry replaces is not in force; what was before it is.
    while first and part.policy.attempts == "last" and _retried(attempt, first):
        first -= 1
    while first and verdict[first] in _OF_A_ROW and verdict[first - 1] in _OF_A_ROW:
        first -= 1
    # One that is taken as due later because of those before it needs them.
    while first and taken_as_due[first] > check.due[first]:
        first -= 1
    while 0 < behind < len(verdict) and (
        (verdict[behind - 1] in _OF_A_ROW and verdict[behind] in _OF_A_ROW) or _retried(attempt, behind - 1)
    ):
        behind += 1
    # That there is a check makes the time unknown before its first result: one row of it is needed in any case.
    return first, max(behind, first + 1)


def _retried(attempt: Integers, place: int) -> bool:
    return place + 1 < len(attempt) and bool(attempt[place + 1] > attempt[place])
