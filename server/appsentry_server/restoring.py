"""What a starting server makes of its history: the board as it was, the hours that may still grow, the runs."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from appsentry_contract.accounting.spans import Spans
from appsentry_contract.events import TestRun
from appsentry_server.clock import Clock
from appsentry_server.configuration.model import Configuration
from appsentry_server.latencies import HOUR_MS, Latencies
from appsentry_server.runs.views import run_view
from appsentry_server.status.board import Board
from appsentry_server.store import reading, summaries
from appsentry_server.store.history import History
from appsentry_server.store.rows import result_of
from appsentry_server.streams.journal import Journal

_PAGE = 20_000
_RUNS_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was known when the last result was committed."""

    board: Board
    latencies: Latencies
    gone: list[str]
    """Applications that readers were told of and that are no longer configured."""


async def restored(configuration: Configuration, history: History, journal: Journal, clock: Clock) -> Restored:
    """Read what is known from the history."""
    kept = await history.read(summaries.kept(clock.now_ms() - 2 * HOUR_MS))
    spans: defaultdict[summaries.Key, Spans] = defaultdict(Spans)
    spans.update({key: Spans.of(arrays) for key, arrays in kept.spans.items()})
    latencies = Latencies(kept.sketches)
    seq = kept.seq
    # The results since the summaries were kept: at most what a minute brings, unless the server died young.
    while rows := await history.read(reading.results_after(seq, journal.head("metrics"), _PAGE)):
        for row in summaries.real(rows):
            key = (row.application, row.check)
            spans[key].add(row.due_ms, row.status, row.interval_ms)
            latencies.add(key, row.due_ms, row.status, row.response_ms)
        seq = rows[-1].seq
    board = Board()
    board.configure(configuration.applications)
    last = [result_of(row) for row in await history.read(reading.last_results)]
    board.restore(spans, last)
    told = await history.read(reading.applications_told)
    gone = board.told(orjson.loads(payload) for payload in told)
    return Restored(board=board, latencies=latencies, gone=gone)


async def recent_runs(history: History) -> Mapping[str, TestRun]:
    """The newest runs, oldest first."""
    rows = await history.read(reading.runs_before(None, "", _RUNS_SHOWN))
    counts = await history.read(reading.counts_of([row.run_id for row in rows]))
    return {row.run_id: run_view(row, counts[row.run_id]) for row in reversed(rows)}
