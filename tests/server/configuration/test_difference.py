"""Between two configurations exactly what differs is named."""

from collections.abc import Mapping

from appsentry_server.checks.kind import Kind
from appsentry_server.configuration.difference import Changes, difference
from appsentry_server.configuration.loading import load_text

OLD = """
server: {port: 0, retention: 90d}
applications:
  - {id: shop, name: Shop, checks: [{type: page, url: x}, {type: page, url: y}]}
  - {id: desk, checks: [{type: page, url: x}]}
  - {id: depot, tags: [a], checks: [{type: page, url: x}]}
"""
NEW = """
server: {port: 0, retention: 91d}
applications:
  - {id: depot, tags: [b], checks: [{type: page, url: x}]}
  - {id: shop, name: Shop, checks: [{type: page, url: z}, {type: page, id: front, url: y}]}
  - {id: lab, checks: [{type: page, url: x}]}
"""


def test_what_came_went_and_changed_is_named(kinds: Mapping[str, Kind]) -> None:
    found = difference(load_text(OLD, kinds=kinds), load_text(NEW, kinds=kinds))
    assert found.applications == Changes(added=("lab",), removed=("desk",), changed=("depot",))
    assert found.checks == Changes(
        added=(("shop", "front"), ("lab", "page")),
        removed=(("shop", "page-2"), ("desk", "page")),
        changed=(("shop", "page"),),
    )
    assert found.server == ("retention",)
    assert found


def test_a_file_written_differently_that_means_the_same_differs_in_nothing(kinds: Mapping[str, Kind]) -> None:
    same = OLD.replace("retention: 90d", "retention: 2160h").replace("{id: desk,", "{id: desk, name: desk,")
    assert not difference(load_text(OLD, kinds=kinds), load_text(same, kinds=kinds))


def test_a_default_that_changes_changes_the_checks_that_inherit_it(kinds: Mapping[str, Kind]) -> None:
    text = "applications: [{id: a, checks: [{type: page, url: x}, {type: page, url: x, interval: 30s}]}]"
    old, new = load_text(text, kinds=kinds), load_text("defaults: {interval: 60s}\n" + text, kinds=kinds)
    assert difference(old, new).checks.changed == (("a", "page"),)


def test_no_setting_of_any_kind_looks_changed_when_it_is_read_again() -> None:
    text = """
applications:
  - id: shop
    checks:
      - type: health
        url: https://shop.example.org/
        expect: {status: [200, 301-308], text: Welcome, regex: "[a-z]+", json: {$.status: ok, "$.parts[0]": {a: [1]}}}
        degraded_above: 1s
      - type: login
        url: https://shop.example.org/login
        username: env:HOME
        password: env:HOME
        expect: {regex: "[a-z]+", cookie: session}
"""
    assert not difference(load_text(text), load_text(text))
