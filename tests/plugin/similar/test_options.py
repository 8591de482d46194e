"""The table of options: in each mode each option applies or is refused, and what comes from the table agrees."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from beets.ui import CommonOptionsParser, UserError

from beetsplug.musrec.config import SimilarSettings
from beetsplug.musrec.playlists.mixes import OWN_KEYS, parse_mixes
from beetsplug.musrec.similar import arguments, options, reference
from beetsplug.musrec.similar.option import Option, Use, option
from beetsplug.musrec.similar.options import BY_NAME, MODES, OPTIONS, SimilarOptions

DOCS = Path(__file__).parents[3] / "docs"
VALUES = {"string": "1:30", "int": "1", "float": "0.5", "PERCENT": "99%"}  # 1:30 is a query, a file and a time
OWN_VALUES = {"recent": "30d"}
SETTINGS = SimilarSettings(**{each.name: each.metadata["default"] for each in fields(SimilarSettings)})

# What makes a mode, and the options that apply to it, as a user would list them.
EVERY_MODE = {"--path", "--format"}
QUESTION = {
    *("--unlike", "--more", "--less", "--sounds", "--space", "--metric", "--in", "--weigh", "--max-per-artist"),
    *("--max-per-album", "--variety", "--hub-correction", "--duplicates", "--count", "--length", "--order", "--mix"),
    *("--closer-than", "--shuffle", "--seed", "--with-seeds", "--no-seeds"),
}
SEEDS = {"--album", "--first", "--file", "--from-playlist", "--at", "--recent"}
SETS = EVERY_MODE | {"--first", "--count", "--in", "--space", "--metric", "--hub-correction", "--playlist", "--force"}
APPLICABLE = {
    Use.LIST: ("Waltz", EVERY_MODE | QUESTION | SEEDS | {"--why", "--playlist", "--force"}),
    Use.JOURNEY: (
        "Waltz --to Rock",
        EVERY_MODE | {"--to", "--first", "--count", "--in", "--max-per-artist", "--duplicates", "--space", "--metric"}
        | {"--mix", "--why", "--playlist", "--force"},
    ),
    Use.HUBS: ("--hubs", EVERY_MODE | {"--hubs", "--count", "--space", "--metric"}),
    Use.WORDS: ("--words", {"--words"}),
    Use.COPIES: ("--copies", EVERY_MODE | {"--copies"}),
    Use.ARTISTS: ("Waltz --artists", SETS | {"--artists"}),
    Use.ALBUMS: ("Waltz --albums", SETS | {"--albums", "--max-per-artist"}),
    Use.REFRESH: ("--refresh x", EVERY_MODE | QUESTION | {"--why", "--refresh"}),
    Use.EXTEND: ("--extend x", EVERY_MODE | QUESTION - {"--no-seeds"} | {"--why", "--extend"}),
}  # fmt: skip
MODE_OPTIONS = ("to", "hubs", "words", "copies", "artists", "albums", "refresh", "extend")
MIX_KEYS = {flag[2:].replace("-", "_") for flag in QUESTION | SEEDS | {"--to"}} - {"no_seeds"}


def parsed(*words: str) -> tuple[SimilarOptions, list[str]]:
    """What the command line says."""
    parser = CommonOptionsParser()
    arguments.add_options(parser)
    values, args = parser.parse_args(list(words))
    return arguments.options_from(values), args


def words_of(row: Option) -> list[str]:
    """The option with some value."""
    if row.type == "flag":
        return [row.flag]
    value = VALUES.get(row.metavar or "", VALUES[row.type]) if not row.choices else row.choices[0]
    return [row.flag, OWN_VALUES.get(row.name, value)]


def refusal(*words: str) -> str:
    """The sentence that a command line is refused with; empty where it is not."""
    try:
        arguments.check_command_line(*parsed(*words))
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.name)
def test_each_option_applies_or_is_refused(row: Option, mode: Use) -> None:
    start, applicable = APPLICABLE[mode]
    companions = ["--playlist", "x"] if row.needs == "playlist" and "--playlist" in applicable else []
    said = refusal(*shlex.split(start), *companions, *words_of(row))
    if row.flag in applicable:
        assert said == ""
    elif row.name not in MODE_OPTIONS:
        assert said == f"{arguments.MODE_NAMES[mode]} can't be combined with {row.flag}"
    elif "Waltz" in start and row.name in ("refresh", "extend"):
        assert said == f"{row.flag} uses the playlist's own seeds: leave out the QUERY"
    elif mode not in (Use.LIST, Use.JOURNEY):
        assert "can't be combined with" in said
        assert {row.flag, arguments.MODE_NAMES[mode]} <= set(said.split())
    else:  # a query, and then another mode
        assert said == (f"{row.flag} can't be combined with --to" if mode is Use.JOURNEY and row.name != "to" else "")


def test_an_option_that_does_not_say_what_it_applies_to_is_refused_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    row: Option = option("--new", type="flag", help="new").metadata["option"]
    for name in ("first", "count"):
        without = [
            Option(**{**vars(each), "applies_to": row.applies_to}) if each.name == name else each for each in OPTIONS
        ]
        monkeypatch.setattr(options, "OPTIONS", tuple(without))
        for mode in MODES:
            given = SimilarOptions(first=True) if name == "first" else SimilarOptions(count=1)
            with pytest.raises(UserError, match=f"can't be combined with --{name}"):
                arguments.require_applicable(given, mode)


def test_the_keys_of_a_mix() -> None:
    keys = {row.key for row in OPTIONS if Use.MIX in row.applies_to}
    assert keys == MIX_KEYS
    for row in OPTIONS:
        value: Any = True if row.type == "flag" else words_of(row)[1]
        mix: dict[str, Any] = {"name": "x", "seeds": "y", row.key: value}
        if row.key in ("mix", "first"):
            mix["to"] = "z"
        if row.key in MIX_KEYS:
            (made,) = parse_mixes([mix], SETTINGS)
            assert options.is_given(getattr(made.options, row.name))
        else:
            with pytest.raises(UserError, match=rf"the mix x has the unknown setting {row.key}; the known ones are "):
                parse_mixes([mix], SETTINGS)


@pytest.mark.parametrize("key", sorted(MIX_KEYS - {"to"}))
def test_a_mix_with_to_takes_the_options_of_a_journey(key: str) -> None:
    row = next(row for row in OPTIONS if row.key == key)
    mix = {"name": "x", "seeds": "y", "to": "z", key: True if row.type == "flag" else words_of(row)[1]}
    if row.flag in APPLICABLE[Use.JOURNEY][1]:
        assert len(parse_mixes([mix], SETTINGS)) == 1
    else:
        with pytest.raises(UserError, match=f"the mix x: --to can't be combined with {row.flag}$"):
            parse_mixes([mix], SETTINGS)


# Recipes.


@pytest.mark.parametrize("row", [row for row in OPTIONS if Use.RECIPE in row.applies_to], ids=lambda row: row.name)
def test_a_recipe_says_each_option_again(row: Option) -> None:
    given, args = parsed("Waltz", *words_of(row))
    again, args_again = arguments.parse(arguments.to_words(given, args))
    assert args_again == args == ["Waltz"]
    if not row.is_path:
        assert again == given
    else:  # whole, so that it holds in any folder
        assert str(Path("1:30").absolute()) in str(getattr(again, row.name))


def test_a_recipe_knows_no_other_option() -> None:
    for row in OPTIONS:
        if Use.RECIPE not in row.applies_to:
            with pytest.raises(UserError, match="no such option"):
                arguments.parse(words_of(row))
    assert arguments.to_words(parsed("-m", "x", "--force", "-f", "y")[0], []) == []


@pytest.mark.parametrize(
    ("kept", "own", "both"),
    [
        ("--count 3", "--variety .5", "--variety 0.5 --count 3"),
        ("--count 3", "--count 4", "--count 4"),
        ("--count 3", "--length 1h", "--length 1h"),
        ("--length 1h", "--count 3", "--count 3"),
        ("--with-seeds", "--no-seeds", "--no-seeds"),
        ("--less pop", "--less rock", "--less pop --less rock"),
        ("--seed 5", "--shuffle", "--shuffle"),
        ("--seed 5", "--shuffle --seed 0", "--shuffle --seed 0"),
        ("--seed 5", "--seed 0", "--seed 0"),
        ("--max-per-artist 2", "--max-per-artist 0", "--max-per-artist 0"),
        ("--mix --order smooth", "-f x --order nearest", "--order nearest"),
    ],
)
def test_what_a_refresh_changes(kept: str, own: str, both: str) -> None:
    merged = arguments.merged(parsed(*shlex.split(kept))[0], parsed(*shlex.split(own))[0])
    assert arguments.to_words(merged, []) == both.split()


# Values and settings.


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("-n 0", "--count has to be 1 or more"),
        ("--max-per-artist -1", "--max-per-artist has to be 0 or more"),
        ("--max-per-album -1", "--max-per-album has to be 0 or more"),
        ("--seed -1", "--seed has to be 0 or more"),
        ("--variety nan", "--variety has to be between 0 and 1"),
        ("--variety 1.01", "--variety has to be between 0 and 1"),
        ("--length 0", "--length has to be a time such as 1h30, 90m or 130 (seconds), not 0"),
        ("--at soon", "--at has to be a time such as 2:10 or 130 (seconds), not soon"),
        ("-n 3 --length 1h", "--count and --length can't be combined"),
        ("--path --why", "--path and --why can't be combined"),
        ("--with-seeds --no-seeds", "--with-seeds and --no-seeds can't be combined"),
        ("--no-seeds --force", "--no-seeds and --force need --playlist"),
    ],
)
def test_values(words: str, sentence: str) -> None:
    assert refusal("Waltz", *words.split()) == sentence


def test_settings_stand_in_for_options_where_they_apply() -> None:
    settings = SimilarSettings(
        count=7, space="genre", format="x", max_per_artist=2, max_per_album=3, duplicates=True, order="smooth",
        variety=0.5, hub_correction=True, weigh={"rating": 0.2},
    )  # fmt: skip
    assert {row.name for row in OPTIONS if row.setting} == {each.name for each in fields(SimilarSettings)}
    listed = arguments.resolved(SimilarOptions(count=9, weigh=("stars:1",)), settings, Use.LIST)
    assert (listed.count, listed.variety, listed.weigh) == (9, 0.5, ("rating:0.2", "stars:1"))
    zero = arguments.resolved(SimilarOptions(max_per_artist=0, variety=0.0), settings, Use.LIST)
    assert (zero.max_per_artist, zero.variety, zero.max_per_album) == (0, 0.0, 3)
    way = arguments.resolved(SimilarOptions(), settings, Use.JOURNEY)
    assert (way.count, way.space, way.max_per_artist, way.duplicates) == (7, "genre", 2, True)
    assert [way.weigh, way.variety, way.max_per_album, way.order] == [(), None, None, None]
    query = arguments.resolved(SimilarOptions(), settings, Use.QUERY)
    assert (query.space, query.max_per_album, query.weigh, query.hub_correction) == ("genre", 3, ("rating:0.2",), True)
    assert [query.count, query.order, query.variety] == [None, None, None]


def test_a_row_names_only_rows_that_are_there() -> None:
    for row in OPTIONS:
        assert {row.excludes, row.replaces, row.needs} - {"", options.A_QUERY} <= BY_NAME.keys()
        if row.excludes:
            assert BY_NAME[row.excludes].excludes == row.name
        assert bool(row.group) != bool(row.common)
    flags = [flag for row in OPTIONS for flag in row.flags]
    assert len(flags) == len(set(flags))


# The documents.


def test_the_table_in_the_documents() -> None:
    assert reference.table() in (DOCS / "similar-options.md").read_text("utf-8"), (
        "`python -m beetsplug.musrec.similar.reference` prints it"
    )


def test_the_keys_of_mixes_in_the_documents() -> None:
    table = re.findall(r"^\| `-.*\|$", (DOCS / "similar-options.md").read_text("utf-8"), re.MULTILINE)
    keys = {row.rstrip(" |").rpartition("|")[2].strip(" `") for row in table if not row.endswith("|  |")}
    assert keys == MIX_KEYS
    assert all(f"`{key}`" in (DOCS / "playlists.md").read_text("utf-8") for key in OWN_KEYS)


def test_what_the_configuration_page_says_of_queries() -> None:
    text = (DOCS / "configuration.md").read_text("utf-8")
    (sentence,) = re.findall(r"query\]\(recommend[^)]*\)\s+uses all but .*?\.\n\n", text, re.DOTALL)
    described = {*re.findall(r"`similar\.(\w+)`", sentence)}
    assert described == {row.name for row in OPTIONS if row.setting and Use.QUERY not in row.applies_to}
