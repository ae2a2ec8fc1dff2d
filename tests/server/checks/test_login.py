"""The login check against an application with a form, a token and a session."""

import asyncio
import base64
import json
import threading
import traceback
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import pytest
from pydantic import ValidationError

from appsentry_server.checks.login import LoginSettings

USER, PASSWORD = "alice@app.test", 'hun ter2&"<é>'

FORM = """<html><head><base href="/"></head><body>
<form action="/search"><input name="q"></form>
<form method="post" action="session">
  <input type="hidden" name="token" value="{token}">
  <input name="email" type="email"><input name="pass" type="password">
  <input type="checkbox" name="remember" checked><input type="checkbox" name="spam">
  <select name="area"><option value="a">A<option value="b" selected>B</select>
  <input name="off" value="x" disabled><button name="go" value="in">Log in</button>
</form></body></html>"""


@dataclass
class Application:
    """An application with a login, as one finds them: token in the form, session in a cookie, redirect to the start."""

    answer: object
    site: object
    sessions: int = 0
    forms: list = field(default_factory=list)

    @property
    def routes(self):
        return {"/login": self.form, "/session": self.log_in, "/home": self.home, "/logout": self.log_out}

    def _send(self, writer, *args):
        writer.write(self.answer(*args))

    async def form(self, _request, writer):
        self.sessions += 1
        cookie = f"Set-Cookie: visit={self.sessions}; HttpOnly; Path=/"
        self._send(writer, 200, FORM.format(token=f"t{self.sessions}"), "Content-Type: text/html", cookie)

    async def log_in(self, request, writer):
        self.forms.append(request.form)
        right = (request.form["email"], request.form["pass"]) == (USER, PASSWORD)
        if not right or request.form["token"] != f"t{request.cookies.get('visit')}":
            self._send(writer, 403, "wrong: " + request.form["pass"])
        else:
            self._send(writer, 303, "", "Location: /home?from=login", "Set-Cookie: session=s1; Path=/")

    async def home(self, request, writer):
        inside = request.cookies.get("session") == "s1"
        self._send(writer, 200 if inside else 401, "Dashboard of " + USER if inside else "log in first")

    async def log_out(self, request, writer):
        self._send(writer, 200 if request.cookies.get("session") == "s1" else 400, "bye")


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("APP_USER", USER)
    monkeypatch.setenv("APP_PASSWORD", PASSWORD)
    return {"type": "login", "username": "env:APP_USER", "password": "env:APP_PASSWORD"}


@pytest.fixture
def attempt(run, site, look, answer, credentials):
    """Logs in once at an application whose routes may be replaced, and gives the outcome, the application and site."""

    def once(routes=None, path="/login", **settings):
        async def main():
            async with site() as web:
                application = Application(answer=answer, site=web)
                web.routes = application.routes | (routes or {})
                outcome = await look(web.url(path), **credentials, **settings)
                return outcome, application, web

        return run(main())

    return once


def test_a_login_carries_the_forms_fields_and_cookies_and_times_each_step(attempt):
    outcome, application, web = attempt(expect={"text": "Dashboard", "cookie": "session"}, logout="/logout")

    assert outcome.verdict == "up", outcome.failure
    assert [step for step, _ in outcome.steps] == ["form", "submit", "verify", "logout"]
    assert sum(ms for _, ms in outcome.steps) == pytest.approx(outcome.response_ms)
    assert application.forms == [
        {"token": "t1", "remember": "on", "area": "b", "go": "in", "email": USER, "pass": PASSWORD}
    ]
    assert [(request.method, request.path) for request in web.requests] == [
        ("GET", "/login"),
        ("POST", "/session"),
        ("GET", "/home?from=login"),
        ("GET", "/logout"),
    ]


