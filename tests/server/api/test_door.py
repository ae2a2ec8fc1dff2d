"""The rules every request meets before its operation, and the problems they end in."""

import asyncio
import json
import logging

import pytest

from appsentry_server.api.operations import OPERATIONS


def _problem(answer, status):
    assert answer.code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert problem["title"]
    assert "Traceback" not in problem["detail"]
    return problem


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_asks_for_the_token_unless_it_says_otherwise(with_door, operation):
    async def main(door):
        path = operation.path.replace("{id}", "some")
        given = {
            "none": {},
            "wrong": {"Authorization": "Bearer wrong"},
            "other scheme": {"Authorization": "Basic right"},
        }
        door.token = None
        for headers in given.values():
            answer = await door.call(operation.method, path, headers=headers)
            if operation.needs_token:
                problem = _problem(answer, 401)
                assert problem["code"] == "forbidden"
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="AppSentry"'
            else:
                assert answer.code == 200
        answer = await door.call(operation.method, path, headers={"Authorization": "Bearer right"})
        assert answer.code != 401

    with_door(main, token="right")


def test_a_token_in_the_url_is_none(with_door):
    async def main(door):
        door.token = None
        _problem(await door.get("/api/applications?token=right"), 401)
        _problem(await door.get("/api/applications?access_token=right"), 401)

    with_door(main, token="right")


@pytest.mark.parametrize("path", ["/healthz", "/api/applications", "/nowhere"])
def test_a_foreign_host_name_is_refused_everywhere(with_door, path):
    async def main(door):
        problem = _problem(await door.get(path, headers={"Host": "evil.example.org"}), 403)
        assert "server.hosts" in problem["detail"]

    with_door(main)


def test_pages_of_admitted_origins_may_read_and_others_are_refused(with_door):
    async def main(door):
        for origin in ("http://localhost:3000", "https://pages.example.org", f"http://127.0.0.1:{door.port}"):
            answer = await door.get("/api/applications", headers={"Origin": origin})
            assert answer.code == 200
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Origin" in answer.headers["Vary"]
        for origin in ("https://evil.example.org", "null", "file://", ""):
            answer = await door.get("/api/applications", headers={"Origin": origin})
            _problem(answer, 403)
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Origin" not in (await door.get("/api/applications")).headers

    with_door(main)


def test_a_page_can_read_why_it_was_refused(with_door):
    async def main(door):
        answer = await door.get("/api/applications/nope", headers={"Origin": "http://localhost:3000"})
        _problem(answer, 404)
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"

    with_door(main)


def test_a_browser_may_ask_beforehand_without_a_token(with_door):
    async def main(door):
        door.token = None
        answer = await door.call("OPTIONS", "/api/test-runs", headers={"Origin": "http://localhost:3000"})
        assert answer.code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET"
        assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
        _problem(await door.call("OPTIONS", "/api/test-runs", headers={"Origin": "https://evil.example.org"}), 403)

    with_door(main, token="right")


def test_unknown_paths_are_problems(with_door):
    async def main(door):
        for path in ("/", "/api", "/api/", "/api/test-runs/", "/api/test-runs/x/explode", "/favicon.ico", "/%ff"):
            _problem(await door.get(path), 404)
        _problem(await door.post("/nowhere"), 404)

    with_door(main)


def test_a_path_that_is_no_text_is_a_problem(with_door):
    async def main(door):
        _problem(await door.get("/api/applications/%ff"), 400)

    with_door(main)


def test_another_method_is_a_problem_that_names_those_there_are(with_door):
    async def main(door):
        for method in ("PUT", "DELETE", "PATCH", "POST"):
            answer = await door.call(method, "/api/applications", body="{}")
            _problem(answer, 405)
            assert answer.headers["Allow"] == "HEAD, OPTIONS, GET"
        answer = await door.get("/api/test-runs/x/cancel")
        _problem(answer, 405)
        assert answer.headers["Allow"] == "OPTIONS, POST"
        _problem(await door.call("BREW", "/api/applications"), 405)

    with_door(main)


def test_head_answers_as_get_would_without_a_body(with_door):
    async def main(door):
        for path in ("/healthz", "/api/applications", "/api/history"):
            answer = await door.call("HEAD", path)
            assert answer.code == 200
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.body == b""

    with_door(main)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_post_of_another_type_is_refused_and_starts_nothing(with_door, content_type):
    async def main(door):
        headers = {} if content_type is None else {"Content-Type": content_type}
        problem = _problem(await door.post("/api/test-runs", body="{}", headers=headers), 415)
        assert "application/json" in problem["detail"]
        assert door.services.runs.in_progress == []

    with_door(main)


