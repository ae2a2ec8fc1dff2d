"""An account made from what is kept beside the results is that of the results themselves."""

import asyncio
import random
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import appsentry_kernel as sentry
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.sketch import RELATIVE_ERROR
from appsentry_contract.accounting.spans import Spans
from appsentry_contract.columns import LATENCY_COLUMNS, SPAN_COLUMNS
from appsentry_kernel.accounts.summaries import Terms, summary_table
from appsentry_kernel.frames import conform, frame
from appsentry_server.api.accounts import LatencyRows, SpanRows
from appsentry_server.api.selection import Selection
from appsentry_server.latencies import Latencies
from appsentry_server.store import days, summaries
from appsentry_server.store.history import Batch, History
from appsentry_server.store.rows import ResultRow
from appsentry_server.store.summaries import DAY_MS, Summaries
from appsentry_server.store.windows import Window

END_MS = 1_790_000_000_000 // DAY_MS * DAY_MS + 5 * 3_600_000
SPAN_DAYS = 4
INTERVAL_MS = 300_000
CHECKS = [("pay", "health"), ("pay", "login"), ("shop", "health"), ("until-yesterday", "health"), ("ended", "health")]


def _row(seq, due_ms, key, status, response_ms):
    phases = (None,) * 5
    words = (None, None, None, None, None, 1, 0.0, INTERVAL_MS, "here", False)
    return ResultRow(seq, due_ms + 9, f"r{seq}", due_ms, *key, "health", status, response_ms, *phases, *words)


def _results(seed):
    """Outages, blips, gaps, unknown stretches, instants that repeat: in the order in which they were committed."""
    chance = random.Random(seed)
    ends = {"until-yesterday": END_MS - DAY_MS, "ended": END_MS - 3 * DAY_MS}
    rows = []
    for place, key in enumerate(CHECKS):
        due_ms, status = END_MS - SPAN_DAYS * DAY_MS + place * 7_000, "up"
        while due_ms < ends.get(key[0], END_MS):
            if chance.random() < 0.1:
                status = chance.choice(["up", "up", "degraded", "down", "down", "unknown"])
            response = None if status == "unknown" else round(chance.lognormvariate(4, 1), 3)
            rows.append((due_ms, key, status, response))
            due_ms += 0 if chance.random() < 0.005 else INTERVAL_MS * (20 if chance.random() < 0.01 else 1)
    rows.sort(key=lambda row: row[0])
    return [_row(seq, *row) for seq, row in enumerate(rows, 1)]


async def _keep(history, rows):
    """What the server's housekeeping writes."""
    spans, latencies = {}, Latencies({})
    for row in rows:
        key = (row.application, row.check)
        spans.setdefault(key, Spans()).add(row.due_ms, row.status, row.interval_ms)
        latencies.add(key, row.due_ms, row.status, row.response_ms)
    arrays = {key: one.arrays() for key, one in spans.items()}
    await history.write(summaries.keep(Summaries(seq=rows[-1].seq, spans=arrays, sketches=latencies.grown())))


def _read(history, rows, columns):
    def query(cursor):
        batches = list(rows.batches(cursor, "arrow"))
        return conform(pa.Table.from_batches(batches), columns) if batches else None

    return history.read_here(query)


def _sla(history, policy, since_ms, until_ms, **terms):
    window = Window(from_ms=since_ms, to_ms=until_ms)
    spans = _read(history, SpanRows(window), SPAN_COLUMNS)
    latencies = _read(history, LatencyRows(window), LATENCY_COLUMNS)
    return summary_table(
        spans, latencies, Terms(policy=policy, since=since_ms * 1000, until=until_ms * 1000, targets=99.0, **terms)
    )


def _instant(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)


async def _history(folder, rows, *, folded):
    history = await History.open(folder)
    await history.commit(Batch(results=rows))
    await _keep(history, rows[:-40])
    while folded and await history.write(days.fold(END_MS)):
        pass
    return history


WINDOWS = {
    "everything": (END_MS - SPAN_DAYS * DAY_MS, END_MS),
    "from within a day until now": (END_MS - 3 * DAY_MS - 4_321_000, END_MS + 60_000),
    "from within a day until within another": (END_MS - 3 * DAY_MS + 1_234_567, END_MS - DAY_MS - 765_432),
    "within one day": (END_MS - 2 * DAY_MS + 3_600_000, END_MS - 2 * DAY_MS + 9_876_543),
    "today": (END_MS - 2 * 3_600_000 - 1, END_MS),
}
POLICIES = [
    sentry.policies["default"],
    Policy(name="any, each down", confirm=1, combine="any", gap_tolerance=None),
    Policy(name="one check", combine="health", degraded_weight=0.5, gaps="down"),
]


@pytest.mark.parametrize("folded", [False, True], ids=["hours", "days"])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_table_of_summaries_agrees_with_the_account_of_the_results(tmp_path, window, folded):
    rows = _results(seed=7)
    history = asyncio.run(_history(tmp_path, rows, folded=folded))
    everything = Selection(from_ms=0, to_ms=END_MS + DAY_MS)
    seen = frame(_read(history, everything, everything.columns))
    inside = seen[(seen["ts"] >= _instant(window[0])) & (seen["ts"] < _instant(window[1]))]
    for policy in POLICIES:
        table = _sla(history, policy, *window)
        account = sentry.account(seen, policy, since=_instant(window[0]), until=_instant(window[1]), targets=99.0)
        exact = account.table.loc[[name for name in account.table.index if name in set(inside["application"])]]
        assert list(table.index) == list(exact.index)
        seconds = [column for column in exact.columns if "checks" not in column]
        pd.testing.assert_frame_equal(table[seconds], exact[seconds])
        passed = inside[inside["status"].isin(["up", "degraded"]) & inside["response_ms"].notna()]
        if policy.combine == "health":
            passed = passed[passed["check"] == "health"]
        for name in table.index:
            times = passed.loc[passed["application"] == name, "response_ms"].to_numpy()
            assert table.loc[name, "responses"] == len(times)
            for column, q in {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}.items():
                if len(times) * (1 - q) < 1 - 1e-9:
                    assert np.isnan(table.loc[name, column])
                else:
                    rank = np.sort(times)[int(q * (len(times) - 1))]
                    assert table.loc[name, column] == pytest.approx(rank, rel=RELATIVE_ERROR + 1e-9)
    asyncio.run(history.close())
