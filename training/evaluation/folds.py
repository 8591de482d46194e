"""Cross-validation by artist: which clips are asked about in which fold, and figures with intervals over artists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..data.cache import Cache, Track
from .metrics import Floats, Labels, artist_resamples, auc_of_rounds

Counts = NDArray[np.int64]


def dataset_of(track: Track) -> str:
    """The first part of a track's id."""
    return track.id.partition("-")[0]


def group_of(track: Track) -> str:
    """What must not be on both sides: an artist; where none is known, a song."""
    return track.artist.casefold() or track.song or track.id


def fold_caches(cache: Cache, count: int, *, seed: int = 0) -> list[Cache]:
    """Caches of the same clips, in each of which another part of the labelled ones is the valid split.

    Artists of the train and the valid split are dealt out, dataset by dataset, each to the fold that has fewest clips.
    The test split stays what it is, and so do clips without labels.
    """
    rng = np.random.default_rng(seed)
    used = [track for track in cache.tracks if track.split != "test" and track.is_labelled]
    fold_of: dict[str, int] = {}
    for dataset in sorted({dataset_of(track) for track in used}):
        groups = [group_of(track) for track in used if dataset_of(track) == dataset]
        names, sizes = np.unique(groups, return_counts=True)
        filled = np.zeros(count, np.int64)
        for n in rng.permutation(len(names)):
            fold = fold_of.setdefault(str(names[n]), int(filled.argmin()))
            filled[fold] += sizes[n]
    return [
        replace(cache, tracks=[_in_fold(track, fold_of.get(group_of(track)), fold) for track in cache.tracks])
        for fold in range(count)
    ]


def _in_fold(track: Track, own: int | None, fold: int) -> Track:
    if own is None or track.split == "test" or not track.is_labelled:
        return track
    return replace(track, split="valid" if own == fold else "train")


@dataclass(frozen=True)
class Column:
    """One figure of one variant, as far as it depends on which songs are counted how often.

    Attributes
    ----------
    artists, folds : np.ndarray [shape=(n,)]
        Of each song.
    values : np.ndarray [shape=(seeds, n)], or (seeds, n, 2) with ``truth``
        A value a song, whose mean is the figure; NaN does not count. With ``truth``: scores.
    truth : np.ndarray [shape=(n, 2)], bool, optional
        The figure is then the area under the ROC curve within each fold, averaged over folds, seeds and axes.
    """

    artists: Labels
    folds: Counts
    values: Floats
    truth: NDArray[np.bool_] | None = None

    def rounds(self, times: Counts) -> Floats:
        """The figure where each song counts so many times [shape=(rounds, n)] -> [shape=(rounds,)]."""
        if self.truth is None:
            values = self.values.mean(axis=0)
            known = ~np.isnan(values)
            with np.errstate(invalid="ignore"):  # a round without any such song
                return np.asarray(times[:, known] @ values[known] / times[:, known].sum(axis=1))
        found = []
        for fold in np.unique(self.folds):
            at = self.folds == fold
            for axis in range(self.truth.shape[1]):
                truth = self.truth[at, axis]
                found += [auc_of_rounds(scores[at, axis], truth)(times[:, at]) for scores in self.values]
        return _nan_mean(np.stack(found))

    def figure(self) -> float:
        """Over all songs."""
        return float(self.rounds(np.ones((1, len(self.artists)), np.int64))[0])

    def by_fold(self) -> list[float]:
        """In each fold."""
        return [float(self.rounds((self.folds == fold).astype(np.int64)[None])[0]) for fold in np.unique(self.folds)]

    def interval(self) -> tuple[float, float]:
        """95 %, by a bootstrap over artists."""
        return _interval(self.rounds, self.artists)

    def difference(self, other: Column) -> tuple[float, float, float]:
        """This figure less another variant's on the same songs, and its 95 % interval: both of the same artists."""
        low, high = _interval(lambda times: self.rounds(times) - other.rounds(times), self.artists)
        return self.figure() - other.figure(), low, high


def _interval(statistic: Callable[[Counts], Floats], artists: Labels) -> tuple[float, float]:
    low, high = np.nanpercentile(statistic(artist_resamples(artists)), [2.5, 97.5])
    return float(low), float(high)


def _nan_mean(rows: Floats) -> Floats:
    """The mean over rows of what is known [shape=(rows, n)] -> [shape=(n,)]."""
    known = ~np.isnan(rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, rows, 0).sum(axis=0) / known.sum(axis=0))


def difference_cells(name: str, columns: dict[str, Column], base: dict[str, Column]) -> list[str]:
    """A table's row: a variant's differences from the base, where it has the figure; decided ones are bold."""
    cells = [name]
    for figure, other in base.items():
        if figure not in columns:
            cells.append("")
            continue
        gain, low, high = columns[figure].difference(other)
        mark = "" if low <= 0 <= high else "**"
        cells.append(f"{mark}{gain:+.3f}{mark} ({low:+.3f} to {high:+.3f})")
    return cells
