"""The sample applications are real servers that answer when `start` returns and end with whoever started them."""

import http.cookiejar
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from cryptography import x509

from appsentry_server import samples
from appsentry_server.samples import SampleProcess
from appsentry_server.samples.certificates import make_certificate
from appsentry_server.samples.process import PASSWORD, USERNAME


@pytest.fixture(scope="module")
def running() -> Iterator[SampleProcess]:
    with samples.start() as process:
        yield process


def status_of(url: str, context: ssl.SSLContext | None = None) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_every_application_answers_on_its_own_address(running: SampleProcess) -> None:
    urls = running.addresses.urls
    assert set(urls) == {"storefront", "search", "recommendations", "accounts", "payments-gateway", "reporting"}
    assert len(set(urls.values())) == len(urls)
    steady, moody = ("storefront", "search", "accounts"), ("recommendations", "reporting")
    assert {status_of(f"{urls[name]}/health") for name in steady} == {200}
    assert {status_of(f"{urls[name]}/health") for name in moody} <= {200, 500, 503}
    assert status_of(f"{urls['storefront']}/") == 200


def test_the_certificate_is_trusted_by_its_authority_alone_and_is_about_to_expire(running: SampleProcess) -> None:
    url = running.addresses.urls["payments-gateway"] + "/health"
    assert status_of(url, ssl.create_default_context(cafile=running.addresses.ca)) == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        status_of(url)
    port = int(url.split(":")[2].split("/")[0])
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=30)
    left = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=1) < left < timedelta(days=7)


class Browser:
    """Fetches pages with cookies."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def page(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        sent = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with self._opener.open(self._url + path, sent, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def token(self) -> str:
        found = re.search(r'name="_xsrf" value="([^"]+)"', self.page("/login")[1])
        assert found is not None
        return found[1]


def test_the_form_takes_the_right_words_with_its_own_token_and_nothing_else(running: SampleProcess) -> None:
    url = running.addresses.urls["accounts"]
    words = {"username": running.environment[USERNAME], "password": running.environment[PASSWORD]}
    browser = Browser(url)
    assert "Sign in" in browser.page("/dashboard")[1]
    assert browser.page("/login", words)[0] == 403
    token = browser.token()
    assert browser.page("/login", {**words, "_xsrf": Browser(url).token()})[0] == 403
    assert browser.page("/login", {**words, "password": "wrong", "_xsrf": token})[0] == 401
    status, text = browser.page("/login", {**words, "_xsrf": token})
    assert (status, "<h1>Dashboard</h1>" in text) == (200, True)
    assert "Sign out" in browser.page("/dashboard")[1]
    assert "Sign in" in browser.page("/logout")[1]
    assert "Sign in" in browser.page("/dashboard")[1]


def test_stopping_ends_the_process_takes_its_files_along_and_may_be_repeated() -> None:
    running = samples.start()
    running.stop()
    running.stop()
    assert running.process.returncode == 0
    assert not running.addresses.ca.parent.exists()


STARTER = """
import sys
from appsentry_server import samples
running = samples.start()
print(running.process.pid, running.addresses.ca, flush=True)
sys.stdin.read()
"""


def test_they_end_even_with_a_process_that_was_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as it:
        assert it.stdout is not None
        pid = int(it.stdout.readline().split()[0])
        child = psutil.Process(pid)
        it.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs([child], timeout=30)
    assert (gone, alive) == ([child], [])


def test_a_start_that_fails_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(samples.SampleError, match="did not start: it ended; run python -m"):
        samples.start()


def test_a_certificate_can_be_made_that_has_expired() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    made = make_certificate(now_ms=int(now.timestamp() * 1000), left=timedelta(seconds=-1))
    assert x509.load_pem_x509_certificate(made.chain).not_valid_after_utc == now - timedelta(seconds=1)
