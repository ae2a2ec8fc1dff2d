"""What the cards show of the time before them: the newest results of the server's history, and never too many.

How it thinks. Nobody tells how often each application is checked, and thousands that are checked each second make a
million rows an hour. So the history is asked for piece by piece, from the newest result backwards. The first piece is
short enough for the shortest interval there is; each later one doubles what is covered, or is as long as the pace seen
so far allows. It ends when every line is full, when enough rows were read, or a day back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from appsentry_contract.instants import from_wire, to_datetime
from appsentry_kernel.history import Api, table_of
from appsentry_kernel.picture import PastResult
from appsentry_kernel.picture.board import BEATS_LENGTH

ROWS = 50_000
"""About how many rows are read at most; 10 for each of 5,000 applications."""

PIECE_ROWS = 10_000
"""About how many of them at once, so that nothing waits long while they are taken apart."""

REACH_MS = 86_400_000
_FIRST_MS = 60_000
_SHORTEST_INTERVAL_MS = 1_000
_NAMED = 100
"""So many applications can be named in one request."""

_COLUMNS = ("result_id", "application", "check", "response_ms", "status")


async def past_results(api: Api, applications: Sequence[Mapping[str, Any]]) -> list[PastResult]:
    """The newest results of each application's first check, oldest first; simulated ones left out.

    Raises what `Api.history` and `table_of` raise.
    """
    firsts = {one["id"]: one["checks"][0]["checkId"] for one in applications if one["checks"]}
    checked = [from_wire(one["lastChecked"]) for one in applications if one["lastChecked"]]
    if not checked:
        return []
    newest, checks = max(checked), sum(len(one["checks"]) for one in applications)
    start = newest - max(min(PIECE_ROWS * _SHORTEST_INTERVAL_MS // max(checks, 1), _FIRST_MS), _SHORTEST_INTERVAL_MS)
    end = newest + REACH_MS  # later than what is newest by now
    pieces: list[list[PastResult]] = []
    found: Counter[str] = Counter()
    lacking, asked, read = set(firsts), (), 0
    while True:
        piece = await _piece(api, start, end, asked)
        read += len(piece)
        pieces.append([result for result in piece if firsts.get(result.application_id) == result.check_id])
        found.update(result.application_id for result in pieces[-1])
        lacking = {application for application in lacking if found[application] < BEATS_LENGTH}
        covered = newest - start
        if not lacking or read >= ROWS or covered >= REACH_MS:
            return [result for one in reversed(pieces) for result in one]
        asked = tuple(sorted(lacking)) if len(lacking) <= _NAMED else ()
        rows_a_ms = (sum(found[one] for one in asked) if asked else read) / covered
        room = min(PIECE_ROWS, ROWS - read) / rows_a_ms if rows_a_ms else REACH_MS
        end, start = start, max(start - max(int(min(covered, room)), 1), newest - REACH_MS)


async def _piece(api: Api, start: int, end: int, applications: Sequence[str]) -> list[PastResult]:
    stream = await api.history(
        to_datetime(start), to_datetime(end), applications=applications, types=(), resolution="raw", simulated=False
    )
    columns = (table_of(stream, resolution="raw").column(name).to_pylist() for name in _COLUMNS)
    return list(map(PastResult._make, zip(*columns, strict=True)))
