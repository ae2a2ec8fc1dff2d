"""Finding the login form in a page and filling it in the way a browser would."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from selectolax.lexbor import LexborHTMLParser, LexborNode

from appsentry_server.checks.exchange import Exchange, charset
from appsentry_server.checks.urls import Target, relative, target

_NAMES_A_USER = frozenset({"text", "email", "tel", "url", "search", "number"})
_NEVER_SENT = frozenset({"button", "reset", "image", "file", "submit"})
_URL_ENCODED = "application/x-www-form-urlencoded"


MOST_PARSED = 1 << 18
"""Characters of a page that are parsed."""

_MOST_TAGS = 20_000
"""And tags: elements that are never closed, and attributes of one element, take the parser quadratic time. A megabyte
of them took minutes; as many as this take a few seconds."""


class FormNotFound(ValueError):
    """The page holds no form that can be filled in; the message says what was expected and found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A login form: where it goes, and what it sends besides the credentials."""

    action: Target
    method: str
    username_field: str
    password_field: str
    others: tuple[tuple[str, str], ...] = field(repr=False)
    encoding: str = "utf-8"

    def request(self, username: str, password: str) -> tuple[Target, bytes | None]:
        """Where it is sent, and the body of a POST; a form of method GET is in its address.

        Raises `FormNotFound` when it makes no address.
        """
        credentials = ((self.username_field, username), (self.password_field, password))
        filled = urlencode((*self.others, *credentials), encoding=self.encoding, errors="replace")
        if self.method == "POST":
            return self.action, filled.encode()
        try:
            return target(f"{self.action.url.partition('?')[0]}?{filled}"), None
        except ValueError as error:
            raise FormNotFound(f"the login form of method GET: {error}") from None


def login_form(page: Exchange, username_field: str | None, password_field: str | None) -> Form:
    """The first form with a password input, or with the fields that are named. Raises `FormNotFound`."""
    document = _document(page)
    for node in document.css("form"):
        controls = [Control.of(control) for control in node.css("input, select, textarea, button")]
        password = _password(controls, password_field)
        if password is not None:
            username = _username(controls, password, username_field)
            return _form(page, document, node, controls, username, password)
    wanted = f"an input named {password_field!r}" if password_field else "a password input"
    raise FormNotFound(f"expected a form with {wanted}, found {len(document.css('form'))} forms without")


def asks_for_a_password(page: Exchange) -> bool:
    """Whether there is a password input anywhere in the page."""
    return any(Control.of(node).kind == "password" for node in _document(page).css("input"))


def _document(page: Exchange) -> LexborHTMLParser:
    tags = page.text[:MOST_PARSED].split("<", _MOST_TAGS)[:_MOST_TAGS]
    return LexborHTMLParser("<".join(tags))


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """An element of a form."""

    name: str
    kind: str
    value: str
    sent: bool

    @classmethod
    def of(cls, node: LexborNode) -> "Control":
        """Read an element; its kind is the type of an input or button, the tag of others."""
        attributes = node.attributes
        tag = node.tag or ""
        kind = (attributes.get("type") or {"input": "text", "button": "submit"}.get(tag, tag)).lower()
        name = attributes.get("name") or ""
        sent = bool(name) and "disabled" not in attributes and kind not in _NEVER_SENT
        if kind in {"checkbox", "radio"}:
            sent = sent and "checked" in attributes
        return cls(name=name, kind=kind, value=_value(node, kind), sent=sent)


def _value(node: LexborNode, kind: str) -> str:
    if kind == "textarea":
        return node.text()
    if kind == "select":
        chosen = node.css_first("option[selected]") or node.css_first("option")
        return "" if chosen is None else chosen.attributes.get("value") or chosen.text()
    return node.attributes.get("value") or ("on" if kind in {"checkbox", "radio"} else "")


def _password(controls: list[Control], name: str | None) -> Control | None:
    found = (control for control in controls if (control.name == name if name else control.kind == "password"))
    return next((control for control in found if control.name), None)


def _username(controls: list[Control], password: Control, name: str | None) -> Control:
    if name is not None:
        named = next((control for control in controls if control.name == name), None)
        if named is None:
            raise FormNotFound(f"expected an input named {name!r} in the login form, found none")
        return named
    before = controls[: controls.index(password)]
    users = [control for control in before if control.name and control.kind in _NAMES_A_USER]
    if not users:
        raise FormNotFound("expected an input for the user name before the password, found none: set username_field")
    return users[-1]


def _form(
    page: Exchange,
    document: LexborHTMLParser,
    node: LexborNode,
    controls: list[Control],
    username: Control,
    password: Control,
) -> Form:
    encoding = (node.attributes.get("enctype") or _URL_ENCODED).lower()
    method = (node.attributes.get("method") or "get").upper()
    if method == "POST" and encoding != _URL_ENCODED:
        raise FormNotFound(f"expected a form that is sent as {_URL_ENCODED}, found another encoding")
    credentials = {username.name, password.name}
    return Form(
        action=_action(page, document, node),
        method=method,
        username_field=username.name,
        password_field=password.name,
        others=tuple((name, value) for name, value in _others(controls) if name not in credentials),
        encoding=charset(page.content_type),
    )


def _others(controls: list[Control]) -> Iterator[tuple[str, str]]:
    pressed = next((control for control in controls if control.kind == "submit"), None)
    for control in controls:
        if control.name and (control.sent or control is pressed):
            yield control.name, control.value


def _action(page: Exchange, document: LexborHTMLParser, node: LexborNode) -> Target:
    try:
        base = document.css_first("base[href]")
        start = page.target if base is None else relative(page.target, base.attributes["href"] or "")
        # Without an action a form goes to its own page, whatever the base.
        written = (node.attributes.get("action") or "").strip()
        action = relative(start, written) if written else page.target
    except ValueError as error:
        raise FormNotFound(f"the login form's action: {error}") from None
    if page.target.scheme == "https" and action.scheme != "https":
        raise FormNotFound("expected the login form to be sent over https, found an action over http")
    return action
