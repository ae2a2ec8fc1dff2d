"""Who may speak to the server."""

import pytest

from appsentry_server.admission import Admission, OpenBindRefused, is_loopback


def _admission(bound_to="127.0.0.1", token=None, **rules):
    return Admission(bound_to=bound_to, token=lambda: token, **rules)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST.", "lab.localhost"])
def test_these_hosts_are_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example", ""])
def test_these_hosts_are_not(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_an_open_bind_without_a_token_is_refused(host):
    with pytest.raises(OpenBindRefused, match="--token-file"):
        _admission(host).check_bind()
    with pytest.raises(OpenBindRefused):
        _admission(host, token="").check_bind()
    _admission(host, token="secret").check_bind()


def test_an_empty_token_is_refused_at_the_start_and_lets_nobody_in_later():
    with pytest.raises(OpenBindRefused, match="the token is empty"):
        _admission(token="").check_bind()
    for given in (None, "", " "):
        assert not _admission(token="").admits_token(given)
    assert not _admission(token="").admits_bearer("Bearer ")


def test_only_the_token_opens_and_without_one_anything_does():
    assert _admission().admits_token(None)
    rules = _admission(token="päss")
    assert rules.admits_token("päss")
    assert rules.admits_bearer("Bearer päss")
    assert rules.admits_bearer("bearer  päss ")
    for given in (None, "", "pass", 7, ["päss"], {"token": "päss"}):
        assert not rules.admits_token(given)
    for header in (None, "", "päss", "Basic päss", "Bearer", "Bearer pass"):
        assert not rules.admits_bearer(header)


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (None, True),
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:5173", True),
        ("https://pages.example.org", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example:3000", False),
        ("null", False),
        ("http://[", False),
        ("file://localhost/page.html", False),
    ],
)
def test_pages_on_loopback_and_named_ones_may_talk_to_a_loopback_server(origin, admitted):
    rules = _admission(origins=("https://pages.example.org",))
    assert rules.admits_origin(origin, "127.0.0.1:3001") is admitted


def test_an_open_server_admits_its_own_pages_and_named_ones_only():
    rules = _admission("0.0.0.0", token="t", origins=("https://pages.example.org",))
    assert rules.admits_origin("https://sentry.example.org", "sentry.example.org")
    assert rules.admits_origin("https://pages.example.org", "sentry.example.org")
    assert not rules.admits_origin("http://localhost:3000", "sentry.example.org")
    assert not rules.admits_origin("https://evil.example", "sentry.example.org")


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("127.0.0.1:3001", True),
        ("localhost:3001", True),
        ("[::1]:3001", True),
        ("sentry.example.org", True),
        ("evil.example:3001", False),
        ("[", False),
        ("", False),
        (None, False),
    ],
)
def test_a_page_cannot_point_its_own_name_at_the_server(host, admitted):
    assert _admission(hosts=("sentry.example.org",)).admits_host(host) is admitted
