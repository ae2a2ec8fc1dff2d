"""The dashboard's benchmark runs in a real browser, says what it promises to say, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
QUICK = [sys.executable, "-m", "benchmarks.dashboard", "--quick"]


def test_deltas_are_measured_beside_full_trait_sync_and_plain_html() -> None:
    done = subprocess.run(QUICK, check=False, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    for form in ("deltas", "full trait sync", "plain HTML"):
        row = re.search(
            rf"100 cards, 1,000/s, {form} +([\d.]+) +([\d.,]+) +[\d.]+% +[\d.]+% +\d+ +\d+ +[\d.]+%", done.stdout
        )
        assert row is not None, done.stdout
        assert float(row[1]) > 0
        assert float(row[2].replace(",", "")) > 0
    assert re.search(r"bytes to the browser +[\d.]+ times", done.stdout)


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
