"""The rows behind a figure, and a hash that anyone can compute again without us."""

import csv
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import appsentry_kernel as sentry

FrameOf = Callable[..., pd.DataFrame]


def by_hand(path: Path) -> str:
    """The page's recipe in plain Python, from a CSV export."""

    def text(value: str) -> str:
        for sign, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            value = value.replace(sign, escaped)
        return value

    def integer(value: str, factor: float) -> str:
        return str(round(float(value) * factor)) if value else ""

    lines = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ts = datetime.fromisoformat(row["ts"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            ids = [text(row[name]) for name in ("application", "check", "status")]
            numbers = [integer(row["attempt"], 1), integer(row["interval_s"], 1e6), integer(row["response_ms"], 1e3)]
            lines.append("\t".join([text(row["result_id"]), ts, *ids, *numbers]).encode())
    body = b"".join(line + b"\n" for line in [b"appsentry evidence 1", *sorted(lines)])
    return hashlib.sha256(body).hexdigest()


def hostile(frame_of: FrameOf) -> pd.DataFrame:
    frame = frame_of(
        {"shop/health": "++---+~?", "shop/a\tb\n\\ ü": "+m++"}, start="2026-11-02T00:00:00.000123Z", step="10.3s"
    )
    frame.loc[2, "response_ms"] = None
    frame.loc[3, "response_ms"] = 0.1 + 0.2
    frame.loc[4, "result_id"] = None
    return frame


def test_a_stranger_computes_the_same_hash_from_an_export(frame_of: FrameOf, tmp_path: Path) -> None:
    evidence = sentry.account(hostile(frame_of)).evidence("shop")
    evidence.rows.to_csv(tmp_path / "rows.csv", index=False)
    assert by_hand(tmp_path / "rows.csv") == evidence.sha256


def test_the_hash_survives_every_way_out_and_in_again(frame_of: FrameOf, tmp_path: Path) -> None:
    rows = hostile(frame_of)
    expected = sentry.fingerprint(rows)
    rows.to_parquet(tmp_path / "rows.parquet")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    ids = dict.fromkeys(("result_id", "application", "check"), str)
    found = [
        pd.read_parquet(tmp_path / "rows.parquet"),
        pd.read_parquet(tmp_path / "rows.parquet", dtype_backend="pyarrow"),
        pd.read_csv(tmp_path / "rows.csv", dtype=ids, keep_default_na=False, na_values=[""]),
        rows.sample(frac=1, random_state=3)[sorted(rows.columns)],
        rows.assign(ts=rows["ts"].dt.tz_convert("Asia/Kathmandu").dt.as_unit("ns"), colour="red"),
    ]
    assert [sentry.fingerprint(one) for one in found] == [expected] * len(found)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "up"), ("ts", pd.Timestamp("2026-11-02T00:00:20.000001Z")), ("attempt", 2),
        ("interval_s", 10.000001), ("response_ms", 12.001),
        ("application", "shop2"), ("check", "healt"), ("result_id", "x"),
    ],
)  # fmt: skip
def test_any_change_that_matters_changes_the_hash(frame_of: FrameOf, column: str, value: object) -> None:
    rows = frame_of({"shop": "++---+"})
    changed = rows.copy()
    changed.loc[2, column] = value
    assert sentry.fingerprint(changed) != sentry.fingerprint(rows)


def test_the_hash_of_known_rows_is_known(frame_of: FrameOf) -> None:
    """So that no change of ours makes an old report wrong."""
    canonical = "appsentry evidence 1\nshop-0\t2026-11-02T00:00:00.000000Z\tshop\thealth\tup\t1\t10000000\t10000\n"
    assert sentry.fingerprint(frame_of({"shop": "+"})) == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_evidence_holds_what_decides_at_the_edges_and_nothing_else(frame_of: FrameOf) -> None:
    frame = frame_of({"shop": "+++--?-+++", "pay": "+" * 10})
    since, until = (pd.Timestamp("2026-11-02T00:00:00Z") + pd.Timedelta(seconds=s) for s in (42, 48))
    account = sentry.account(frame, since=since, until=until)
    evidence = account.evidence("shop")
    assert evidence.rows["result_id"].tolist() == ["shop-3", "shop-4", "shop-5", "shop-6"]
    assert account.table.loc["shop", "down_s"] == 6
    assert evidence.sha256 in repr(evidence)
