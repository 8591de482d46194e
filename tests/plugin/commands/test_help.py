"""`beet help COMMAND` reads well on a terminal of 80 columns, and says what is so."""

from __future__ import annotations

import optparse
import re
from typing import Any

import pytest
import yaml
from beets.ui import Subcommand

from beetsplug.musrec.commands import COMMANDS as ENTRIES
from beetsplug.musrec.commands import Command
from beetsplug.musrec.components import Components

from ..conftest import Beet


def _no_components() -> Components:
    raise AssertionError("help runs no command")


COMMANDS: list[Subcommand] = [Command(entry, _no_components) for entry in ENTRIES]
WIDTH = 80
DEFAULT = re.compile(r"\(default: ([\w.]+)")

each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))


@pytest.fixture(scope="module")
def beet(tmp_path_factory: pytest.TempPathFactory) -> Beet:
    home = tmp_path_factory.mktemp("help")
    return Beet(home, home / "music", musrec=None)


@pytest.fixture(scope="module")
def settings(beet: Beet) -> dict[str, Any]:
    """The plugin's configuration where the user says nothing."""
    settings: dict[str, Any] = yaml.safe_load(beet("config", "-d").out)["musrec"]
    return settings


def options(command: Subcommand) -> list[optparse.Option]:
    """All but `--help`, which is optparse's."""
    return [option for option in command.parser._get_all_options() if option.action != "help"]


def names(option: optparse.Option) -> list[str]:
    return [*option._short_opts, *option._long_opts]


def test_every_command_is_looked_at() -> None:
    assert {"embed", "similar", "genreguess", "musicmap", "musrec-report"} <= {command.name for command in COMMANDS}


@each_command
def test_it_fits_and_names_every_option_with_what_it_does(command: Subcommand, beet: Beet) -> None:
    said = beet("help", command.name, COLUMNS=str(WIDTH))
    assert [line for line in said.lines if len(line) > WIDTH] == []
    assert said.lines[0].startswith(f"Usage: beet {command.name} ")
    assert command.parser.description
    for option in options(command):
        for name in names(option):
            assert re.search(rf"^ +(\S.*)?(?<![\w-]){re.escape(name)}(?![\w-])", said.out, re.MULTILINE), name
        assert option.help, names(option)
        assert option.help != optparse.SUPPRESS_HELP, names(option)


@each_command
def test_the_defaults_that_it_names_are_those_of_the_configuration(
    command: Subcommand, settings: dict[str, Any]
) -> None:
    configured = settings.get(command.name, {})
    said = {option.dest: DEFAULT.search(option.help or "") for option in options(command) if option.dest in configured}
    found = {key: yaml.safe_load(default[1]) for key, default in said.items() if default}
    assert found == {key: configured[key] for key in found}


def test_some_defaults_are_named() -> None:
    """Or the test above would look at nothing."""
    assert sum(bool(DEFAULT.search(option.help or "")) for command in COMMANDS for option in options(command)) >= 5


def test_the_list_of_commands_has_one_line_for_each(beet: Beet) -> None:
    said = beet("help", COLUMNS=str(WIDTH))
    for command in COMMANDS:
        (line,) = [line for line in said.lines if line.split()[:1] == [command.name]]
        assert len(line) <= WIDTH
        assert line.endswith(command.help), "it wraps"
