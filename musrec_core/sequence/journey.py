"""From one song to another in even steps, through others on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..search.distance import Metric, paired, pairwise, unit
from ..search.index import Ranker, positions
from ..search.ranking import Labels
from .paths import exact_path

LEG_POOL = 1500  # songs that one leg chooses from, about
MIN_PER_POINT = 4  # of them near each point of the line between two stops
LOOKED_UP_AT_ONCE = 32  # songs near a point whose artists and recordings are looked up

Mismatch = Callable[[Sequence[int]], NDArray[np.float64]]
OneEach = Callable[[Sequence[int], Collection[int]], Collection[int]]


class NoJourneyError(ValueError):
    """There are too few songs for a journey of this length with this cap."""


def journey(
    index: Ranker,
    stops: Sequence[int],
    count: int,
    *,
    metric: Metric = "cosine",
    candidates: Collection[int] | None = None,
    exclude: Collection[int] = (),
    artists: Labels | None = None,
    max_per_artist: int | None = None,
    mismatch: Mismatch | None = None,
    one_each: OneEach | None = None,
) -> list[int]:
    """A list that leads from the first stop to the last, through those between, in exactly ``count`` songs.

    A leg between two stops is the shortest path with its exact number of steps, where a step costs its squared length,
    so that many small steps beat one large one. It only goes onwards: each song's projection on the line between the
    stops lies beyond that of the song before. So the graph has no cycle, no song comes twice, and the path is the
    best there is among the songs near the line (with a cap on artists: the best of those that a search from left to
    right keeps). The straight path, the nearest song to each of evenly spaced points, is taken where its largest step
    is smaller.

    For cosine, distances are those of the unit vectors.

    Parameters
    ----------
    index : Ranker
    stops : sequence of int
        Ids of two or more different songs.
    count : int
        Songs in all, the stops included.
    candidates, exclude : collection of int, optional
        Ids to choose the songs between from, and ids to leave out; the stops are always in.
    artists : callable, optional
        Ids -> a label each. ``None`` as a label is never capped.
    max_per_artist : int, optional
        How many songs may share a label. Stops count, and are never left out.
    mismatch : callable, optional
        Ids -> how badly each pair goes together, 0 to 1 [shape=(m, m)]; 1 costs as much as the median of the songs'
        steps to their nearest. See `harmonic.mismatch`.
    one_each : callable, optional
        Ids to choose from and ids chosen -> one each of the recordings among the former, none of a chosen one.
        See `recordings.Recordings.collapse`.

    Returns
    -------
    ids : list of int
        Exactly ``count``, all different.

    Raises
    ------
    NoJourneyError
        There are not enough songs.
    ValueError
        There are fewer than two stops, one stands twice or is not in the index, or ``count`` is less than the stops.
    """
    if len(stops) < 2 or len(set(stops)) != len(stops):
        raise ValueError("a journey needs two or more different stops")
    if count < len(stops):
        raise ValueError(f"{len(stops)} stops don't fit into {count} songs")
    ends = index.vectors[positions(index, stops)]
    allowed = _allowed(index, candidates, exclude)
    songs = _Available(index, allowed, {*stops}, metric, artists, max_per_artist, one_each)
    songs.count(stops)
    points = _in_euclidean_space(ends, metric)
    lengths: list[float] = paired(points[:-1], points[1:], "euclidean").tolist()
    path = [stops[0]]
    for i, between in enumerate(_shares(lengths, count - len(stops))):
        if between:
            path += _leg(songs, stops[i : i + 2], ends[i : i + 2], between, mismatch)
        path.append(stops[i + 1])
    return path


def _allowed(index: Ranker, candidates: Collection[int] | None, exclude: Collection[int]) -> Collection[int] | None:
    """The ids of the songs between; None: all. What is left out can't crowd out others then."""
    if not exclude:
        return candidates
    return {*(index.ids.tolist() if candidates is None else candidates)}.difference(exclude)


def _shares(lengths: Sequence[float], songs: int) -> list[int]:
    """How many songs go between each two stops: always where the steps are largest."""
    shares = [0] * len(lengths)
    for _ in range(songs):
        steps = [length / (share + 1) for length, share in zip(lengths, shares, strict=True)]
        shares[steps.index(max(steps))] += 1
    return shares


