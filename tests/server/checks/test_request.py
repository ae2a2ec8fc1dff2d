"""What is asked: methods, headers, bodies and credentials, and what is left of them behind a redirect."""

import asyncio
import json

import pytest
from pydantic import ValidationError

from appsentry_server.checks.health import HealthSettings
from appsentry_server.configuration.loading import load_text
from appsentry_server.configuration.problems import ConfigurationError

SECRET = "planted-Key/7"


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("KEY", SECRET)
    monkeypatch.setenv("WHO", "planted-alice")


def redirect(status, location):
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def sent(run, site, look, **settings):
    async def main():
        async with site() as web:
            outcome = await look(web.url(), **settings)
            return outcome, *web.requests

    return run(main())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_without_a_body_is_of_its_method_and_names_no_content_type(run, site, look, method):
    outcome, request = sent(run, site, look, method=method)

    assert outcome.verdict == "up"
    assert (request.method, request.body) == (method, b"")
    assert "content-type" not in request.headers
    assert request.headers.get("content-length") == ("0" if method in {"POST", "PUT", "PATCH"} else None)


def test_a_head_ends_at_the_headers(run, site, look):
    outcome, request = sent(run, site, look, method="HEAD")

    assert outcome.verdict == "up"
    assert request.method == "HEAD"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    ("settings", "body", "content_type"),
    [
        ({"body": "Grüße"}, "Grüße".encode(), "text/plain; charset=utf-8"),
        ({"body": ""}, b"", "text/plain; charset=utf-8"),
        ({"json": {"a": [1, None]}}, b'{"a":[1,null]}', "application/json"),
        ({"body": "a=1", "headers": {"content-type": "application/x-www-form-urlencoded"}}, b"a=1", None),
    ],
)
def test_a_body_is_sent_with_its_length_and_its_type(run, site, look, method, settings, body, content_type):
    outcome, request = sent(run, site, look, method=method, **settings)

    assert outcome.verdict == "up"
    assert (request.method, request.body) == (method, body)
    assert request.headers["content-length"] == str(len(body))
    assert request.headers["content-type"] == (content_type or "application/x-www-form-urlencoded")
    assert "expect" not in request.headers


def test_headers_are_sent_as_they_are_written_and_replace_our_own(run, site, look, secrets):
    headers = {"X-Key": "env:KEY", "Host": "shop.test", "User-Agent": "looking", "X-Empty": "", "X-A": "é"}

    _, request = sent(run, site, look, headers=headers)

    wanted = {"x-key": SECRET, "host": "shop.test", "user-agent": "looking", "x-empty": "", "x-a": "é"}
    assert request.headers.items() >= wanted.items()


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"basic": {"username": "env:WHO", "password": "env:KEY"}}, "Basic cGxhbnRlZC1hbGljZTpwbGFudGVkLUtleS83"),
        ({"bearer": "env:KEY"}, f"Bearer {SECRET}"),
    ],
)
def test_credentials_are_sent_with_the_first_request(run, site, look, secrets, auth, header):
    outcome, request = sent(run, site, look, auth=auth)

    assert outcome.verdict == "up"
    assert request.headers["authorization"] == header


def test_a_rotated_secret_is_sent_with_the_next_request(run, site, client, prepare, monkeypatch):
    monkeypatch.setenv("KEY", "first")

    async def main():
        async with site() as web, client() as http:
            probe = prepare(http, url=web.url(), headers={"X-Key": "env:KEY"})
            await probe.run()
            monkeypatch.setenv("KEY", "second")
            await probe.run()
            monkeypatch.delenv("KEY")
            gone = await probe.run()
            probe.close()
            return [request.headers["x-key"] for request in web.requests], gone

    keys, gone = run(main())

    assert keys == ["first", "second"]
    assert (gone.verdict, gone.failure.failure_class) == ("unknown", "internal")
    assert gone.failure.message == "the environment variable KEY is not set"


