"""The configuration file is refused with every mistake in it, or read as it is meant."""

import string
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from appsentry_server.checks.kind import Kind
from appsentry_server.checks.table import KINDS
from appsentry_server.configuration import document
from appsentry_server.configuration.loading import load, load_text
from appsentry_server.configuration.model import Configuration, SlaSettings
from appsentry_server.configuration.problems import ConfigurationError

Kinds = Mapping[str, Kind]
BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
SHOP = "applications: [{id: shop, checks: [{type: page, url: x}]}]\n"

GOOD = """
server: {port: 0, retention: 90d, limits: {checks: 10}}
defaults: {interval: 20s, confirm: 2, degraded_above: 800ms}
applications:
  - id: shop
    name: The shop
    group: Sales
    tags: [tier-1, "2026"]
    sla: {target: 99.9, window: 7d}
    checks:
      - {type: page, url: "https://shop.example.org/health", expect: {status: [200, 204]}}
      - {type: page, url: "https://shop.example.org/", interval: 1m30s, degraded_above: null}
      - {type: door, key: env:SHOP_KEY}
      - {type: page, id: page-3, url: x}
      - {type: page, url: x}
  - id: Büro
    checks: [{type: page, id: front, url: on}]
"""


def problems(text: str, kinds: Kinds) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_text(text, source="f", kinds=kinds)
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_mistake_is_reported_with_its_place_and_what_was_expected(path: Path, kinds: Kinds) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_text(path.read_text(), source=path.name, directory=Path("/nowhere"), kinds=kinds)
    assert str(raised.value) + "\n" == path.with_suffix(".txt").read_text()


def test_a_good_file_is_read_with_defaults_ids_and_names_filled_in(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "secret")
    configuration = load_text(GOOD, kinds=kinds)
    shop, office = configuration.applications
    assert (shop.name, shop.group, shop.tags, office.name) == ("The shop", "Sales", ("tier-1", "2026"), "Büro")
    assert shop.sla == SlaSettings(target=99.9, window=timedelta(days=7))
    assert [check.id for check in shop.checks] == ["page", "page-2", "door", "page-3", "page-4"]
    assert [check.interval.total_seconds() for check in shop.checks] == [20, 90, 20, 20, 20]
    assert {check.confirm for check in shop.checks} == {2}
    assert [getattr(check, "degraded_above", None) for check in shop.checks[:3]] == [timedelta(seconds=0.8), None, None]
    assert getattr(office.checks[0], "url", None) == "on"
    assert configuration.server.retention == timedelta(days=90)
    assert (configuration.server.limits.checks, configuration.server.limits.checks_per_host) == (10, 64)


