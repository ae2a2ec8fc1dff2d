"""Incidents: what belongs together, and who failed first as far as anyone can tell."""

import pandas as pd
import pytest

import appsentry_kernel as sentry

SIGNAL = "curc-xdmod-alpine-utilization-threshold"


def instant(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2026-11-02T{text}Z")


def test_three_applications_found_down_in_one_round_of_probes_are_a_tie(curc):
    found = sentry.incidents(curc, "upptime", signals=[SIGNAL])
    one = found.at("2026-06-05T23:32:16Z")
    assert one.applications == [
        "curc-statuspage-alpine-component",
        "access-registry-technical-endpoint",
        "access-website-public-webpage",
    ]
    assert one.first == "tie"
    assert one.tied == one.applications
    assert one.began == pd.Timestamp("2026-06-05T23:32:00Z")
    assert one.ended == pd.Timestamp("2026-06-05T23:33:43Z")
    assert one.onsets["last_good"].max() < one.onsets["first_bad"].min()
    assert one.onsets["maybe_first"].all()
    assert "The order below is that of probing" in one.text()
    assert len(found) == 156


def test_the_default_policy_sees_no_incident_there_for_it_wants_three_results_in_a_row(curc):
    found = sentry.incidents(curc, signals=[SIGNAL])
    assert len(found) == 5
    with pytest.raises(sentry.AppSentryError, match="no incident at 2026-06-05T23:32:16"):
        found.at("2026-06-05T23:32:16Z")


def test_a_signal_is_no_outage(curc):
    assert SIGNAL in {name for one in sentry.incidents(curc, "upptime") for name in one.applications}
    assert SIGNAL not in {
        name for one in sentry.incidents(curc, "upptime", signals=[SIGNAL]) for name in one.applications
    }


def test_who_failed_first_is_said_where_the_windows_do_not_overlap(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "++++----++", "base": "++------++"}))
    assert one.first == "base"
    assert one.onsets["application"].tolist() == ["base", "shop"]
    assert one.onsets["maybe_first"].tolist() == [True, False]
    assert "base failed first" in one.text()


def test_windows_that_touch_do_not_overlap(frame_of):
    """Base was bad when shop was still good: at that instant one of them had failed and the other not."""
    (one,) = sentry.incidents(frame_of({"base": "++----++", "shop": "+++---++"}, apart=0))
    assert one.onsets["first_bad"].iloc[0] == one.onsets["last_good"].iloc[1]
    assert one.first == "base"


def test_outages_that_may_have_begun_at_one_instant_are_one_incident_though_they_do_not_overlap(frame_of):
    frame = frame_of({"shop": "++-+++", "base": "++-+++"}, apart=50)
    frame = frame[~((frame["application"] == "shop") & (frame["ts"] > instant("00:02:30")))]
    up_again = frame.iloc[[0]].assign(ts=instant("00:02:30"), result_id="retry", status="up")
    (one,) = sentry.incidents(pd.concat([frame, up_again]), "upptime")
    assert one.applications == ["shop", "base"]
    assert one.first == "tie"


def test_windows_that_only_follow_each_other_in_a_chain_are_no_incident(frame_of):
    """Base's window overlaps both of shop's, the first by the seconds between two probes; shop was good in between."""
    frame = frame_of({"base": "++++-++", "shop": "+++--++"}, apart=5)
    retry = frame.iloc[[-1]].assign(ts=instant("00:03:35"), result_id="retry", status="up")
    found = sentry.incidents(pd.concat([frame, retry]), "upptime")
    assert [one.applications for one in found] == [["shop"], ["base", "shop"]]


def test_an_application_that_flaps_while_another_is_down_is_in_the_incident_once(frame_of):
    (one,) = sentry.incidents(frame_of({"base": "+---------+", "shop": "++--+--++++"}), "upptime")
    assert one.onsets.set_index("application")["outages"].to_dict() == {"base": 1, "shop": 2}
    assert one.timeline["what"].value_counts()["recovered"] == 3


def test_what_is_not_seen_to_recover_is_open(frame_of):
    found = sentry.incidents(frame_of({"shop": "+++---"}))
    assert found[0].open
    assert found[0].ended is None
    assert found.table.loc[0, "open"]
    assert pd.isna(found.table.loc[0, "ended"])
    assert "Not seen to be over" in found[0].text()


def test_without_a_good_result_before_it_nobody_knows_when_it_began(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "---+", "base": "---+"}))
    assert one.began_after is None
    assert one.first == "tie"
    assert pd.isna(one.onsets["last_good"].iloc[0])
    assert "Began by" in one.text()


