"""What an answer has to look like, and the words when it does not."""

import asyncio
import threading

import pytest
from pydantic import ValidationError

from appsentry_server.checks.exchange import _CHARSETS, charset
from appsentry_server.checks.health import HealthSettings
from appsentry_server.checks.patterns import JsonPath


def health(**settings):
    return HealthSettings.model_validate({"type": "health", "id": "health", "url": "http://app.test/", **settings})


@pytest.mark.parametrize(
    ("expected", "met"),
    [
        (503, True),
        ("503", True),
        ("500-599", True),
        ([200, "500-504"], True),
        (200, False),
        ("200-299", False),
        ([200, 204], False),
    ],
)
def test_a_status_is_expected_by_code_range_or_list(run, site, look, answer, expected, met):
    async def main():
        async with site({"/": answer(503, "")}) as web:
            return await look(web.url(), expect={"status": expected})

    outcome = run(main())

    assert (outcome.verdict == "up") is met
    assert met or outcome.failure.message.endswith("found 503")


@pytest.mark.parametrize(
    ("body", "expect", "message"),
    [
        ("all is well", {"text": "is well"}, None),
        ("all is well", {"text": "Is well"}, "expected the text 'Is well' in the body, found 'all is well'"),
        ("v1.22 up", {"regex": r"v1\.\d+"}, None),
        ("v2 up", {"regex": r"v1\.\d+"}, r"expected a match of 'v1\.\d+' in the body, found 'v2 up'"),
        ("", {"text": "x"}, "expected the text 'x' in the body, found an empty body"),
        ("a\x1b[31m\n\tred\u202eb", {"text": "x"}, "expected the text 'x' in the body, found 'a [31m red b'"),
        ("y" * 200, {"text": "x"}, f"expected the text 'x' in the body, found '{'y' * 80}…'"),
        (
            b"\x89PNG\r\n",
            {"text": "x"},
            "expected the text 'x' in the body, found bytes that are no UTF-8, '\ufffdPNG'",
        ),
        (b"\xff ok \xfe", {"text": "ok"}, None),
        ('{"status": "ok"}', {"json": {"$.status": "ok"}}, None),
        ('{"status": "bad"}', {"json": {"$.status": "ok"}}, 'expected "ok" at $.status, found "bad"'),
        ('{"ready": 1}', {"json": {"$.ready": True}}, "expected true at $.ready, found 1"),
        ('{"n": 1.0}', {"json": {"$.n": 1}}, None),
        ('{"n": null}', {"json": {"$.n": None}}, None),
        ('{"a": [{"b": 1}, {"b": 1}]}', {"json": {"$.a[*].b": 1}}, None),
        ('{"a": [{"b": 1}, {"b": 2}]}', {"json": {"$.a[*].b": 1}}, "expected 1 at $.a[*].b, found 2"),
        ('{"a": [1, {"b": true}]}', {"json": {"$.a": [1, {"b": True}]}}, None),
        (
            '{"a": [1, {"b": 1}]}',
            {"json": {"$.a": [1, {"b": True}]}},
            'expected [1,{"b":true}] at $.a, found [1,{"b":1}]',
        ),
        ("{}", {"json": {"$.status": "ok"}}, "expected \"ok\" at $.status, found nothing there in '{}'"),
        ("<html>", {"json": {"$.a": 1}}, "expected JSON, found '<html>' (unexpected character, expected a JSON value)"),
        (b"\xff\x00", {"json": {"$.a": 1}}, "expected JSON, found bytes that are no UTF-8, '\ufffd'"),
        ("[" * 2000, {"json": {"$.a": 1}}, f"expected JSON, found '{'[' * 80}…'"),
        ("[" * 500 + "]" * 500, {"json": {"$..a": 1}}, "expected 1 at $..a, found that it cannot be looked up"),
        (
            '{"n": 123456789012345678901234567890}',
            {"json": {"$.n": 1}},
            "expected 1 at $.n, found 1.2345678901234568e+29",
        ),
    ],
)
def test_a_body_is_expected_by_text_regex_or_json_path(run, site, look, answer, body, expect, message):
    async def main():
        async with site({"/": answer(200, body)}) as web:
            return await look(web.url(), expect=expect)

    outcome = run(main())

    if message is None:
        assert outcome.verdict == "up", outcome.failure
    else:
        assert outcome.failure.failure_class == "expectation"
        assert outcome.failure.message.startswith(message)
        assert outcome.failure.message.isprintable()