def test_a_json_type_with_a_charset_is_taken(with_door):
    async def main(door):
        headers = {"Content-Type": "application/JSON; charset=utf-8"}
        assert (await door.post("/api/test-runs", body="{}", headers=headers)).code == 202

    with_door(main)


async def _send(port, *parts):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
    body = await reader.readexactly(length)
    return reader, writer, int(head.split()[1]), body


def test_a_body_of_more_than_a_megabyte_is_refused_and_the_connection_goes_on(with_door):
    async def main(door):
        start = b"POST /api/test-runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        measured = [start, b"Content-Length: 3000000\r\n\r\n", *[b" " * 1_000_000] * 3]
        chunked = [start, b"Transfer-Encoding: chunked\r\n\r\n"]
        chunked += [b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"] * 2 + [b"0\r\n\r\n"]
        for parts in (measured, chunked):
            reader, writer, status, body = await _send(door.port, *parts)
            assert status == 413
            assert json.loads(body)["status"] == 413
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()

    with_door(main)


def test_a_path_that_is_no_text_is_refused_and_the_connection_goes_on(with_door):
    async def main(door):
        head = b"POST /api/test-runs/%ff/cancel HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        # The body comes later: whoever answers before it has to close the connection.
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(head + b"Content-Length: 2\r\n\r\n")
        await writer.drain()
        assert (await door.get("/healthz")).code == 200
        writer.write(b"{}GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
        await reader.readuntil(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()

    with_door(main)


def test_a_body_of_just_a_megabyte_is_read(with_door):
    async def main(door):
        body = b'{"applicationIds": ["pay"]}'
        assert (
            await door.post("/api/test-runs", body=body + b" " * (1_000_000 - len(body)), headers=_JSON)
        ).code == 202
        _problem(await door.post("/api/test-runs", body=body + b" " * (1_000_001 - len(body)), headers=_JSON), 413)

    with_door(main)


_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b"nan", b"'{}'"])
def test_a_body_that_is_not_json_is_a_problem(with_door, body):
    async def main(door):
        problem = _problem(await door.post("/api/test-runs", body=body, headers=_JSON), 400)
        assert problem["code"] == "malformed"

    with_door(main)


def test_all_mistakes_of_a_body_are_told_at_once(with_door):
    async def main(door):
        body = {"applicationIds": [], "tags": "tier-1", "testTypes": [7], "speed": "high"}
        problem = _problem(await door.post("/api/test-runs", body), 422)
        assert {mistake["name"] for mistake in problem["errors"]} == {"applicationIds", "tags", "testTypes.0", "speed"}
        assert {mistake["where"] for mistake in problem["errors"]} == {"body"}
        for name in ("applicationIds", "tags", "testTypes.0", "speed"):
            assert name in problem["detail"]

    with_door(main)


def test_all_mistakes_of_a_query_are_told_at_once(with_door):
    async def main(door):
        query = [("from", "yesterday"), ("to", "1"), ("to", "2"), ("resolution", "2h"), ("speed", "high"), ("type", "")]
        problem = _problem(await door.get("/api/history", query=query), 422)
        assert {mistake["name"] for mistake in problem["errors"]} == {"from", "to", "resolution", "speed", "type.0"}
        assert {mistake["where"] for mistake in problem["errors"]} == {"query"}

    with_door(main)


def test_a_call_without_parameters_refuses_one(with_door):
    async def main(door):
        problem = _problem(await door.get("/api/applications?limit=3"), 422)
        assert [mistake["name"] for mistake in problem["errors"]] == ["limit"]

    with_door(main)


def test_a_query_that_is_no_text_is_a_problem(with_door):
    async def main(door):
        _problem(await door.get("/api/history?application=%ff%fe"), 422)

    with_door(main)


def test_a_problem_lists_few_of_very_many_mistakes(with_door):
    async def main(door):
        query = "&".join(f"x{number}=1" for number in range(900))
        problem = _problem(await door.get(f"/api/history?{query}"), 422)
        assert len(problem["errors"]) == 100
        assert problem["detail"].endswith("and 895 more")

    with_door(main)


def test_a_fault_of_ours_is_logged_and_its_answer_tells_no_more_than_that(with_door, caplog):
    async def main(door):
        secret = "hunter2"

        class Broken(dict):
            def values(self):
                raise RuntimeError(f"the password is {secret}")

        door.services.published.applications = Broken()
        answer = await door.get("/api/applications")
        problem = _problem(answer, 500)
        assert problem["detail"] == "the server failed: its log says why"
        assert secret.encode() not in answer.body

    with caplog.at_level(logging.ERROR):
        with_door(main)
    assert "RuntimeError" in caplog.text


def test_answers_are_kept_by_nobody_and_tell_no_software(with_door):
    async def main(door):
        for path in ("/healthz", "/nowhere", "/api/history"):
            headers = (await door.get(path)).headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in headers

    with_door(main)
