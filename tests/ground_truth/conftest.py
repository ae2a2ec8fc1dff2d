"""Generated scripts, played once, and what the server and the notebook make of them."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_server.scenarios.playing import Played, play
from appsentry_server.scenarios.script import Happening, Jump, Response, Script, ScriptedApplication, Stretch

LONG = os.environ.get("APPSENTRY_FAULTS") == "long"
PLAYS, APPLICATIONS = (50, 100) if LONG else (6, 50)
"""An application is a script: it shares its monitor's stops and clock jumps with the others of its play only."""

LENGTH = timedelta(minutes=30)
FAILURES = ("status", "refused", "reset", "connect_timeout", "deadline", "dns_timeout", "expectation")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One play and its frame."""

    number: int
    script: Script
    played: Played
    frame: pd.DataFrame

    @property
    def name(self) -> str:
        return self.script.name

    @cached_property
    def windows(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """The whole script as the wall clock showed it, and a part that begins and ends anywhere."""
        edges = [edge for truth in self.played.truth.values() for edge in (truth.edges[0], truth.edges[-1])]
        begin, end = instant(min(edges)), instant(max(edges))
        third = (end - begin) / 3.000017
        return [(begin, end), ((begin + third).floor("us"), (end - third).floor("us"))]

    @cached_property
    def accounts(self) -> list[sentry.Account]:
        """The account of either window under the default policy."""
        maintenance = {
            name: [(instant(begin), instant(end)) for begin, end in pairs]
            for name, pairs in self.played.maintenance.items()
        }
        return [
            sentry.account(self.frame, since=since, until=until, maintenance=maintenance)
            for since, until in self.windows
        ]

    @property
    def others(self) -> list[str]:
        """Two of the other policies: a few plays see them all."""
        names = sorted(set(sentry.policies) - {"default"})
        return [names[(self.number + apart) % len(names)] for apart in (0, len(names) // 2)]


def instant(us: int) -> pd.Timestamp:
    return pd.Timestamp(us, unit="us", tz="UTC")


def stretches(dice: random.Random, most: int, longest: timedelta) -> list[Stretch]:
    """Some stretches, one after the other."""
    found: list[Stretch] = []
    at = LENGTH * 0.04
    for _ in range(dice.randint(0, most)):
        at += LENGTH * dice.uniform(0.02, 0.5)
        end = at + longest * dice.uniform(0.05, 1)
        if end >= LENGTH * 0.97:
            break
        found.append(Stretch(begin=at, end=end))
        at = end + timedelta(seconds=1)
    return found


def states(dice: random.Random, interval: timedelta) -> Iterator[Happening]:
    """Outages, flaps, degraded stretches and slow starts, some shorter than an interval, some much longer."""
    at = timedelta(0)
    style = dice.choice(("calm", "outages", "flapping", "anything"))
    while style != "calm" or dice.random() < 0.5:
        at += interval * dice.uniform(0.2, 2 if style == "flapping" else 30) + timedelta(
            microseconds=dice.randint(0, 999)
        )
        end = at + interval * dice.choice((0.3, 1.1, 2.5, 4, 12)) * dice.uniform(0.5, 1.5)
        if end >= LENGTH:
            # One may still be under way at the end.
            if at < LENGTH and dice.random() < 0.5:
                yield Happening(begin=at, end=LENGTH, state="down", failure="refused")
            return
        state: Any = "degraded" if dice.random() < 0.2 else "down"
        yield Happening(begin=at, end=end, state=state, failure=dice.choice(FAILURES), slower=dice.uniform(1, 5))
        at = end
        if state == "down" and dice.random() < 0.3:
            end = at + interval * dice.uniform(0.5, 3)
            if end >= LENGTH:
                return
            yield Happening(begin=at, end=end, state="degraded", slower=6)
            at = end


def application(dice: random.Random, number: int) -> ScriptedApplication:
    interval = timedelta(seconds=dice.choice((5, 10, 15, 20, 30, 60)))
    return ScriptedApplication(
        id=f"app-{number}",
        interval=interval,
        timeout=timedelta(seconds=dice.choice((1, 2, 4, 10))),
        confirm=dice.choice((1, 2, 3, 3, 5)),
        retry_interval=timedelta(seconds=dice.choice((1, 2, 5))),
        response=Response(median=timedelta(milliseconds=dice.choice((5, 80, 400))), spread=dice.uniform(0, 0.8)),
        states=tuple(states(dice, interval)),
        maintenance=tuple(stretches(dice, 2, LENGTH / 6)) if dice.random() < 0.4 else (),
    )


def script(number: int) -> Script:
    dice = random.Random(f"ground truth {number}")
    jumps = []
    if number % 3 == 2:
        at = LENGTH * dice.uniform(0.1, 0.4)
        jumps.append(Jump(at=at, **{dice.choice(("forward", "back")): timedelta(seconds=dice.choice((2, 20, 180)))}))
        jumps.append(Jump(at=at + LENGTH * 0.3, back=timedelta(seconds=dice.choice((0.5, 7, 70)))))
    return Script(
        name=f"ground truth {number}",
        start=datetime(2026, 3, 28, 22, 40, tzinfo=UTC) + timedelta(hours=number),
        length=LENGTH,
        off=tuple(stretches(dice, 2, LENGTH / 8)),
        jumps=tuple(jumps),
        applications=tuple(application(dice, one) for one in range(APPLICATIONS)),
    )


@pytest.fixture(scope="module", params=range(PLAYS))
def case(request: pytest.FixtureRequest) -> Case:
    """One play of many applications."""
    written = script(request.param)
    played = play(written, seed=request.param)
    return Case(number=request.param, script=written, played=played, frame=played.results.to_pandas())