def test_a_body_is_read_in_the_charset_it_names(run, site, look, answer):
    async def main():
        latin = answer(200, "Größe".encode("latin-1"), "Content-Type: text/plain; charset=ISO-8859-1")
        odd = answer(200, "Größe", "Content-Type: text/plain; charset=klingon")
        async with site({"/latin": latin, "/odd": odd}) as web:
            expect = {"text": "Größe"}
            return await look(web.url("/latin"), expect=expect), await look(web.url("/odd"), expect=expect)

    assert [outcome.verdict for outcome in run(main())] == ["up", "up"]


@pytest.mark.parametrize("named", ["zlib", "rot13", "punycode", "idna", "undefined", "unicode_escape", "x" * 100_000])
def test_a_charset_that_is_none_of_the_webs_is_read_as_utf_8(run, site, look, answer, named):
    async def main():
        async with site({"/": answer(200, "Größe", f"Content-Type: text/plain; charset={named}")}) as web:
            return await look(web.url(), expect={"text": "Größe"})

    assert run(main()).verdict == "up"


def test_every_charset_of_the_web_can_be_decoded():
    for named in _CHARSETS:
        assert b"abc!".decode(charset(f'text/html; Charset = "{named.upper()}"'), errors="replace")


def test_json_too_deep_to_be_shown_is_an_expectation_that_is_not_met(run, site, look, answer):
    async def main():
        async with site({"/": answer(200, '{"a":' + "[" * 900 + "]" * 900 + "}")}) as web:
            return await look(web.url(), expect={"json": {"$.a": "x"}})

    failure = run(main()).failure

    assert failure.failure_class == "expectation"
    assert failure.message == 'expected "x" at $.a, found a value that is nested too deeply to be shown'


@pytest.mark.parametrize(("path", "looked_up"), [("$..a", False), ("$[?@.a == 1]", False), ("$[0].a", True)])
def test_a_path_that_looks_everywhere_is_for_documents_of_so_many_values(run, site, look, answer, path, looked_up):
    async def main():
        async with site({"/": answer(200, '[{"a":1}' + ",[]" * 30_000 + "]")}) as web:
            return await look(web.url(), expect={"json": {path: 1}})

    outcome = run(main())

    if looked_up:
        assert outcome.verdict == "up", outcome
    else:
        assert outcome.failure.failure_class == "expectation"
        assert "found that more than 50,000 values would have to be looked at" in outcome.failure.message


def test_a_large_body_that_takes_long_to_judge_ends_at_the_deadline_and_holds_up_nothing(
    run, site, client, prepare, answer, monkeypatch
):
    began, release = threading.Event(), threading.Event()

    def busy(*_args):
        began.set()
        release.wait(30)

    monkeypatch.setattr(JsonPath, "values_in", busy)

    async def main():
        async with site({"/": answer(200, "[" + "[]," * 10_000 + "0]"), "/well": answer()}) as web, client() as http:
            large = prepare(http, url=web.url(), timeout="500ms", expect={"json": {"$..a": 1}})
            looking = asyncio.create_task(large.run())
            await asyncio.get_running_loop().run_in_executor(None, began.wait, 30)
            meanwhile = await prepare(http, url=web.url("/well")).run()
            stuck = await looking
            release.set()
            return stuck, meanwhile

    stuck, meanwhile = run(main())

    assert stuck.failure.failure_class == "deadline"
    assert "that can be read in time" in stuck.failure.message
    assert meanwhile.verdict == "up"


