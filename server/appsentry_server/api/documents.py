"""The generated descriptions, served as they were made at the start."""

from typing import Any

from appsentry_server.api.call import Answer, Call, Reply


def document(name: str) -> Answer:
    """The answer that is this document."""

    async def answer(call: Call[Any, Any]) -> Reply:
        return Reply(content=call.api.documents[name])

    return answer
