"""`python -m benchmarks.dashboard`: what the board costs a real browser and the kernel, beside what it could cost.

The kernel is a process of its own, with the real picture, screen and widget; the browser is Chromium, with the widget's
real module. What lies between them in a notebook is left out: a plain WebSocket on loopback stands in for it.
"""

import argparse
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from statistics import quantiles
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.process import Process, cores, end_in_order, running

_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")
_NAMES = {"deltas": "deltas", "traits": "full trait sync", "html": "plain HTML"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many cards, how many events a second, and how the browser is told: by `deltas`, `traits` or `html`."""

    cards: int
    rate: int
    form: str = "deltas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured; each load is watched for `seconds`, once it has run for `warm_s`."""

    cards: Sequence[int]
    rates: Sequence[int]
    warm_s: float
    seconds: float

    def loads(self) -> Iterator[Load]:
        """The deltas at every load; the others at the highest rate, right after the deltas they stand beside."""
        for cards in self.cards:
            yield from (Load(cards=cards, rate=rate) for rate in self.rates)
            yield from (Load(cards=cards, rate=self.rates[-1], form=form) for form in ("traits", "html"))


WHOLE = Size(cards=(1_000, 5_000), rates=(100, 1_000, 10_000), warm_s=2, seconds=4)
"""Takes about a minute and a quarter."""

QUICK = Size(cards=(100,), rates=(1_000,), warm_s=0.5, seconds=1)
"""Shows that it works, in ten seconds; its figures say little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one load took. Shares are of the time that passed; `long_ms` has each task of more than 50 ms.

    `main_thread` is how long the browser's main thread had something to do, also while it waited for a core;
    `main_thread_cpu` is what it computed. The kernel's share is CPU.
    """

    load: Load
    frames_per_s: float
    bytes_per_s: float
    main_thread: float
    main_thread_cpu: float
    kernel: float
    long_ms: Sequence[float]
    p95_ms: float
    elements: int


def watch(browser: Browser, kernel: Process, load: Load, size: Size) -> Seen:
    """Open the page, let it run in, and see what it takes from then on."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{kernel.ready}/?cards={load.cards}&rate={load.rate}&form={load.form}")
        page.wait_for_function("() => window.seen && seen().latencies_ms.length > 0", timeout=30_000)
        page.wait_for_timeout(1000 * size.warm_s)
        devtools = context.new_cdp_session(page)
        devtools.send("Performance.enable")
        before, cpu_s = _metrics(devtools), kernel.cpu_s()
        page.evaluate("() => { begin(); }")
        page.wait_for_timeout(1000 * size.seconds)
        after, cpu_s = _metrics(devtools), kernel.cpu_s() - cpu_s
        taken = {name: after[name] - before[name] for name in after}
        return _seen(load, page.evaluate("() => seen()"), taken, cpu_s)
    finally:
        context.close()


def _metrics(devtools: Any) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}


def _seen(load: Load, told: dict[str, Any], taken: dict[str, float], cpu_s: float) -> Seen:
    latencies, seconds = told["latencies_ms"], taken["Timestamp"]
    return Seen(
        load=load,
        frames_per_s=told["frames"] / seconds,
        bytes_per_s=told["bytes"] / seconds,
        main_thread=taken["TaskDuration"] / seconds,
        main_thread_cpu=taken["ThreadTime"] / seconds,
        kernel=cpu_s / seconds,
        long_ms=told["long_ms"],
        p95_ms=quantiles(latencies, n=20, method="inclusive")[-1] if len(latencies) > 1 else inf,
        elements=told["elements"],
    )


def write(found: Sequence[Seen], *, chromium: str, load_before: float) -> str:
    """The whole text: ratios first, which hold on other machines too."""
    return "\n".join(
        [
            f"The dashboard in Chromium {chromium}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"load of the machine before: {load_before:.1f}",
            "",
            *_ratios(found),
            "",
            _HEADINGS,
            *(_row(one) for one in found),
            "",
            *_LEGEND,
        ]
    )


def _ratios(found: Sequence[Seen]) -> Iterator[str]:
    deltas = {(one.load.cards, one.load.rate): one for one in found if one.load.form == "deltas"}
    for one in found:
        if one.load.form != "deltas":
            base = deltas[one.load.cards, one.load.rate]
            yield f"{one.load.cards:,} cards, {one.load.rate:,} events/s: {_NAMES[one.load.form]} costs, of deltas'"
            yield from (f"  {name:<46}{_times(figure(one), figure(base))}" for name, figure in _FIGURES.items())


_FIGURES: dict[str, Callable[[Seen], float]] = {
    "bytes to the browser": lambda one: one.bytes_per_s,
    "time of its main thread": lambda one: one.main_thread,
    "CPU of the kernel": lambda one: one.kernel,
    "p95 from kernel to paint": lambda one: one.p95_ms,
}


def _times(one: float, base: float) -> str:
    return f"{one / base:>9.1f} times" if base else f"{'–':>9}"


def _row(one: Seen) -> str:
    load = f"{one.load.cards:,} cards, {one.load.rate:,}/s, {_NAMES[one.load.form]}"
    browser = (
        f"{one.main_thread:>8.1%}{one.main_thread_cpu:>8.1%}{len(one.long_ms):>6}{max(one.long_ms, default=0):>9.0f}"
    )
    wire = f"{one.frames_per_s:>8.1f}{one.bytes_per_s / 1000:>10,.1f}"
    return f"  {load:<40}{wire}{browser}{one.kernel:>8.1%}{one.p95_ms:>6.0f}{one.elements:>10,}"


_HEADINGS = f"  {'':<40}  frames      kB/s    main     CPU  long  longest  kernel   p95  elements"
_LEGEND = (
    "  frames: a second; main: share of time that the browser's main thread was at work or kept from it, CPU: at work;",
    "  long: tasks of more than 50 ms, and the longest in ms; kernel: CPU, share of a core; p95: ms from the kernel's",
    "  beginning a frame until it was painted; plain HTML shows the 200 worst cards only",
)


def main(size: Size) -> None:
    """Every load after the other in one browser, each in a page of its own."""
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found: list[Seen] = []
    with running("kernel", "benchmarks.dashboard_kernel", core=cores()[0]) as kernel, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(_ARGUMENTS))
        version = browser.version
        try:
            for load in size.loads():
                print(
                    f"{load.cards:,} cards, {load.rate:,} events/s, {_NAMES[load.form]} …", file=sys.stderr, flush=True
                )
                found.append(watch(browser, kernel, load, size))
        finally:
            browser.close()
    print(write(found, chromium=version, load_before=load_before))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    signal.signal(signal.SIGTERM, end_in_order)
    main(QUICK if parser.parse_args().quick else WHOLE)
