"""An option that applies to a mode changes what it finds: each of the table, on a made-up library, in-process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import beets.logging
import pytest
from beets.library import Library
from beets.ui import CommonOptionsParser

from beetsplug.musrec.attributes.fields import LastResult
from beetsplug.musrec.config import PlaylistSettings, SimilarSettings
from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.sql import id_of
from beetsplug.musrec.library.vectors import VectorStore
from beetsplug.musrec.library.word_heads import WordHeads
from beetsplug.musrec.similar import arguments
from beetsplug.musrec.similar.find import SimilarSearch
from beetsplug.musrec.similar.hubs import HubFinder
from beetsplug.musrec.similar.option import Use
from beetsplug.musrec.similar.options import OPTIONS, SimilarOptions
from beetsplug.musrec.similar.qualities import Qualities
from beetsplug.musrec.similar.request import Request
from benchmarks.synthetic_library import make_library
from musrec_core.card import Card

SONGS = 150
SEED, END = 20, 140
ELSEWHERE = {  # how a list is printed or written, and seeds that are files: with what they are read or written
    *("path", "format", "why", "playlist", "force", "no_seeds", "files", "from_playlist", "at"),
}

# What is given without the option, and what with it.
LISTS: dict[str, tuple[str, str]] = {
    "album": ("id:2..3", "id:2..3 --album"),
    "first": (f"id:{SEED}..{SEED + 30}", f"id:{SEED}..{SEED + 30} --first"),
    "recent": ("id:1..40", "id:1..40 --recent 30d"),
    "unlike": ("", "--unlike id:1..15"),
    "more": ("", "--more rock:50"),
    "less": ("", "--less rock:50"),
    "sounds": ("", "--sounds piano:5"),
    "space": ("", "--space genre"),
    "metric": ("", "--metric euclidean"),
    "candidates": ("", "--in id:100.."),
    "weigh": ("", "--weigh rating:50"),
    "max_per_artist": ("", "--max-per-artist 1"),
    "max_per_album": ("", "--max-per-album 1"),
    "closer_than": ("", "--closer-than 99.7%"),
    "variety": ("", "--variety 0.8"),
    "hub_correction": ("", "--hub-correction"),
    "duplicates": ("", "--duplicates"),
    "count": ("", "--count 3"),
    "length": ("", "--length 30m"),
    "order": ("", "--order smooth"),
    "mix": ("--order smooth", "--order smooth --mix"),
    "shuffle": ("--seed 1", "--shuffle"),
    "seed": ("--seed 1", "--seed 2"),
    "with_seeds": ("", "--with-seeds"),
}
WAY = f"id:{SEED} --to id:{END} "
JOURNEYS: dict[str, tuple[str, str]] = {
    "to": (WAY, WAY + "--to id:70"),
    "space": (WAY, WAY + "--space genre"),
    "metric": (WAY, WAY + "--metric euclidean"),
    "candidates": (WAY, WAY + "--in id:100.."),
    "max_per_artist": (WAY + "-n 6", WAY + "-n 6 --max-per-artist 1"),
    "duplicates": (WAY + "-n 120", WAY + "-n 120 --duplicates"),
    "count": (WAY, WAY + "-n 7"),
    "mix": (WAY, WAY + "--mix"),
}
HUBS: dict[str, tuple[str, str]] = {
    "space": ("--hubs", "--hubs --space genre"),
    "metric": ("--hubs --space genre", "--hubs --space genre --metric cosine"),
    "count": ("--hubs", "--hubs -n 3"),
}
ARTISTS: dict[str, tuple[str, str]] = {
    "first": (f"id:{SEED}..{SEED + 60} --artists", f"id:{SEED}..{SEED + 60} --artists --first"),
    "space": (f"id:{SEED} --artists", f"id:{SEED} --artists --space genre"),
    "metric": (f"id:{SEED} --artists --space genre", f"id:{SEED} --artists --space genre --metric cosine"),
    "candidates": (f"id:{SEED} --artists", f"id:{SEED} --artists --in id:100.."),
    "hub_correction": (f"id:{SEED} --artists", f"id:{SEED} --artists --hub-correction"),
    "count": (f"id:{SEED} --artists", f"id:{SEED} --artists -n 1"),
}
ALBUMS: dict[str, tuple[str, str]] = {
    "first": ("id:1..4 --albums", "id:1..4 --albums --first"),
    **{name: (plain.replace(f"id:{SEED}", "id:2").replace("artists", "albums"), changed.replace(f"id:{SEED}", "id:2")
              .replace("artists", "albums")) for name, (plain, changed) in ARTISTS.items() if name != "first"},
    "max_per_artist": ("id:2 --albums", "id:2 --albums --max-per-artist 1"),
}  # fmt: skip


def defaults(section: Any) -> Any:
    """A section of the configuration of which the user says nothing."""
    return section(**{each.name: each.metadata["default"] for each in fields(section)})


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Songs with ratings, tempo and key, every second one a copy of the one before."""
    library = Library(str(make_library(tmp_path_factory.mktemp("made-up") / "library.db", SONGS)), "/music")
    with library.transaction() as tx:
        tx.mutate("UPDATE items SET bpm = 60 + id * 37 % 90, initial_key = (1 + id * 5 % 12) || 'A'")
        tx.mutate("UPDATE items SET mb_trackid = 'r' || (id / 2) WHERE id NOT IN (?, ?)", (SEED, END))
        tx.mutate(
            "INSERT INTO item_attributes (entity_id, key, value) SELECT id, 'last_played', ? - id * 86400 FROM items",
            (time.time(),),
        )
        tx.mutate("INSERT INTO item_attributes (entity_id, key, value) SELECT id, 'rating', id % 10 / 10.0 FROM items")
    yield library
    library._close()


