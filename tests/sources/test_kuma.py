"""Uptime Kuma's database is read whole: beats before sums, never both."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appsentry_sources.reading import Reading, SourceUnreadable

Read = Callable[..., Reading]


NOON = 1_780_000_000 // 86_400 * 86_400 + 43_200
DAY = 86_400


def rows_of(kuma: Any, read: Read) -> list[dict[str, Any]]:
    kuma.close()
    rows: list[dict[str, Any]] = read(kuma.path).table.to_pylist()
    return rows


def test_a_beat_is_a_result(kuma: Any, read: Read) -> None:
    shop = kuma.monitor("Shop 🛒", interval=30)
    kuma.beat(shop, NOON, 1, 42, "200 - OK")
    kuma.beat(shop, NOON + 30, 2, None, "timeout")
    kuma.beat(shop, NOON + 60, 0, None, "timeout")
    kuma.beat(shop, NOON + 90, 3)
    rows = rows_of(kuma, read)
    assert [(row["status"], row["response_ms"], row["message"]) for row in rows] == [
        ("up", 42.0, "200 - OK"), ("down", None, "timeout"), ("down", None, "timeout"), ("maintenance", None, None)
    ]  # fmt: skip
    assert {(row["application"], row["check"], row["type"], row["interval_s"]) for row in rows} == {
        ("shop", "health", "health", 30.0)
    }
    assert rows[0]["ts"].timestamp() == NOON


@pytest.mark.parametrize("seed", range(3))
def test_forty_days_keep_every_count_whatever_was_thrown_away(kuma: Any, seed: int, read: Read) -> None:
    dice, truth = random.Random(seed), Counter[str]()
    monitor = kuma.monitor("Shop", interval=600)
    for unix_s in range(NOON - 40 * DAY, NOON, 600):
        status = dice.choices((1, 0, 2, 3), (90, 5, 3, 2))[0]
        kuma.beat(monitor, unix_s + dice.randrange(60), status, 20)
        truth[{1: "up", 3: "maintenance"}.get(status, "down")] += 1
    uptime = kuma.uptime(monitor, "stat_daily")
    kuma.forget(NOON)
    kuma.close()
    reading = read(kuma.path)
    found = Counter(reading.table["status"].to_pylist())
    assert found == truth
    assert found["up"] / (found["up"] + found["down"]) == uptime
    assert reading.placed > 4_000


def test_monitors_of_one_name_are_two_applications_and_one_without_a_beat_is_none(kuma: Any, read: Read) -> None:
    first, second, _ = (kuma.monitor("Shop") for _ in range(3))
    kuma.beat(second, NOON, 1)
    for unix_s in (NOON - 60, NOON + 60):
        kuma.beat(first, unix_s, 1)
    kuma.close()
    reading = read(kuma.path)
    assert reading.table["application"].to_pylist() == ["shop", "shop-2", "shop"]
    assert reading.left_out == {"monitors without a result": 1}


def test_a_database_without_a_result_is_refused(kuma: Any, read: Read) -> None:
    kuma.monitor("Shop")
    kuma.close()
    with pytest.raises(SourceUnreadable, match=r"kuma.db: none of its 1 monitors has a result"):
        read(kuma.path)


def test_a_damaged_database_is_refused_in_words(kuma: Any, tmp_path: Path, read: Read) -> None:
    kuma.close()
    path = tmp_path / "torn.db"
    path.write_bytes(kuma.path.read_bytes()[:5_000])
    with pytest.raises(SourceUnreadable, match=r"torn\.db: .*read the copy"):
        read(path, "kuma")


def test_another_database_is_not_taken_for_one(tmp_path: Path, sqlite_file: Callable[[Path], None], read: Read) -> None:
    sqlite_file(tmp_path / "other.db")
    with pytest.raises(SourceUnreadable, match="of no format that can be read"):
        read(tmp_path / "other.db")
    with pytest.raises(SourceUnreadable, match="not a database of Uptime Kuma v2"):
        read(tmp_path / "other.db", "kuma")
