"""Who may speak to the server."""

import pytest

from appsentry_server.admission import Admission, OpenBindRefused, bearer, is_loopback
from appsentry_server.attempts import Attempts


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
        assert not _admission(token="").judge(given, "10.0.0.1", 0).admitted


def test_only_the_token_opens_and_without_one_anything_does():
    assert _admission().admits_token(None)
    rules = _admission(token="päss")
    assert rules.admits_token("päss")
    assert bearer("Bearer päss") == bearer("bearer  päss ") == "päss"
    for given in (None, "", "pass", 7, ["päss"], {"token": "päss"}):
        assert not rules.admits_token(given)
    for header in (None, "", "päss", "Basic päss", "Bearer", "Bearer pass"):
        assert not rules.admits_token(bearer(header))


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


def test_an_address_that_guesses_is_not_listened_to_even_when_it_guesses_right():
    rules = _admission(token="right")
    for number in range(10):
        verdict = rules.judge(f"wrong-{number}", "10.0.0.1", 100.0)
        assert verdict.problem == "the token is wrong"
        assert verdict.retry_after_s is None
    barred = rules.judge("right", "10.0.0.1", 100.0)
    assert not barred.admitted
    assert barred.retry_after_s == 6
    assert "too many wrong tokens from 10.0.0.1" in barred.problem
    assert rules.judge("right", "10.0.0.2", 100.0).admitted
    assert rules.judge("right", "10.0.0.1", 106.0).admitted


def test_an_old_token_shown_again_and_again_shuts_out_nobody():
    rules = _admission(token="new")
    for _ in range(100):
        assert rules.judge("old", "127.0.0.1", 100.0).problem == "the token is wrong"
        assert rules.judge(None, "127.0.0.1", 100.0).problem == "no token was given"
    assert rules.judge("new", "127.0.0.1", 100.0).admitted


def test_a_network_of_ipv6_is_one_address_and_a_mapped_one_is_ipv4():
    rules = _admission(token="right")
    for number in range(10):
        rules.judge(f"wrong-{number}", f"2001:db8::{number:x}", 100.0)
        rules.judge(f"wrong-{number}", "::ffff:10.0.0.9", 100.0)
    assert not rules.judge("right", "2001:db8::ffff", 100.0).admitted
    assert rules.judge("right", "2001:db8:0:1::1", 100.0).admitted
    assert not rules.judge("right", "10.0.0.9", 100.0).admitted


def test_the_table_of_those_who_guess_is_bounded():
    attempts = Attempts()
    for number in range(10_050):
        attempts.wrong(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}", "wrong", 100.0)
    for number in range(100):
        attempts.wrong("192.168.0.1", f"wrong-{number}" * 100, 100.0)
    assert len(attempts._guessers) == 10_000
    assert len(attempts._guessers["192.168.0.1"].seen) < 100


def test_only_a_named_proxy_is_believed_whom_it_speaks_for():
    rules = _admission(proxies=("127.0.0.1", "10.0.0.9"))
    assert rules.address("127.0.0.1", ["203.0.113.7"]) == "203.0.113.7"
    assert rules.address("127.0.0.1", ["1.2.3.4, 203.0.113.7", "10.0.0.9"]) == "203.0.113.7"
    assert rules.address("127.0.0.1", []) == "127.0.0.1"
    assert rules.address("203.0.113.7", ["1.2.3.4"]) == "203.0.113.7"
    assert _admission().address("127.0.0.1", ["1.2.3.4"]) == "127.0.0.1"
