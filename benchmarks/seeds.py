"""What many seeds should be compared by: ``python -m benchmarks.seeds --music DIR``, on labelled music.

Held-out songs: the seeds are songs of one artist, and its other songs should be found (``artist``); or they are a
made-up playlist of two to four artists (``artists``) or genres (``genres``, from which the seeds' artists are left
out), and the other songs of the same should be found, of each of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musrec_core.search.distance import unit
from musrec_core.search.index import Neighbour, VectorIndex
from musrec_core.search.ranking import diversify, pool_size
from training.evaluation.metrics import bootstrap

from .labelled import Floats, Songs, add_options, half, load

Rows = NDArray[np.int64]
Method = Callable[[Floats, Floats], Floats]  # seeds [shape=(m, d)], songs [shape=(n, d)] -> distances [shape=(n,)]

DEPTH = 10
PLAYLISTS = 200  # of each kind, number of groups and dataset
SEEDS_PER_ARTIST = 2
SEEDS_PER_GENRE = 4
LEAST_SONGS = 4  # of an artist


@dataclass(frozen=True)
class Query:
    """Seeds, what should be found (a group each of an artist or a genre), and what may be."""

    seeds: Rows
    groups: list[Rows]
    pool: Rows
    cluster: str  # what the bootstrap draws


# Queries.


def of_one_artist(songs: Songs, rng: np.random.Generator) -> Iterator[Query]:
    """Half of an artist's songs, ten times."""
    for dataset in np.unique(songs.datasets):
        here = songs.datasets == dataset
        for artist, rows in _groups(songs, here, LEAST_SONGS).items():
            for _ in range(10):
                seeds = rng.choice(rows, min(len(rows) // 2, 10), replace=False)
                yield Query(seeds, [np.setdiff1d(rows, seeds)], np.setdiff1d(np.flatnonzero(here), seeds), artist)


def of_artists(songs: Songs, rng: np.random.Generator) -> Iterator[Query]:
    """Playlists of several artists."""
    for dataset in np.unique(songs.datasets):
        here = songs.datasets == dataset
        groups = _groups(songs, here, LEAST_SONGS)
        for count in (2, 3, 4):
            if len(groups) < count:
                continue
            for _ in range(PLAYLISTS):
                names = rng.choice(list(groups), count, replace=False)
                parts = [rng.choice(groups[name], SEEDS_PER_ARTIST, replace=False) for name in names]
                seeds = np.concatenate(parts)
                left = [np.setdiff1d(groups[name], seeds) for name in names]
                yield Query(seeds, left, np.setdiff1d(np.flatnonzero(here), seeds), str(names[0]))


def of_genres(songs: Songs, rng: np.random.Generator) -> Iterator[Query]:
    """Playlists of several genres; no song of the seeds' artists may be found."""
    for dataset in np.unique(songs.datasets):
        here = (songs.datasets == dataset) & (np.char.find(songs.genres, ";") < 0) & (songs.genres != "")
        labels = [label for label in np.unique(songs.genres[here])
                  if len(np.unique(songs.artists[here & (songs.genres == label)])) > 2 * SEEDS_PER_GENRE]  # fmt: skip
        for count in (2, 3, 4):
            if len(labels) < count:
                continue
            for _ in range(PLAYLISTS):
                names = rng.choice(labels, count, replace=False)
                seeds = np.concatenate([_one_an_artist(songs, here, name, rng) for name in names])
                pool = np.flatnonzero(here & ~np.isin(songs.artists, songs.artists[seeds]))
                groups = [pool[songs.genres[pool] == name] for name in names]
                yield Query(seeds, groups, pool, str(songs.artists[seeds[0]]))


def _groups(songs: Songs, here: NDArray[np.bool_], least: int) -> dict[str, Rows]:
    names, counts = np.unique(songs.artists[here], return_counts=True)
    return {str(name): np.flatnonzero(here & (songs.artists == name)) for name in names[counts >= least]}


def _one_an_artist(songs: Songs, here: NDArray[np.bool_], label: str, rng: np.random.Generator) -> Rows:
    rows = rng.permutation(np.flatnonzero(here & (songs.genres == label)))
    _, first = np.unique(songs.artists[rows], return_index=True)
    return np.asarray(rng.choice(rows[first], SEEDS_PER_GENRE, replace=False), np.int64)


KINDS = {"artist": of_one_artist, "artists": of_artists, "genres": of_genres}


# Methods.


def mean(seeds: Floats, songs: Floats) -> Floats:
    return np.asarray(1 - songs @ unit(seeds.mean(axis=0)))


def nearest(seeds: Floats, songs: Floats) -> Floats:
    return np.asarray(1 - (songs @ seeds.T).max(axis=1))


def k_nearest(k: int) -> Method:
    return lambda seeds, songs: np.sort(1 - songs @ seeds.T, axis=1)[:, :k].mean(axis=1)


def soft(temperature: float) -> Method:
    """Log-sum-exp of the similarities."""
    return lambda seeds, songs: _soft_minimum(1 - songs @ seeds.T, temperature)


def in_turn(seeds: Floats, songs: Floats) -> Floats:
    """The best rank that a seed of its own would give: each seed's nearest, then each seed's second nearest ..."""
    distances = 1 - songs @ seeds.T
    ranks = distances.argsort(axis=0).argsort(axis=0).min(axis=1)
    return np.asarray(ranks + distances.min(axis=1) / 4)


def scaled(neighbours: int, temperature: float) -> Method:
    """The soft minimum of distances over each seed's own distance to its neighbours (local scaling)."""

    def method(seeds: Floats, songs: Floats) -> Floats:
        distances = 1 - songs @ seeds.T
        scale = np.sort(distances, axis=0)[:neighbours].mean(axis=0)
        return _soft_minimum(distances / scale, temperature)

    return method


def standard_scores(temperature: float) -> Method:
    """The soft minimum of standard scores: a seed's distances less their mean, over their deviation."""

    def method(seeds: Floats, songs: Floats) -> Floats:
        distances = 1 - songs @ seeds.T
        return _soft_minimum((distances - distances.mean(axis=0)) / distances.std(axis=0), temperature)

    return method


def _soft_minimum(distances: Floats, temperature: float) -> Floats:
    least = distances.min(axis=1, keepdims=True)
    return np.asarray(least[:, 0] - temperature * np.log(np.exp((least - distances) / temperature).mean(axis=1)))


def varied(method: Method, variety: float) -> Method:
    """The first songs chosen as `--variety` chooses them, each far from those before it."""

    def diverse(seeds: Floats, songs: Floats) -> Floats:
        distances = method(seeds, songs)
        best = np.argsort(distances, kind="stable")[: pool_size(DEPTH)]
        ranked = [Neighbour(int(row), float(distances[row])) for row in best]
        chosen = diversify(VectorIndex(best, songs[best]), ranked, DEPTH, variety)
        distances[[song.id for song in chosen]] = np.arange(DEPTH) - 2 * DEPTH
        return distances

    return diverse


def weighed_by_seeds(shrinkage: float, songs_variance: Floats) -> Method:
    """The mean, in dimensions weighed by how alike the seeds are in each."""

    def method(seeds: Floats, songs: Floats) -> Floats:
        variance = (seeds.var(axis=0) * len(seeds) + shrinkage * songs_variance) / (len(seeds) + shrinkage)
        weights = 1 / np.sqrt(variance)
        return 1 - unit(songs * weights) @ unit(unit(seeds * weights).mean(axis=0))

    return method


def within_artists(songs: Songs, shrinkage: float) -> Floats:
    """A map that evens out how songs of one artist differ (within-class covariance normalisation) [shape=(d, d)]."""
    centred = [songs.vectors[songs.artists == name] for name in np.unique(songs.artists)]
    spread = np.concatenate([part - part.mean(axis=0) for part in centred if len(part) > 1])
    covariance = spread.T @ spread / len(spread)
    covariance += shrinkage * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return np.asarray(np.linalg.cholesky(np.linalg.inv(covariance)))


def mapped(method: Method, by: Floats) -> Method:
    return lambda seeds, songs: method(unit(seeds @ by), unit(songs @ by))


def methods(learn: Songs) -> dict[str, Method]:
    """What is compared; what is learnt is learnt from the songs given."""
    variance = learn.vectors.var(axis=0)
    found: dict[str, Method] = {"mean": mean, "nearest seed": nearest}
    found |= {f"mean of the {k} nearest": k_nearest(k) for k in (2, 3)}
    found |= {f"soft minimum, {t:g}": soft(t) for t in (0.05, 0.1, 0.2, 0.4)}
    found |= {f"soft minimum, 0.2, variety {v:g}": varied(soft(0.2), v) for v in (0.2, 0.4)}
    found["each seed in turn"] = in_turn
    found |= {f"soft minimum, 0.2, scaled by {k} neighbours": scaled(k, 0.2) for k in (5, 20)}
    found |= {f"soft minimum, {t:g}, of standard scores": standard_scores(t) for t in (0.2, 0.5)}
    found |= {f"mean, weighed by the seeds ({s:g})": weighed_by_seeds(s, variance) for s in (1, 20)}
    diagonal = np.diag(1 / np.sqrt(np.maximum(_variance_within(learn), 1e-9)))
    found["mean, dimensions weighed by artists"] = mapped(mean, diagonal)
    found["soft minimum 0.2, dimensions weighed by artists"] = mapped(soft(0.2), diagonal)
    for shrinkage in (0.3, 1):
        found[f"mean, metric learnt from artists ({shrinkage:g})"] = mapped(mean, within_artists(learn, shrinkage))
    found["soft minimum 0.2, metric learnt from artists (0.3)"] = mapped(soft(0.2), within_artists(learn, 0.3))
    return found


def _variance_within(songs: Songs) -> Floats:
    parts = [songs.vectors[songs.artists == name] for name in np.unique(songs.artists)]
    return np.concatenate([part - part.mean(axis=0) for part in parts if len(part) > 1]).var(axis=0)


# Measures.


def scores(query: Query, distances: Floats) -> dict[str, float]:
    """Of one query: precision, recall and balance at `DEPTH`, and average precision.

    The balance is the share of its part of the list that the group with the fewest songs gets.
    """
    ranked = query.pool[np.argsort(distances, kind="stable")]
    relevant = np.concatenate(query.groups)
    hits = np.isin(ranked, relevant)
    at = np.flatnonzero(hits)
    possible = [min(len(group), DEPTH / len(query.groups)) for group in query.groups]
    balance = min(np.isin(ranked[:DEPTH], g).sum() / p for g, p in zip(query.groups, possible, strict=True))
    return {
        "precision": float(hits[:DEPTH].mean()),
        "recall": float(hits[:DEPTH].sum() / min(len(relevant), DEPTH)),
        "average precision": float(np.mean(np.arange(1, len(at) + 1) / (at + 1))),
        "balance": min(1.0, balance),
    }


def table(songs: Songs, learn: Songs, seed: int) -> None:
    """Print a table for each kind of query and dataset."""
    compared = methods(learn)
    for kind, make in KINDS.items():
        queries = list(make(songs, np.random.default_rng(seed)))
        for dataset in np.unique(songs.datasets):
            some = [query for query in queries if songs.datasets[query.seeds[0]] == dataset]
            if some:
                _print(f"{kind}, {dataset}", songs, some, compared)


def _print(title: str, songs: Songs, queries: list[Query], compared: dict[str, Method]) -> None:
    clusters = np.array([query.cluster for query in queries], np.str_)
    print(f"\n{title}: {len(queries)} lists, {len(np.unique(clusters))} artists\n")
    print("| compared by | precision@10 | recall@10 | mAP | mAP less that of the mean (95 %) | balance |")
    print("|---|---|---|---|---|---|")
    base: Floats | None = None
    for name, method in compared.items():
        rows = [scores(q, method(songs.vectors[q.seeds], songs.vectors[q.pool])) for q in queries]
        found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        base = found["average precision"] if base is None else base
        low, high = bootstrap(found["average precision"] - base, clusters)
        means = {key: float(values.mean()) for key, values in found.items()}
        print(
            f"| {name} | {means['precision']:.3f} | {means['recall']:.3f} | {means['average precision']:.3f} "
            f"| {means['average precision'] - base.mean():+.3f} ({low:+.3f} to {high:+.3f}) | {means['balance']:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    add_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    options = parser.parse_args()
    songs = load(options.music, options.store)
    table(half(songs, options.half), half(songs, "choose"), options.seed)


if __name__ == "__main__":
    main()