def test_one_run_is_one_session_and_the_next_run_knows_nothing_of_it(run, site, client, prepare, answer, credentials):
    async def main():
        async with site() as web, client() as http:
            web.routes = Application(answer=answer, site=web).routes
            probe = prepare(http, url=web.url("/login"), **credentials)
            outcomes = [await probe.run(), await probe.run()]
            probe.close()
            return outcomes, web.requests

    outcomes, requests = run(main())

    assert [outcome.verdict for outcome in outcomes] == ["up", "up"]
    assert [request.connection for request in requests] == [1, 1, 1, 2, 2, 2]
    assert requests[3].cookies == {}


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({}, None),
        ({"url": "/home"}, None),
        ({"url": "home?from=login"}, None),
        ({"regex": "^Dash"}, None),
        ({"text": "Admin"}, "expected the text 'Admin' in the body, found 'Dashboard of •••'"),
        ({"url": "/admin"}, "expected to arrive at '/admin', found 'http://127.0.0.1:"),
        ({"url": "/home?from=x"}, "expected to arrive at '/home?from=x', found"),
        ({"cookie": "admin"}, "expected a cookie named 'admin', found 'session', 'visit'"),
        ({"status": 204}, "expected status 204, found 200: 'Dashboard of •••'"),
    ],
)
def test_what_a_login_leads_to_is_verified(attempt, expect, message):
    outcome, _, _ = attempt(expect=expect)

    if message is None:
        assert outcome.verdict == "up", outcome.failure
    else:
        assert outcome.verdict == "down"
        assert outcome.failure.step == "verify"
        assert outcome.failure.message.startswith(message)


def test_wrong_credentials_fail_the_submission(attempt, monkeypatch):
    monkeypatch.setenv("APP_PASSWORD", "wrong")

    outcome, _, _ = attempt()

    assert outcome.failure.step == "submit"
    assert outcome.failure.message == "expected status 200–299, found 403: '•••: •••'"


def test_a_form_that_comes_back_with_200_is_no_login(attempt, answer):
    outcome, _, _ = attempt({"/session": answer(200, FORM)})

    assert outcome.failure.step == "verify"
    assert outcome.failure.message == "expected a page without a password input, found the login asked for again"


def test_a_missing_secret_is_the_monitors_own_fault_and_named(attempt, monkeypatch):
    monkeypatch.delenv("APP_PASSWORD")

    outcome, _, web = attempt()

    assert outcome.verdict == "unknown"
    assert outcome.failure.failure_class == "internal"
    assert outcome.failure.message == "the environment variable APP_PASSWORD is not set"
    assert web.requests == []


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<p>no form", "expected a form with a password input, found 0 forms without"),
        ("<form><input name=q></form>", "expected a form with a password input, found 1 forms without"),
        ("<form><input type=password></form>", "expected a form with a password input, found 1 forms without"),
        ("<form><input type=password name=p></form>", "expected an input for the user name before the password"),
        (
            "<form method=post enctype=multipart/form-data><input name=u><input type=password name=p></form>",
            "expected a form that is sent as application/x-www-form-urlencoded",
        ),
        (
            "<form method=post action=javascript:go()><input name=u><input type=password name=p></form>",
            "the login form's action: expected an address that starts with http://",
        ),
    ],
)
def test_a_page_without_a_usable_form_fails_the_form_step(attempt, answer, page, message):
    outcome, _, web = attempt({"/login": answer(200, page)})

    assert outcome.failure.failure_class == "expectation"
    assert outcome.failure.step == "form"
    assert outcome.failure.message.startswith(message)
    assert len(web.requests) == 1


def test_the_fields_can_be_named(attempt, answer):
    page = (
        '<form method=POST action=/session><input name=token value="tNone"><input name=pass><input name=email></form>'
    )

    outcome, application, _ = attempt({"/login": answer(200, page)}, username_field="email", password_field="pass")

    assert outcome.verdict == "up", outcome.failure
    assert application.forms[0]["email"] == USER


def test_a_form_of_method_get_is_sent_in_the_address(attempt, answer):
    page = "<form action=/in?old=1><input name=u><input type=password name=p></form>"

    outcome, _, web = attempt({"/login": answer(200, page), "/in": answer(200, "welcome")}, expect={"url": "/nowhere"})

    assert web.requests[1].path == f"/in?u={quote_plus(USER)}&p={quote_plus(PASSWORD)}"
    assert "p=•••" in outcome.failure.message


