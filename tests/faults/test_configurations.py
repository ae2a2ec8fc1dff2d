"""Any text is either a configuration or is refused with every mistake in its place; nothing else ever happens."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_server.configuration.difference import difference
from appsentry_server.configuration.loading import load_bytes, load_text
from appsentry_server.configuration.model import Configuration
from appsentry_server.configuration.problems import ConfigurationError

SECRET = "hunter2-planted-secret"
"""Stands where a reference to a secret should: that is refused, and what stood there is quoted in no message."""

_LETTERS = st.characters(codec="utf-8", categories=("L", "N"))
_ID = st.builds(
    lambda first, rest: first + rest,
    st.text(_LETTERS, min_size=1, max_size=3),
    st.text(_LETTERS | st.sampled_from("_.-"), max_size=20),
)
_UNITS = st.sampled_from(("s", "m", "h", "d"))
_DURATION = st.builds(lambda count, unit: f"{count}{unit}", st.integers(1, 500), _UNITS)
_COUNT = st.integers(1, 100)
_PATH = st.sampled_from(("", "/", "/health", "/a b", "/%7e?q=1#part", "/ü"))
_URL = st.builds(
    lambda scheme, host, path: f"{scheme}://{host}{path}",
    st.sampled_from(("http", "https")),
    st.sampled_from(("127.0.0.1:9", "example.org", "größe.example", "[::1]:8080")),
    _PATH,
)
_TIMES: dict[str, st.SearchStrategy[Any]] = {
    "interval": _DURATION, "timeout": _DURATION, "confirm": _COUNT, "retry_interval": _DURATION,
    "degraded_above": _DURATION,
}  # fmt: skip
_EXPECT = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from((200, [200, 204], "2xx", "200-299", 599, "x")),
        "text": st.text(min_size=1, max_size=10),
        "regex": st.sampled_from(("^ok$", "a|b", "(", "(?=x)")),
        "json": st.dictionaries(
            st.sampled_from(("$.status", "$..a", "$[")), st.integers() | st.text(max_size=5), max_size=2
        ),
    },
)


def _streams(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Checks that are no HTTP request."""
    # Good ones first and more of them: what is refused for one thing is not looked at for another.
    host = st.sampled_from(("127.0.0.1", "example.org", "xn--gre-6ka8i.example", "a.b.c.example", "a..b"))
    port = st.sampled_from((1, 443, 8080, 65_535, 0))
    secret = st.sampled_from(("env:HOME", "env:PATH", "env:PATH", SECRET))
    step = st.one_of(
        st.fixed_dictionaries({"text": st.text(min_size=1, max_size=10)}, optional={"send": text}),
        st.fixed_dictionaries({"send_secret": secret}),
    )
    steps = {"steps": st.lists(step, max_size=2)}
    server = st.sampled_from(("9.9.9.9", "[::1]:53", "127.0.0.1:5353", "dns.example"))
    url = st.sampled_from(("ws://127.0.0.1:9/", "wss://example.org", "wss://größe.example/a", "http://x/"))
    headers = {"headers": st.dictionaries(st.sampled_from(("Authorization", "X-Token", "Host")), secret, max_size=1)}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("tcp"), "host": host, "port": port}, optional=steps | _TIMES),
        st.fixed_dictionaries({"type": st.just("tls"), "host": host}, optional={"port": port, **_TIMES}),
        st.fixed_dictionaries({"type": st.just("dns"), "name": host}, optional={"server": server, **_TIMES}),
        st.fixed_dictionaries({"type": st.just("ping"), "host": host}, optional={"count": _COUNT, **_TIMES}),
        st.fixed_dictionaries({"type": st.just("websocket"), "url": url}, optional=steps | headers | _TIMES),
    )


def _texts(hostile: Callable[..., st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, Any]]:
    """A configuration as data: ids and names as odd as they may be."""
    label, tag = hostile(200), hostile(100)
    health = st.fixed_dictionaries(
        {"type": st.just("health"), "url": _URL}, optional={"id": _ID, "expect": _EXPECT, **_TIMES}
    )
    login = st.fixed_dictionaries(
        {
            "type": st.just("login"), "url": _URL, "username": st.just("env:HOME"),
            "password": st.sampled_from(("env:PATH", "env:PATH", SECRET)),
        },
        optional={"expect": st.fixed_dictionaries({}, optional={"text": tag}), **_TIMES},
    )  # fmt: skip
    application = st.fixed_dictionaries(
        {"id": _ID, "checks": st.lists(health | login | _streams(tag), min_size=1, max_size=3)},
        optional={
            "name": label,
            "group": label,
            "tags": st.lists(tag, max_size=3),
            "sla": st.fixed_dictionaries({"target": st.floats(0.1, 99.99)}, optional={"window": _DURATION}),
        },
    )
    server = st.fixed_dictionaries(
        {},
        optional={
            "token": st.sampled_from(("env:PATH", SECRET)),
            "retention": _DURATION,
            "port": st.integers(0, 65535),
            "limits": st.fixed_dictionaries({"checks": _COUNT}),
        },
    )
    return st.fixed_dictionaries(
        {"applications": st.lists(application, min_size=1, max_size=3)},
        optional={"server": server, "defaults": st.fixed_dictionaries({}, optional=_TIMES)},
    )


