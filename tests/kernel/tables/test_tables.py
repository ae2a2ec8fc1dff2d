"""Tables to read: rounded for readers, escaped, with the frame beside them."""

import re

import numpy as np
import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_kernel.tables import words

SIGNS = {"+": "up", "-": "down", "?": "unknown"}


def frame_of(**checks: str) -> pd.DataFrame:
    rows = [
        {
            "ts": pd.Timestamp("2026-11-02T00:00:00Z") + pd.Timedelta(minutes=place),
            "application": name,
            "check": "health",
            "status": SIGNS[sign],
            "response_ms": 10.0 + place % 7,
            "interval_s": 60.0,
        }
        for name, signs in checks.items()
        for place, sign in enumerate(signs)
        if sign != "."
    ]
    return pd.DataFrame(rows).astype({"ts": "datetime64[us, UTC]"})


def test_an_sla_report_says_what_was_promised_kept_and_how_sure_that_is():
    table = sentry.tbl.sla(frame_of(shop="+" * 95 + "----" + "+", base="+" * 50 + "..." + "+" * 47), targets=90)
    shop = table.frame.loc["shop"]
    assert (shop["uptime"], shop["status"], shop["outages"], shop["n"]) == (0.96, "met", 1, 100)
    assert shop["p95_ms"] == 16.0
    text = repr(table)
    assert "✓ met" in text
    assert "96.000 %" in text
    assert "98.000 % to 100.000 %" in text
    assert "n = 197 · policy default 1 · 2026-11-02 00:00:00 to 2026-11-02 01:40:00 UTC" in text


@pytest.mark.parametrize(
    ("target", "said"), [(90, "✓ met"), (94, "! at risk"), (99, "✗ breached"), (None, "? unknown")]
)
def test_a_promise_has_a_glyph_beside_its_word(target, said):
    assert said in repr(sentry.tbl.sla(frame_of(shop="+" * 95 + "-----"), targets=target))


def test_an_account_is_taken_as_it_is_counted():
    frame = frame_of(shop="+" * 95 + "-----")
    counted = sentry.account(frame, "uptime_kuma", targets=99)
    pd.testing.assert_frame_equal(sentry.tbl.sla(counted).frame, sentry.tbl.sla(frame, "uptime_kuma", targets=99).frame)
    with pytest.raises(sentry.AppSentryError, match=r"counted already: give targets to sentry\.account"):
        sentry.tbl.sla(counted, targets=90)


def test_no_quantile_that_n_cannot_carry():
    assert sentry.tbl.sla(frame_of(shop="+" * 10)).frame[["p95_ms", "p99_ms"]].isna().all(axis=None)


def test_what_fails_together_is_held_against_chance():
    table = sentry.tbl.cofailure(frame_of(a="+++---++++" * 6, b="+++---++++" * 6, c="+" * 60))
    (row,) = table.frame.to_dict("records")
    assert (row["a"], row["b"], row["n"], row["outages_a"], row["enough"]) == ("a", "b", 6, 6, True)
    assert row["together_s"] == 18 * 60
    assert row["chance_s"] == pytest.approx(0.3 * 0.3 * 3600)
    assert row["factor"] == pytest.approx(1 / 0.3)
    assert "?" not in repr(table)


def test_too_few_outages_to_say_are_said_to_be():
    text = repr(sentry.tbl.cofailure(frame_of(a="+++---++++", b="+++---++++")))
    assert "3.33 ?" in text
    assert "? of 1 pairs one has fewer than 5 outages: too few to say" in text


def test_a_matrix_is_symmetric_and_empty_on_its_diagonal():
    frame = sentry.tbl.cofailure(frame_of(a="+---+++---", b="+---++++++", c="++++++----")).frame
    square = sentry.tbl.matrix(frame, "together_s")
    np.testing.assert_array_equal(square.to_numpy(), square.T.to_numpy())
    assert np.isnan(np.diag(square)).all()
    assert square.loc["a", "b"] == 180


def test_without_a_common_outage_there_is_no_pair():
    assert len(sentry.tbl.cofailure(frame_of(a="+---+", b="+++++")).frame) == 0
    assert "Down together" in repr(sentry.tbl.cofailure(frame_of(a="+---+", b="+++++")))


def test_incidents_are_a_table_with_who_was_first():
    found = sentry.incidents(frame_of(a="++----++", b="+++---++"))
    table = sentry.tbl.incidents(found)
    pd.testing.assert_frame_equal(table.frame, found.table)
    assert repr(table).startswith("1 incident\n")


def test_names_are_never_markup():
    hostile = "</td><script>alert(1)</script>"
    frame = frame_of(**{hostile: "+++---+++", "b": "+++---+++"})
    for table in (sentry.tbl.sla(frame), sentry.tbl.cofailure(frame), sentry.tbl.incidents(sentry.incidents(frame))):
        html = table._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert set(re.findall(r"<(\w+)", html)) <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_a_line_break_in_a_name_does_not_break_the_table():
    lines = repr(sentry.tbl.sla(frame_of(**{"a\nb": "+++"}))).splitlines()
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.999996, "99.999 %"),
        (0.999, "99.900 %"),
        (1.0, "100.000 %"),
        (-0.0386, "-3.860 %"),
        (np.nan, "–"),
        (0, "0.000 %"),
    ],
)
def test_a_share_is_cut_and_never_rounded_up(value, said):
    assert words.percent(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (103, "1 min 43 s"),
        (3600, "1 h"),
        (90_000, "1 d 1 h"),
        (-120, "-2 min"),
        (None, "–"),
    ],
)
def test_a_duration_has_its_two_greatest_units(seconds, said):
    assert words.duration(seconds) == said


def test_every_number_of_the_page_s_kind_is_written():
    assert [words.milliseconds(one) for one in (0.1234, 12.345, 1234.5, np.nan)] == [
        "0.123 ms",
        "12.3 ms",
        "1,234 ms",
        "–",
    ]
    assert words.count(12345.0) == "12,345"
