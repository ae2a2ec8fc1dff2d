"""The sample applications themselves: a few pages each, behaving as `behaviour` says."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tornado.routing import URLSpec
from tornado.web import Application, RequestHandler

from appsentry_server.clock import Clock
from appsentry_server.samples import behaviour


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the sample applications share: the seed of their behaviour, their clock and when it was at 0."""

    seed: int
    clock: Clock
    started: float

    def seconds(self) -> float:
        """Since the start."""
        return self.clock.monotonic() - self.started


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The one user of `accounts`."""

    username: str
    password: str


class Page(RequestHandler):
    """A page of one sample application."""

    def initialize(self, scene: Scene) -> None:
        self.scene = scene

    async def later(self, delay: Callable[[int, float], float]) -> None:
        """Answer as late as this behaviour has it now."""
        await self.scene.clock.sleep(delay(self.scene.seed, self.scene.seconds()))


class Health(Page):
    """All is well, always."""

    async def get(self) -> None:
        await self.later(behaviour.storefront_delay_s)
        self.write({"status": "ok"})


class Storefront(Page):
    """The shop's front page."""

    async def get(self) -> None:
        await self.later(behaviour.storefront_delay_s)
        self.write("<!doctype html><title>Storefront</title><h1>Welcome</h1><p>14 offers today.</p>")


class Search(Page):
    """Finds things, ever slower."""

    async def get(self) -> None:
        await self.later(behaviour.search_delay_s)
        self.write({"status": "ok", "hits": 42})


class Recommendations(Page):
    """Fails in stretches."""

    def get(self) -> None:
        if behaviour.recommendations_fail(self.scene.seed, self.scene.seconds()):
            self.set_status(500)
            self.write({"status": "error", "reason": "the model does not answer"})
        else:
            self.write({"status": "ok"})


class Reporting(Page):
    """Is out for a while now and then."""

    def get(self) -> None:
        if behaviour.reporting_is_out(self.scene.seed, self.scene.seconds()):
            self.set_status(503)
            self.set_header("Retry-After", str(int(behaviour.OUTAGE_S)))
            self.write("out of service")
        else:
            self.write({"status": "ok"})


class Login(RequestHandler):
    """A form with a hidden token that belongs to a cookie; the right words open a session."""

    def initialize(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def get(self) -> None:
        self._form("")

    def post(self) -> None:
        given = Credentials(username=self.get_body_argument("username"), password=self.get_body_argument("password"))
        if given != self.credentials:
            self.set_status(401)
            self._form("<p>Wrong name or password.</p>")
            return
        self.set_signed_cookie("session", given.username, httponly=True, samesite="Lax")
        self.redirect("/dashboard")

    def _form(self, remark: str) -> None:
        self.write(
            f"<!doctype html><title>Sign in</title>{remark}<form action='/login' method='post'>"
            f"{self.xsrf_form_html()}<input type='hidden' name='next' value='/dashboard'>"
            "<input name='username'><input name='password' type='password'><button>Sign in</button></form>"
        )


class Dashboard(RequestHandler):
    """What only a signed-in user sees."""

    def get(self) -> None:
        user = self.get_signed_cookie("session")
        if user is None:
            self.redirect("/login")
            return
        self.write("<!doctype html><title>Accounts</title><h1>Dashboard</h1><a href='/logout'>Sign out</a>")


class Logout(RequestHandler):
    """Ends the session."""

    def get(self) -> None:
        self.clear_cookie("session")
        self.redirect("/login")


def applications(scene: Scene, credentials: Credentials) -> Mapping[str, Application]:
    """Every sample application by its id."""

    def page(path: str, handler: type[Page]) -> URLSpec:
        return URLSpec(path, handler, {"scene": scene})

    accounts = [
        URLSpec(r"/login", Login, {"credentials": credentials}),
        URLSpec(r"/dashboard", Dashboard),
        URLSpec(r"/logout", Logout),
        page(r"/health", Health),
    ]
    routes = {
        "storefront": [page(r"/", Storefront), page(r"/health", Health)],
        "search": [page(r"/health", Search)],
        "recommendations": [page(r"/health", Recommendations)],
        "accounts": accounts,
        "payments-gateway": [page(r"/health", Health)],
        "reporting": [page(r"/health", Reporting)],
    }
    # Only `accounts` has forms and sessions; the others take no notice of their settings.
    secret = secrets.token_urlsafe()
    return {
        name: Application([*specs], cookie_secret=secret, xsrf_cookies=True, log_function=_quiet)
        for name, specs in routes.items()
    }


def _quiet(handler: RequestHandler) -> None:
    """Failing is what these applications are for: no line in the log for it."""