def _written(content: Any, style: int) -> str:
    """The content as YAML, in one of the ways in which people write it."""
    return str(
        yaml.safe_dump(
            content, allow_unicode=bool(style & 1), default_flow_style=bool(style & 2), sort_keys=bool(style & 4)
        )
    )


_FRAGMENTS = (
    "\t", "\r", "\x00", "\x1b[31m", "\u2028", "\ufeff", "\ud7ff", ": ", "- ", "[", "]", "{", "}", "#", "&a ", "*a",
    "<<: *a", "!!python/object/apply:os.system ['true']", "!!binary ", "---\n", "...\n", "%YAML 1.1\n", "'", '"',
    "|\n", ">\n", "? ",
    "30", "30 s", "1e400", "0x1f", ".nan", "~", "yes", "12:30",
    "applications: []\n", "x: &b [*b]\n", "unknown: 1\n", "a" * 300, "\\ud800",
)  # fmt: skip


def _broken(text: str, dice: random.Random) -> str:
    """The text with a few of its lines or characters changed, left out, doubled or moved."""
    for _ in range(dice.randint(1, 4)):
        lines = text.split("\n")
        at, place = dice.randrange(len(lines)), dice.randrange(len(text) + 1)
        match dice.randrange(7):
            case 0:
                lines.insert(dice.randrange(len(lines) + 1), lines[at])
            case 1:
                del lines[at]
            case 2:
                lines[at] = dice.choice(("  ", " ", "\t")) + lines[at]
            case 3:
                lines[at] = lines[at].lstrip()
            case 4:
                lines = [text[:place] + text[place + dice.randint(1, 10) :]]
            case _:
                lines = [text[:place] + dice.choice(_FRAGMENTS) + text[place:]]
        text = "\n".join(lines)
    return text


def refused(text: str) -> ConfigurationError | None:
    """Load it; the one error it may be refused with, None when it is good. A good one loads the same again."""
    try:
        configuration = load_text(text, source="odd.yaml")
    except ConfigurationError as error:
        return error
    assert not difference(configuration, load_text(text, source="odd.yaml"))
    assert isinstance(configuration, Configuration)
    assert configuration.applications
    return None


def has_its_places(error: ConfigurationError, text: str) -> None:
    """Every problem names the file, a line that is there and, where there is one, a path; each on one line."""
    assert error.problems
    lines = len(text.splitlines()) + 1
    for problem in error.problems:
        assert problem.file == "odd.yaml"
        assert 1 <= problem.line <= lines
        assert problem.message
        assert len(str(problem).splitlines()) == 1, str(problem)
        assert str(problem).isprintable(), str(problem)
        assert SECRET not in str(problem)
    assert len(str(error).splitlines()) == len(error.problems)
    assert [problem.line for problem in error.problems] == sorted(problem.line for problem in error.problems)


def test_a_text_is_loaded_or_refused_with_its_places(
    generated: Callable[..., settings],
    hostile: Callable[..., st.SearchStrategy[str]],
    damaged: Callable[..., st.SearchStrategy[Any]],
    show: Callable[[str], None],
) -> None:
    sound = _texts(hostile)
    counts = {"good": 0, "refused": 0}

    def judged(text: str) -> None:
        error = refused(text)
        counts["good" if error is None else "refused"] += 1
        if error is not None:
            has_its_places(error, text)

    @generated(40, 2_000)
    @given(sound, st.integers(0, 7))
    def as_written(content: Any, style: int) -> None:
        judged(_written(content, style))

    @generated(40, 1_500)
    @given(damaged(sound), st.integers(0, 7))
    def with_other_values(content: Any, style: int) -> None:
        try:
            text = _written(content, style)
        except (yaml.YAMLError, UnicodeError, RecursionError):
            return
        judged(text)

    @generated(40, 1_500)
    @given(sound, st.integers(0, 7), st.randoms(use_true_random=False))
    def with_another_text(content: Any, style: int, dice: random.Random) -> None:
        # A secret that ends up in a place where nobody would look for one is no secret: none is there.
        judged(_broken(_written(content, style).replace(SECRET, "env:PATH"), dice))

    as_written()
    with_other_values()
    with_another_text()
    assert counts["good"] > 10
    assert counts["refused"] > 10
    show(f"{counts['good']} configurations loaded, {counts['refused']} refused")


def test_any_bytes_are_loaded_or_refused(generated: Callable[..., settings]) -> None:
    @generated(30, 500)
    @given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-16")))
    def holds(content: bytes) -> None:
        with pytest.raises(ConfigurationError):
            load_bytes(content, Path("odd.yaml"))

    holds()


def _unfolding() -> str:
    """Eight aliases of eight aliases of eight: a few lines that stand for hundreds of millions."""
    levels = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 8)}]\n" for level in range(1, 10)]
    return "l0: &l0 [x, x, x, x, x, x, x, x]\n" + "".join(levels)


BOMBS = {
    "aliases": _unfolding(),
    "lists": "[" * 100_000,
    "mappings": "{a: " * 10_000,
    "duplicates": "applications:\n" + "- {id: x, checks: [{type: health, url: 'http://x/'}]}\n" * 20_000,
    "long": "x" * 16_000_001,
    "keys": "? " * 1_000 + "x",
    "items": "- " * 10_000 + "x",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_and_does_not_go_off(text: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_text(text)
    assert refusal.value.problems
