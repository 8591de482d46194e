"""A vocabulary of one's own: learnt from tags, honest about artists that it has not heard, read without pickle."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.errors import VocabularyError
from musrec_core.genres.learning import REGULARISATION_C, FitReport, fit_vocabulary
from musrec_core.genres.outliers import outliers
from musrec_core.genres.vocabulary import Vocabulary

Floats = NDArray[np.float64]


def songs(genres: int = 3, artists: int = 4, each: int = 5, spread: float = 0.6) -> tuple[Floats, list[str], list[str]]:
    """Unit vectors around one centre a genre; the genre and the artist of each."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((genres, 16))
    genre = np.repeat(np.arange(genres), artists * each)
    x = centres[genre] / np.linalg.norm(centres[genre], axis=1, keepdims=True) + spread * rng.standard_normal(
        (len(genre), 16)
    ) / np.sqrt(16)
    whose = [f"artist {n // each}" for n in range(len(genre))]
    return x / np.linalg.norm(x, axis=1, keepdims=True), [f"genre {g}" for g in genre], whose


def learnt(x: Floats, tags: list[list[str]], artists: list[str], **options: Any) -> FitReport:
    return fit_vocabulary(x, tags, artists, model="m@1", **options)


def uncalibrated(vocabulary: Vocabulary) -> Vocabulary:
    k = len(vocabulary.labels)
    return replace(vocabulary, slopes=np.ones(k), offsets=np.zeros(k))


@pytest.mark.parametrize("genres", [2, 3])
def test_probabilities_are_those_of_scikit_learn(genres: int) -> None:
    from sklearn.linear_model import LogisticRegression

    x, genre, artists = songs(genres)
    vocabulary = learnt(x, [[g] for g in genre], artists).vocabulary
    z = (x - x.mean(0)) / np.sqrt(x.var(0).mean())
    reference = LogisticRegression(C=REGULARISATION_C, max_iter=1000).fit(z, genre)
    order = [list(reference.classes_).index(label) for label in vocabulary.labels]
    assert vocabulary.exclusive
    np.testing.assert_allclose(
        uncalibrated(vocabulary).probabilities(x), reference.predict_proba(z)[:, order], atol=1e-6
    )
    np.testing.assert_allclose(vocabulary.probabilities(x).sum(1), 1)


