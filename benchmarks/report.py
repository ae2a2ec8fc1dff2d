"""What was measured, for people: ratios first, which hold on other machines too; then the figures of this one."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import pycurl

from benchmarks.latency import percentiles
from benchmarks.server_checks import READERS, Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests that were answered, and the CPU seconds they took."""

    count: int
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """How many a CPU-second."""
        return self.count / self.cpu_s


def write(rate: int, at_will: Sequence[Requests], paced: Sequence[Requests], server: Sequence[Measured]) -> str:
    """The whole text. The sequences are of equal length: a place in each is one repetition."""
    checks = [Requests(count=one.checks, cpu_s=one.cpu_s) for one in server]
    return "\n".join(
        [
            f"AppSentry's benchmarks: medians of {len(server)}, least and most in brackets",
            f"{os.cpu_count()} cores, Python {platform.python_version()}, {pycurl.version.split()[1]}, "
            f"{rate} checks a second asked for, {READERS} readers",
            "",
            "One check by the whole server takes the CPU time of this many bare libcurl requests",
            _ratio("at the same pace", checks, paced),
            _ratio("made as fast as it goes", checks, at_will),
            "",
            "Per CPU-second",
            _figure("checks, whole server", checks),
            _figure("requests, bare libcurl, same pace", paced),
            _figure("requests, bare libcurl, as fast as it goes", at_will),
            "",
            f"Event latency in ms, {sum(len(one.latency.whole_ms) for one in server)} events",
            *_percentiles("check end to kernel", [one.latency.whole_ms for one in server]),
            *_percentiles("of it, from just before the commit on", [one.latency.from_numbered_ms for one in server]),
            "",
            "The whole server made "
            + ", ".join(f"{one.checks / one.seconds:.0f}" for one in server)
            + " checks a second; readers beside the kernel were told "
            + ", ".join(f"{one.told / (READERS - 1) / one.seconds:.0f}" for one in server)
            + " results a second each",
        ]
    )


def _ratio(name: str, checks: Sequence[Requests], others: Sequence[Requests]) -> str:
    return _line(name, [other.per_cpu_s / one.per_cpu_s for one, other in zip(checks, others, strict=True)], ".1f")


def _figure(name: str, measured: Sequence[Requests]) -> str:
    return _line(name, [one.per_cpu_s for one in measured], ",.0f")


def _line(name: str, values: Sequence[float], form: str) -> str:
    return f"  {name:<46}{median(values):>9{form}}   ({min(values):{form}} to {max(values):{form}})"


def _percentiles(name: str, repetitions: Sequence[Sequence[float]]) -> Iterator[str]:
    found = [percentiles(values_ms) for values_ms in repetitions]
    yield _line(f"{name}, p50", [p50 for p50, _ in found], ".0f")
    yield _line(f"{name}, p99", [p99 for _, p99 in found], ".0f")