def test_after_a_run_the_probe_keeps_nothing_of_the_secrets(run, site, client, prepare, answer, credentials):
    async def main():
        async with site() as web, client() as http:
            page = "<form action=/in><input name=u><input type=password name=p></form>"
            web.routes = {"/login": answer(200, page), "/in": answer(200, f"welcome {PASSWORD}")}
            probe = prepare(http, url=web.url("/login"), **credentials)
            kept = []
            for _ in range(2):
                assert (await probe.run()).verdict == "up"
                kept.append(repr(vars(probe._agent)))
            return kept

    assert not any("ter2" in kept for kept in run(main()))


def moved(status, location):
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(("status", "repeated"), [(307, True), (308, True), (302, False), (303, False)])
def test_a_form_is_repeated_to_its_own_origin_on_307_and_308_only(attempt, answer, status, repeated):
    received = []

    async def again(request, writer):
        received.append((request.method, request.form.get("pass")))
        writer.write(answer(200, "Dashboard"))

    outcome, _, _ = attempt({"/session": moved(status, "/again"), "/again": again})

    assert outcome.verdict == "up", outcome.failure
    assert received == [("POST", PASSWORD) if repeated else ("GET", None)]


def test_credentials_are_not_sent_on_to_another_origin(run, site, look, answer, credentials):
    async def main():
        async with site({"/steal": answer()}) as other, site() as web:
            application = Application(answer=answer, site=web)
            web.routes = application.routes | {"/session": moved(307, other.url("/steal"))}
            return await look(web.url("/login"), **credentials), other.requests

    outcome, stolen = run(main())

    assert outcome.failure.step == "verify"
    assert "expected no redirect of the form to another origin, found status 307" in outcome.failure.message
    assert stolen == []


def test_cookies_of_one_host_are_not_sent_to_another(run, site, dns, look, answer, credentials):
    async def main():
        async with dns() as server, site({"/": answer(200, "partner")}) as other, site() as web:
            server.names["app.test"] = server.names["other.test"] = ["127.0.0.1"]
            application = Application(answer=answer, site=web)
            web.routes = application.routes | {"/home": moved(302, other.url("/", host="other.test"))}
            outcome = await look(web.url("/login", host="app.test"), dns=server, **credentials)
            return outcome, other.requests

    outcome, requests = run(main())

    assert outcome.verdict == "up", outcome.failure
    assert requests[0].cookies == {}


def form_to(action):
    return f"<form method=post action={action}><input name=u><input type=password name=p></form>"


@pytest.mark.parametrize("named", [False, True])
def test_a_form_that_goes_to_another_origin_is_sent_only_when_that_is_named(
    run, site, look, answer, credentials, named
):
    async def main():
        async with site({"/session": answer(200, "welcome")}) as other, site() as web:
            web.routes = {"/login": answer(200, form_to(other.url("/session")))}
            origins = [other.url()] if named else []
            return await look(web.url("/login"), origins=origins, **credentials), other

    outcome, other = run(main())

    if named:
        assert outcome.verdict == "up", outcome
        assert other.requests[0].form == {"u": USER, "p": PASSWORD}
    else:
        assert outcome.failure.failure_class == "expectation"
        assert outcome.failure.step == "form"
        assert f"found one that is sent to {other.url('').rstrip('/')}: if the credentials" in outcome.failure.message
        assert other.requests == []


def test_a_page_of_another_origin_gets_no_credentials_though_its_form_is_its_own(run, site, look, answer, credentials):
    async def main():
        async with site({"/in": answer(200, form_to("/session"))}) as other, site() as web:
            web.routes = {"/login": moved(302, other.url("/in"))}
            outcome = await look(web.url("/login"), **credentials)
            return outcome, [request.path for request in other.requests]

    outcome, asked = run(main())

    assert "add it to origins" in outcome.failure.message
    assert asked == ["/in"]


