"""Which form a client gets."""

import pytest

from appsentry_server.api.negotiation import preferred

OFFERS = ("application/json", "application/vnd.apache.arrow.stream", "text/csv")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv;header=present", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("text/csv;q=0.5, application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("text/csv ; q=0.5 , application/json ; q=0.5", "application/json"),
        ("application/json;q=0, */*;q=0.1", "application/vnd.apache.arrow.stream"),
        ("application/*;q=0.1, text/csv;q=0.2", "text/csv"),
        ("text/html", None),
        ("application/json;q=0", None),
        ("text/csv;q=much", "application/json"),
        ("text/csv;q=2, application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("nonsense", None),
        (",,,", "application/json"),
    ],
)
def test_the_form_with_the_highest_quality_is_sent(accept, expected):
    assert preferred(accept, OFFERS) == expected
