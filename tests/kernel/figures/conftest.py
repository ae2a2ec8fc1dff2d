"""Small frames whose figures can be counted by hand, and large ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

PHASES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "transfer_ms")
_STATUSES = {"+": "up", "~": "degraded", "-": "down", "?": "unknown", "m": "maintenance"}


@pytest.fixture(scope="session")
def beats() -> Callable[..., pd.DataFrame]:
    """A frame of `application/check` with a sign each minute: `+` up, `~` degraded, `-` down, `?` unknown, `m`."""

    def make(start: str = "2026-11-02T00:00:00Z", step_s: int = 60, /, **checks: str) -> pd.DataFrame:
        return named(checks, start, step_s)

    def named(checks: dict[str, str], start: str = "2026-11-02T00:00:00Z", step_s: int = 60) -> pd.DataFrame:
        rows: list[dict[str, Any]] = [
            {
                "ts": pd.Timestamp(start) + pd.Timedelta(seconds=step_s * place),
                "application": name.partition("/")[0],
                "check": name.partition("/")[2] or "health",
                "status": _STATUSES[sign],
                "response_ms": 10.0 * (place + 1),
                "failure": "refused" if sign == "-" else None,
                "interval_s": float(step_s),
                "attempt": 1,
            }
            for name, signs in checks.items()
            for place, sign in enumerate(signs)
            if sign != "."
        ]
        return pd.DataFrame(rows).astype({"ts": "datetime64[us, UTC]", "failure": "str"})

    make.named = named  # type: ignore[attr-defined]
    return make


@pytest.fixture(scope="session")
def million() -> pd.DataFrame:
    """A million results of ten applications that flap and have every column a figure looks at."""
    n, applications = 1_000_000, 10
    random = np.random.default_rng(20261102)
    first = pd.Timestamp("2026-08-01T00:00:00Z").value // 1_000
    due = first + np.repeat(np.arange(n // applications) * 30_000_000, applications)
    frame = pd.DataFrame(
        {
            "ts": pd.DatetimeIndex(due.view("datetime64[us]")).tz_localize("UTC"),
            "application": pd.Series(
                np.tile([f"app-{i}" for i in range(applications)], n // applications), dtype="str"
            ),
            "check": pd.Series(np.full(n, "health"), dtype="str"),
            "status": pd.Series(np.where(random.random(n) < 0.2, "down", "up"), dtype="str"),
            "response_ms": random.lognormal(4, 1, n),
            "interval_s": 30.0,
            "attempt": 1,
        }
    )
    return frame.assign(**{phase: random.lognormal(2, 1, n) for phase in PHASES})
