"""`python -m benchmarks`: measure, each against the other within one run, and print what was found."""

import argparse
import signal
import subprocess
import sys
from dataclasses import dataclass

import orjson

from benchmarks import report
from benchmarks.process import Process, cores, end_in_order, on_core, running
from benchmarks.report import Requests
from benchmarks.server_checks import Measured, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. `rate` is checks a second, one an application; a repetition looks at everything once."""

    rate: int
    repetitions: int
    bare_s: float
    warm_s: float
    server_s: float


WHOLE = Size(rate=1_000, repetitions=3, bare_s=4, warm_s=5, server_s=15)
"""Takes about two minutes."""

QUICK = Size(rate=100, repetitions=1, bare_s=1, warm_s=2, server_s=4)
"""Shows that it works, in a quarter of a minute; its figures say little."""


def bare(target: Process, size: Size, rate: int) -> Requests:
    """What libcurl alone takes for the same requests, believed only as far as the target has seen them."""
    target.ask("forget")
    command = [sys.executable, "-m", "benchmarks.bare_loop", target.ready, str(size.bare_s), str(rate)]
    with on_core(cores()[0]):
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=10 * size.bare_s)
    seen = target.ask("count")
    found = orjson.loads(done.stdout)
    assert found["checks"] == seen, f"the loop counts {found['checks']} answers, the target {seen}"
    return Requests(count=seen, cpu_s=found["cpu_s"])


def main(size: Size) -> None:
    """Take turns, so that whatever else the machine does meanwhile falls on all alike."""
    at_will: list[Requests] = []
    paced: list[Requests] = []
    server: list[Measured] = []
    with running("target", "benchmarks.target", core=cores()[1]) as target:
        for number in range(size.repetitions):
            print(f"repetition {number + 1} of {size.repetitions} …", file=sys.stderr, flush=True)
            at_will.append(bare(target, size, 0))
            paced.append(bare(target, size, size.rate))
            server.append(measure(target, size.rate, warm_s=size.warm_s, seconds=size.server_s))
    print(report.write(size.rate, at_will, paced, server))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    signal.signal(signal.SIGTERM, end_in_order)
    main(QUICK if parser.parse_args().quick else WHOLE)
