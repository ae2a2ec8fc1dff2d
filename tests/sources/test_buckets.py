"""Sums are told apart into as many results as they count, and none is counted twice."""

from collections import Counter

from appsentry_sources.buckets import Bucket, Placed, spread, unfold


def bucket(start: int, width: int, up: int = 0, down: int = 0) -> Bucket:
    return Bucket(start=start, width=width, counts={"up": up, "down": down})


def counted(rows: list[Placed]) -> dict[str, int]:
    return dict(Counter(row.status for row in rows))


def test_results_follow_each_other_at_the_interval() -> None:
    assert spread(bucket(100, 60, up=2, down=1), 10) == [Placed(100, "up"), Placed(110, "up"), Placed(120, "down")]


def test_too_many_results_for_the_interval_are_closer() -> None:
    assert [row.ts for row in spread(bucket(0, 60, up=4), 20)] == [0, 15, 30, 45]


def test_an_empty_bucket_holds_nothing() -> None:
    assert spread(bucket(0, 60), 10) == []


def test_a_coarse_bucket_adds_only_what_finer_ones_do_not_have() -> None:
    hours, day = [bucket(120, 60, up=5, down=1), bucket(180, 60, up=6)], [bucket(0, 240, up=15, down=4)]
    rows = unfold([hours, day], 10)
    assert counted(rows) == {"up": 15, "down": 4}
    assert all(row.ts < 120 for row in rows[12:])


def test_nothing_is_added_where_every_result_is_known() -> None:
    known = [Placed(ts, "up") for ts in range(30, 60, 10)]
    assert unfold([[bucket(0, 60, up=9), bucket(60, 60, up=6)]], 10, known=known, known_from=30) == [
        Placed(place * 5, "up") for place in range(6)
    ]


def test_a_known_result_from_before_is_not_added_again() -> None:
    known = [Placed(25, "down"), Placed(70, "up")]
    rows = unfold([[bucket(0, 60, up=5, down=1)]], 10, known=known, known_from=70)
    assert counted(rows) == {"up": 5}