def test_of_several_checks_the_earliest_that_failed_decides(frame_of):
    frame = frame_of({"shop/health": "+++---+", "shop/login": "++----+", "base": "+++++++"}, apart=0)
    (one,) = sentry.incidents(frame)
    assert one.onsets["last_good"].iloc[0] == instant("00:01")
    assert one.onsets["first_bad"].iloc[0] == instant("00:02")


def test_where_any_check_keeps_it_up_the_latest_decides(frame_of):
    policy = sentry.Policy(name="any", combine="any")
    frame = frame_of({"shop/health": "+++---+", "shop/login": "++----+"}, apart=0)
    (one,) = sentry.incidents(frame, policy)
    assert one.onsets["last_good"].iloc[0] == instant("00:02")
    assert one.onsets["first_bad"].iloc[0] == instant("00:03")


def test_a_window_that_cuts_an_outage_does_not_move_its_onset(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "++-----+"}), since=instant("00:04"), until=instant("00:08"))
    assert one.began == instant("00:02")


def test_a_check_can_be_the_signal(frame_of):
    frame = frame_of({"shop/health": "++---+++", "shop/queue": "+----+++"})
    (one,) = sentry.incidents(frame, signals=["shop/queue"])
    assert one.onsets["first_bad"].iloc[0] == instant("00:02")
    assert "signal" in one.timeline["what"].tolist()


def test_a_signal_that_is_not_there_is_named(frame_of):
    with pytest.raises(sentry.AppSentryError, match="no application or check 'shp'; it has shop"):
        sentry.incidents(frame_of({"shop": "+"}), signals=["shp"])
    with pytest.raises(ValueError, match=r"give a list, signals=\['shop'\]"):
        sentry.incidents(frame_of({"shop": "+"}), signals="shop")


def test_before_during_and_after_are_told_apart_in_figures(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "+" * 30 + "----" + "+" * 30}), around="20min")
    summary = one.summary.loc["shop"]
    assert summary["n"].tolist() == [20, 4, 20]
    assert summary["down_share"].tolist() == [0, 1, 0]
    assert summary.loc["during", "failures"] == "refused ×4"
    assert summary["p95_ms"].notna().tolist() == [True, False, True]


def test_too_few_downs_for_an_outage_are_shown_beside_it(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "++----++", "base": "+++-++++"}))
    assert one.applications == ["shop"]
    assert one.cofailing.set_index("application")["outage"].to_dict() == {"shop": True, "base": False}
    assert "unconfirmed down" in one.timeline["what"].tolist()


def test_what_happened_is_in_order(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "++----++", "base": "+++---++"}))
    assert one.timeline["at"].is_monotonic_increasing
    assert one.timeline["what"].tolist() == [
        "last good",
        "first bad",
        "last good",
        "first bad",
        "confirmed",
        "confirmed",
        "recovered",
        "recovered",
    ]


@pytest.mark.parametrize("shown", ["incident", "incidents"])
def test_names_are_never_markup(frame_of, shown):
    hostile = "<img src=x onerror=alert(1)>"
    found = sentry.incidents(frame_of({hostile: "++----++"}).assign(failure=hostile))
    html = (found if shown == "incidents" else found[0])._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_a_history_without_incidents_is_an_empty_sequence(frame_of):
    found = sentry.incidents(frame_of({"shop": "++++"}))
    assert list(found) == []
    assert list(found.table.columns) == list(sentry.incidents(frame_of({"shop": "+---+"})).table.columns)
    assert repr(found).startswith("0 incidents")
    with pytest.raises(sentry.AppSentryError, match=r"no incident from .* confirms with 3 in a row"):
        found.newest()
    with pytest.raises(IndexError, match="there is no incident 0: there are 0"):
        found[0]


def test_an_empty_frame_has_none(frame_of):
    assert len(sentry.incidents(frame_of({"shop": "+"}).iloc[:0])) == 0


def test_simulated_results_are_no_incident(frame_of):
    frame = frame_of({"shop": "++----++"}, simulated=True)
    assert len(sentry.incidents(frame)) == 0


def test_without_response_times_there_is_still_an_incident(frame_of):
    (one,) = sentry.incidents(frame_of({"shop": "++----++"}).drop(columns=["response_ms", "failure"]))
    assert len(one.changes.table) == 0
    assert one.summary["p50_ms"].isna().all()
    assert one.figure().table.equals(one.onsets)


def test_slices_are_incidents_too(frame_of):
    found = sentry.incidents(frame_of({"shop": "+---+---+---+"}))
    assert len(found[1:]) == 2
    assert found[1:][0].began == found[1].began
    assert found[-1].began == found.newest().began
