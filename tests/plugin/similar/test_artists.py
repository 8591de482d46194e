"""Artists and albums that sound alike: whose songs are whose, what a query means, what is listed and written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import beets
import beets.logging
import numpy as np
import pytest
from beets.library import Item, Library
from beets.ui import UserError

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.commands import similar_sets
from beetsplug.musrec.similar import arguments, groups
from beetsplug.musrec.similar.found_sets import FoundSets, SongSet
from beetsplug.musrec.similar.options import SimilarOptions
from beetsplug.musrec.similar.request import Request
from musrec_core import attribute_text
from musrec_core.card import Card
from musrec_core.search.distance import unit

from ..conftest import Beet
from .test_effects import Finder, parsed

LOG = beets.logging.getLogger("beets.musrec")
CARD = Card.load()
PLACES = np.random.default_rng(0).standard_normal((20, CARD.dimensions)).astype(np.float32)

# Artist, album artist, album, where its songs lie: near one of the places (the first number), a little off.
SONGS = [
    ("Coldplay", "Coldplay", "Parachutes", 0, 0.0),
    ("COLDPLAY", "Coldplay", "Parachutes", 0, 0.1),
    ("Coldplay feat. Rihanna", "Coldplay", "Parachutes", 0, 0.2),
    ("Coldplay & The Chainsmokers", "Coldplay", "Singles", 0, 0.3),
    ("The Verve", "The Verve", "Urban Hymns", 0, 0.5),
    ("Verve", "The Verve", "Urban Hymns", 0, 0.6),
    ("Travis", "Various Artists", "Hits", 0, 0.9),
    ("Slayer", "Slayer", "Reign", 1, 0.0),
    ("Slayer", "Slayer", "Reign", 1, 0.1),
    ("Various Artists", "Various Artists", "Hits", 0, 0.0),
    ("", "Keane", "", 0, 0.7),
    ("", "", "", 0, 0.0),
    ("Sigur R\u00f3s", "", "", 2, 0.0),
    ("Oasis", "", "", 0, 0.0),
]


def add(lib: Library, n: int, artist: str, album_artist: str, album: str, place: int, off: float) -> Item:
    item = Item(title=f"Song {n}", artist=artist, albumartist=album_artist, album=album, length=200.0 + 9 * n,
                path=f"/music/{n}.mp3".encode(), track=20 - n, mb_trackid=f"r{n}")  # fmt: skip
    vector = unit(PLACES[place] + off * PLACES[(place + 10) % 20])
    if artist != "Oasis":  # which is not embedded
        item[fields.EMBEDDING], item[fields.MODEL] = attribute_text.encode_vector(vector), CARD.model_id
    lib.add(item)
    return item


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    beets.config["create_backup_before_migrations"] = False
    library = Library(str(tmp_path_factory.mktemp("artists") / "library.db"), "/music")
    items = [add(library, n, *song) for n, song in enumerate(SONGS)]
    for album in dict.fromkeys(item.album for item in items if item.album):
        library.add_album([item for item in items if item.album == album])
    yield library
    library._close()


def found(lib: Library, line: str) -> FoundSets:
    """What a command line finds."""
    options, args = parsed(line)
    arguments.check_command_line(options, args)
    finder = Finder()
    finder.similar.advice = lambda lib, ids: f"embed {sorted(ids)}"  # type: ignore[method-assign]
    result = finder.similar.find(lib, Request(options, args))
    assert result.sets is not None
    return result.sets


def names(lib: Library, line: str) -> list[str]:
    return [each.name for each in found(lib, line).sets]


# Whose songs are whose.


def test_songs_by_artist_whatever_the_spelling(lib: Library) -> None:
    by_name = {name: number for number, name in enumerate(groups.by_artist(lib).names)}
    artists = groups.by_artist(lib)
    titles = {name: [id_ - 1 for id_ in artists.songs[number]] for name, number in by_name.items()}
    assert titles == {
        "Coldplay": [0, 1, 2, 3], "The Verve": [4, 5], "Travis": [6], "Slayer": [7, 8], "Keane": [10],
        "Sigur R\u00f3s": [12], "Oasis": [13],
    }  # fmt: skip


def test_songs_by_album_without_singletons(lib: Library) -> None:
    albums = groups.by_album(lib)
    assert [len(albums.songs[number]) for number in range(5)] == [3, 1, 2, 2, 2]
    assert albums.names[0] == "Coldplay - Parachutes"
    assert sorted(albums.of_song) == list(range(1, 11))


def test_an_album_without_a_title_is_called_by_its_folder(tmp_path: Path) -> None:
    library = Library(str(tmp_path / "library.db"), "/music")
    for artist, path in [("", "/music/Old Tapes/1.mp3"), ("Keane", "/music/x/B-Sides/2.mp3")]:
        library.add_album([Item(artist=artist, albumartist=artist, album=" ", path=path.encode())])
    albums = groups.by_album(library)
    assert groups.meant(library, albums, ["old", "tapes"], LOG) == [0]
    assert groups.meant(library, albums, ["[B-Sides]"], LOG) == [1]
    library._close()
    assert albums.names == ["[Old Tapes]", "Keane - [B-Sides]"]


# What a query means.


@pytest.mark.parametrize(
    ("query", "expected"),
    [("coldplay", ["Coldplay"]), ("THE COLDPLAY", ["Coldplay"]), ("verve", ["The Verve"]),
     ("sigur ros", ["Sigur R\u00f3s"]),
     ("title:Song", ["Coldplay", "The Verve", "Travis", "Slayer", "Keane", "Sigur R\u00f3s", "Oasis"]),
     ("artist:Chainsmokers", ["Coldplay"]), ("Travi", ["Travis"])],
)  # fmt: skip
def test_an_artist_by_name_or_those_of_the_songs_that_match(lib: Library, query: str, expected: list[str]) -> None:
    artists = groups.by_artist(lib)
    assert [artists.names[number] for number in groups.meant(lib, artists, query.split(), LOG)] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [("parachutes", ["Coldplay - Parachutes"]), ("urban hymns", ["The Verve - Urban Hymns"]),
     ("albumartist:Coldplay", ["Coldplay - Parachutes", "Coldplay - Singles"]),
     ("title:Song 8", ["Slayer - Reign"])],
)  # fmt: skip
def test_an_album_by_title_or_those_that_match(lib: Library, query: str, expected: list[str]) -> None:
    albums = groups.by_album(lib)
    args = [query] if query.startswith("title") else query.split()
    assert [albums.names[number] for number in groups.meant(lib, albums, args, LOG)] == expected


@pytest.mark.parametrize(
    ("query", "problem"),
    [("Blur", "no song matches: Blur"), (" ", "name an artist, as in: "), ("'", "no song matches: '"),
     ("\U0001f3b8\x1b[31m", "no song matches: "), ("x" * 10_000, "no song matches: xxx")],
)  # fmt: skip
def test_no_artist(lib: Library, query: str, problem: str) -> None:
    with pytest.raises(UserError) as raised:
        groups.meant(lib, groups.by_artist(lib), [query], LOG)
    assert str(raised.value).startswith(problem)
    assert "\x1b" not in str(raised.value)


def test_songs_without_an_artist(lib: Library) -> None:
    with pytest.raises(UserError, match=r"^no song that id:12 matches has an artist$"):
        groups.meant(lib, groups.by_artist(lib), ["id:12"], LOG)
    with pytest.raises(UserError, match=r"^no song that id:14 matches is on one of beets' albums$"):
        groups.meant(lib, groups.by_album(lib), ["id:14"], LOG)


# What is found.


def test_the_nearest_artists_first_without_the_seed(lib: Library) -> None:
    result = found(lib, "coldplay --artists -n 9")
    assert [each.name for each in result.sets][:3] == ["The Verve", "Keane", "Travis"]
    assert {each.name for each in result.sets} == {"The Verve", "Keane", "Travis", "Slayer", "Sigur R\u00f3s"}
    assert [each.distance for each in result.sets] == sorted(each.distance for each in result.sets)
    assert result.seed_names == ["Coldplay"]
    assert names(lib, "coldplay --artists -n 2") == ["The Verve", "Keane"]


def test_songs_and_the_most_typical_one(lib: Library) -> None:
    (near,) = found(lib, "verve --artists --in id:1..4").sets
    assert near.name == "Coldplay"
    assert near.songs == [4, 3, 2, 1]  # the nearest to the seed first
    assert near.typical in (2, 3)


def test_albums_with_their_songs_in_order(lib: Library) -> None:
    by_name = {each.name: each for each in found(lib, "singles --albums -n 9").sets}
    assert by_name["Coldplay - Parachutes"].songs == [3, 2, 1]  # by track
    assert [*by_name][-1] == "Slayer - Reign"
    others = names(lib, "albumartist:Coldplay --albums")
    assert sorted(others) == ["Slayer - Reign", "The Verve - Urban Hymns", "Various Artists - Hits"]
    assert others[-1] == "Slayer - Reign"


def test_only_the_songs_that_match_count(lib: Library) -> None:
    assert set(names(lib, "coldplay --artists --in id:8..9 -n 9")) == {"Slayer"}
    (near,) = found(lib, "slayer --artists --in id:2..3 -n 9").sets
    assert sorted(near.songs) == [2, 3]
    assert names(lib, "coldplay --artists --in id:1..2") == []


def test_artists_of_which_nothing_is_embedded(lib: Library) -> None:
    with pytest.raises(UserError, match=r"^no song of Oasis is embedded: embed \[14\]$"):
        found(lib, "oasis --artists")


def test_albums_of_one_artist_can_be_limited(lib: Library) -> None:
    line = "Reign --albums -n 9"
    assert sum(name.startswith("Coldplay") for name in names(lib, line)) == 2
    assert sum(name.startswith("Coldplay") for name in names(lib, f"{line} --max-per-artist 1")) == 1


# As a user sees it.


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("", r"\d\.\d{3}  The Verve - Urban Hymns"),
        ("-f $musrec_distance|$album|$nothing", r"\d\.\d{3}\|Urban Hymns\|\$nothing"),
        ("-p", "/music"),
    ],
)
def test_an_album_is_printed(lib: Library, capsys: pytest.CaptureFixture[str], options: str, line: str) -> None:
    words = f"Parachutes --albums -n 9 {options}"
    similar_sets.show(lib, parsed(words)[0], found(lib, words).sets)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert any(re.fullmatch(line, each) for each in printed), printed


def test_what_a_title_holds_is_printed_safely(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    for format_ in (None, "$artist $title"):
        similar_sets.show(lib, SimilarOptions(artists=True, format=format_), [SongSet("\x1b[31mred\n", 0.5, 1, [1])])
    similar_sets.show(lib, SimilarOptions(albums=True), [SongSet("\x1b[31mred\n", 0.5, 1, [1], 1)])
    assert "\x1b" not in (printed := capsys.readouterr().out)
    assert len(printed.splitlines()) == 3


def test_an_artist_or_album_that_is_gone_is_left_out(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    for gone in (SongSet("x", 0.5, 999, [999]), SongSet("x", 0.5, 999, [999], 999)):
        similar_sets.show(lib, SimilarOptions(format="$id"), [gone])
    assert capsys.readouterr().out == ""


def test_lists_formats_paths_and_playlists(library: Beet, tmp_path: Path) -> None:
    library.configure(musrec={"playlist": {"dir": str(tmp_path)}})
    library.sql("UPDATE items SET albumartist = '', artist = "
                "CASE WHEN id < 4 THEN 'One' WHEN id < 7 THEN 'Two & \U0001f3b8' ELSE 'Three' END")  # fmt: skip
    said = library("similar", "--artists", "one")
    assert "the seed is One (3 songs)" in said.err
    assert {line.split("  ", 1)[1] for line in said.lines} == {"Two & \U0001f3b8", "Three"}
    shown = library("similar", "--artists", "one", "-n", "1", "-f", "$musrec_distance|$artist|$title").lines
    distance, artist, title = shown[0].split("|")
    assert said.lines[0] == f"{distance}  {artist}"
    assert title in library("ls", f"artist:{artist}", "-f", "$title").lines
    paths = library("similar", "--artists", "one", "-n", "1", "-p").lines
    assert sorted(paths) == sorted(library("ls", "-p", f"artist:{artist}").lines)
    library("similar", "--artists", "one", "-n", "2", "-m", "like")
    written = (tmp_path / "like.m3u8").read_text("utf-8")
    assert "#MUSREC:beet similar --count 2 --artists one\n" in written
    assert "#MUSREC-SEEDS:One\n" in written
    songs = [line for line in written.splitlines() if not line.startswith("#")]
    assert len(songs) == 6
    kept = written.replace(f"{songs[1]}\n", "")
    (tmp_path / "like.m3u8").write_text(kept, "utf-8")
    refreshed = library("similar", "--refresh", "like")
    assert "your changes are kept: 1 removed" in refreshed.err
    assert library.error("similar", "--refresh", "like", "--why") == "error: --artists can't be combined with --why"
    again = (tmp_path / "like.m3u8").read_text("utf-8").splitlines()
    assert songs[1] not in again
    assert library.error("similar", "--extend", "like") == (
        "error: a playlist of artists or albums can't be extended: use --refresh with a larger --count"
    )
    assert library.error("similar", "--artists", "one", "--to", "id:1") == (
        "error: --artists can't be combined with --to"
    )
