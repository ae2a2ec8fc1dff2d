"""The login check: fetch the form, send the credentials, verify where that leads, log out."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from appsentry_server import durations
from appsentry_server.checks import failures
from appsentry_server.checks.agent import Agent
from appsentry_server.checks.excerpts import Quoter
from appsentry_server.checks.exchange import Exchange
from appsentry_server.checks.expectations import TextExpectations
from appsentry_server.checks.forms import MOST_PARSED, FormNotFound, asks_for_a_password, login_form
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.checks.urls import Origin, Target, WebUrl, kin, relative, target
from appsentry_server.durations import Duration
from appsentry_server.references import MissingReference, SecretReference
from appsentry_server.results import Failure, Outcome, Phases

_A_PAGE = TextExpectations()
Text = Annotated[str, Field(min_length=1)]


class LoginExpectations(TextExpectations):
    """What the page after the login has to be. With nothing but a status: a page without a password input."""

    url: Text | None = None
    cookie: Text | None = None

    def unmet_by_login(self, page: Exchange, start: Target, cookies: frozenset[str], quoter: Quoter) -> str | None:
        """What is missing after the login, given that the status and the text are right."""
        if self.url is not None and not _leads_to(page.target, relative(start, self.url)):
            return f"expected to arrive at {quoter.quote(self.url)}, found {quoter.quote(page.target.written, 300)}"
        if self.cookie is not None and self.cookie not in cookies:
            found = ", ".join(quoter.quote(name) for name in sorted(cookies)) or "none"
            return f"expected a cookie named {self.cookie!r}, found {found}"
        stated = (self.text, self.regex, self.url, self.cookie)
        if all(expectation is None for expectation in stated) and asks_for_a_password(page):
            return "expected a page without a password input, found the login asked for again"
        return None


class LoginSettings(CheckSettings):
    """A login at `url`, and what counts as being logged in."""

    type: Literal["login"]
    url: WebUrl
    username: SecretReference = Field(repr=False)
    password: SecretReference = Field(repr=False)
    username_field: Text | None = None
    password_field: Text | None = None
    origins: tuple[WebUrl, ...] = ()
    expect: LoginExpectations = LoginExpectations()
    logout: Text | None = None
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    connect_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)
    max_redirects: Annotated[int, Field(ge=1, le=20)] = 5
    tls: TlsSettings = TlsSettings()

    @cached_property
    def host(self) -> str:
        return target(self.url).host

    @cached_property
    def port(self) -> int:
        return target(self.url).port

    @cached_property
    def trusted(self) -> frozenset[Origin]:
        """The origins that may be given credentials and cookies: that of `url`, its own https, and `origins`."""
        return kin(target(self.url)) | {target(origin).origin for origin in self.origins}

    @model_validator(mode="after")
    def _addresses_can_be_read(self) -> Self:
        start = target(self.url)
        for name, reference in (("logout", self.logout), ("expect.url", self.expect.url)):
            if reference is not None:
                try:
                    relative(start, reference)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return self


class LoginProbe(Probe):
    """Logs in as one user and looks around, on connections and with cookies of that run alone."""

    def __init__(self, settings: LoginSettings, client: HttpClient) -> None:
        self._settings = settings
        self._client = client
        self._clock = client.clock
        self._timeout_s = settings.timeout.total_seconds()
        self._agent = client.agent(tls=settings.tls, connect_s=settings.connect_timeout.total_seconds(), body=True)

    async def run(self) -> Outcome:
        deadline = self._clock.monotonic() + self._timeout_s
        settings = self._settings
        try:
            username, password = settings.username.resolve(), settings.password.resolve()
        except MissingReference as error:
            failure = Failure(failure_class="internal", message=str(error), step="form")
            return Outcome(verdict="unknown", failure=failure)
        quoter = Quoter((username, password))
        visit = _Visit(settings, self._client, self._agent, deadline, quoter)
        with self._agent.session(quoter, settings.trusted):
            found = await visit.make(username, password)
        return visit.outcome(found)

    def close(self) -> None:
        self._agent.close()


class _Visit:
    """One login from the form to the logout, with its times. Every step gives a failure, or None to go on."""

    def __init__(
        self, settings: LoginSettings, client: HttpClient, agent: Agent, deadline: float, quoter: Quoter
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = client.clock
        self._agent = agent
        self._deadline = deadline
        self._quoter = quoter
        self._start = target(settings.url)
        self._steps: list[tuple[str, float]] = []
        self._phases = Phases()

    async def make(self, username: str, password: str) -> Failure | None:
        page = await self._fetch("form", self._start)
        failure = page.failure or _A_PAGE.failure(page, self._quoter)
        if failure is not None:
            return failure
        try:
            names = self._settings.username_field, self._settings.password_field
            form = await self._client.aside(self._deadline, login_form, page, *names)
            where, body = form.request(username, password)
        except FormNotFound as error:
            cut = len(page.body) > MOST_PARSED
            return Failure(failure_class="too_large" if cut else "expectation", message=str(error))
        except TimeoutError:
            return failures.unread(page.target)
        if where.origin not in self._settings.trusted:
            message = (
                f"expected a login form that is sent to the origin of {self._start.place}, found one that is sent to "
                f"{where.scheme}://{where.place}: if the credentials belong there, add it to origins"
            )
            return Failure(failure_class="expectation", message=message)
        return await self._submit(where, body)

    def outcome(self, failure: Failure | None) -> Outcome:
        """What the visit found; `failure` is of the step that was made last."""
        response_ms = sum(ms for _, ms in self._steps)
        limit, note = self._settings.degraded_above, None
        if failure is not None:
            message = self._quoter.mask(failure.message)
            failure = Failure(failure_class=failure.failure_class, message=message, step=self._steps[-1][0])
        elif limit is not None and response_ms > limit / timedelta(milliseconds=1):
            note = f"expected a login within {durations.write(limit)}, found {response_ms:.0f} ms"
        return Outcome(
            verdict=failures.verdict_of(failure.failure_class) if failure else "degraded" if note else "up",
            response_ms=response_ms,
            phases=self._phases,
            failure=failure,
            note=note,
            steps=tuple(self._steps),
        )

    async def _submit(self, where: Target, body: bytes | None) -> Failure | None:
        answer = await self._agent.exchange(where, self._deadline, form=body)
        self._record("submit", answer)
        if answer.failure is not None:
            return answer.failure
        expect = self._settings.expect
        if answer.location is None and answer.status not in expect.status.codes:
            return expect.failure(answer, self._quoter)
        return await self._verify(answer, body)

    async def _verify(self, answer: Exchange, body: bytes | None) -> Failure | None:
        expect = self._settings.expect
        # Its times are the submission's: from here on they are of what it leads to.
        page = await self._follow(replace(answer, elapsed_ms=0.0, phases=Phases()), body)
        self._record("verify", page)
        failure = page.failure or expect.failure(page, self._quoter)
        if failure is not None:
            return failure
        try:
            known = self._start, self._agent.cookies, self._quoter
            unmet = await self._client.aside(self._deadline, expect.unmet_by_login, page, *known)
        except TimeoutError:
            return failures.unread(page.target)
        if unmet is not None:
            return Failure(failure_class="expectation", message=unmet)
        return await self._log_out()

    async def _log_out(self) -> Failure | None:
        if self._settings.logout is None:
            return None
        page = await self._fetch("logout", relative(self._start, self._settings.logout))
        return page.failure or _A_PAGE.failure(page, self._quoter)

    async def _fetch(self, step: str, where: Target) -> Exchange:
        page = await self._follow(await self._agent.exchange(where, self._deadline))
        self._record(step, page)
        return page

    async def _follow(self, exchange: Exchange, form: bytes | None = None) -> Exchange:
        redirects = self._settings.max_redirects
        return await self._agent.follow(exchange, self._deadline, redirects=redirects, form=form)

    def _record(self, step: str, exchange: Exchange) -> None:
        self._steps.append((step, exchange.elapsed_ms))
        self._phases += exchange.phases


def _leads_to(found: Target, wanted: Target) -> bool:
    """Whether it is that address; a query counts only where one is wanted."""
    return found.url == wanted.url or ("?" not in wanted.url and found.url.partition("?")[0] == wanted.url)