@pytest.mark.parametrize("named", [False, True])
def test_cookies_go_to_named_origins_alone_even_on_the_same_host(run, site, look, answer, credentials, named):
    async def main():
        async with site() as other, site() as web:
            application = Application(answer=answer, site=web)
            back = moved(302, web.url("/home")).replace(b"\r\n\r\n", b"\r\nSet-Cookie: theirs=1; Path=/\r\n\r\n")
            other.routes = {"/step": back}
            onward = moved(302, other.url("/step")).replace(
                b"\r\n\r\n", b"\r\nSet-Cookie: session=s1; Path=/; HttpOnly\r\n\r\n"
            )
            web.routes = application.routes | {"/session": onward}
            outcome = await look(web.url("/login"), origins=[other.url()] if named else [], **credentials)
            return outcome, other.requests[0].cookies, web.requests[-1].cookies

    outcome, theirs, ours = run(main())

    assert outcome.verdict == "up", outcome
    assert theirs == ({"visit": "1", "session": "s1"} if named else {})
    assert ours == {"visit": "1", "session": "s1"} | ({"theirs": "1"} if named else {})


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("http://app.test/in", {("http", "app.test", 80), ("https", "app.test", 443)}),
        ("http://app.test:8080/in", {("http", "app.test", 8080)}),
        ("https://app.test/in", {("https", "app.test", 443)}),
    ],
)
def test_the_same_host_over_https_is_trusted_too_but_never_the_other_way_round(credentials, url, trusted):
    assert LoginSettings.model_validate({"url": url, **credentials}).trusted == trusted


def test_a_page_made_to_keep_the_parser_busy_ends_at_the_deadline_and_holds_up_nothing(
    run, site, client, prepare, answer, credentials, monkeypatch
):
    began, release = threading.Event(), threading.Event()

    def busy(*_args):
        began.set()
        release.wait(30)

    monkeypatch.setattr("appsentry_server.checks.login.login_form", busy)

    async def main():
        async with site({"/": answer()}) as web, client() as http:
            login = prepare(http, url=web.url(), timeout="500ms", **credentials)
            looking = asyncio.create_task(login.run())
            await asyncio.get_running_loop().run_in_executor(None, began.wait, 30)
            meanwhile = await prepare(http, url=web.url()).run()
            stuck = await looking
            release.set()
            return stuck, meanwhile

    stuck, meanwhile = run(main())

    assert stuck.failure.failure_class == "deadline"
    assert stuck.failure.step == "form"
    assert "that can be read in time" in stuck.failure.message
    assert meanwhile.verdict == "up"


def test_a_form_beyond_what_is_searched_of_a_page_is_too_large(attempt, answer):
    outcome, _, _ = attempt({"/login": answer(200, "x" * 300_000 + FORM)})

    assert outcome.failure.failure_class == "too_large"
    assert outcome.failure.step == "form"


def test_a_form_of_method_get_that_makes_no_address_fails_the_form_step(attempt, answer):
    page = f"<form><input name=u><input type=password name=p><input type=hidden name=h value={'x' * 9000}></form>"

    outcome, _, _ = attempt({"/login": answer(200, page)})

    assert outcome.failure.failure_class == "expectation"
    assert "the login form of method GET: expected an address of at most 8192 characters" in outcome.failure.message


def test_a_form_served_over_https_is_never_sent_over_http(run, site, look, answer, authority, credentials):
    async def main():
        async with site() as plain, site(tls=authority.context("127.0.0.1")) as web:
            web.routes = {"/": answer(200, form_to(plain.url("/session")))}
            return await look(web.url(), tls={"ca": authority.path}, **credentials), plain.requests

    outcome, requests = run(main())

    assert outcome.failure.message == "expected the login form to be sent over https, found an action over http"
    assert requests == []


def test_a_failed_logout_is_named(attempt, answer):
    outcome, _, _ = attempt({"/logout": answer(500, "sorry")}, logout="/logout")

    assert outcome.verdict == "down"
    assert outcome.failure.step == "logout"
    assert outcome.failure.message == "expected status 200–299, found 500: 'sorry'"


