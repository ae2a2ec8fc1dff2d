"""`docs/command-line.md` lists every command, option and variable, and its examples can be typed."""

import re
import shlex
from pathlib import Path

import click
import pytest

from appsentry_server.cli import main

pytestmark = pytest.mark.documentation

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `appsentry ([\w ]+)`\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def _commands(group, words=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(_commands(main))


def test_every_command_has_its_section():
    assert SECTIONS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_table_of_its_command_and_no_other(name):
    options = [option.opts[0] for option in COMMANDS[name].params if isinstance(option, click.Option)]

    assert re.findall(r"^\| `(--[\w-]+)` \|", SECTIONS[name], flags=re.MULTILINE) == options


def test_every_variable_is_said_to_stand_behind_its_options():
    table = dict(re.findall(r"^\| `(APPSENTRY_\w+)` \| (.*) \|$", PAGE, flags=re.MULTILINE))
    behind = {
        (option.envvar, f"`{name} {option.opts[0]}`")
        for name, command in COMMANDS.items()
        for option in command.params
        if option.envvar
    }

    assert {variable for variable, _ in behind} | {"APPSENTRY_TOKEN"} == table.keys()
    for variable, option in behind:
        assert option in table[variable]


def test_every_example_can_be_typed():
    examples = re.findall(r"^appsentry (.*)$", PAGE, flags=re.MULTILINE)

    assert len(examples) >= 4
    for example in examples:
        words = shlex.split(example)
        name = next(name for name in COMMANDS if words[: len(name.split())] == name.split())
        COMMANDS[name].make_context(name, words[len(name.split()) :]).close()
