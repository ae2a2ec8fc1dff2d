"""The health check: one request, judged by its status, its body, its time and its certificate."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from appsentry_server import durations
from appsentry_server.checks import failures
from appsentry_server.checks.asking import Asking, RequestSettings
from appsentry_server.checks.excerpts import Quoter
from appsentry_server.checks.exchange import Exchange
from appsentry_server.checks.expectations import HttpExpectations
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.checks.urls import WebUrl, target
from appsentry_server.durations import Duration
from appsentry_server.references import MissingReference
from appsentry_server.results import Failure, Outcome

_LARGE = 16_384
"""Bytes of a body that are judged at once; more are judged beside the event loop."""

_DAY = timedelta(days=1)


class HealthSettings(RequestSettings, CheckSettings):
    """A request to `url`, and what counts as healthy."""

    type: Literal["health"]
    url: WebUrl
    expect: HttpExpectations = HttpExpectations()
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    connect_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)
    follow_redirects: bool = True
    max_redirects: Annotated[int, Field(ge=1, le=20)] = 5
    tls: TlsSettings = TlsSettings()
    certificate_degraded_below: Annotated[Duration, Field(gt=timedelta(0))] | None = None

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if self.method == "HEAD" and self.expect.of_body:
            raise ValueError("expected a method whose answer has a body, found HEAD with an expectation of the body")
        return self

    @cached_property
    def host(self) -> str:
        return target(self.url).host

    @cached_property
    def port(self) -> int:
        return target(self.url).port


class HealthProbe(Probe):
    """Makes the request of one health check and judges the answer."""

    def __init__(self, settings: HealthSettings, client: HttpClient) -> None:
        self._settings = settings
        self._expect = settings.expect
        self._client = client
        self._clock = client.clock
        self._asking = Asking(settings)
        self._target = target(settings.url)
        self._timeout_s = settings.timeout.total_seconds()
        self._redirects = settings.max_redirects if settings.follow_redirects else 0
        self._agent = client.agent(
            tls=settings.tls,
            connect_s=settings.connect_timeout.total_seconds(),
            body=settings.expect.of_body,
            certificates=settings.certificate_degraded_below is not None,
        )

    async def run(self) -> Outcome:
        deadline = self._clock.monotonic() + self._timeout_s
        try:
            request = self._asking.request()
        except (MissingReference, ValueError) as error:
            return Outcome(verdict="unknown", failure=Failure(failure_class="internal", message=str(error)))
        self._agent.ask(request)
        exchange = await self._agent.exchange(self._target, deadline)
        if exchange.location is not None and self._redirects:
            exchange = await self._agent.follow(exchange, deadline, redirects=self._redirects)
        failure = exchange.failure or await self._judge(exchange, deadline, request.quoter)
        if failure is not None:
            failure = replace(failure, message=request.quoter.mask(failure.message))
            verdict, note = failures.verdict_of(failure.failure_class), None
        else:
            note = self._note(exchange)
            verdict = "degraded" if note else "up"
        return Outcome(
            verdict=verdict, response_ms=exchange.elapsed_ms, phases=exchange.phases, failure=failure, note=note
        )

    async def _judge(self, exchange: Exchange, deadline: float, quoter: Quoter) -> Failure | None:
        if len(exchange.body) <= _LARGE:
            return self._expect.failure(exchange, quoter)
        # A JSON path may take seconds over what a target can put into a megabyte.
        try:
            return await self._client.aside(deadline, self._expect.failure, exchange, quoter)
        except TimeoutError:
            return failures.unread(exchange.target)

    def close(self) -> None:
        self._agent.close()

    def _note(self, exchange: Exchange) -> str | None:
        """Why the answer is less than healthy, though good."""
        limit = self._settings.degraded_above
        if limit is not None and exchange.elapsed_ms > limit / timedelta(milliseconds=1):
            return f"expected an answer within {durations.write(limit)}, found {exchange.elapsed_ms:.0f} ms"
        limit = self._settings.certificate_degraded_below
        if limit is not None and exchange.certificate_until_ms is not None:
            left = timedelta(milliseconds=exchange.certificate_until_ms - self._clock.now_ms())
            if left < limit:
                return f"expected a certificate valid for {durations.write(limit)}, found {left / _DAY:.1f} d left"
        return None
