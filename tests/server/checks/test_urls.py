"""Web addresses, taken apart and put together."""

import pytest

from appsentry_server.checks.urls import relative, target


@pytest.mark.parametrize(
    ("url", "place", "whole"),
    [
        ("http://app.test", "app.test:80", "http://app.test/"),
        ("HTTPS://App.Test:443/a?b#c", "app.test:443", "https://app.test/a?b"),
        ("http://[::1]:8080/x", "[::1]:8080", "http://[::1]:8080/x"),
        (
            "http://Bücher.example/ä b?q=ü",
            "xn--bcher-kva.example:80",
            "http://xn--bcher-kva.example/%C3%A4%20b?q=%C3%BC",
        ),
        ("http://app.test/%2Fa%20b", "app.test:80", "http://app.test/%2Fa%20b"),
        ("http://app.test:0080/", "app.test:80", "http://app.test/"),
        ("http://2130706433/", "127.0.0.1:80", "http://127.0.0.1/"),
        ("http://0x7F.1:81/", "127.0.0.1:81", "http://127.0.0.1:81/"),
        ("http://１２７.0.0.1./", "127.0.0.1:80", "http://127.0.0.1/"),
        ("http://app.1.test/", "app.1.test:80", "http://app.1.test/"),
    ],
)
def test_an_address_is_taken_apart_and_written_in_ascii(url, place, whole):
    found = target(url)

    assert (found.place, found.url) == (place, whole)


def test_a_fragment_is_never_sent_but_can_be_told():
    found = target("https://app.test/a?b#c ü")

    assert found.url == "https://app.test/a?b"
    assert found.written == "https://app.test/a?b#c%20%C3%BC"
    assert found == target(found.url)
    assert target(found.url).written == found.url


@pytest.mark.parametrize(
    ("reference", "whole"),
    [
        ("/b", "https://app.test:8443/b"),
        ("b", "https://app.test:8443/a/b"),
        ("?c", "https://app.test:8443/a/x?c"),
        ("//other.test/", "https://other.test/"),
        (" http://other.test ", "http://other.test/"),
        ("", "https://app.test:8443/a/x?q"),
    ],
)
def test_a_reference_is_resolved_as_a_browser_would(reference, whole):
    assert relative(target("https://app.test:8443/a/x?q"), reference).url == whole


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://", "javascript:alert(1)", "http://a\x00b/", "http://a%/", "http://" + "é" * 99, "http://[x::1]/"),
        *("http://[::1%25lo]/", "http://%31%32%37.1/", "http://app.test/" + "x" * 9000, "http://" + "é" * 8000),
    ],
)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(ValueError, match="expected an address"):
        target(url)


def test_origins_differ_by_scheme_host_and_port():
    origins = {target(url).origin for url in ("http://a.test", "https://a.test", "http://b.test", "http://a.test:81")}

    assert len(origins) == 4
    assert target("http://a.test:80/x").origin == target("http://A.test/y").origin
