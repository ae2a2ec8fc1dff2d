"""Applications over HTTP."""

import json

from pydantic import TypeAdapter

from appsentry_server.api.applications import Applications


def test_all_applications_are_listed_as_their_stream_describes_them(with_door):
    async def main(door):
        listed = json.loads((await door.get("/api/applications")).body)
        TypeAdapter(Applications).validate_python(listed, strict=True)
        assert [item["id"] for item in listed["items"]] == ["shop", "pay", "mail"]
        assert listed["next"] is None
        assert listed["items"] == list(door.services.published.applications.values())

    with_door(main)


def test_no_applications_are_an_empty_list(with_door):
    async def main(door):
        assert json.loads((await door.get("/api/applications")).body) == {"items": [], "next": None}

    with_door(main, applications=())


def test_one_application_is_shown_by_its_id(with_door):
    async def main(door):
        shown = json.loads((await door.get("/api/applications/pay")).body)
        assert shown == door.services.published.applications["pay"]

    with_door(main)


def test_an_unknown_application_is_named_in_the_problem(with_door):
    async def main(door):
        for path, name in (("nope", "nope"), ("p%C3%A4y", "päy"), ("..%2Fpay", "../pay"), ("%3Cb%3E", "<b>")):
            answer = await door.get(f"/api/applications/{path}")
            problem = json.loads(answer.body)
            assert answer.code == 404
            assert problem["code"] == "unknown_application"
            assert repr(name) in problem["detail"]

    with_door(main)


def test_what_is_published_is_what_is_shown(with_door):
    async def main(door):
        publisher, told = door.services.publisher, door.services.published.applications
        publisher.event("applications", "applicationStatusUpdate", {**told["pay"], "status": "healthy"})
        await publisher.settled()
        shown = json.loads((await door.get("/api/applications/pay")).body)
        assert shown["status"] == "healthy"
        assert not {"stream", "seq", "epoch", "at"} & shown.keys()

    with_door(main)