@pytest.mark.parametrize(
    ("auth", "variable", "value"),
    [
        ({"bearer": "env:KEY"}, "KEY", "planted\r\nX-More: 1"),
        ({"bearer": "env:KEY"}, "KEY", "planted" * 5000),
        ({"basic": {"username": "env:WHO", "password": "env:KEY"}}, "WHO", "planted:alice"),
    ],
)
def test_a_secret_that_fits_no_header_is_not_sent_and_not_told(
    run, site, look, secrets, monkeypatch, auth, variable, value
):
    monkeypatch.setenv(variable, value)

    outcome, *requests = sent(run, site, look, auth=auth)

    assert (outcome.verdict, outcome.failure.failure_class) == ("unknown", "internal")
    assert f"in env:{variable}" in outcome.failure.message
    assert "planted" not in outcome.failure.message
    assert requests == []


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ],
)
def test_a_redirect_changes_the_method_as_browsers_do_and_the_next_run_begins_anew(
    run, site, client, prepare, answer, secrets, status, method, then
):
    body = {} if method in {"HEAD", "DELETE"} else {"json": {"a": 1}}

    async def main():
        async with site({"/": redirect(status, "/next"), "/next": answer(200, "")}) as web, client() as http:
            probe = prepare(http, url=web.url(), method=method, headers={"X-Key": "env:KEY"}, **body)
            outcomes = [await probe.run(), await probe.run()]
            probe.close()
            return outcomes, web.requests

    outcomes, requests = run(main())

    assert [outcome.verdict for outcome in outcomes] == ["up", "up"]
    assert [request.method for request in requests] == [method, then] * 2
    assert all(request.headers["x-key"] == SECRET for request in requests)
    first, second = requests[:2]
    assert second.body == (first.body if then == method else b"")
    assert second.headers.get("content-type") == (first.headers.get("content-type") if then == method else None)


def test_another_origin_is_sent_no_secret_and_no_header_of_the_first_nor_is_the_first_behind_it(
    run, site, look, answer, secrets
):
    headers = {"X-Key": "env:KEY", "X-Plain": "1", "Host": "shop.test", "Accept": "text/html", "User-Agent": "env:WHO"}

    async def main():
        async with site() as stranger, site({"/back": answer()}) as web:
            web.routes["/"] = redirect(307, stranger.url())
            stranger.routes["/"] = redirect(302, web.url("/back"))
            outcome = await look(web.url(), headers=headers, auth={"bearer": "env:KEY"})
            again = await look(web.url(), headers=headers, auth={"bearer": "env:KEY"})
            return outcome, again, web.requests, stranger.requests, stranger.port

    outcome, again, (first, back, second, _), (abroad, _), port = run(main())

    assert outcome.verdict == again.verdict == "up"
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {SECRET}"
    for request in (abroad, back):
        assert request.headers["accept"] == "text/html"
        assert not {"authorization", "x-key", "x-plain"} & request.headers.keys()
        assert "planted" not in str(request.headers)
    assert abroad.headers["host"] == f"127.0.0.1:{port}"


@pytest.mark.parametrize("status", [307, 308])
def test_what_changes_something_is_not_taken_to_another_origin(run, site, look, status):
    async def main():
        async with site() as stranger, site({"/": redirect(status, stranger.url())}) as web:
            return await look(web.url(), method="DELETE"), stranger.requests

    outcome, requests = run(main())

    assert outcome.failure.failure_class == "status"
    assert outcome.failure.message.startswith("expected no redirect of a DELETE to another origin, found status 30")
    assert requests == []


def test_a_check_cancelled_behind_a_redirect_asks_the_whole_request_again(run, site, client, prepare, answer, secrets):
    async def main():
        there = asyncio.Event()

        async def hang(_request, _writer):
            there.set()
            await asyncio.Event().wait()

        async with site({"/": hang}) as stranger, site() as web, client() as http:
            web.routes["/"] = redirect(303, stranger.url())
            probe = prepare(http, url=web.url(), method="POST", json={"a": 1}, auth={"bearer": "env:KEY"})
            looking = asyncio.create_task(probe.run())
            await asyncio.wait_for(there.wait(), 5)
            looking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await looking
            web.routes["/"] = answer()
            outcome = await probe.run()
            probe.close()
            return outcome, web.requests[-1], stranger.requests

    outcome, request, (abroad,) = run(main())

    assert outcome.verdict == "up"
    assert (request.method, request.body) == ("POST", b'{"a":1}')
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert (abroad.method, abroad.body) == ("GET", b"")


