"""``beet similar --why``: a line below each song, on what it shares with the seed and where it differs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from beetsplug.musrec.similar.why_sentence import NOTHING, sentence
from musrec_core import attribute_text
from musrec_core.card import Card, known_cards
from musrec_core.genres.vocabulary import Vocabulary
from musrec_core.words.explain import Difference, Explanation

from ..conftest import Beet

LINE = re.compile(r"       (both|like .+): \S.*|       this one (is|has) .+|       no word that .+")


def pairs(lines: list[str]) -> list[tuple[str, str]]:
    """The songs, each with the line below it."""
    assert len(lines) % 2 == 0, lines
    assert all(LINE.fullmatch(line) for line in lines[1::2]), lines
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_a_line_below_each_song(library: Beet) -> None:
    plain = library("similar", "--first", "Waltz", "-n", "4").lines
    said = pairs(library("similar", "--first", "Waltz", "-n", "4", "--why").lines)
    assert [song for song, _ in said] == plain
    assert all(line.startswith("       both: ") for _, line in said[:1])
    own = pairs(library("similar", "--first", "Waltz", "-n", "2", "--why", "-f", "$id").lines)
    assert [line for _, line in own] == [line for _, line in said[:2]]
    assert all(song.isdecimal() for song, _ in own)


def test_of_several_seeds_the_nearest_is_named(library: Beet) -> None:
    seeds = set(library("ls", "Waltz", "-f", "$artist - $title").lines)
    said = pairs(library("similar", "Waltz", "-n", "3", "--why").lines)
    for _, line in said:
        assert any(f"like {seed}" in line for seed in seeds) or line.strip().startswith("this one")
    both = library("similar", "Waltz", "-n", "2", "--why", "--with-seeds", "-f", "$artist - $title").lines
    assert {song for song, _ in pairs(both)} <= seeds  # each seed beside the other, not beside itself
    assert all(song not in line for song, line in pairs(both))


def test_a_file_and_an_excerpt(library: Beet, tmp_path: Path) -> None:
    file = library.paths("Waltz")[0]
    for seed in (["--file", str(file)], ["--first", "Waltz", "--at", "2"]):
        assert len(pairs(library("similar", *seed, "-n", "3", "--why").lines)) == 3


def test_each_step_of_a_journey_is_compared_with_the_one_before(library: Beet) -> None:
    way = ["similar", "--first", "Waltz", "--to", "Rock", "-n", "4", "--why"]
    first, *rest = library(*way, "-f", "$title").lines
    assert "Waltz" in first
    assert len(pairs(rest)) == 3


def test_a_playlist_is_the_same_with_it(library: Beet, tmp_path: Path) -> None:
    plain, explained = tmp_path / "plain.m3u8", tmp_path / "explained.m3u8"
    library("similar", "--first", "Waltz", "-n", "3", "-m", str(plain))
    made = library("similar", "--first", "Waltz", "-n", "3", "-m", str(explained), "--why")
    assert len(pairs(made.lines)) == 3
    assert explained.read_bytes() == plain.read_bytes()
    before = plain.read_bytes()
    assert len(pairs(library("similar", "--refresh", str(plain), "--why").lines)) == 3
    assert plain.read_bytes() == before
    assert len(pairs(library("similar", "--extend", str(plain), "-n", "2", "--why").lines)) == 2


def test_words_alone_are_told_with_their_probabilities(library: Beet) -> None:
    said = library("similar", "--sounds", "piano, no drums", "-n", "3", "--why").lines
    shown = library("similar", "--sounds", "piano, no drums", "-n", "3", "-f",
                    "$musrec_sound_piano $musrec_sound_drums").lines  # fmt: skip
    for line, values in zip(said[1::2], shown, strict=True):
        piano, drums = map(float, values.split())
        found = re.fullmatch(r"       piano (\d+)%, drums (\d+)%", line)
        assert found
        assert [int(n) / 100 for n in found.groups()] == pytest.approx([piano, drums], abs=0.011)


def test_what_it_can_not_be_combined_with(library: Beet) -> None:
    assert library.error("similar", "Waltz", "--why", "-p") == "error: --path and --why can't be combined"
    assert library.error("similar", "Waltz", "--why", "-m", "-") == "error: -m - can't be combined with --why"
    assert library.error("similar", "--hubs", "--why") == "error: --hubs can't be combined with --why"


def test_a_model_without_words_is_one_sentence(library: Beet) -> None:
    (old,) = [card for card in known_cards(Card.load()) if card.words is None]
    library.sql("UPDATE item_attributes SET value = ? WHERE key = 'musrec_model'", old.model_id)
    said = library("similar", "--first", "Waltz", "-n", "4", "--why")
    assert said.err.count(f"the model {old.name} knows no words, so that --why tells of genres and moods only") == 1
    assert len(pairs(said.lines)) == 4
    assert "knows no words" not in library("similar", "--first", "Waltz", "-n", "4").err


def test_genres_of_the_users_own_are_named_too(library: Beet) -> None:
    card = Card.load()
    ((stored,),) = library.sql(
        "SELECT value FROM item_attributes WHERE key = 'musrec_embedding' "
        "AND entity_id = (SELECT MIN(id) FROM items WHERE title LIKE '%Waltz%')"
    )
    (seed,) = attribute_text.decode_vectors([stored], card.dimensions)
    Vocabulary(
        ("Slow \x1bdances", "Other"), False, np.stack([100 * seed, 0 * seed]), np.array([-50.0, -50.0]),
        np.ones(2), np.zeros(2), card.model_id,
    ).save(f"{library.home / 'library.db'}.musrec-genres.json")  # fmt: skip
    song = library("similar", "--first", "Waltz", "-n", "1", "--why")
    assert re.search(r"both: .*Slow dances", song.lines[1])


def test_in_the_genre_space_it_tells_of_genres(library: Beet) -> None:
    said = library("similar", "--first", "Waltz", "-n", "4", "--why", "--space", "genre")
    assert len(pairs(said.lines)) == 4
    assert "knows no words" not in said.err
    labels = {genre.label for genre in Card.load().genres} | {"lively", "calm", "happy", "dark"}
    for _, line in pairs(said.lines):
        shared = line.partition("both: ")[2].partition(";")[0]
        assert set(filter(None, shared.split(", "))) <= labels


def test_tags_can_not_colour_the_line(library: Beet) -> None:
    library.sql("UPDATE items SET artist = 'a' || char(27) || '[31mred' || char(10) || 'b' WHERE title LIKE '%Waltz%'")
    said = library("similar", "Waltz", "-n", "3", "--why")
    assert "\x1b" not in said.out
    assert len(pairs(said.lines)) == 3
    assert "like a [31mred b - " in said.out


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ("mood arousal +", "is livelier"),
        ("mood arousal -, mood valence -", "is calmer and darker"),
        ("mood valence +, instrument piano +", "is happier and has a piano"),
        ("voice vocals -, instrument piano +", "has a piano and no vocals"),
        ("genre folk -, voice instrumental +", "is instrumental and less folk"),
        ("voice instrumental -, era 80s +", "is more 80s and not instrumental"),
        ("mood arousal -, genre folk +", "is calmer and more folk"),
        ("era oldies -, texture solo +", "is solo and less like oldies"),
        ("mood calm +, texture beats +", "is calmer and has beats"),
        ("instrument drum machine +, instrument organ +", "has a drum machine and an organ"),
        ("instrument drums +, voice choir +", "has drums and a choir"),
        ("mood calm -, texture acoustic +", "is more acoustic and less calm"),
    ],
)
def test_differences_in_words(differences: str, said: str) -> None:
    parts = (part.split() for part in differences.split(", "))
    found = tuple(Difference(" ".join(name), group, sign == "+") for group, *name, sign in parts)
    assert sentence(Explanation(("a", "b"), found)) == f"both: a, b; this one {said}"
    assert sentence(Explanation((), found)) == f"this one {said}"
    assert sentence(Explanation((), found), "Clocks") == f"like Clocks; this one {said}"


def test_names_of_seeds_are_text_and_not_long() -> None:
    found = Explanation(("piano",))
    assert sentence(found, "\"$(rm) 😀\n\x1b[31m'") == "like \"$(rm) 😀 [31m': piano"
    assert sentence(found, "é" * 10_000) == f"like {'é' * 57}...: piano"


def test_where_nothing_can_be_said() -> None:
    assert sentence(Explanation()) == NOTHING
    assert sentence(Explanation(), "Clocks") == f"like Clocks: {NOTHING}"
    assert sentence(Explanation(("piano",)), "Clocks") == "like Clocks: piano"
