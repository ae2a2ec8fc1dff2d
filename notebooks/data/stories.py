"""Makes `03_incident.parquet` and `04_releases.parquet`: invented days for the notebooks of these numbers.

    python notebooks/data/stories.py

The same results come out each time. Every 30 s the applications are probed one after the other, 4 s apart.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from appsentry_sources.arrow import RESULT_SCHEMA

INTERVAL_S: Final = 30
APART_S: Final = 4
TYPICAL_MS: Final = {"account": 62.0, "payment-api": 118.0, "queue-depth": 12.0, "search": 45.0, "storefront": 190.0}

DOWN: Final = (
    # application, begin, end, failure
    ("search", "2026-11-12 06:10:00", "2026-11-12 06:18:00", "reset"),
    ("account", "2026-11-12 09:30:00", "2026-11-12 09:30:30", "connect_timeout"),
    ("queue-depth", "2026-11-12 13:31:00", "2026-11-12 14:20:00", "expectation"),
    ("payment-api", "2026-11-12 13:42:00", "2026-11-12 14:12:00", "status"),
    ("storefront", "2026-11-12 13:42:00", "2026-11-12 14:13:00", "expectation"),
    ("account", "2026-11-12 13:47:00", "2026-11-12 14:09:00", "deadline"),
    ("search", "2026-11-12 13:55:00", "2026-11-12 13:56:00", "reset"),
)
SLOW: Final = (
    # application, begin, end, factor of the level, factor of the spread
    ("payment-api", "2026-11-12 13:18:00", "2026-11-12 13:42:00", 1.6, 1.0),
    ("payment-api", "2026-11-12 14:12:00", "2026-11-12 14:45:00", 1.0, 3.0),
)
RELEASE: Final = pd.Timestamp("2026-11-10T10:00:00Z")


def incident() -> pd.DataFrame:
    """A day on which the queue fills, payment slows down, and three applications fail."""
    rows = _probed("2026-11-12", "2026-11-13", sorted(TYPICAL_MS), step_s=INTERVAL_S)
    for application, begin, end, level, spread in SLOW:
        mine = _there(rows, application, begin, end)
        usual = TYPICAL_MS[application]
        rows.loc[mine, "response_ms"] = usual * level * (rows.loc[mine, "response_ms"] / usual) ** spread
    for application, begin, end, failure in DOWN:
        mine = _there(rows, application, begin, end)
        rows.loc[mine, ["status", "failure"]] = ["down", failure]
        rows.loc[mine, "response_ms"] = np.nan
    return rows


def releases() -> pd.DataFrame:
    """Two days on either side of a release: payment's usual answer is faster after it, its slow ones are slower."""
    rows = _probed("2026-11-08 10:00", "2026-11-12 10:00", ["payment-api", "search"], step_s=60)
    random = np.random.default_rng(4)
    after = (rows["ts"] >= RELEASE) & (rows["application"] == "payment-api")
    slow = after & (random.random(len(rows)) < 0.08)
    rows.loc[after, "response_ms"] *= 0.88
    rows.loc[slow, "response_ms"] *= 2.6
    rows.loc[after & (random.random(len(rows)) < 0.002), ["status", "failure"]] = ["down", "status"]
    return rows


def _probed(since: str, until: str, applications: list[str], *, step_s: int) -> pd.DataFrame:
    parts = []
    for place, name in enumerate(applications):
        ts = pd.date_range(since, until, freq=f"{step_s}s", inclusive="left", tz="UTC").as_unit("us")
        times = TYPICAL_MS[name] * np.random.default_rng(place).lognormal(0, 0.12, len(ts))
        part = pd.DataFrame({"ts": ts + pd.Timedelta(seconds=APART_S * place), "application": name})
        parts.append(part.assign(response_ms=times, result_id=[f"{name[:3]}-{n:05}" for n in range(len(ts))]))
    made = {
        "check": "health",
        "type": "health",
        "status": "up",
        "failure": None,
        "attempt": 1,
        "interval_s": step_s * 1.0,
    }
    return pd.concat(parts, ignore_index=True).assign(**made).sort_values(["ts", "application"], ignore_index=True)


def _there(rows: pd.DataFrame, application: str, begin: str, end: str) -> "pd.Series[bool]":
    since, until = (pd.Timestamp(one, tz="UTC") for one in (begin, end))
    return (rows["application"] == application) & (rows["ts"] >= since) & (rows["ts"] < until)


def _written(rows: pd.DataFrame, name: str) -> None:
    rows = rows.assign(response_ms=rows["response_ms"].round())
    columns = {name: pa.array(rows[name], RESULT_SCHEMA.field(name).type, from_pandas=True) for name in rows}
    missing = {field.name: pa.nulls(len(rows), field.type) for field in RESULT_SCHEMA if field.name not in columns}
    columns |= missing | {"simulated": pa.array(np.zeros(len(rows), bool))}
    table = pa.table({name: columns[name] for name in RESULT_SCHEMA.names}, RESULT_SCHEMA)
    path = Path(__file__).with_name(f"{name}.parquet")
    pq.write_table(table, path, compression="zstd", compression_level=19)


if __name__ == "__main__":
    _written(incident(), "03_incident")
    _written(releases(), "04_releases")