class Finder:
    """The parts that find songs, with a configuration of which the user says nothing."""

    def __init__(self) -> None:
        log, settings = beets.logging.getLogger("beets.musrec"), defaults(SimilarSettings)
        store = VectorStore(Models([Card.load()]), False, log)
        self.last_result = LastResult()
        self.hubs = HubFinder(settings, store, log)
        self.similar = SimilarSearch(
            settings,
            "",
            defaults(PlaylistSettings),
            store,
            lambda card: pytest.fail(card.name),
            Qualities(WordHeads(), lambda lib: None, store),
            self.last_result,
            log,
        )

    def find(self, lib: Library, line: str) -> list[tuple[int, float]]:
        """Ids and distances of what a command line finds; of hubs, how often each is a neighbour."""
        options, args = parsed(line)
        arguments.check_command_line(options, args)
        if options.hubs:
            return [(id_of(item), times) for times, item in self.hubs.find(lib, options, args).songs]
        result = self.similar.find(lib, Request(options, args))
        if result.sets is not None:
            return [(each.typical, round(each.distance, 5)) for each in result.sets.sets]
        songs = result.songs
        return [(id_of(item), round(self.last_result.distance(item.id) or 0.0, 5)) for item in songs]


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder()


def parsed(line: str) -> tuple[SimilarOptions, list[str]]:
    parser = CommonOptionsParser()
    arguments.add_options(parser)
    values, args = parser.parse_args(line.split())
    return arguments.options_from(values), args


def without_count(line: str) -> str:
    counted = "--count" in line or "-n " in line or "--length" in line
    return line if counted else f"{line} -n 20"


@pytest.mark.parametrize("name", LISTS)
def test_an_option_of_a_list(name: str, finder: Finder, lib: Library) -> None:
    plain, changed = (line if "id:" in line.split("--")[0] else f"id:{SEED} {line}" for line in LISTS[name])
    before = finder.find(lib, without_count(plain))
    assert before == finder.find(lib, without_count(plain))
    assert len(before) == 20
    assert before != finder.find(lib, without_count(changed))


@pytest.mark.parametrize("name", JOURNEYS)
def test_an_option_of_a_journey(name: str, finder: Finder, lib: Library) -> None:
    plain, changed = map(without_count, JOURNEYS[name])
    if name == "duplicates":
        with pytest.raises(Exception, match="not enough songs"):
            finder.find(lib, plain)
        assert len(finder.find(lib, changed)) == 120
        return
    before, after = finder.find(lib, plain), finder.find(lib, changed)
    assert before[0][0] == after[0][0] == SEED
    assert before[-1][0] == after[-1][0] if name != "to" else after[-1][0] == 70
    assert before != after


@pytest.mark.parametrize("name", HUBS)
def test_an_option_of_hubs(name: str, finder: Finder, lib: Library) -> None:
    plain, changed = HUBS[name]
    assert finder.find(lib, plain) == finder.find(lib, plain)
    assert finder.find(lib, plain) != finder.find(lib, changed)


@pytest.mark.parametrize("line", [*ARTISTS.items(), *ALBUMS.items()], ids=str)
def test_an_option_of_artists_and_albums(line: tuple[str, tuple[str, str]], finder: Finder, lib: Library) -> None:
    plain, changed = (f"{each} -n 6" if "-n" not in each else each for each in line[1])
    assert finder.find(lib, plain) == finder.find(lib, plain)
    assert finder.find(lib, plain) != finder.find(lib, changed)


def test_no_option_is_forgotten() -> None:
    """A new option that applies to a mode has to be shown here, or where songs are read or written."""
    nothing: set[str] = set()
    modes = ((Use.LIST, LISTS, nothing), (Use.JOURNEY, JOURNEYS, {"first"}), (Use.HUBS, HUBS, {"hubs"}),
             (Use.ARTISTS, ARTISTS, {"artists"}), (Use.ALBUMS, ALBUMS, {"albums"}))  # fmt: skip
    for mode, shown, beside in modes:
        applicable = {row.name for row in OPTIONS if mode in row.applies_to}
        assert applicable - ELSEWHERE - beside == set(shown)
