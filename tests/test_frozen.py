"""What earlier versions wrote is still read: see tests/frozen/README.md."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.similar import arguments
from musrec_core import Card, VectorIndex, attribute_text
from musrec_core.genres.vocabulary import Vocabulary
from musrec_core.playlist import m3u
from musrec_core.playlist.recipe import mark, read
from musrec_core.words.heads import Words

FROZEN = Path(__file__).parent / "frozen"


def test_the_attributes_of_an_item() -> None:
    stored = json.loads((FROZEN / "attributes-1.json").read_text())
    (vector,) = attribute_text.decode_vectors([stored[fields.EMBEDDING]], 4)
    np.testing.assert_allclose(vector, [0.18652, -0.19597, 0.95005, 0.15562], atol=1e-3)
    assert attribute_text.encode_vector(vector) == stored[fields.EMBEDDING]
    assert attribute_text.parse_pairs(stored[fields.GENRES]) == {"rock": 0.8312, "hip hop": 0.1034, "r&b": 0.0654}
    assert attribute_text.failure_of(stored[fields.STATUS]) == "too-short"
    now = attribute_text.file_properties("MP3", 241.3, 320_000, 44_100)
    assert not attribute_text.is_another_recording(stored[fields.HEARD], now)
    assert attribute_text.is_another_recording(
        stored[fields.HEARD], attribute_text.file_properties("FLAC", 241.3, 900_000, 44_100)
    )


def test_a_card_of_format_1(tmp_path: Path) -> None:
    shutil.copy(FROZEN / "card-1.json", tmp_path / "musrec-1.json")
    card = Card.load(tmp_path / "musrec-1.onnx")
    assert card.model_id == "musrec-1@e32a12ba"
    assert (card.dimensions, len(card.genres), card.temperature) == (128, 16, 0.8128)
    assert (card.genres[6].label, card.genres[6].key) == ("hip hop", "hip_hop")
    assert card.mood == {"valence": 1.0471, "arousal": 0.4677}
    assert (card.front_end.sample_rate, card.front_end.hop_length, card.front_end.window_frames) == (22_050, 512, 130)


def test_a_card_of_format_2_and_its_words() -> None:
    card = Card.load(FROZEN / "card-2.json")
    assert card.model_id == "musrec-2@e32a12ba"
    front = card.front_end
    assert (front.sample_rate, front.window_frames, front.excerpts, front.pad_mode) == (16_000, 1_819, 3, "reflect")
    assert (front.normalise, front.level_dbfs, front.mean_db, front.deviation_db) == ("level", -20, -30.5, 14)
    words = Words.load(card)
    assert words is not None
    assert words.names == ("piano", "female vocals", "80s")
    assert words.groups == ("instrument", "voice", "era")
    assert words.synonyms == ((), ("female voice", "woman"), ("eighties",))
    assert words.probabilities([[1, 1, 1, 0]])[0].tolist() == pytest.approx([0.7311, 0.7311, 0.2689], abs=1e-4)


def test_the_file_of_a_librarys_vectors() -> None:
    index, note = VectorIndex.load(FROZEN / "index-1.musrec-embedding")
    assert index.ids.tolist() == [3, 5, 8]
    assert note == {"state": [[1, 2, 3, 4, 5], []], "model": "tiny@00000000", "counts": [4, 3, 3]}
    ((nearest, *_),) = index.query([[0.19, -0.2, 0.95, 0.16]], 1)
    assert nearest.id == 3
    assert nearest.distance == pytest.approx(0, abs=1e-4)


def test_a_learnt_vocabulary() -> None:
    vocabulary = Vocabulary.load(FROZEN / "vocabulary-1.musrec-genres.json")
    assert (vocabulary.model, vocabulary.dimensions, vocabulary.figures) == ("tiny@00000000", 4, {"accuracy": 0.8})
    assert vocabulary.guess([1.0, 0, 0, 0]) == pytest.approx({"Deep House": 0.8249, "R&B": 0.1751}, abs=1e-4)


def test_a_playlist_with_its_recipe() -> None:
    document = read(FROZEN / "playlist-1.m3u8")
    recipe = document.recipe
    assert recipe is not None
    assert recipe.words == ("similar", "--count", "2", "--order", "apart", "Second Bass")
    assert recipe.options == ("--max-per-artist", "1")
    assert (recipe.model, recipe.seeds) == ("musrec-1@e32a12ba", "Amen Corner - Second Bass")
    assert [key for key, _ in recipe.songs] == ["8f14e45fceea", "c9f0f895fb98"]
    assert [mark_ for _, mark_ in recipe.songs] == [mark(entry.location) for entry in document.entries]
    assert recipe.without == ("45c48cce2e2d",)
    files, streams = m3u.read(FROZEN / "playlist-1.m3u8")
    assert [Path(file.decode()).relative_to(FROZEN).as_posix() for file in files] == [
        "Amen Corner/01 Second Bass.mp3",
        "Björk/02 Jóga.flac",
    ]
    assert not streams


def test_the_words_of_recipes() -> None:
    """Every option that a version ever wrote into a recipe, with its value."""
    words = [
        *("--album", "--first", "--file", "/a.mp3", "--from-playlist", "/b.m3u", "--at", "2:10", "--unlike", "x"),
        *("--more", "jazz:0.3", "--less", "pop", "--space", "genre", "--metric", "cosine", "--in", "y"),
        *("--weigh", "rating:0.1", "--max-per-artist", "0", "--max-per-album", "3", "--variety", "0.2"),
        *("--hub-correction", "--duplicates", "--count", "3", "--length", "1h", "--to", "z", "--order", "smooth"),
        *("--mix", "--shuffle", "--seed", "5", "--with-seeds", "--no-seeds"),
    ]
    options, args = arguments.parse([*words, "--", "-title:Rock", "Waltz"])
    assert args == ["-title:Rock", "Waltz"]
    assert arguments.to_words(options, args) == [*words, "--", *args]
    recipe = read(FROZEN / "playlist-1.m3u8").recipe
    assert recipe is not None
    kept, query = arguments.parse(recipe.words[1:])
    assert (kept.count, kept.order, query) == (2, "apart", ["Second Bass"])
    assert arguments.parse(recipe.options)[0].max_per_artist == 1
