"""The benchmarks run, say what they promise to say, and leave nothing behind. No figure is judged."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
QUICK = [sys.executable, "-m", "benchmarks", "--quick"]


@pytest.fixture(scope="module")
def said() -> str:
    done = subprocess.run(QUICK, check=False, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "line",
    [
        r"at the same pace +\d+\.\d",
        r"made as fast as it goes +\d+\.\d",
        r"checks, whole server +[\d,]+",
        r"requests, bare libcurl, same pace +[\d,]+",
        r"check end to kernel, p50 +\d+",
        r"check end to kernel, p99 +\d+",
    ],
)
def test_each_measurement_is_printed_beside_its_measure(said: str, line: str) -> None:
    assert re.search(line, said), said


def test_events_were_followed_into_the_kernel(said: str) -> None:
    events = re.search(r"Event latency in ms, (\d+) events", said)
    assert events is not None
    assert int(events[1]) > 0


def test_an_interrupted_benchmark_leaves_no_process_behind() -> None:
    benchmark = subprocess.Popen(QUICK, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert benchmark.stderr is not None
    benchmark.stderr.readline()
    children = psutil.Process(benchmark.pid).children(recursive=True)
    assert children
    os.kill(benchmark.pid, signal.SIGTERM)
    benchmark.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
