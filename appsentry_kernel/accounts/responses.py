"""Response times of an account's window: exact, from the results themselves."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.spans import CODES
from appsentry_kernel.accounts.observations import Numbers, Observations
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.tables import table

QUANTILES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}

COLUMNS: Final = {"n": "int64", "mean_ms": "float64", **dict.fromkeys(QUANTILES, "float64"), "max_ms": "float64"}

_PASSED = [CODES["up"], CODES["degraded"]]


def responses(observations: Observations, parts: Mapping[str, Part]) -> pd.DataFrame:
    """Mean and percentiles by application; `n` is how many results passed and have a response time."""
    return table([_responses(observations, part) for part in parts.values()], list(parts), COLUMNS)


def _responses(observations: Observations, part: Part) -> dict[str, object]:
    passed, every = _response_times(observations, part)
    counted = every if part.policy.responses == "all" else passed
    return {
        "n": len(passed),
        "mean_ms": float(counted.mean()) if len(counted) else None,
        **{name: quantile(passed, q) for name, q in QUANTILES.items()},
        "max_ms": float(passed.max()) if len(passed) else None,
    }


def quantile(values: Numbers, q: float) -> float | None:
    """The quantile, interpolated between ranks; None where no value is expected beyond it: `n (1 - q)` under one."""
    return float(np.quantile(values, q)) if len(values) * (1 - q) >= 1 - 1e-9 else None


def _response_times(observations: Observations, part: Part) -> tuple[Numbers, Numbers]:
    """Those of results that passed, and of all."""
    excluded, _ = part.calendar.treated(part.policy)
    passed, every = [np.empty(0)], [np.empty(0)]
    for check in part.checks:
        counts = (check.due >= part.since) & (check.due < part.until) & ~excluded.at(check.due)
        times = observations.numbers("response_ms", check.places[counts])
        there = ~np.isnan(times)
        every.append(times[there])
        passed.append(times[there & np.isin(check.verdict[counts], _PASSED)])
    return np.concatenate(passed), np.concatenate(every)
