"""Frames made from a few signs."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

SIGNS = {"+": "up", "~": "degraded", "-": "down", "?": "unknown", "m": "maintenance"}


@pytest.fixture(scope="session")
def frame_of() -> Callable[..., pd.DataFrame]:
    """A result frame of `application/check` and a sign every 10 s: `+` up, `~` degraded, `-` down, `?` unknown, `m`."""

    def make(checks: dict[str, str], *, start: str = "2026-11-02T00:00:00Z", step: str = "10s", **more: Any) -> Any:
        first, apart = pd.Timestamp(start), pd.Timedelta(step)
        rows = [
            {
                "result_id": f"{name}-{place}",
                "ts": first + place * apart,
                "application": name.partition("/")[0],
                "check": name.partition("/")[2] or "health",
                "status": SIGNS[sign],
                "response_ms": 10.0 + place,
                "attempt": 1,
                "late_ms": 2.0,
                "interval_s": apart.total_seconds(),
                "simulated": False,
                **more,
            }
            for name, signs in checks.items()
            for place, sign in enumerate(signs)
            if sign != "."
        ]
        frame = pd.DataFrame(rows)
        frame["ts"] = pd.DatetimeIndex(frame["ts"]).as_unit("us")
        return frame

    return make