class _Available:
    """The songs that are left to choose from, and how many more of each artist are allowed."""

    def __init__(
        self,
        index: Ranker,
        candidates: Collection[int] | None,
        taken: set[int],
        metric: Metric,
        artists: Labels | None,
        cap: int | None,
        one_each: OneEach | None,
    ) -> None:
        self.index = index if candidates is None else index.among(candidates)
        self.taken, self.metric = taken, metric
        self._chosen: set[int] = set()
        self._one_each = one_each
        self._artists = artists if cap else None
        self._cap = cap or 0
        self._labels: dict[int, Hashable] = {}
        self._counts: Counter[Hashable] = Counter()

    def label(self, ids: Sequence[int]) -> list[Hashable]:
        """The artist of each; None where there is no cap."""
        if self._artists and (new := [id_ for id_ in ids if id_ not in self._labels]):
            found = self._artists(new)
            self._labels.update((id_, found.get(id_)) for id_ in new)
        return [self._labels.get(id_) for id_ in ids]

    def remaining(self, label: Hashable) -> int | None:
        """How many more songs of an artist are allowed; None: any number."""
        return None if label is None else self._cap - self._counts[label]

    def count(self, ids: Sequence[int]) -> None:
        """Count songs as chosen."""
        self.taken.update(ids)
        self._chosen.update(ids)
        self._counts.update(label for label in self.label(ids) if label is not None)

    def uncount(self, ids: Sequence[int]) -> None:
        """Give songs back."""
        self.taken.difference_update(ids)
        self._chosen.difference_update(ids)
        self._counts.subtract(label for label in self.label(ids) if label is not None)

    def nearest(self, point: NDArray[np.float32]) -> int:
        """The nearest song that is allowed; raises `NoJourneyError` where there is none."""
        k = len(self.taken) + LOOKED_UP_AT_ONCE
        passed = set(self.taken)
        while True:
            ranked = [n.id for n in self.index.query(point[None], k, metric=self.metric)[0] if n.id not in passed]
            for first in range(0, len(ranked), LOOKED_UP_AT_ONCE):
                part = self._under_cap(ranked[first : first + LOOKED_UP_AT_ONCE])
                apart = self.apart(part)
                for id_ in part:
                    if id_ in apart:
                        return id_
            if k >= len(self.index):
                raise NoJourneyError("there are not enough songs")
            passed.update(ranked)
            k *= 4

    def near(self, points: NDArray[np.float32]) -> list[int]:
        """The allowed songs nearest to each of some points."""
        each = max(MIN_PER_POINT, LEG_POOL // len(points)) + len(self.taken)
        found = {n.id for row in self.index.query(points, each, metric=self.metric) for n in row}
        return self._under_cap(sorted(found - self.taken))

    def apart(self, ids: Sequence[int], more: Collection[int] = ()) -> set[int]:
        """Those of some songs that are each another recording, and none of those chosen or of ``more``."""
        return set(ids) if self._one_each is None else set(self._one_each(ids, self._chosen.union(more)))

    def _under_cap(self, ids: Sequence[int]) -> list[int]:
        """Those whose artist is allowed once more."""
        return [
            i
            for i, label in zip(ids, self.label(ids), strict=True)
            if (remaining := self.remaining(label)) is None or remaining > 0
        ]


def _leg(
    songs: _Available, stops: Sequence[int], ends: NDArray[np.float32], between: int, mismatch: Mismatch | None
) -> list[int]:
    """The songs between two stops, in order; they count as taken from then on."""
    points = _evenly_spaced(ends, between, songs.metric)
    straight = _straight(songs, points)
    others = [id_ for id_ in songs.near(points) if id_ not in set(straight)]
    ids = sorted(songs.apart(others, straight).union(straight))
    vectors = np.concatenate([ends[:1], songs.index.vectors[positions(songs.index, ids)], ends[1:]])
    costs = _distances(vectors, songs.metric) ** 2
    if mismatch is not None:
        nearest = np.partition(costs, 1, axis=1)[:, 1]
        costs += np.median(nearest) * mismatch([stops[0], *ids, stops[1]])
    rows = {id_: row for row, id_ in enumerate(ids, start=1)}
    paths = [[rows[id_] for id_ in straight]]
    if (shortest := _shortest(songs, ids, vectors, costs, between)) is not None:
        paths.insert(0, shortest)
    best = min(paths, key=lambda path: _largest_step(costs, path))
    chosen = [ids[row - 1] for row in best]
    songs.count(chosen)
    return chosen


def _straight(songs: _Available, points: NDArray[np.float32]) -> list[int]:
    """The nearest song that is left to each point of the line.

    Finds a path wherever there is one: whatever is taken first, as many songs fit under the cap in the end. (Not surely
    where copies of a recording have different artists.)
    """
    path: list[int] = []
    try:
        for point in points:
            path.append(songs.nearest(point))
            songs.count(path[-1:])
    finally:
        songs.uncount(path)
    return path


def _shortest(
    songs: _Available, ids: Sequence[int], vectors: NDArray[np.float32], costs: NDArray[np.float64], between: int
) -> list[int] | None:
    """Rows of the path of least cost that goes onwards only; None where there is none."""
    v = _in_euclidean_space(vectors, songs.metric)
    onwards = v[1:-1] @ (v[-1] - v[0])
    order = np.concatenate([[0], 1 + np.argsort(onwards, kind="stable"), [len(v) - 1]])
    labels = [None, *songs.label(ids), None]
    ahead = costs[np.ix_(order, order)]
    ahead[np.tril_indices(len(order))] = np.inf
    path = exact_path(ahead, between, *_numbered_caps(songs, [labels[row] for row in order.tolist()]))
    return None if path is None else order[path].tolist()


def _numbered_caps(songs: _Available, labels: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each song's artist, 0 for whoever can't exceed the cap; and how many songs each number may have."""
    counts = Counter(labels)
    scarce = {
        label: remaining
        for label in counts
        if (remaining := songs.remaining(label)) is not None and counts[label] > remaining
    }
    numbers = {label: n for n, label in enumerate(scarce, start=1)}
    limits = np.array([len(labels), *scarce.values()], np.int64)
    return np.array([numbers.get(label, 0) for label in labels], np.int64), limits


def _largest_step(costs: NDArray[np.float64], path: Sequence[int]) -> float:
    rows = [0, *path, len(costs) - 1]
    return float(costs[rows[:-1], rows[1:]].max())


def _in_euclidean_space(vectors: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
    """Vectors whose Euclidean distances are those of the metric: for cosine the unit vectors."""
    v = vectors.astype(np.float64)
    return unit(v) if metric == "cosine" else v


def _distances(vectors: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
    return pairwise(_in_euclidean_space(vectors, metric), "euclidean")


def _evenly_spaced(ends: NDArray[np.float32], between: int, metric: Metric) -> NDArray[np.float32]:
    """Points that part the line between two songs evenly [shape=(between, d)]."""
    start, end = _in_euclidean_space(ends, metric)
    share = np.arange(1, between + 1)[:, None] / (between + 1)
    return (start + share * (end - start)).astype(np.float32)
