"""Audiobooks and hour-long mixes stay out of answers, as the configuration wants it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..conftest import Beet

EXCLUDE = "length:20:00.. , genres:audiobook"


@pytest.fixture
def with_books(library: Beet) -> Beet:
    """One waltz is a ten-hour mix, one bass is an audiobook, and one of the drones lasts nearly twenty minutes."""
    changes = (("Waltz", "length", 36_000.0), ("Bass", "genres", "audiobook"), ("Drone", "length", 1_199.0))
    for title, column, value in changes:
        ((id_,),) = library.sql("SELECT id FROM items WHERE title LIKE ? ORDER BY id LIMIT 1", f"%{title}%")
        library.sql(f"UPDATE items SET {column} = ? WHERE id = ?", value, id_)
    library.configure(musrec={"exclude": EXCLUDE})
    return library


def titles(beet: Beet, *arguments: str) -> list[str]:
    return beet("similar", *arguments, "-f", "$title").lines


def test_both_parts_of_the_query_count(with_books: Beet) -> None:
    kept_out = set(with_books("ls", "-f", "$title", "length:20:00..", ",", "genres:audiobook").lines)
    assert len(kept_out) == 2
    everything = set(with_books("ls", "-f", "$title").lines)
    seed = with_books("ls", "-f", "$title", "title:Rock").lines[0]
    assert set(titles(with_books, f"title:{seed}", "-n", "20")) == everything - kept_out - {seed}
    with_books.configure()
    assert set(titles(with_books, f"title:{seed}", "-n", "20")) == everything - {seed}


def test_with_caps_the_next_best_take_their_place(with_books: Beet) -> None:
    """A kept-out song does not use up its artist's share."""
    rows = with_books("ls", "-f", "$title\t$artist", "title:Rock").lines
    seed = rows[0].split("\t")[0]
    found = with_books("similar", f"title:{seed}", "-n", "20", "--max-per-artist", "1", "-f", "$artist\t$title").lines
    artists = [line.split("\t")[0] for line in found]
    assert len(artists) == len(set(artists))
    allowed = with_books("ls", "-f", "$artist", "^length:20:00..", "^genres:audiobook", f"^title:{seed}").lines
    assert set(artists) == set(allowed)


def test_with_a_playlist_and_candidates(with_books: Beet, tmp_path: Path) -> None:
    kept_out = {os.fsencode(path) for path in with_books("ls", "-p", "length:20:00..", ",", "genres:audiobook").lines}
    with_books("similar", "--first", "title:Rock", "-n", "20", "-m", str(tmp_path / "party.m3u8"))
    songs = [line for line in (tmp_path / "party.m3u8").read_bytes().splitlines() if not line.startswith(b"#")]
    assert len(songs) == 8
    assert not kept_out & set(songs)
    mix = with_books("ls", "-f", "$title", "length:20:00..").lines[0]
    said = with_books("similar", "--first", "title:Rock", "--in", "length:20:00..")
    assert said.out == ""
    assert "no other song is left to choose from" in said.err
    assert len(titles(with_books, f"title:{mix}", "-n", "3")) == 3  # still a seed
