"""The session's incident: from the history of the server it is connected to."""

from types import SimpleNamespace

import pytest

import appsentry_kernel as sentry


def test_it_is_the_newest_or_the_one_at_an_instant_or_of_an_application(frame_of):
    frame = frame_of({"shop": "++---+++++++++", "base": "+++++++---++++"})
    asked = []
    session = SimpleNamespace(history=lambda since, until: asked.append((since, until)) or frame)
    assert sentry.Session.incident(session).applications == ["base"]
    assert sentry.Session.incident(session, application="shop").applications == ["shop"]
    assert sentry.Session.incident(session, "2h", "1h", at="2026-11-02T00:03:00Z").applications == ["shop"]
    assert asked == [("24h", None), ("24h", None), ("2h", "1h")]


def test_a_stretch_without_results_has_none_and_says_so(session):
    with pytest.raises(sentry.AppSentryError, match="no result, and so no incident: look further back"):
        session.incident("3d", "2d")
