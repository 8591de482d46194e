"""Copies of one recording are told from other songs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.search.index import Neighbour
from musrec_core.search.recordings import (
    Copy,
    Recordings,
    leading_artist,
    may_be_same,
    plain_artist,
    plain_name,
    plain_title,
    same_recording,
    worth_comparing,
)


@pytest.mark.parametrize(
    "title",
    [
        "Don't Panic",
        "DON\u2019T PANIC",
        "Don't Panic (Live)",
        "Don't Panic (Live at Glastonbury, 2002)",
        "Don't Panic - Remastered 2011",
        "Don't Panic (2011 Remaster) [feat. Somebody]",
        "Don't Panic feat. Somebody",
        "Dön't Panic (Album Version)",
    ],
)
def test_editions_of_a_title_are_one(title: str) -> None:
    assert plain_title(title) == "don t panic"


@pytest.mark.parametrize(
    "title",
    [
        "Don't Panic (Remix)",
        "Don't Panic (Acoustic)",
        "Don't Panic (Instrumental)",
        "Don't Panic, Part 2",
        "Don't Panic (Demo)",
        "Do Panic",
    ],
)
def test_other_songs_have_other_titles(title: str) -> None:
    assert plain_title(title) != "don t panic"


def test_titles_of_version_words_alone_and_of_none() -> None:
    assert plain_title("(Live)") == "live"
    assert plain_title("Live and Let Die") == "live and let die"
    assert plain_title("") == ""
    assert plain_artist("The Beatles feat. Somebody") == plain_artist("beatles") == "beatles"
    assert plain_artist("The The") == "the"


def test_the_same_recording() -> None:
    one = Copy("Song", "Band", 200.0, "id-1")
    assert same_recording(one, Copy("Other", "Else", 90.0, "id-1"), 1.0)
    assert same_recording(one, Copy("Song (Remastered)", "The Band", 202.5, "id-2"), 0.01)
    assert not same_recording(one, Copy("Song", "Band", 210.0), 0.0)
    assert not same_recording(one, Copy("Song", "Band", 200.0), 0.1)
    assert not same_recording(one, Copy("Song", "Others", 200.0), 0.0)
    assert not same_recording(one, Copy("Song", "Band", 200.0), float("nan"))


def test_two_tracks_of_an_album_are_two_recordings() -> None:
    first = Copy("Allegro", "Band", 200.0, album=7, place=(1, 1))
    assert not same_recording(first, Copy("Allegro", "Band", 200.0, album=7, place=(1, 3)), 0.0)
    assert not same_recording(first, Copy("Allegro", "Band", 200.0, album=7, place=(2, 1)), 0.0)
    assert same_recording(first, Copy("Allegro", "Band", 200.0, album=8, place=(1, 3)), 0.0)
    assert same_recording(first, first, 0.0)
    single = Copy("Allegro", "Band", 200.0)
    assert same_recording(single, Copy("Allegro", "Band", 200.0, place=(0, 4)), 0.0)


def test_which_files_are_worth_comparing() -> None:
    one = Copy("Song", "Band", 200.0)
    assert worth_comparing(one, Copy("Track 07", "", 204.9))
    assert worth_comparing(one, Copy("Song (Live)", "The Band", 290.0))
    assert worth_comparing(one, Copy("Track 07", "", 0.0))
    assert not worth_comparing(one, Copy("Other", "Band", 206.0))


def test_what_is_known_decides_where_the_sound_can_not_be_compared() -> None:
    one = Copy("Song", "Band", 200.0)
    assert may_be_same(one, Copy("Song", "Band", 202.0), 0.01)
    assert may_be_same(one, Copy("", "", 202.0), 0.01)
    assert not may_be_same(one, Copy("Other", "Band", 200.0), 0.0)
    assert not may_be_same(one, Copy("", "", 204.0), 0.01)
    assert not may_be_same(one, Copy("Song", "Band", 200.0), 0.06)
    assert not same_recording(Copy("", "", 200.0), Copy("", "", 200.0), 0.0)


def test_the_best_copy_stays_in_its_rank_and_the_seeds_recordings_go() -> None:
    def near(angle: float) -> NDArray[np.float32]:
        return np.array([np.cos(angle), np.sin(angle)], np.float32)

    copies = {
        1: Copy("Seed", "A", 100),
        2: Copy("seed (live)", "A", 101, bit_rate=320_000),
        3: Copy("X", "B", 100, bit_rate=320_000),
        4: Copy("Y", "B", 100),
        5: Copy("X", "B", 100, lossless=True, bit_rate=200_000),
        6: Copy("X", "B", 100, bit_rate=128_000),
    }
    recordings = Recordings(copies, {id_: near(0.01 * id_) for id_ in copies})
    ranked = [Neighbour(id_, 0.01 * id_) for id_ in (2, 3, 4, 5, 6, 7)]  # of 7 nothing is known
    assert [n.id for n in recordings.collapse(ranked, known=[1])] == [4, 5, 7]
    assert [n.id for n in recordings.collapse(ranked)] == [2, 4, 5, 7]


@pytest.mark.parametrize(
    ("name", "plain"),
    [("The Beatles", "beatles"), ("BEYONCÉ ", "beyonce"), ("The The", "the"), ("!!!", "!!!"), ("", ""), ("The", "the"),
     ("Simon & Garfunkel", "simon garfunkel"), ("Earth, Wind & Fire", "earth wind fire"), ("坂本 龍一", "坂本 龍一")],
)  # fmt: skip
def test_names_in_plain_words(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize(
    ("artist", "album_artist", "leading"),
    [
        ("Coldplay feat. Rihanna", "", "Coldplay"),
        ("Coldplay (ft. Rihanna)", "Coldplay", "Coldplay"),
        ("Coldplay featuring Rihanna & others", "Various Artists", "Coldplay"),
        ("Coldplay & Rihanna", "Coldplay", "Coldplay"),
        ("Coldplay, Rihanna", "coldplay", "coldplay"),
        ("Coldplay & Rihanna", "Various Artists", "Coldplay & Rihanna"),
        ("Simon & Garfunkel", "Simon & Garfunkel", "Simon & Garfunkel"),
        ("Simon & Garfunkel", "Paul Simon", "Simon & Garfunkel"),
        ("Earth, Wind & Fire", "", "Earth, Wind & Fire"),
        ("Queen Latifah", "Queen", "Queen Latifah"),
        ("Little Feat", "", "Little Feat"),
        ("feat. Someone", "", "feat. Someone"),
        ("", "Coldplay", ""),
    ],
)
def test_the_artist_whose_song_it_is(artist: str, album_artist: str, leading: str) -> None:
    assert leading_artist(artist, album_artist) == leading