@pytest.mark.parametrize("place", ["body", "location", "reason", "json"])
@pytest.mark.parametrize("part", ["whole", "token", "secret"])
def test_what_a_target_repeats_of_the_credentials_is_masked(run, site, look, secrets, place, part):
    async def echo(request, writer):
        said = request.headers["authorization"]
        said = {"whole": said, "token": said.partition(" ")[2], "secret": SECRET}[part]
        body = json.dumps({"said": said}).encode() if place == "json" else said.encode()
        status = {"location": "302 Found", "reason": f"999999 {said}", "json": "200 OK"}.get(place, f"500 {said}")
        head = f"HTTP/1.1 {status}\r\nLocation: ftp://a.test/{said}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async def main():
        async with site({"/": echo}) as web:
            auth = {"basic": {"username": "env:WHO", "password": "env:KEY"}}
            return await look(web.url(), auth=auth, expect={"json": {"$.said": "x"}})

    outcome = run(main())

    assert outcome.verdict == "down"
    assert "planted" not in outcome.failure.message
    assert "cGxhbnRl" not in outcome.failure.message
    assert place == "reason" or "•••" in outcome.failure.message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "TRACE"}, "Input should be"),
        ({"headers": {"Content-Length": "3"}}, "found Content-Length, which belongs to the connection"),
        ({"headers": {"connection": "close"}}, "found connection, which belongs to the connection"),
        ({"headers": {"X Key": "3"}}, "expected the name of a header"),
        ({"headers": {"X-Key": "hunter2\r\nX-More: 1"}}, "expected a value of at most 16384 characters on one line"),
        ({"headers": {"X-Key": 3}}, "expected text or a reference"),
        ({"headers": {"X-Key": "1", "x-key": "2"}}, "expected each header once"),
        ({"headers": {"Authorization": "Bearer hunter2"}}, "a literal value is refused"),
        ({"headers": {"Authorization": "env:KEY"}, "auth": {"bearer": "env:KEY"}}, "found both"),
        ({"auth": {}}, "expected either basic or bearer"),
        ({"auth": {"bearer": "hunter2"}}, "expected a reference"),
        ({"body": "a"}, "expected a method that carries a body, such as POST, found GET"),
        ({"method": "HEAD", "json": {}}, "expected a method that carries a body, such as POST, found HEAD"),
        ({"method": "POST", "body": "a", "json": {}}, "expected either body or json"),
        ({"method": "HEAD", "expect": {"text": "a"}}, "expected a method whose answer has a body, found HEAD"),
    ],
)
def test_a_request_that_cannot_be_made_is_refused_when_it_is_read(settings, message):
    with pytest.raises(ValidationError) as refused:
        HealthSettings.model_validate({"type": "health", "url": "http://app.test/", **settings})

    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value.errors(include_input=False, include_context=False))


def test_a_reference_to_nothing_is_reported_when_the_file_is_read(monkeypatch, tmp_path):
    monkeypatch.delenv("KEY", raising=False)
    check = '{type: health, url: "http://app.test/", headers: {X-Key: env:KEY, X-File: "file:no-such"}}'

    with pytest.raises(ConfigurationError) as refused:
        load_text(f"applications:\n  - id: shop\n    checks: [{check}]\n", directory=tmp_path)

    assert "headers.X-Key: expected a reference to what exists, found that the environment variable KEY is not set" in (
        str(refused.value)
    )
    assert f"found that the file {tmp_path / 'no-such'} cannot be read" in str(refused.value)
