"""`similar:` as a query, seeds of all kinds, no song twice, tastes, order and length."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from ... import music
from ..conftest import Beet

FORMAT = "$musrec_distance $title"


def numbers(lines: list[str]) -> list[float]:
    return [float(line.split()[0]) for line in lines]


def test_similar_is_a_query_nearest_first(library: Beet) -> None:
    said = library("ls", "similar:title:Harbour|4", "musrec_distance+", "-f", FORMAT)
    same = library("similar", "title:Harbour", "-n", "4", "-f", FORMAT)
    assert [line.split(" ", 1)[1] for line in said.lines] == [line.split(" ", 1)[1] for line in same.lines]
    assert numbers(said.lines) == sorted(numbers(said.lines))
    near = library("ls", "similar:Harbour Waltz|0.45", "-f", FORMAT)
    assert 0 < len(near.lines) < 9
    assert max(numbers(near.lines)) <= 0.45
    mixed = library("ls", "similar:Harbour|20|title:Bass , title:Drone", "title::^(Second|Morning)", "-f", "$title")
    assert sorted(mixed.lines) == ["Morning Bass 1", "Second Bass 2", "Second Drone 1"]
    assert library("ls", "title:Bass", "-f", "<$musrec_distance>").lines == ["<>", "<>"]
    assert library("ls", "-a", "similar:Harbour|1").lines == ["Trois Temps - Trois Temps Plays"]
    assert len(library("ls", "^similar:Harbour|4").lines) == 6


def test_a_query_that_can_not_be_answered(library: Beet) -> None:
    said = library("ls", "similar:nosuchsong")
    assert said.out == ""
    assert "similar:nosuchsong matches nothing: there is no such song" in said.err
    bad = ("0", "-3", "1e3", "0,2", "3|4", ".1|.2", "title:a|title:b")
    for pattern in ("|3", "year:abc", *(f"Waltz|{part}" for part in bad)):
        said = library("ls", f"similar:{pattern}", ok=False)
        assert said.status == 1
        assert "is not SEEDS, SEEDS|COUNT" in said.err
        assert "Traceback" not in said.err
    for setting, why in (
        ({"max_per_artist": -1}, "max_per_artist has to be a whole number, 0 or more"),
        ({"weigh": 5}, "weigh has to be a map"),
    ):
        library.configure(musrec={"similar": setting})
        said = library("ls", "similar:Waltz|2")
        assert said.out == ""
        assert why in said.err
    library.configure()
    library.sql("DELETE FROM item_attributes WHERE entity_id IN (SELECT id FROM items WHERE title LIKE '%Waltz%')")
    assert "its songs are not embedded: run `beet embed`" in library("ls", "similar:Waltz").err
    assert len(library.attributes("musrec_embedding")) == 8  # a query embeds nothing


def test_smart_playlists_of_similar_songs_are_written_anew(library: Beet, tmp_path: Path) -> None:
    lists = {"playlist_dir": str(tmp_path), "relative_to": str(library.directory),
             "playlists": [{"name": "like.m3u", "query": 'similar:"Harbour Waltz|2" musrec_distance+'}]}  # fmt: skip
    library.configure(plugins="musrec smartplaylist", smartplaylist=lists)
    library("splupdate")
    first = (tmp_path / "like.m3u").read_text().splitlines()
    assert [("Waltz" in line, "Guitar" in line) for line in first] == [(True, False), (False, True)]
    library("modify", "-y", "--nowrite", "title:Paper Waltz", "musrec_embedding!")
    library("splupdate")
    assert "Waltz" not in (tmp_path / "like.m3u").read_text()


def test_the_songs_of_a_playlist_as_seeds(library: Beet, tmp_path: Path) -> None:
    inside, outside = library.paths("title:Harbour")[0], tmp_path / "x y.flac"
    music.encode(music.compose(music.Song("Piano Waltz", "?", "?", "?", 1, "flac", 77), 12), outside)
    (tmp_path / "mine.m3u").write_bytes(b"\xef\xbb\xbf#EXTM3U\r\n%s\r\nx%%20y.flac\r\ngone.mp3\r\n" % bytes(inside))
    said = library("similar", "--from-playlist", str(tmp_path / "mine.m3u"), "-n", "20", "-f", "$title")
    assert f"skipped in {tmp_path}/mine.m3u (not found): gone.mp3" in said.err
    assert said.lines[0] == "Paper Waltz 2"
    assert len(said.lines) == 9
    assert "songs match" not in said.err
    error = library.error("similar", "--from-playlist", str(tmp_path / "none.m3u"))
    assert error == f"error: there is no playlist {tmp_path}/none.m3u"


def test_a_moment_of_a_song(library: Beet, tmp_path: Path) -> None:
    halves = tmp_path / "halves.flac"
    rock = music.compose(music.Song("Distorted Rock", "", "", "", 1, "flac", 5), 40)
    waltz = music.compose(music.Song("Piano Waltz", "", "", "", 1, "flac", 77), 40)
    music.encode(np.concatenate([rock, waltz], axis=1), halves)
    assert "Rock" in library("similar", "--file", str(halves), "--at", "0:05", "-n", "1").out
    assert "Waltz" in library("similar", "--file", str(halves), "--at", "0:45", "-n", "1").out
    assert re.search(r"can't be a seed: too-short \(0.0 s from there on\)",
                     library.error("similar", "--file", str(halves), "--at", "2:00"))  # fmt: skip
    assert "here are 2: add --first" in library.error("similar", "Waltz", "--at", "0:01")
    assert "Paper Waltz" in library("similar", "--first", "Waltz", "--at", "0:04", "-n", "1").out
    assert "has to be a time such as 2:10" in library.error("similar", "--first", "Waltz", "--at", "soon")


def test_steering(library: Beet) -> None:
    def titles(*options: str) -> list[str]:
        return library("similar", "title:Harbour", "-n", "20", "-f", "$title", *options).lines

    plain, away = titles(), titles("--unlike", "title:Second Bass")
    assert "Second Bass 2" not in away
    assert away.index("Morning Bass 1") > [t for t in plain if t in away].index("Morning Bass 1")
    genres = library("ls", "-f", "$title: $musrec_electronic").lines
    most = max((line for line in genres if "Harbour" not in line), key=lambda line: float(line.rsplit(" ", 1)[1]))
    assert titles("--more", "electronic:50")[0] == titles("--less", "electronic:50")[-1] == most.split(":")[0]
    assert titles("--more", "Hip-Hop:9") == titles("--more", "hip_hop:9") == titles("--more", "hip hop:9")
    for weight in ("nan", "inf", "1e300"):
        assert "a weight has to be between -1000 and 1000" in library.error(
            "similar", "Waltz", "--less", f"rock:{weight}"
        )
    assert "--more has to be NAME:NUMBER, as in rock:0.2" in library.error("similar", "Waltz", "--more", "rock:x")
    assert "there is no genre, word or mood polka; the nearest are folk," in library.error(
        "similar", "Waltz", "--more", "polka"
    )
    assert "no song matches --unlike" in library.error("similar", "Waltz", "--unlike", "nosuch")


def test_ratings_weigh_in(library: Beet) -> None:
    library("modify", "-y", "--nowrite", "title:Morning Bass", "rating=1.0")
    library("modify", "-y", "--nowrite", "title:Paper", "rating=0.1")
    best = ("similar", "title:Harbour", "-n", "1", "-f", "$title")
    assert library(*best).lines == ["Paper Waltz 2"]
    assert library(*best, "--weigh", "rating:50").lines == ["Morning Bass 1"]
    library.configure(musrec={"similar": {"weigh": {"rating": 50}}})
    assert library(*best).lines == ["Morning Bass 1"]
    assert library(*best, "--weigh", "rating:0").lines == ["Paper Waltz 2"]
    assert "has to be NAME:NUMBER" in library.error("similar", "Waltz", "--weigh", "rating")
    assert "not for beets' own field year" in library.error(*best, "--weigh", "year:1")
    assert "no song has a number in stars" in library(*best, "--weigh", "stars:1").err


@pytest.fixture
def with_copies(library: Beet, tmp_path: Path) -> Beet:
    """A bass piece, once more as an MP3 of a best-of, and rock, once more as FLAC: composed, not transcoded."""
    folder = tmp_path / "copies"
    for song in music.collection(per_style=2):
        if song.title in ("Morning Bass 1", "Northern Rock 1"):
            ending = "mp3" if "Bass" in song.title else "flac"
            title = f"{song.title.upper()} (Remastered 2011)"
            copy = music.Song(song.style, song.artist, "Best Of", title, 1, ending, song.seed)
            music.encode(music.compose(copy, 12), folder / copy.path, bit_rate=96_000)
            music.tag(folder / copy.path, copy)
    library("import", str(folder))
    return library


def test_no_song_twice(with_copies: Beet) -> None:
    def titles(*options: str) -> list[str]:
        return with_copies("similar", "-n", "20", "-f", "$title", *options).lines

    seed = "title:=Morning Bass 1"
    every = titles(seed, "--duplicates")
    assert len(every) == 11
    assert every[0] == "MORNING BASS 1 (Remastered 2011)"
    found = titles(seed)
    assert found == [t for t in every if t not in ("MORNING BASS 1 (Remastered 2011)", "Northern Rock 1")]
    assert "NORTHERN ROCK 1 (Remastered 2011)" in found  # the lossless copy
    rows = with_copies.sql("SELECT id, mb_trackid FROM items WHERE title IN ('Slow Rock 2', 'Northern Drone 2')")
    for id_, _ in rows:
        with_copies.sql("UPDATE items SET mb_trackid = 'the same' WHERE id = ?", id_)
    assert len(titles(seed)) == len(found) - 1
    with_copies.configure(musrec={"similar": {"duplicates": True}})
    assert titles(seed) == every


def test_length_and_order(library: Beet, tmp_path: Path) -> None:
    base = ("similar", "title:Harbour", "-f", "$artist - $title")
    assert len(library(*base, "--length", "40s").lines) == 3  # songs of 12 s
    playlist = tmp_path / "p.m3u8"
    library(*base, "--length", "40s", "-m", str(playlist))
    assert playlist.read_text().count("#EXTINF") == 3  # with the seed
    assert "no song is short enough" in library(*base, "--length", "5s").err
    assert "--count and --length can't be combined" in library.error(*base, "--length", "1h", "-n", "3")
    assert "has to be a time such as 1h30" in library.error(*base, "--length", "soon")
    library.sql("UPDATE items SET artist = 'One' WHERE title LIKE '%Waltz%' OR title LIKE '%Guitar%'")
    near = library(*base, "-n", "20").lines
    assert [line.split(" - ")[0] for line in near[:3]] == ["One"] * 3
    library(*base, "-n", "20", "-m", str(playlist))
    artists = re.findall(r"#EXTINF:\d+,(.*) - ", playlist.read_text())
    assert all(a != b for a, b in itertools.pairwise(artists))
    assert sorted(library(*base, "-n", "20", "--order", "apart").lines) == sorted(near)


def test_chance_can_be_repeated(library: Beet) -> None:
    base = ("similar", "title:Harbour", "-n", "4", "-f", "$title")
    said = library(*base, "--shuffle")
    (seed,) = re.findall(r"shuffled with --seed (\d+)", said.err)
    assert library(*base, "--seed", seed).lines == said.lines
    assert len({tuple(library(*base, "--seed", str(n)).lines) for n in range(3)}) > 1
    assert "--seed has to be 0 or more" in library.error(*base, "--seed", "-1")
