"""A play: what the server records of a script, and the truth beside it."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from appsentry_server.scenarios.playing import Played, play
from appsentry_server.scenarios.script import Script, ScriptUnreadable, load
from appsentry_sources.arrow import RESULT_SCHEMA

START = datetime(2026, 10, 1, tzinfo=UTC)
STORIES = Path(sys.modules[Script.__module__].__file__ or "").parent / "stories"


def script(*applications: dict[str, Any], **more: Any) -> Script:
    return Script.model_validate(
        {"name": "a test", "start": START, "length": "10m", "applications": applications} | more
    )


def rows(played: Played, application: str) -> list[dict[str, Any]]:
    return [row for row in played.results.to_pylist() if row["application"] == application]


def seconds(instant: datetime) -> float:
    return (instant - START).total_seconds()


def test_an_outage_is_confirmed_by_retries_and_ends() -> None:
    played = play(
        script({"id": "shop", "interval": "30s", "states": [{"begin": "3m", "end": "6m", "failure": "refused"}]})
    )
    assert played.results.schema == RESULT_SCHEMA
    down = [row for row in rows(played, "shop") if row["status"] == "down"]
    assert 180 <= seconds(down[0]["ts"]) < 210
    assert [row["attempt"] for row in down[:3]] == [1, 2, 3]
    # A retry is due so long after the result before it came.
    assert all(5 <= (b["ts"] - a["ts"]).total_seconds() < 5.1 for a, b in pairwise(down[:3]))
    assert {row["failure"] for row in down} == {"refused"}
    assert down[-1]["ts"] < START + timedelta(minutes=6)
    assert played.truth["shop"].uptime(*whole(played, "shop")) == Fraction(7, 10)


def whole(played: Played, application: str) -> tuple[int, int]:
    edges = played.truth[application].edges
    return edges[0], edges[-1]


def test_the_same_script_and_seed_give_the_same_results_to_the_last_digit() -> None:
    written = script({"id": "shop", "states": [{"begin": "1m", "end": "2m"}]}, {"id": "api", "interval": "7s"})
    assert play(written, 4).results.equals(play(written, 4).results)
    assert not play(written, 4).results["response_ms"].equals(play(written, 5).results["response_ms"])


def test_a_monitor_that_is_off_looks_at_nothing_and_goes_on_over_its_own_history() -> None:
    played = play(script({"id": "shop", "interval": "30s"}, off=[{"begin": "4m", "end": "6m"}]))
    due = [seconds(row["ts"]) for row in rows(played, "shop")]
    assert not [at for at in due if 240 < at < 360]
    before, after = [at for at in due if at < 240], [at for at in due if at >= 360]
    assert len(before) > 6
    assert len(after) > 6
    # The grid is that of the wall clock, before and after.
    assert before[-1] % 30 == pytest.approx(after[-1] % 30)
    spans = played.summaries.spans["shop", "health"]
    assert spans.n.sum() == len(due)


def test_a_wall_clock_set_forward_leaves_instants_out() -> None:
    played = play(script({"id": "shop", "interval": "10s"}, jumps=[{"at": "5m", "forward": "3m"}]))
    truth = played.truth["shop"]
    begin, end = whole(played, "shop")
    assert end - begin == 13 * 60 * 1_000_000
    assert truth.states == ("up", "never", "up")
    assert truth.spent(begin, end)["never"] == 180_000_000
    assert not [row for row in rows(played, "shop") if 300 < seconds(row["ts"]) < 480]


def test_a_wall_clock_set_back_shows_no_instant_twice() -> None:
    outage = {"begin": "4m", "end": "7m"}
    played = play(script({"id": "shop", "interval": "10s", "states": [outage]}, jumps=[{"at": "5m", "back": "1m"}]))
    truth = played.truth["shop"]
    # From minute 4 to 5 of the wall it was down, and again until minute 6, when nobody had counted that time yet.
    assert truth.states == ("up", "down", "up")
    assert [edge - truth.edges[0] for edge in truth.edges] == [0, 240_000_000, 360_000_000, 540_000_000]
    due = [row["ts"] for row in rows(played, "shop")]
    assert len(set(due)) == len(due)
    assert "unknown" in {row["status"] for row in rows(played, "shop")}


def test_degraded_stretches_are_slow_and_say_why() -> None:
    slow = {"begin": "2m", "end": "8m", "state": "degraded", "slower": 20, "message": "the cache is cold"}
    played = play(script({"id": "shop", "interval": "20s", "response": {"spread": 0.05}, "states": [slow]}))
    degraded = [row for row in rows(played, "shop") if row["status"] == "degraded"]
    up = [row for row in rows(played, "shop") if row["status"] == "up"]
    assert {row["message"] for row in degraded} == {"the cache is cold"}
    assert min(row["response_ms"] for row in degraded) > 10 * max(row["response_ms"] for row in up)
    phases = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "transfer_ms")
    assert all(sum(row[phase] for phase in phases) == pytest.approx(row["response_ms"], abs=0.01) for row in up)


def test_a_look_takes_as_long_as_its_failure_does() -> None:
    applications = [
        {"id": name, "interval": "1m", "timeout": "8s", "states": [{"begin": "0s", "end": "10m", "failure": name}]}
        for name in ("deadline", "connect_timeout", "reset")
    ]
    played = play(script(*applications))
    assert {row["response_ms"] for row in rows(played, "deadline")} == {8_000.0}
    assert {row["response_ms"] for row in rows(played, "connect_timeout")} == {5_000.0}
    assert max(row["response_ms"] for row in rows(played, "reset")) < 50
    # Retries follow the answer, not the question.
    assert all(row["late_ms"] == 0 for row in played.results.to_pylist())


@pytest.mark.parametrize("story", ["quiet-month", "database-incident", "two-releases"])
def test_every_story_can_be_read(story: str) -> None:
    assert load(STORIES / f"{story}.yaml").applications


def test_a_story_is_played_into_a_file_from_the_command_line(tmp_path: Path) -> None:
    written = tmp_path / "short.yaml"
    written.write_text("name: short\nstart: 2026-10-01T00:00:00Z\nlength: 5m\napplications: [{id: shop}]\n")
    command = [sys.executable, "-m", "appsentry_server.scenarios", str(written), "--out", str(tmp_path / "out.parquet")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert ended.stdout == f"{len(table)} results in {tmp_path / 'out.parquet'}\n"
    assert table.schema.equals(RESULT_SCHEMA)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str], str]:
    """What is said of a bad script."""

    def read(text: str) -> str:
        path = tmp_path / "bad.yaml"
        path.write_text(text)
        with pytest.raises(ScriptUnreadable) as caught:
            load(path)
        return str(caught.value).replace(f"{path}:", "")

    return read


HEAD = "name: bad\nstart: 2026-10-01T00:00:00Z\nlength: 5m\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("applications: [{id: shop, states: [{begin: 2m, end: 1m}]}]\n", "expected an end after the begin"),
        ("applications: [{id: shop}, {id: shop}]\n", "found shop more than once"),
        ("applications: [{id: shop, outages: []}]\n", "applications.0.outages"),
        ("applications: []\n", "applications"),
        ("applications: [{id: shop, states: [{begin: 2m, end: 4m}, {begin: 3m, end: 5m}]}]\n", "states in order"),
        (
            "jumps: [{at: 2m, back: 1s}, {at: 1m, back: 1s}]\napplications: [{id: shop}]\n",
            "jumps: expected them in order",
        ),
        ("applications: [\n", "expected YAML"),
    ],
)
def test_a_script_that_means_nothing_is_refused_with_its_place(
    refused: Callable[[str], str], text: str, said: str
) -> None:
    assert said in refused(HEAD + text)
