"""How well the neighbours of a library agree with its tags: precision at k against chance, and hubness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .hubness import occurrences, share_never, skewness
from .index import VectorIndex
from .knn import Progress, neighbourhoods

K = 10  # nearest songs that are judged
MAX_SEEDS = 2000  # songs whose neighbours are judged; more would narrow a 95 % interval of 2 points by little
MAX_HUB_SONGS = 5000  # among which hubs are counted, by all pairs
NEIGHBOURS_PER_SEED = 100  # enough to leave k where those of the seed's own artist are left out

Labels = Sequence[Collection[str]]


@dataclass(frozen=True)
class Agreement:
    """Precision at k of a label, and what chance would give.

    Attributes
    ----------
    precision, chance : float
        Means over the seeds that have a label; chance is what songs drawn at random would give. NaN without such seeds.
    seeds : int
        How many seeds have a label, and a song left among their nearest.
    """

    precision: float
    chance: float
    seeds: int


@dataclass(frozen=True)
class Hubs:
    """How evenly songs are found among ``songs`` of them; see `hubness`."""

    songs: int
    k: int
    skewness: float
    never: float
    worst: list[tuple[int, int]]  # id and k-occurrence, worst first


def draw(n: int, most: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Positions of at most so many of n songs, ascending; the same for the same arguments."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def nearest_of(index: VectorIndex, seeds: NDArray[np.int64], *, progress: Progress | None = None) -> NDArray[np.int32]:
    """Each seed's nearest by cosine, as positions [shape=(m, at most 100)]."""
    return neighbourhoods(index, NEIGHBOURS_PER_SEED, seeds=seeds, progress=progress).rows


def agreement(
    seeds: NDArray[np.int64], rows: NDArray[np.int32], labels: Labels, *, apart: Labels | None = None, k: int = K
) -> Agreement:
    """Precision at k of a label against chance.

    Parameters
    ----------
    seeds : np.ndarray [shape=(m,)]
    rows : np.ndarray [shape=(m, r)]
        Each seed's nearest.
    labels : sequence of n collections of str
        Of every song; empty: not known. Songs agree if they share one. Songs without a label agree with none.
    apart : sequence of n collections of str, optional
        Songs that share one of these with the seed are left out, seed by seed: the artist filter of Pampalk et al.
        (2005), else a system that knows a voice or a studio looks as if it knew genres.
    k : int >= 1
        Fewer count for a seed where fewer are left of its row.
    """
    sets, artists = _LabelSets(labels), _LabelSets(apart) if apart is not None else None
    found, expected = [], []
    for seed, row in zip(seeds.tolist(), rows.tolist(), strict=True):
        if not sets.of[seed]:
            continue
        excluded = artists.sharing(seed) | {seed} if artists else {seed}
        relevant = sets.sharing(seed)
        others = len(sets.of) - len(excluded)
        retrieved = [i for i in row if i not in excluded][:k]
        if retrieved:
            found.append(sum(i in relevant for i in retrieved) / len(retrieved))
            expected.append((len(relevant) - len(relevant & excluded)) / others)
    if not found:
        return Agreement(float("nan"), float("nan"), 0)
    return Agreement(float(np.mean(found)), float(np.mean(expected)), len(found))


class _LabelSets:
    """Every song's labels, and every label's songs."""

    def __init__(self, labels: Labels) -> None:
        self.of = [frozenset(some) for some in labels]
        self._songs: dict[str, set[int]] = defaultdict(set)
        for i, some in enumerate(self.of):
            for label in some:
                self._songs[label].add(i)
        self._sharing = cache(self._union)

    def sharing(self, song: int) -> set[int]:
        """The songs that share a label with a song, itself among them if it has one."""
        return self._sharing(self.of[song])

    def _union(self, some: frozenset[str]) -> set[int]:
        return set().union(*(self._songs[label] for label in some))


def hub_figures(
    index: VectorIndex, *, most: int = MAX_HUB_SONGS, worst: int = 5, progress: Progress | None = None
) -> Hubs:
    """Count hubs by cosine: among all songs, or in a sample of so many where there are more."""
    crowd = draw(len(index), most, seed=1)
    part = VectorIndex(index.ids[crowd], index.vectors[crowd])
    rows = neighbourhoods(part, K, progress=progress).rows
    counts = occurrences(rows, len(part))
    order = np.lexsort((part.ids, -counts))[:worst]
    return Hubs(
        songs=len(part),
        k=rows.shape[1],
        skewness=skewness(counts),
        never=share_never(counts),
        worst=[(int(part.ids[i]), int(counts[i])) for i in order],
    )
