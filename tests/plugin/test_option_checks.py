"""What a command would ignore is refused, by its name."""

from __future__ import annotations

import shlex

import pytest
from beets.ui import UserError

from beetsplug.musrec.commands import COMMANDS, Command

ENTRIES = {entry.name: entry for entry in COMMANDS}
EMPTY = "is empty: give it a value, or leave it out"


def refused(line: str) -> str:
    """The sentence that a command line gets before the library is looked at."""
    name, *words = shlex.split(line)
    command = Command(ENTRIES[name], lambda: None)  # type: ignore[arg-type, return-value]  # nothing is looked at
    opts, args = command.parser.parse_args(words)
    with pytest.raises(UserError) as raised:
        command.func(None, opts, args)  # type: ignore[arg-type]
    return str(raised.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("similar --hubs --length 130 --shuffle Waltz", "--hubs can't be combined with --length and --shuffle"),
        ("similar --hubs --variety 0.5", "--hubs can't be combined with --variety"),
        ("similar --hubs --in x --order smooth -m y -a",
         "--hubs can't be combined with --album, --in, --order and --playlist"),
        ("similar -a a --to b --variety 0 --seed 0", "--to can't be combined with --album, --variety and --seed"),
        ("similar a --to b --no-seeds", "--to can't be combined with --no-seeds"),
        ("similar --refresh x Waltz", "--refresh uses the playlist's own seeds: leave out the QUERY"),
        ("similar --refresh x --extend y --file z", "--refresh can't be combined with --file and --extend"),
        ("similar --extend x --hubs", "--extend can't be combined with --hubs"),
        ("similar --first --file x", "--first needs a QUERY"),
        ("similar Waltz --no-seeds", "--no-seeds needs --playlist"),
        ("genreguess --odd -t 0.2", "--odd can't be combined with --threshold"),
        ("genreguess --audit --apply -q", "--audit can't be combined with --apply and --quiet"),
        ("genreguess --learn -n 3 --audit", "--learn can't be combined with --count and --audit"),
        ("genreguess --forget --force", "--forget can't be combined with --force"),
        ("genreguess --force", "--force needs --apply, --write or --pretend"),
        ("genreguess -f --max-genres 2", "--force and --max-genres need --apply, --write or --pretend"),
        ("embed --report --force -j 2", "--report can't be combined with --force and --jobs"),
        ("embed -p -q", "--pretend can't be combined with --quiet"),
        ("embed --force --retry", "--force can't be combined with --retry: it embeds every track"),
        ("genreguess --apply -q -n 2", "--quiet can't be combined with --count: it shows no genres"),
        ("similar Waltz -m - -p --force", "-m - can't be combined with --path and --force"),
        ("similar Waltz -m - -f '$title'", "-m - can't be combined with --format"),
        ("similar --extend x --no-seeds", "--extend can't be combined with --no-seeds"),
        ("musicmap -o x.PNG --no-paths", "a .png map can't be combined with --no-paths"),
    ],
)  # fmt: skip
def test_an_option_that_does_not_apply(line: str, sentence: str) -> None:
    assert refused(line) == sentence


@pytest.mark.parametrize(
    "option",
    ["--file", "--from-playlist", "--in", "--to", "--unlike", "--more", "--less", "--weigh", "--playlist", "--extend",
     "--refresh", "--length", "--at", "--format"],
)  # fmt: skip
@pytest.mark.parametrize("empty", ["''", "' '"])
def test_an_empty_name_or_query(option: str, empty: str) -> None:
    assert refused(f"similar Waltz {option} {empty}") == f"{option} {EMPTY}"


def test_an_empty_file_to_write() -> None:
    assert refused("musrec-report -o ''") == f"--output {EMPTY}"
    assert refused("musicmap -o ''") == f"--output {EMPTY}"
    assert refused("musicmap -o x.html -c ''") == f"--color {EMPTY}"
