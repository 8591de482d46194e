"""Cross-validation by artist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musrec_core.front_end import FrontEnd
from training.data.cache import Cache, Track
from training.evaluation.crossvalidate import columns_of, tables
from training.evaluation.folds import Column, fold_caches
from training.evaluation.metrics import binary_auc


def clips(dataset: str, artists: int, split: str) -> list[Track]:
    return [
        Track(f"{dataset}-{split}{n}", f"{dataset} {n // 2} {split}", split, ("Rock",), ("rock",), Path("x"))
        for n in range(2 * artists)
    ]


def cache_of(tracks: list[Track]) -> Cache:
    empty = np.zeros(len(tracks), np.int64)
    return Cache(np.zeros((0, 128), np.uint8), empty, empty, tracks, FrontEnd(), ["rock"])


def test_every_labelled_song_is_asked_once_by_networks_without_its_artist() -> None:
    unlabelled = [Track("free-1", "", "valid", (), (), None, song="s"), Track("free-2", "", "train", (), (), None)]
    unknown = [Track(f"ex-{n}", "", "train", ("Rock",), ("rock",), None) for n in range(8)]
    tracks = [*clips("a", 9, "train"), *clips("a", 3, "valid"), *clips("b", 4, "train"), *clips("a", 2, "test")]
    tracks += [*unlabelled, *unknown]
    caches = fold_caches(cache_of(tracks), 4)
    asked = [track.id for part in caches for track in part.tracks if track.split == "valid" and track.is_labelled]
    assert sorted(asked) == sorted(track.id for track in tracks if track.is_labelled and track.split != "test")
    for part in caches:
        sides: dict[str, set[str]] = {"train": set(), "valid": set(), "test": set()}
        for track in part.tracks:
            if track.artist:
                sides[track.split].add(track.artist)
        assert not sides["train"] & sides["valid"]
        assert sides["test"] == {"a 0 test", "a 1 test"}
        assert [track.split for track in part.tracks if not track.is_labelled] == ["valid", "train"]
        sizes = [sum(t.split == "valid" and t.id.startswith(f"{name}-") for t in part.tracks) for name in ("a", "b")]
        assert sizes == [6, 2]  # each dataset in equal parts
    again = [[track.split for track in part.tracks] for part in fold_caches(cache_of(tracks), 4)]
    assert again == [[track.split for track in part.tracks] for part in caches]


def test_a_column_is_the_mean_over_songs_and_seeds() -> None:
    artists, folds = np.array(["x", "x", "y", "z"]), np.array([0, 0, 1, 1])
    column = Column(artists, folds, np.array([[1, 0, 1, np.nan], [1, 1, 0, np.nan]], float))
    assert column.figure() == pytest.approx(2 / 3)
    assert column.by_fold() == pytest.approx([0.75, 0.5])
    low, high = column.interval()
    assert 0.5 <= low < high <= 0.75
    assert column.difference(column) == (0, 0, 0)


def test_paired_differences_decide_what_intervals_do_not() -> None:
    rng = np.random.default_rng(0)
    songs = rng.random((1, 40))
    names, folds = np.array([str(n) for n in range(40)]), np.arange(40) % 2
    worse, better = Column(names, folds, songs), Column(names, folds, songs + 0.05)
    assert better.interval()[0] < worse.interval()[1]  # they overlap
    assert better.difference(worse) == pytest.approx((0.05, 0.05, 0.05))
    same = Column(names, folds, songs + rng.normal(0, 0.3, 40))
    text = tables({"base": {"P": worse}, "better": {"P": better}, "same": {"P": same}}, 2, 1)
    assert "| better | **+0.050** (+0.050 to +0.050) |" in text
    assert "| same | **" not in text


def test_the_area_under_the_curve_is_of_each_fold() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((30, 2)) > 0.5
    folds = np.arange(30) // 15
    scores = truth + rng.normal(0, 1, (1, 30, 2)) + 10 * folds[:, None]  # of another network in the other fold
    column = Column(np.arange(30).astype(str), folds, scores, truth)
    by_hand = [binary_auc(scores[0, folds == f, a], truth[folds == f, a]) for f in (0, 1) for a in (0, 1)]
    assert column.figure() == pytest.approx(np.mean(by_hand))
    assert column.interval()[0] < column.figure() < column.interval()[1]


def test_columns_gather_songs_over_folds_and_seeds() -> None:
    tracks = clips("a", 2, "train")
    folds = [{"a P@10": {tracks[0].id: 0.5, tracks[1].id: 1.0}}, {"a P@10": {tracks[2].id: 0.0, tracks[3].id: 0.1}}]
    more = [{"a P@10": {id_: value + 0.5 for id_, value in songs["a P@10"].items()}} for songs in folds]
    (column,) = columns_of(cache_of(tracks), [folds, more]).values()
    assert column.values.shape == (2, 4)
    assert column.figure() == pytest.approx(0.65)
    assert column.by_fold() == pytest.approx([1.0, 0.3])
    assert list(column.artists) == ["a 0 train", "a 0 train", "a 1 train", "a 1 train"]
