"""Upptime's commit log: one `date|subject` a line, as `git log --format='%cI|%s'` prints it, also gzipped."""

import gzip
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from appsentry_sources.identities import Monitor, identities
from appsentry_sources.reading import Reading, SourceUnreadable, table_of

_SUBJECT: Final = re.compile(
    r"(🟩|🟥|🟨) (.+?) (?:is up|is down|has degraded performance|experiencing degraded performance)"
    r" \((\d+) in (\d+) ms\)"
)
_STATUS: Final = {"🟩": "up", "🟥": "down", "🟨": "degraded"}
_GZIP: Final = b"\x1f\x8b"


class _Commit(NamedTuple):
    ts: int
    name: str
    status: str
    code: int
    ms: int


def recognised(path: Path, head: bytes) -> bool:
    """Whether the file begins like such a log."""
    if head.startswith(_GZIP):
        with gzip.open(path) as file:
            head = file.read(4_096)
    first = head.decode("utf-8", "replace").partition("\n")[0]
    return bool(re.match(r"\d{4}-\d\d-\d\dT[\d:]{8}(Z|[+-]\d\d:?\d\d)\|", first))


def read(path: Path) -> Reading:
    """The results in the log.

    Upptime commits when a state changes and at scheduled samples, so that the interval between its checks is missing
    here. A code of 0 in 0 ms is its word for a time-out. Raises `SourceUnreadable` when no line holds a result.
    """
    commits, others = [], 0
    for line in _lines(path):
        commit = _commit(line)
        if commit is None:
            others += 1
        else:
            commits.append(commit)
    if not commits:
        raise SourceUnreadable(
            f"{path}: none of its {others} lines is a result of Upptime, such as '…|🟩 Shop is up (200 in 300 ms)'"
        )
    return _reading(commits, others)


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as plain:
        zipped = plain.read(2) == _GZIP
    with gzip.open(path, "rb") if zipped else path.open("rb") as file:
        for line in file:
            if text := line.decode("utf-8", "replace").strip():
                yield text


def _commit(line: str) -> _Commit | None:
    date, _, subject = line.partition("|")
    found = _SUBJECT.match(subject)
    if found is None:
        return None
    try:
        instant = datetime.fromisoformat(date)
    except ValueError:
        return None
    if instant.tzinfo is None:
        return None
    ts = round(instant.astimezone(UTC).timestamp()) * 1_000_000
    return _Commit(ts, found[2], _STATUS[found[1]], int(found[3]), int(found[4]))


def _reading(commits: list[_Commit], others: int) -> Reading:
    ids = _ids(commits)
    failures = [_failure(commit) for commit in commits]
    table = table_of(
        {
            "ts": [commit.ts for commit in commits],
            "application": [ids[commit.name] for commit in commits],
            "check": ["health"] * len(commits),
            "type": ["health"] * len(commits),
            "status": [commit.status for commit in commits],
            "response_ms": [float(commit.ms) if commit.code else None for commit in commits],
            "failure": failures,
            "message": [
                f"status {commit.code} in {commit.ms} ms" if commit.code else "timed out" if failure else None
                for commit, failure in zip(commits, failures, strict=True)
            ],
        }
    )
    names = {ids[commit.name]: commit.name for commit in sorted(commits)}
    return Reading(table=table, format="upptime", names=names, left_out={"other commits": others})


def _failure(commit: _Commit) -> str | None:
    if commit.status != "down":
        return None
    if not commit.code:
        return "deadline"
    # A good status that is still down failed on what else was expected of it.
    return "expectation" if 200 <= commit.code < 300 else "status"


def _ids(commits: Iterable[_Commit]) -> dict[str, str]:
    seen: dict[str, tuple[int, int]] = {}
    for commit in commits:
        first, last = seen.get(commit.name, (commit.ts, commit.ts))
        seen[commit.name] = (min(first, commit.ts), max(last, commit.ts))
    monitors = [Monitor(name=name, first=first, last=last) for name, (first, last) in seen.items()]
    return dict(zip(seen, identities(monitors), strict=True))
