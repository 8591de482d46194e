"""Sets of songs: their means, and the song that is most typical."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core.search import sets
from musrec_core.search.distance import Metric
from musrec_core.search.index import VectorIndex
from musrec_core.search.ranking import centroid

RNG = np.random.default_rng(1)
VECTORS = RNG.standard_normal((50, 4)).astype(np.float32)
INDEX = VectorIndex(range(100, 150), VECTORS)
METRICS: list[Metric] = ["cosine", "euclidean"]


@pytest.mark.parametrize("block", [3, 7, 1_000])
@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_of_each_set_whatever_the_parts(metric: Metric, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "BLOCK", block)
    numbers = RNG.integers(-1, 6, 50)
    numbers[numbers == 3] = 4  # a number of no song
    found = sets.means(INDEX, numbers, metric=metric)
    assert found.ids.tolist() == [0, 1, 2, 4, 5]
    for number, mean in zip(found.ids, found.vectors, strict=True):
        assert mean == pytest.approx(centroid(VECTORS[numbers == number], metric=metric), abs=1e-6)


def test_no_sets() -> None:
    assert len(sets.means(INDEX, np.full(50, sets.NONE))) == 0
    assert len(sets.means(VectorIndex([], np.empty((0, 4))), np.empty(0, np.int64))) == 0


def test_sets_of_other_songs() -> None:
    with pytest.raises(ValueError, match=r"got the sets of \(3,\) songs, wanted \(50,\)"):
        sets.means(INDEX, np.zeros(3, np.int64))


def test_the_most_typical_song_is_in_the_middle() -> None:
    songs = np.array([[1, 0], [0.9, 0.1], [1, 0.12], [0, 1]], np.float32)
    assert sets.most_typical(songs[:3]) == 1
    assert sets.most_typical(songs[3:]) == 0
    assert sets.most_typical(songs[[0, 0]]) == 0
