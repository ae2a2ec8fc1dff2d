"""The history over HTTP: results or roll-ups of a span of time, streamed in the form the client prefers."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from appsentry_contract.instants import from_wire
from appsentry_contract.requests import Id
from appsentry_server.api.call import Arguments, Call, Reply
from appsentry_server.api.encodings import ENCODINGS
from appsentry_server.api.exports import Rows
from appsentry_server.api.negotiation import preferred
from appsentry_server.api.problems import Problem
from appsentry_server.api.selection import Resolution, Selection
from appsentry_server.clock import Clock

_DAY_MS = 86_400_000


def _instant(text: object) -> int:
    try:
        return from_wire(str(text))
    except (ValueError, OverflowError):
        raise ValueError(f"expected an instant such as 2026-11-23T08:00:00Z, found {str(text)[:40]!r}") from None


def _once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


Instant = Annotated[int, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
# Tornado refuses a query of more than 1,000 parameters by itself, without a word: as many as may be named fit.
Applications = Annotated[tuple[Id, ...], Field(max_length=800), AfterValidator(_once_each)]
Types = Annotated[tuple[Id, ...], Field(max_length=100), AfterValidator(_once_each)]


class StretchQuery(Arguments):
    """Which time: from `from` until before `to`; of these applications, or of all of them."""

    from_: Annotated[Instant | None, Field(alias="from", description="the first instant; default 24 h before `to`")] = (
        None
    )
    to: Annotated[Instant | None, Field(description="the first instant after the answer; default now")] = None
    application: Annotated[Applications, Field(description="an application's id; may be given several times")] = ()

    @model_validator(mode="after")
    def _runs_forwards(self) -> Self:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise ValueError("`from` is later than `to`: exchange them")
        return self

    def stretch(self, clock: Clock) -> tuple[int, int]:
        """The time that is asked for, defaults filled in."""
        to_ms = clock.now_ms() if self.to is None else self.to
        return to_ms - _DAY_MS if self.from_ is None else self.from_, to_ms


class HistoryQuery(StretchQuery):
    """Which results: due in the stretch, and of these types, or of all of them."""

    type: Annotated[Types, Field(description="a check kind; may be given several times")] = ()
    resolution: Annotated[Resolution, Field(description="raw results, or buckets of this length in UTC")] = "raw"
    simulated: Annotated[bool, Field(description="whether simulated results are in the answer")] = False

    def selection(self, clock: Clock) -> Selection:
        """What is asked for, defaults filled in."""
        from_ms, to_ms = self.stretch(clock)
        return Selection(
            from_ms=from_ms,
            to_ms=to_ms,
            applications=self.application,
            types=self.type,
            resolution=self.resolution,
            simulated=self.simulated,
        )


async def read_history(call: Call[HistoryQuery, Any]) -> Reply:
    """Begin to stream the answer."""
    return streamed(call, call.query.selection(call.api.services.clock))


def streamed(call: Call[Any, Any], rows: Rows) -> Reply:
    """Rows in the form that the client prefers. Raises `Problem` 406 when there is none."""
    offers = {encoding.content_type: encoding for encoding in ENCODINGS}
    chosen = preferred(call.accept, list(offers))
    if chosen is None:
        raise Problem(406, f"the history comes as {', '.join(offers)}; Accept takes none of them")
    return Reply(content=call.api.exports.stream(rows, offers[chosen]), content_type=chosen)