def test_a_relative_file_reference_starts_at_the_configuration_not_at_the_working_directory(
    kinds: Kinds, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("secret\n")
    path = tmp_path / "appsentry.yaml"
    path.write_text("applications: [{id: a, checks: [{type: door, key: file:key}]}]")
    check = load(path, kinds=kinds).applications[0].checks[0]
    assert getattr(check, "key", None).resolve() == "secret"  # type: ignore[union-attr]  # the kind is this folder's own


def test_a_file_that_cannot_be_read_is_a_problem_with_its_name(kinds: Kinds, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml:1: expected a file that can be read, found: No such"):
        load(tmp_path / "nothing.yaml", kinds=kinds)
    path = tmp_path / "latin.yaml"
    path.write_bytes("applications:\n - id: Büro".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin\.yaml:2: expected UTF-8 text, found other bytes"):
        load(path, kinds=kinds)


def test_a_file_without_an_end_is_not_read_to_it(kinds: Kinds) -> None:
    with pytest.raises(ConfigurationError, match="expected a file of at most 16,000,000 bytes, found a larger one"):
        load(Path("/dev/zero"), kinds=kinds)


def test_a_name_from_the_file_cannot_break_out_of_its_line(kinds: Kinds) -> None:
    found = problems(SHOP + f'"a\\n\\e[31m": 1\n{"k" * 300}: 2\n', kinds)
    assert len(found) == 2
    assert all(line.isprintable() and len(line) < 350 for line in found)


def test_a_byte_order_mark_is_no_part_of_the_text(kinds: Kinds, tmp_path: Path) -> None:
    path = tmp_path / "appsentry.yaml"
    path.write_text(SHOP, encoding="utf-8-sig")
    assert load(path, kinds=kinds).applications[0].id == "shop"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"), ("yes", "yes"), ("No", "No"), ("12:30", "12:30"), ("2026-11-23", "2026-11-23"),
        ("1_000", "1_000"), ("0x10", "0x10"), (".inf", ".inf"), ("1e999", "1e999"), ("'7'", "7"), ('"null"', "null"),
        ("", None), ("~", None), ("null", None), ("True", True), ("false", False),
        ("7", 7), ("-7", -7), ("007", 7), ("7.50", 7.5), ("1e3", 1000.0), ("9" * 30, 1e30),
    ],
)  # fmt: skip
def test_plain_words_are_read_by_the_rules_of_yaml_1_2(written: str, meant: object) -> None:
    found = document.read(f"- {written}").content
    assert found == [meant]
    assert type(found[0]) is type(meant)


def test_an_anchor_is_read_where_its_aliases_stand(kinds: Kinds) -> None:
    text = """
applications:
  - {id: shop, checks: &standard [{type: page, url: x}]}
  - {id: desk, checks: *standard}
"""
    shop, desk = load_text(text, kinds=kinds).applications
    assert shop.checks == desk.checks


def test_a_small_file_cannot_unfold_into_a_large_one(kinds: Kinds) -> None:
    levels = [f"- &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    bomb = "- &a0 [x]\n" + "\n".join(levels)
    assert problems(bomb, kinds) == ["f:7: [6][6]: expected at most 1,000,000 values, aliases unfolded, found more"]


def test_nesting_and_length_are_bounded(kinds: Kinds) -> None:
    assert problems("[" * 900, kinds)[0].endswith("expected at most 40 levels of nesting")
    assert "expected YAML" in problems("[" * 100_000, kinds)[0] or "nesting" in problems("[" * 100_000, kinds)[0]
    assert problems("#" * 16_000_001, kinds) == ["f:1: expected at most 16,000,000 characters, found 16,000,001"]


def test_no_value_that_may_be_a_secret_stands_in_a_message(kinds: Kinds) -> None:
    secret = "correct-horse"
    text = f"""
server: {{token: {secret}, port: {secret}, other: {secret}, host: [{secret}]}}
applications:
  - id: shop
    name: {{a: {secret}}}
    checks:
      - {{type: door, key: {secret}}}
      - {{type: door, key: [{secret}]}}
      - {{type: page, url: {{a: {secret}}}, expect: {{status: {secret}, text: [{secret}]}}, confirm: {secret}}}
"""
    found = problems(text, kinds)
    assert len(found) == 11
    assert secret not in "\n".join(found)


def test_options_stand_over_the_server_section_and_none_leaves_it() -> None:
    configuration = Configuration().with_server(port=0, host=None, token="env:TOKEN", data_dir=Path("x"))
    server = configuration.server
    assert (server.port, server.host, server.token, server.data_dir) == (0, "127.0.0.1", "env:TOKEN", Path("x"))


WORDS = st.sampled_from(
    ["health", "login", "json", "regex", "status", "tls", "ca", "username", "password", "logout", "cookie",
     "tcp", "tls", "dns", "ping", "websocket", "host", "steps", "send", "send_secret", "headers", "server", "answers",
     "server", "defaults", "applications", "checks", "id", "type", "page", "door", "url", "key", "expect", "interval",
     "30s", "sla", "target", "port", "token", "limits", "tags", "env:HOME", "file:/etc/passwd\0", "confirm", "name"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)
TYPES = st.sampled_from(["page", "door", "health", "login", "tcp", "tls", "dns", "ping", "websocket"])
CHECKS = st.lists(
    st.builds(lambda kind, check: {**check, "type": kind}, TYPES, st.dictionaries(WORDS, NESTED, max_size=6)),
    max_size=3,
)
CONFIGURATIONS = st.fixed_dictionaries(
    {"applications": st.lists(st.fixed_dictionaries({"checks": CHECKS}, optional={"id": NESTED, "sla": NESTED}))},
    optional={"server": st.dictionaries(WORDS, NESTED), "defaults": st.dictionaries(WORDS, NESTED)},
)


def _is_read_or_refused(text: str, kinds: Kinds) -> None:
    try:
        load_text(text, kinds=kinds)
    except ConfigurationError as error:
        lines = [problem.line for problem in error.problems]
    else:
        return
    assert lines == sorted(lines)
    assert 1 <= lines[0] <= lines[-1] <= len(text.splitlines()) + 2


@settings(max_examples=300, deadline=None)
@given(content=NESTED | CONFIGURATIONS)
def test_any_yaml_is_read_or_refused_and_never_breaks_the_loader(content: object, kinds: Kinds) -> None:
    _is_read_or_refused(yaml.safe_dump(content, allow_unicode=True), {**kinds, **KINDS})


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.text(alphabet="[]{}:,-&*!|>'\"%@`#? \n\tab1" + string.punctuation))
def test_any_text_is_read_or_refused_and_never_breaks_the_loader(text: str, kinds: Kinds) -> None:
    _is_read_or_refused(text, {**kinds, **KINDS})


def test_a_relative_authority_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none yet")
    file = tmp_path / "appsentry.yaml"
    check = '{type: health, url: "https://shop.example", tls: {ca: ca.pem}}'
    file.write_text(f"applications: [{{id: shop, checks: [{check}]}}]")
    (application,) = load(file).applications
    assert application.checks[0].tls.ca == tmp_path / "ca.pem"
