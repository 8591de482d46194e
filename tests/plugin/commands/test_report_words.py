"""The report's part on how the library sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beetsplug.musrec.commands import report_words
from musrec_core.card import Card, known_cards
from musrec_core.words.heads import Words

from ..conftest import Beet

NAMES = {"rock": "genre", "jazz": "genre", "folk": "genre", "metal": "genre", "piano": "instrument", "calm": "mood"}
USUAL = {"rock": 0.25, "jazz": 0.1, "folk": 0.02, "metal": 0.06, "piano": 0.2, "calm": 0.2}
WORDS = Words(
    names=tuple(NAMES),
    groups=tuple(NAMES.values()),
    synonyms=((),) * len(NAMES),
    weights=100 * np.eye(len(NAMES), dtype=np.float32),
    bias=np.full(len(NAMES), -50, np.float32),
    auc=np.full(len(NAMES), 0.9, np.float32),
    shares=np.array([*USUAL.values()], np.float32),
)


def songs(n: int, **shares: float) -> NDArray[np.float32]:
    """Vectors of n songs, to which words apply: to this share of them each."""
    found = np.zeros((n, len(NAMES)), np.float32)
    for name, share in shares.items():
        found[: round(n * share), [*NAMES].index(name)] = 1
    return found


def test_the_words_of_each_group_and_those_that_are_unusual() -> None:
    usual, more, less = report_words.tables(WORDS, songs(100, rock=0.3, jazz=0.9, piano=0.2, calm=0.02))
    assert usual.rows == [
        ("genre: jazz", "90%", "10%"),
        ("genre: rock", "30%", "25%"),
        ("instrument: piano", "20%", "20%"),
        ("mood: calm", "2%", "20%"),
    ]
    assert more.rows == [("jazz", "90%", "10%", "9.0x")]
    assert less.rows == [("calm", "2%", "20%", "0.1x"), ("metal", "0%", "6%", "0.0x")]  # folk is seldom anywhere


def test_three_words_of_a_group_at_most() -> None:
    (usual, *_) = report_words.tables(WORDS, songs(10, rock=0.4, jazz=0.3, folk=0.2, metal=0.1))
    assert [row[0] for row in usual.rows] == ["genre: rock", "genre: jazz", "genre: folk"]


def test_a_few_songs_say_nothing_of_what_is_unusual() -> None:
    assert len(report_words.tables(WORDS, songs(49, jazz=1))) == 1
    assert len(report_words.tables(WORDS, songs(50, jazz=1))) == 3


def test_a_library_like_ordinary_music_has_nothing_unusual() -> None:
    assert len(report_words.tables(WORDS, songs(100, **USUAL))) == 1


def test_in_the_report_of_a_library(library: Beet, tmp_path: Path) -> None:
    said = library("musrec-report", "-o", str(tmp_path / "report.html"))
    heading = said.lines.index("How it sounds")
    assert said.lines[heading + 1].split() == ["songs", "usual"]
    assert said.lines[heading + 2].strip().startswith("genre: ")
    assert max(map(len, said.lines)) <= 80
    assert "<h2>How it sounds</h2>" in (tmp_path / "report.html").read_text("utf-8")
    (old,) = [card for card in known_cards(Card.load()) if card.words is None]
    library.sql("UPDATE item_attributes SET value = ? WHERE key = 'musrec_model'", old.model_id)
    assert "How it sounds" not in library("musrec-report").out
    library.sql("DELETE FROM item_attributes")
    assert "How it sounds" not in library("musrec-report").out
