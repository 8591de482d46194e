"""Playlists that the configuration names: `beet mixes`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Beet
from .test_refresh import recipe, songs, without

LIKE: dict[str, Any] = {"name": "Like $artist", "seeds": "title:Waltz , title:Rock", "count": 3}


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    return tmp_path / "lists"


def configure(library: Beet, lists: Path, *mixes: Any, **settings: Any) -> None:
    library.configure(musrec={"playlist": {"dir": str(lists)}, "mixes": list(mixes), **settings})


def names(lists: Path) -> list[str]:
    return sorted(path.stem for path in lists.iterdir())


def test_a_playlist_for_each_artist_of_the_seeds(library: Beet, lists: Path) -> None:
    configure(library, lists, LIKE)
    artists = sorted({*library("ls", "-f", "$artist", *LIKE["seeds"].split()).lines})
    said = library("mixes")
    assert sorted(said.lines) == [f"Like {artist}: 3 songs, 3 new" for artist in artists]
    assert names(lists) == [f"Like {artist}" for artist in artists]
    for artist in artists:
        path = lists / f"Like {artist}.m3u8"
        assert recipe(path) == f"beet mixes 'Like {artist}'"
        assert "#MUSREC-OPTIONS:--count 3 --no-seeds\n" in path.read_text("utf-8")
        seeds = library("ls", "-f", "$artist: $title", *LIKE["seeds"].split()).lines
        own = {line.removeprefix(f"{artist}: ") for line in seeds if line.startswith(artist)}
        assert own
        assert len(songs(path)) == 3
        assert not own & {*songs(path)}


def test_every_setting_of_a_question(library: Beet, lists: Path) -> None:
    whole = {"name": "All of it", "seeds": "title:Waltz", "with_seeds": True, "first": True, "count": 4,
             "in": "title:a", "more": ["jazz", "blues:0.1"], "less": "pop", "unlike": "title:Rock",
             "weigh": {"rating": 0.1}, "max_per_artist": 2, "variety": 0.2, "order": "smooth", "mix": True,
             "duplicates": True, "space": "genre", "metric": "cosine", "hub_correction": False}  # fmt: skip
    configure(library, lists, whole)
    library("mixes")
    path = lists / "All of it.m3u8"
    assert len(songs(path)) == 4
    (options,) = ["".join(re.findall("#MUSREC-OPTIONS:(.*)\n", path.read_text("utf-8")))]
    for words in ("--first", "--in title:a", "--more jazz --more blues:0.1", "--less pop", "--weigh rating:0.1",
                  "--max-per-artist 2", "--variety 0.2", "--order smooth --mix", "--space genre"):  # fmt: skip
        assert words in options, options
    same = library("similar", "--first", "title:Waltz", "-n", "4", "--in", "title:a", "--more", "jazz", "--more",
                   "blues:0.1", "--less", "pop", "--unlike", "title:Rock", "--weigh", "rating:0.1", "--max-per-artist",
                   "2", "--variety", "0.2", "--order", "smooth", "--mix", "--duplicates", "--space", "genre",
                   "--metric", "cosine", "--with-seeds", "-f", "$title")  # fmt: skip
    assert songs(path) == same.lines


def test_what_was_taken_out_stays_out(library: Beet, lists: Path) -> None:
    configure(library, lists, {"name": "Waltzes", "seeds": "title:Harbour Waltz", "count": 3})
    library("mixes")
    path = lists / "Waltzes.m3u8"
    gone = songs(path)[0]
    without(path, gone)
    said = library("mixes")
    assert said.lines == ["Waltzes: 3 songs, 1 new"]
    assert gone not in songs(path)
    library("similar", "--refresh", "Waltzes")
    assert gone not in songs(path)
    assert "is a mix: its options are in" in library.error("similar", "--refresh", "Waltzes", "--variety", "0.1")
    library("similar", "--extend", "Waltzes", "-n", "2")
    assert len(songs(path)) == 5
    assert gone not in songs(path)
    assert recipe(path) == "beet mixes Waltzes"


def test_the_seeds_may_come_too(library: Beet, lists: Path) -> None:
    configure(library, lists, {"name": "All", "seeds": "title:a", "count": 20},
              {"name": "Too", "seeds": "title:a", "count": 20, "with_seeds": True})  # fmt: skip
    library("mixes")
    everything = {*library("ls", "-f", "$title").lines}
    assert {*songs(lists / "Too.m3u8")} == everything
    assert {*songs(lists / "All.m3u8")} == everything - {*library("ls", "-f", "$title", "title:a").lines}


def test_pretend_and_names(library: Beet, lists: Path) -> None:
    configure(library, lists, LIKE, {"name": "Drones", "seeds": "title:Drone", "count": 2})
    said = library("mixes", "--pretend", "Drones")
    assert said.lines[0] == "Drones: 2 songs, 2 new"
    assert len(said.lines) == 3
    assert all(re.fullmatch(r"  \d\.\d{3}  \S.* - \S.*", line) for line in said.lines[1:])
    assert not lists.exists()
    library("mixes", "drones")
    assert names(lists) == ["Drones"]
    artist = library("ls", "-f", "$artist", "title:Harbour Waltz").lines[0]
    library("mixes", f"Like {artist}")
    assert names(lists) == ["Drones", f"Like {artist}"]
    assert "no mix in the configuration makes nosuch" in library.error("mixes", "nosuch")


def test_another_playlist_is_not_written_over(library: Beet, lists: Path) -> None:
    configure(library, lists, {"name": "Mine", "seeds": "title:Drone"}, {"name": "Other", "seeds": "title:Rock"})
    lists.mkdir()
    mine, other = lists / "Mine.m3u8", lists / "Other.m3u8"
    mine.write_text("/m/a.mp3\n")
    library("similar", "Harbour Waltz", "-m", "Other")
    before = other.read_bytes()
    said = library("mixes", ok=False)
    assert said.status == 1
    assert "Mine.m3u8 has no recipe" in said.err
    assert "Other.m3u8 is another playlist: add --force to overwrite it" in said.err
    assert "2 of 2 playlists could not be written" in said.err
    assert (mine.read_text(), other.read_bytes()) == ("/m/a.mp3\n", before)
    library("mixes", "--force")
    assert recipe(mine) == "beet mixes Mine"
    assert recipe(other) == "beet mixes Other"


def test_without_recipes_mixes_are_written_again_and_again(library: Beet, lists: Path) -> None:
    mix = {"name": "Drones", "seeds": "title:Drone", "count": 2}
    library.configure(musrec={"playlist": {"dir": str(lists), "recipe": False}, "mixes": [mix]})
    library("mixes")
    once = (lists / "Drones.m3u8").read_bytes()
    assert b"MUSREC" not in once
    library("mixes")
    assert (lists / "Drones.m3u8").read_bytes() == once


def test_names_that_are_no_file_names(library: Beet, lists: Path) -> None:
    library("modify", "-y", "--nowrite", "title:Harbour Waltz", "grouping=AC/DC: ..\\x?\t" + "ü" * 200)
    configure(library, lists, {"name": "$grouping.m3u", "seeds": "title:Waltz", "count": 1})
    said = library("mixes")
    assert len(said.lines) == 1
    (path,) = lists.iterdir()
    assert path.name.startswith("AC")
    assert path.name.endswith("ü.m3u")
    assert len(path.name.encode()) <= 255
    assert len(songs(path)) == 1
    library("similar", "--refresh", str(path))


def test_at_most_so_many_with_most_seeds_first(library: Beet, lists: Path) -> None:
    titles = library("ls", "-f", "$title").lines
    library("modify", "-y", "--nowrite", f"title:{titles[0]}", "artist=Aa")
    for title in titles[1:4]:
        library("modify", "-y", "--nowrite", f"title:{title}", "artist=Zz")
    configure(library, lists, {"name": "Like $artist", "seeds": "artist:Aa , artist:Zz", "count": 1, "at_most": 1})
    library("mixes")
    assert names(lists) == ["Like Zz"]


def test_journeys_albums_and_files(library: Beet, lists: Path, tmp_path: Path) -> None:
    album = library("ls", "-a", "-f", "$album").lines[0]
    configure(
        library,
        lists,
        {"name": "Way", "seeds": "Harbour Waltz", "to": "title:Rock", "count": 4},
        {"name": "albums/Like $album.m3u", "seeds": f"album:{album}", "album": True, "count": 2},
        {"name": "File", "file": str(library.paths("title:Drone")[0]), "count": 2},
    )
    said = library("mixes")
    assert said.lines == ["Way: 4 songs, 4 new", f"albums/Like {album}.m3u: 2 songs, 2 new", "File: 2 songs, 2 new"]
    assert "Waltz" in songs(lists / "Way.m3u8")[0]
    assert len(songs(lists / "albums" / f"Like {album}.m3u")) == 2
    library("similar", "--refresh", "Way")
    assert "Waltz" in songs(lists / "Way.m3u8")[0]


@pytest.mark.parametrize(
    ("mix", "error"),
    [
        ({"seeds": "x"}, "a mix has no name"),
        ({"name": "x"}, "the mix x has no seeds"),
        (
            {"name": "x", "seeds": "y", "cuont": 3},
            "the mix x has the unknown setting cuont; the known ones are album, at, at_most",
        ),
        ({"name": "x", "seeds": "y", "count": "many"}, "the mix x: option --count: invalid integer value: 'many'"),
        ({"name": "x", "seeds": "y", "count": 0}, "the mix x: --count has to be 1 or more"),
        ({"name": "x", "seeds": "y", "count": [1, 2]}, "the mix x: count takes one value"),
        ({"name": "x", "seeds": "y", "count": None}, "the mix x: count has to be a text or a number"),
        ({"name": "x", "seeds": "y", "mix": "maybe"}, "the mix x: mix has to be yes or no"),
        ({"name": "x", "seeds": ["y"]}, "the mix x: seeds has to be a query"),
        ({"name": "x", "seeds": "year:abc"}, "the mix x: invalid query in seeds"),
        ({"name": "x", "seeds": "y", "with_seeds": "maybe"}, "the mix x: with_seeds has to be yes or no"),
        ({"name": "x", "seeds": "y", "at_most": "3"}, "the mix x: at_most has to be a number"),
        ({"name": "x", "seeds": "y", "at_most": True}, "the mix x: at_most has to be a number"),
        ({"name": "x", "seeds": "y", "at_most": 3}, "the mix x: at_most needs a name with a field"),
        ({"name": "x", "file": "a.mp3", "first": True, "album": True}, "the mix x: --album and --first need seeds"),
        ({"name": "$artist", "seeds": "y", "to": "z"}, "its name can't contain a field"),
        ({"name": "x", "seeds": "nosuchsong"}, "1 of 1 playlists could not be written"),
    ],
)
def test_mistakes_in_the_configuration(library: Beet, lists: Path, mix: Any, error: str) -> None:
    configure(library, lists, mix)
    assert error in library.error("mixes")
    assert not lists.exists()
    assert len(library("ls").lines) == 10  # the mistake is nobody else's


def test_mixes_that_are_no_list(library: Beet, lists: Path) -> None:
    configure(library, lists, "x")
    said = library("mixes", ok=False)
    assert said.status == 1
    assert "musrec.mixes has to be a list of mixes, each with a name and seeds" in said.err
    assert "Traceback" not in said.err


def test_without_mixes_or_a_folder(library: Beet, lists: Path) -> None:
    assert "musrec.playlist.dir" in library.error("mixes")
    configure(library, lists)
    assert "`musrec.mixes` in the configuration is empty" in library.error("mixes")
    configure(library, lists, LIKE, LIKE)
    assert "two mixes have the name Like $artist" in library.error("mixes")


def test_one_that_fails_stops_no_other(library: Beet, lists: Path) -> None:
    configure(library, lists, {"name": "None", "seeds": "title:Drone", "in": "nosuchsong"}, LIKE)
    said = library("mixes", ok=False)
    assert said.status == 1
    assert "None: no song matches --in: nosuchsong" in said.err
    assert len(names(lists)) == len(said.lines)


def test_after_an_import(own_files: Beet, lists: Path, tmp_path: Path) -> None:
    mix = {"name": "Waltzes", "seeds": "title:Waltz", "with_seeds": True, "count": 20}
    configure(own_files, lists, mix, mixes_on_import=True)
    own_files("modify", "-y", "--nowrite", "title:Rock", "musrec_embedding!")
    own_files("mixes")
    before = len(songs(lists / "Waltzes.m3u8"))
    own_files("import", str(own_files.directory), "-I")
    assert len(songs(lists / "Waltzes.m3u8")) > before
    configure(own_files, lists, mix | {"cuont": 3}, mixes_on_import=True)
    said = own_files("import", str(own_files.directory), "-I")
    assert "no mixes: the mix Waltzes has the unknown setting cuont" in said.err
