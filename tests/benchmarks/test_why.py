"""The measurement of `--why`, on made-up songs whose labels are known."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from benchmarks import why
from musrec_core.words.heads import Words

NAMES = ("jazz", "metal", "calm", "piano")  # the last has no label
WORDS = Words(
    names=NAMES,
    groups=("genre", "genre", "mood", "instrument"),
    synonyms=((),) * 4,
    weights=20 * np.eye(4, 8, dtype=np.float32),
    bias=np.full(4, -4, np.float32),
    auc=np.full(4, 0.9, np.float32),
)


def songs() -> tuple[list[dict[str, str]], NDArray[np.float32]]:
    """Calm jazz and metal that is not calm, by their labels and by their vectors; the first is labelled wrongly."""
    rows, vectors = [], []
    rng = np.random.default_rng(0)
    for n in range(40):
        jazz = n % 2 == 0
        rows.append({
            "id": str(n), "artist": f"Artist {n % 20}", "split": "train" if n < 10 else "test",
            "genres": "Jazz" if jazz else "Pop/Rock; Metal", "moods": "Calm; Peaceful" if jazz else "Angry",
        })  # fmt: skip
        vector = rng.standard_normal(8) * 0.05
        vector[[0, 2] if jazz else [1]] += 0.6
        vectors.append(vector / np.linalg.norm(vector))
    return rows, np.array(vectors, np.float32)


def test_words_are_held_against_labels() -> None:
    rows, vectors = songs()
    rows[10]["moods"] = "Brassy"
    said = why.report(rows, vectors, WORDS)
    assert said.startswith("150 pairs of 40 songs")
    found = re.search(r"shared words of `--why` \| ([\d.]+) \| (\d+)% \| (\d+)% \| (\d+)% \| (\d+)% \|", said)
    assert found
    named, right, chance, fitting, alike = map(float, found.groups())
    assert named == 1.5  # jazz, calm; metal
    assert 95 < right < 100  # one label is wrong
    assert 40 < chance < 60
    assert fitting == 50
    assert alike == 0  # a genre and a mood


def test_nearest_are_by_other_artists_and_held_out() -> None:
    rows, vectors = songs()
    pairs = why.pairs_of(rows, vectors)
    assert {song for song, _ in pairs} == set(range(10, 40))
    assert all(rows[a]["artist"] != rows[b]["artist"] and min(a, b) >= 10 for a, b in pairs)
    assert all(a % 2 == b % 2 for a, b in pairs)


def test_a_label_that_nobody_gave_does_not_count() -> None:
    rows, _ = songs()
    rows[0]["moods"] = ""
    labels = why.labels_of(rows, WORDS)
    assert np.isnan(labels[0]).all()
    assert np.isnan(labels[:, 3]).all()
    assert labels[1].tolist()[:3] == [0, 1, 0]