def test_a_large_library_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x, genre, artists = songs()
    known = learnt(x, [[g] for g in genre], artists).vocabulary
    whole = known.probabilities(x.astype(np.float32))
    monkeypatch.setattr("musrec_core.genres.vocabulary._CHUNK", 7)
    np.testing.assert_allclose(known.probabilities(x.astype(np.float32)), whole, rtol=1e-12)
    assert known.probabilities(np.empty((0, x.shape[1]))).shape == (0, 3)
    large = np.zeros((20_000, 256), np.float32)
    monkeypatch.setattr("musrec_core.genres.vocabulary._CHUNK", 1000)
    wide = replace(known, weights=np.zeros((3, 256)))
    tracemalloc.start()
    wide.probabilities(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < large.nbytes / 2  # in double precision, the embeddings are twice that


def test_several_genres_a_song_are_each_judged_by_themselves() -> None:
    from sklearn.linear_model import LogisticRegression

    x, genre, artists = songs()
    z = (x - x.mean(0)) / np.sqrt(x.var(0).mean())
    tags = [[g, "loud"] if n % 2 else [g] for n, g in enumerate(genre)]
    vocabulary = learnt(x, tags, artists).vocabulary
    assert not vocabulary.exclusive
    p = uncalibrated(vocabulary).probabilities(x)
    for k, label in enumerate(vocabulary.labels):
        reference = LogisticRegression(C=REGULARISATION_C, max_iter=1000)
        reference.fit(z, [label in some for some in tags])
        np.testing.assert_allclose(p[:, k], reference.predict_proba(z)[:, 1], atol=1e-6)


def test_calibration_makes_the_confidence_true() -> None:
    x, genre, artists = songs(artists=20, each=10, spread=4.0)
    found = learnt(x, [[g] for g in genre], artists)
    right = found.truth[np.arange(len(x)), found.held_out.argmax(1)].mean()
    assert found.vocabulary.figures["accuracy"] == pytest.approx(right)
    assert 0.4 < right < 0.9
    assert found.held_out.max(1).mean() == pytest.approx(right, abs=0.05)


def test_an_artist_is_never_its_own_teacher() -> None:
    """Each artist has a sound, and each sound a genre by chance: whoever has heard the artist is always right."""
    rng = np.random.default_rng(1)
    sounds = np.repeat(rng.standard_normal((60, 16)), 5, 0)
    artists = [f"a{n // 5}" for n in range(300)]
    tags = [[f"genre {(n // 5) % 3}"] for n in range(300)]
    found = learnt(sounds + 0.01 * rng.standard_normal((300, 16)), tags, artists)
    assert found.vocabulary.figures["accuracy"] < 0.6
    assert found.vocabulary.figures["interval"][0] < 0.45


def test_figures_stand_beside_the_majority() -> None:
    x, genre, artists = songs()
    figures = learnt(x[:50], [[g] for g in genre[:50]], artists[:50], least_artists=2).vocabulary.figures
    assert figures["majority"]["accuracy"] == pytest.approx(0.4)
    assert figures["majority"]["macro_f1"] == pytest.approx(2 * 0.4 / 1.4 / 3)
    assert figures["accuracy"] > 0.9
    assert [row["songs"] for row in figures["genres"]] == [20, 20, 10]


def test_rare_genres_are_left_out() -> None:
    x, genre, artists = songs(artists=6)
    tags = [["rare"] if n < 4 else [g] for n, g in enumerate(genre)]
    tags[30:42] = [["one band"]] * 12
    found = learnt(x, tags, [*artists[:30], *["same"] * 12, *artists[42:]])
    assert found.left_out == {"one band": (12, 1), "rare": (4, 1)}
    assert set(found.vocabulary.labels) == {"genre 0", "genre 1", "genre 2"}
    assert not set(range(4)) & set(found.rows.tolist())


def test_too_little_is_one_sentence() -> None:
    x, _, artists = songs()
    with pytest.raises(VocabularyError, match=r"at least two genres need .* only one has"):
        learnt(x, [["only"]] * len(x), artists)
    with pytest.raises(VocabularyError, match="none has"):
        learnt(x, [[]] * len(x), artists)


def test_the_same_songs_give_the_same_vocabulary_and_it_survives_the_disk(tmp_path: Path) -> None:
    x, genre, artists = songs()
    one, two = (learnt(x, [[g] for g in genre], artists).vocabulary for _ in range(2))
    one.save(tmp_path / "one")
    two.save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    read = Vocabulary.load(tmp_path / "one")
    np.testing.assert_array_equal(read.probabilities(x), one.probabilities(x))
    assert (read.labels, read.figures, read.model) == (one.labels, one.figures, "m@1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c[: len(c) // 2],
        lambda c: b"",
        lambda c: b"[" * 100_000,
        lambda c: b"\x80\x04" + c,
        lambda c: b"null",
        lambda c: json.dumps({**json.loads(c), "format": 2}).encode(),
        lambda c: json.dumps({**json.loads(c), "weights": [[1.0]]}).encode(),
        lambda c: json.dumps({**json.loads(c), "labels": ["a", "a", "b"]}).encode(),
        lambda c: json.dumps({**json.loads(c), "slopes": [float("nan")] * 3}).encode(),
        lambda c: json.dumps({**json.loads(c), "offsets": ["x"] * 3}).encode(),
        lambda c: json.dumps({k: v for k, v in json.loads(c).items() if k != "model"}).encode(),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, damage: Any) -> None:
    x, genre, artists = songs()
    file = tmp_path / "vocabulary.json"
    learnt(x, [[g] for g in genre], artists).vocabulary.save(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(VocabularyError, match=r"vocabulary\.json (is damaged|has the format)"):
        Vocabulary.load(file)


def test_what_lies_far_from_its_group_is_odd() -> None:
    x, _, artists = songs(spread=0.3)
    x[3] = x[-1]
    found = outliers(x, [None if artist == "artist 2" else artist for artist in artists])
    assert found[0].row == 3
    assert found[0].z > 5
    assert found[0].z > 2 * found[1].z
    assert found[0].distance > found[0].typical
    assert not {10, 11, 12, 13, 14} & {song.row for song in found}
    assert outliers(x[:3], ["a"] * 3) == []