def test_a_login_slower_than_its_threshold_is_degraded(attempt, answer):
    async def late(_request, writer):
        await asyncio.sleep(0.01)
        writer.write(answer(200, "Dashboard"))

    outcome, _, _ = attempt({"/home": late}, degraded_above="5ms")

    assert outcome.verdict == "degraded"
    assert outcome.note.startswith("expected a login within 5ms, found")


def test_the_deadline_is_one_for_all_steps(attempt):
    async def never(_request, _writer):
        await asyncio.Event().wait()

    outcome, _, _ = attempt({"/home": never}, timeout="300ms")

    assert outcome.failure.failure_class == "deadline"
    assert outcome.failure.step == "verify"


ECHOES = {
    "plain": PASSWORD,
    "url": quote(PASSWORD),
    "query": quote_plus(PASSWORD),
    "lower": quote_plus(PASSWORD).lower(),
    "html": "hun ter2&amp;&quot;&lt;&eacute;&gt;",
    "numbers": "".join(f"&#{ord(character)};" for character in PASSWORD),
    "json": '{"p": "hun ter2&\\"<\\u00e9>"}',
    "at the end of an excerpt": "x" * 75 + PASSWORD,
    "shouted": PASSWORD.upper(),
    "basic": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    "base64 of JSON": base64.b64encode(
        json.dumps({"p": PASSWORD}, ensure_ascii=False).replace('\\"', '"').encode()
    ).decode(),
}

# What every base64 of a text with "ter2&" in it holds, wherever that stands.
ENCODED = ("dGVyMi", "RlcjIm", "0ZXIyJ")


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
@pytest.mark.parametrize("how", ["body", "status", "location", "host", "cookie", "form"])
def test_a_target_that_echoes_the_password_does_not_get_it_into_the_outcome(attempt, answer, echo, how):
    in_url = quote(echo, safe="%+&=")
    routes = {
        "body": {"/home": answer(200, echo)},
        "status": {"/session": answer(500, echo)},
        "location": {"/session": moved(302, f"ftp://app.test/{in_url}")},
        "host": {"/session": moved(302, f"http://{in_url}.invalid/")},
        "cookie": {"/home": answer(200, "x", f"Set-Cookie: {in_url}=1")},
        "form": {"/login": answer(500, echo)},
    }[how]

    outcome, _, _ = attempt(routes, expect={"text": "x", "cookie": "none such"} if how == "cookie" else {"text": "zzz"})

    assert outcome.failure is not None
    shown = repr(outcome).lower()
    for secret in (PASSWORD, quote(PASSWORD), quote_plus(PASSWORD), "ter2", *ENCODED):
        assert secret.lower() not in shown


def test_no_representation_or_traceback_holds_a_secret(run, site, client, prepare, answer, credentials, monkeypatch):
    def fail(*_args):
        raise RuntimeError("a fault of ours")

    async def main():
        async with site() as web, client() as http:
            web.routes = Application(answer=answer, site=web).routes
            probe = prepare(http, url=web.url("/login"), **credentials)
            monkeypatch.setattr("appsentry_server.checks.login.asks_for_a_password", fail)
            with pytest.raises(RuntimeError) as broken:
                await probe.run()
            return repr(probe._settings) + repr(vars(probe)) + "".join(traceback.format_exception(broken.value))

    assert "ter2" not in run(main())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"password": "hunter2"}, "a literal value is refused"),
        ({"logout": "ftp://app.test/"}, "logout: expected an address that starts with http://"),
        ({"expect": {"url": "http://u:p@app.test/"}}, "expect.url: expected an address without a user name"),
        ({"expect": {"json": {"$.a": 1}}}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_setting_is_refused_when_it_is_read(credentials, settings, message):
    with pytest.raises(ValidationError) as refused:
        LoginSettings.model_validate({"url": "http://app.test/", **credentials, **settings})

    assert message in str(refused.value)
    assert base64.b64encode(PASSWORD.encode()).decode() not in str(refused.value)