def test_a_regex_that_would_run_for_ever_elsewhere_takes_the_time_of_the_text(run, site, look, answer):
    async def main():
        async with site({"/": answer(200, "a" * 100_000 + "!")}) as web:
            return await look(web.url(), expect={"regex": r"^(a+)+$"})

    assert run(main()).failure.failure_class == "expectation"


def test_an_answer_slower_than_its_threshold_is_degraded_and_says_so(run, site, look, answer):
    async def late(_request, writer):
        await asyncio.sleep(0.01)
        writer.write(answer())
        await writer.drain()

    async def main():
        async with site({"/": late}) as web:
            return await look(web.url(), degraded_above="5ms"), await look(web.url(), degraded_above="1h")

    slow, good = run(main())

    assert slow.verdict == "degraded"
    assert slow.failure is None
    assert slow.note == f"expected an answer within 5ms, found {slow.response_ms:.0f} ms"
    assert (good.verdict, good.note) == ("up", None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"expect": {"status": 99}}, "expected a status from 100 to 599 or a range such as 200-299, found 99"),
        ({"expect": {"status": "299-200"}}, "expected a status from 100 to 599 or a range"),
        ({"expect": {"status": True}}, "found True"),
        ({"expect": {"status": []}}, "found an empty list"),
        ({"expect": {"regex": "("}}, "expected a regular expression in RE2's syntax"),
        ({"expect": {"regex": r"(?=a)"}}, "no look-around"),
        ({"expect": {"json": {"status": "ok"}}}, "expected a JSON path such as $.status, found 'status'"),
        ({"expect": {"json": {"$[": 1}}}, "expected a JSON path such as $.status, found '$['"),
        ({"expect": {"json": {"$[?match(@.a, '(a+)+')]": 1}}}, "expected a JSON path"),
        ({"expect": {"text": ""}}, "at least 1 character"),
        ({"expect": {"texts": "x"}}, "Extra inputs"),
        (
            {"url": "ftp://app.test/"},
            "expected an address that starts with http:// or https://, found the scheme 'ftp'",
        ),
        ({"url": "app.test/health"}, "found the scheme none"),
        ({"url": "http:///health"}, "expected an address with a host"),
        ({"url": "http://user:hunter2@app.test/"}, "expected an address without a user name or password"),
        ({"url": "http://app.test:99999/"}, "found one that cannot be read"),
        ({"url": "http://[::1/"}, "found one that cannot be read"),
        ({"url": "http://a b/"}, "found one that cannot be read"),
        ({"tls": {"ca": "/no/such/file.pem"}}, "Path does not point to a file"),
        ({"max_redirects": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_refused_when_it_is_read(settings, message):
    with pytest.raises(ValidationError) as refused:
        health(**settings)

    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value.errors(include_input=False))


def test_settings_are_written_as_they_can_be_read_again():
    settings = health(
        expect={"status": [200, "300-302"], "regex": "a+", "json": {"$.a": [1]}}, certificate_degraded_below="14d"
    )

    written = settings.model_dump(mode="json", by_alias=True)

    assert written["expect"]["status"] == ["200", "300-302"]
    assert written["expect"]["json"] == {"$.a": [1]}
    assert HealthSettings.model_validate(written).expect.status.codes == settings.expect.status.codes


def test_equal_settings_are_equal_so_that_a_reload_changes_nothing():
    settings = {"expect": {"status": "200-204", "regex": "a+", "json": {"$.a": 1}}}

    assert health(**settings) == health(**settings)
    assert health(**settings) != health(expect={**settings["expect"], "regex": "b+"})


def test_the_host_is_what_the_limit_per_host_counts():
    assert health(url="https://Bücher.example:8443/x").host == "xn--bcher-kva.example"
    assert health(url="http://[::1]:3000/").host == "::1"
