"""Every request a client may make over the socket, and the acknowledgements it gets."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

ErrorCode = Literal[
    "malformed",
    "unknown_run",
    "unknown_application",
    "unknown_stream",
    "conflict",
    "rate_limited",
    "forbidden",
    "dev_only",
    "internal",
]

Id = Annotated[str, Field(min_length=1, max_length=200)]


class Request(BaseModel):
    """A request's one argument; fields it does not know are ignored, as everywhere on the socket."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore", strict=True)


class Since(Request):
    """The place a reader has reached in a stream."""

    epoch: str
    seq: Annotated[int, Field(ge=0)]


class Subscribe(Request):
    """Follow a run or a stream: plainly (`testRunId` alone), from a place (`since`), or from a snapshot (null)."""

    test_run_id: Id | None = None
    stream: Id | None = None
    since: Since | None = None
    batch: bool = False
    limit: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _names_one_stream(self) -> Self:
        if (self.test_run_id is None) == (self.stream is None):
            raise ValueError("name either testRunId or stream")
        return self

    @property
    def resumes(self) -> bool:
        """Whether the reader spoke of its place at all, if only to say that it has none."""
        return "since" in self.model_fields_set


class Unsubscribe(Request):
    """Stop following a run or a stream."""

    test_run_id: Id | None = None
    stream: Id | None = None

    @model_validator(mode="after")
    def _names_one_stream(self) -> Self:
        if (self.test_run_id is None) == (self.stream is None):
            raise ValueError("name either testRunId or stream")
        return self


class StartTestRun(Request):
    """Start a run. Ids and tags intersect; without either every application is tested; an empty list is refused."""

    application_ids: Annotated[list[Id], Field(min_length=1, max_length=100_000)] | None = None
    tags: Annotated[list[Id], Field(min_length=1, max_length=1_000)] | None = None
    test_types: Annotated[list[Id], Field(min_length=1, max_length=100)] | None = None


class NameTestRun(Request):
    """Cancel, pause or resume this run."""

    test_run_id: Id


class Simulate(Request):
    """Play simulated events (development mode only); a seed makes them repeatable."""

    kind: Literal["testRun", "statusUpdate", "activity"]
    seed: int | None = None


REQUESTS: Mapping[str, type[Request]] = {
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "startTestRun": StartTestRun,
    "cancelTestRun": NameTestRun,
    "pauseTestRun": NameTestRun,
    "resumeTestRun": NameTestRun,
    "simulate": Simulate,
}
"""Every request by its name on the wire."""
