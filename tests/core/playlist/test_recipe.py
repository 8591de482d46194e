"""What a playlist tells of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musrec_core.playlist.m3u import Entry, encode, read
from musrec_core.playlist.recipe import MAX_LINE_LENGTH, Recipe, mark, parse

RECIPE = Recipe(
    words=("similar", "--more", "rock", "--count", "20", 'it\'s "the" #1', "artist:Björk"),
    model="musrec-1@1a2b3c4d",
    seeds="Björk - Jóga",
    songs=(("0123456789ab", "01234567"), ("ba9876543210", "76543210")),
    without=("aaaaaaaaaaaa",),
)
WORDS = st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029")), min_size=1)


def test_a_recipe_is_read_as_it_was_written() -> None:
    text = encode([Entry(b"/m/a.mp3", "a")], head=RECIPE.lines())
    assert text.splitlines()[:2] == [
        b"#EXTM3U",
        "#MUSREC:beet similar --more rock --count 20 'it'\"'\"'s \"the\" #1' 'artist:Björk'".encode(),
    ]
    document = parse(text)
    assert document.recipe == RECIPE
    assert [entry.location for entry in document.entries] == [b"/m/a.mp3"]
    assert document.entries[0].comments == (b"#EXTINF:-1,a",)


@given(WORDS)
def test_any_words(words: list[str]) -> None:
    recipe = Recipe(words=("similar", *words))
    try:
        lines = recipe.lines()
    except ValueError:  # what `printable` takes out
        return
    assert all(len(line.decode()) <= MAX_LINE_LENGTH + 20 for line in lines)
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    found = parse(b"\n".join(lines)).recipe
    assert found is not None
    assert found.words == recipe.words


def test_bytes_that_are_no_text_survive() -> None:
    recipe = Recipe(words=("similar", "--file", "/m/\udcff.mp3"))
    found = parse(b"\n".join(recipe.lines())).recipe
    assert found is not None
    assert found.words == recipe.words


def test_no_line_is_longer_than_a_players_buffer(tmp_path: Path) -> None:
    songs = tuple((f"{n:012x}", f"{n:08x}") for n in range(2000))
    recipe = Recipe(("similar", "ü " * 3000, "x" * 5000), songs=songs, without=tuple(key for key, _ in songs))
    content = encode([Entry(b"/m/a.mp3", "a")], head=recipe.lines())
    assert max(map(len, content.splitlines())) < 1000
    assert parse(content).recipe == recipe
    assert not any(line.endswith(b" ") for line in content.splitlines())
    (tmp_path / "a.m3u").write_bytes(content)
    assert read(tmp_path / "a.m3u") == ([b"/m/a.mp3"], [])


def test_a_control_character_can_not_become_a_line() -> None:
    with pytest.raises(ValueError, match="control character"):
        Recipe(("similar", "a\n/etc/passwd")).lines()
    assert Recipe(("similar", "x"), seeds="a\n/etc/passwd").lines()[-1] == b"#MUSREC-SEEDS:a /etc/passwd"


def test_what_others_wrote_stays_as_it_is() -> None:
    head, first = b"#PLAYLIST:Mine\n", b"#EXTINF:3,a\n#EXTVLCOPT:start-time=3\n/m/\xff a.mp3 \n"
    document = parse(b"\xef\xbb\xbf#EXTM3U\r\n" + head + first + b"\n/m/b.mp3\n#the end\n")
    assert document.recipe is None
    assert (document.head, document.tail) == ((b"#PLAYLIST:Mine",), (b"#the end",))
    again = encode(document.entries, head=document.head, tail=document.tail)
    assert again == b"#EXTM3U\n" + head + first + b"/m/b.mp3\n#the end\n"
    assert mark(document.entries[0].location) == mark(b"/m/\xff a.mp3 ")


def test_a_damaged_recipe() -> None:
    with pytest.raises(ValueError, match="quotation"):
        parse(b"#MUSREC:beet similar 'The Scientist\n/m/a.mp3\n")
    assert parse(b"#MUSREC:beet\n#MUSREC-SONGS:1234\n/m/a.mp3\n").recipe is None
    found = parse(b"#MUSREC:beet similar x\n#MUSREC-SONGS:zz 1.2 0123456789ab.01234567\n").recipe
    assert found is not None
    assert found.songs == (("0123456789ab", "01234567"),)
