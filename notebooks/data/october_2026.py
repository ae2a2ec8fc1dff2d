"""Makes `october_2026.parquet`: an invented month of four applications, for `02_sla_report.ipynb`.

    python notebooks/data/october_2026.py

The same bytes of results come out each time. What happens to whom, in Berlin's time, is the table below.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from appsentry_sources.arrow import RESULT_SCHEMA

ZONE: Final = ZoneInfo("Europe/Berlin")
INTERVAL_S: Final = 300
RETRY_S: Final = 5

TYPICAL_MS: Final = {"account": 62.0, "payment-api": 118.0, "search": 45.0, "storefront": 190.0}

HAPPENINGS: Final = (
    # application (None: all), begin, end, status, failure
    ("payment-api", "2026-10-08 14:10", "2026-10-08 14:45", "down", "status"),
    ("payment-api", "2026-10-21 09:05", "2026-10-21 10:20", "down", "connect_timeout"),
    ("storefront", "2026-10-08 14:15", "2026-10-08 14:40", "down", "expectation"),
    ("storefront", "2026-10-27 02:30", "2026-10-27 02:40", "down", "reset"),
    ("search", "2026-10-14 11:00", "2026-10-14 16:30", "degraded", None),
    ("account", "2026-10-04 02:00", "2026-10-04 03:00", "maintenance", None),
    ("account", "2026-10-11 02:00", "2026-10-11 03:00", "maintenance", None),
    ("account", "2026-10-18 02:00", "2026-10-18 03:00", "maintenance", None),
    ("account", "2026-10-25 02:00", "2026-10-25 03:00", "maintenance", None),
    ("search", "2026-10-02 18:00", "2026-10-02 18:05", "blip", "reset"),
    ("search", "2026-10-16 07:30", "2026-10-16 07:35", "blip", "reset"),
    ("search", "2026-10-30 21:10", "2026-10-30 21:15", "blip", "reset"),
    (None, "2026-10-17 22:00", "2026-10-18 01:30", "gap", None),
)
"""A blip is down once and up at the first retry; in a gap the monitor itself was off."""


def history() -> pa.Table:
    """The month's results, oldest first."""
    parts = [_application(name, np.random.default_rng(number)) for number, name in enumerate(sorted(TYPICAL_MS))]
    rows = pd.concat(parts).sort_values(["ts", "application", "attempt"], kind="stable")
    columns = {name: pa.array(rows[name], RESULT_SCHEMA.field(name).type, from_pandas=True) for name in rows}
    missing = {field.name: pa.nulls(len(rows), field.type) for field in RESULT_SCHEMA if field.name not in columns}
    columns |= missing | {"simulated": pa.array(np.zeros(len(rows), bool))}
    return pa.table({name: columns[name] for name in RESULT_SCHEMA.names}, RESULT_SCHEMA)


def _application(name: str, random: np.random.Generator) -> pd.DataFrame:
    begin, end = (pd.Timestamp(f"2026-{month}-01", tz=ZONE) for month in (10, 11))
    ts = pd.date_range(begin, end, freq=f"{INTERVAL_S}s", inclusive="left").tz_convert("UTC").as_unit("us")
    busy = 1 + 0.25 * np.sin((ts.tz_convert(ZONE).hour.to_numpy() - 8) / 24 * 2 * np.pi)
    response = TYPICAL_MS[name] * busy * random.lognormal(0, 0.18, len(ts))
    rows = pd.DataFrame({"ts": ts, "status": "up", "response_ms": np.rint(response), "failure": None, "attempt": 1})
    for application, first, last, status, failure in HAPPENINGS:
        if application in (None, name):
            there = (ts >= _instant(first)) & (ts < _instant(last))
            rows = _happened(rows, there, status, failure)
    rows = rows[rows["status"] != "gap"].sort_values(["ts", "attempt"], ignore_index=True)
    prefix = name[:3]
    ids = [f"{prefix}-{place:05}" for place in range(len(rows))]
    return rows.assign(result_id=ids, application=name, check="health", type="health", interval_s=float(INTERVAL_S))


def _instant(wall: str) -> pd.Timestamp:
    # What the clock shows twice is taken as the first.
    return pd.Timestamp(datetime.fromisoformat(wall).replace(tzinfo=ZONE).astimezone(UTC))


def _happened(rows: pd.DataFrame, there: np.ndarray, status: str, failure: str | None) -> pd.DataFrame:
    there = np.append(there, np.zeros(len(rows) - len(there), bool))
    rows.loc[there, "status"] = "down" if status == "blip" else status
    rows.loc[there, "failure"] = failure
    if status == "degraded":
        rows.loc[there, "response_ms"] *= 20
    elif status in ("down", "maintenance", "blip"):
        rows.loc[there, "response_ms"] = np.nan
    if status not in ("down", "blip"):
        return rows
    first = rows[there].iloc[[0]]
    retries = [first.assign(ts=first["ts"] + pd.Timedelta(seconds=RETRY_S * (n - 1)), attempt=n) for n in (2, 3)]
    if status == "blip":
        retries = [retries[0].assign(status="up", failure=None, response_ms=90.0)]
    return pd.concat([rows, *retries], ignore_index=True)


if __name__ == "__main__":
    path = Path(__file__).with_suffix(".parquet")
    pq.write_table(history(), path, compression="zstd", compression_level=19, use_dictionary=True)
