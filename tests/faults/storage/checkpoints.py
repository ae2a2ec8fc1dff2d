"""Commit until the disk is full in the middle of a checkpoint, make room, and again; run by `test_storage.py`.

Prints what is in the history in the end, as JSON.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import duckdb

from appsentry_server.store.history import Batch, History
from appsentry_server.store.rows import EventRow

FILLER_LEAVES = 3_000_000
WAL_BYTES = 14_000_000
"""A little under where DuckDB makes a checkpoint by itself."""


async def _commit(history, first):
    rows = [EventRow("runs", n, 1, "testRunPaused", os.urandom(400).hex()) for n in range(first, first + 500)]
    batch = Batch(events=rows)
    failures = 0
    while True:
        try:
            await history.commit(batch)
        except (duckdb.Error, OSError):
            failures += 1
            yield failures
        else:
            return


async def main(folder, rounds):
    history = await History.open(folder)
    filler, wal = folder / "filler", folder / "history.duckdb.wal"
    handed_in = refused_reads = 0
    for _ in range(rounds):
        reopened = history.reopened
        while history.reopened == reopened:
            async for failures in _commit(history, handed_in + 1):
                if failures >= 3:
                    filler.unlink(missing_ok=True)
            handed_in += 500
            if wal.exists() and wal.stat().st_size > WAL_BYTES and not filler.exists():
                free = os.statvfs(folder)
                with filler.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - FILLER_LEAVES)
        filler.unlink(missing_ok=True)
        found = await history.read(lambda cursor: cursor.execute("select count(*) from events").fetchone())
        refused_reads += found[0] != handed_in
    kept = await history.read(
        lambda cursor: cursor.execute("select count(*), count(distinct seq) from events").fetchone()
    )
    seen = {"handed_in": handed_in, "kept": kept[0], "different": kept[1]}
    await history.close()
    print(json.dumps({**seen, "reopened": history.reopened, "refused_reads": refused_reads}))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
