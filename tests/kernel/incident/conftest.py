"""Frames made from a few signs, and the real histories that lie beside the project."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import appsentry_kernel as sentry

SIGNS = {"+": "up", "~": "degraded", "-": "down", "?": "unknown", "m": "maintenance"}
_SHARED = Path(__file__).parents[4] / "shared" / "data"


def _lying_beside(name: str) -> Path:
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"not run: {name} does not lie beside the project")
    return path


@pytest.fixture(scope="session")
def frame_of() -> Callable[..., pd.DataFrame]:
    """A result frame of `application/check` and a sign a minute; each next one is probed so many seconds later."""

    def make(checks: dict[str, str], *, apart: float = 1, **more: Any) -> pd.DataFrame:
        rows = [
            {
                "result_id": f"{name}-{place}",
                "ts": pd.Timestamp("2026-11-02T00:00:00Z") + pd.Timedelta(seconds=60 * place + apart * late),
                "application": name.partition("/")[0],
                "check": name.partition("/")[2] or "health",
                "status": SIGNS[sign],
                "response_ms": 10.0 + place % 5,
                "failure": "refused" if sign == "-" else None,
                "interval_s": 60.0,
                "simulated": False,
                **more,
            }
            for late, (name, signs) in enumerate(checks.items())
            for place, sign in enumerate(signs)
            if sign != "."
        ]
        return pd.DataFrame(rows).astype({"ts": "datetime64[us, UTC]"})

    return make


@pytest.fixture(scope="session")
def curc() -> pd.DataFrame:
    """Thirteen weeks of a real Upptime monitor."""
    return sentry.read_history(_lying_beside("upptime-curc.log.gz"))


@pytest.fixture(scope="session")
def nab() -> "pd.Series[float]":
    """Two weeks of real request latencies, every five minutes."""
    rows = pd.read_csv(_lying_beside("nab-ec2-request-latency.csv"), parse_dates=["timestamp"])
    return rows.set_index("timestamp")["value"].tz_localize("UTC")
