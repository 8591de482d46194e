"""What artists should be compared by: ``python -m benchmarks.artists --music DIR``, on labelled music.

Each artist's songs are split into two halves at random, and the one half is compared with the other halves of all
artists of the dataset: its own other half should be the nearest. And whole artists of one genre should be near.
``--albums`` does the same for albums, where ``tracks.csv`` has them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from musrec_core.search.distance import unit
from training.evaluation.metrics import bootstrap

from .labelled import Floats, Songs, add_options, half, load

Comparison = Callable[[Floats, Floats], float]  # two sets of unit vectors [shape=(m, d)], [shape=(n, d)] -> distance

LEAST_SONGS = 4  # of an artist, where its halves are compared
DEPTH = 5
SPLITS = 20


# Comparisons.


def between_means(a: Floats, b: Floats) -> float:
    return float(1 - unit(a.mean(axis=0)) @ unit(b.mean(axis=0)))


def between_mean_points(a: Floats, b: Floats) -> float:
    """As Euclid has it: sets that are spread widely have a mean near the origin."""
    return float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)))


def mean_of_pairs(a: Floats, b: Floats) -> float:
    return float(1 - (a @ b.T).mean())


def chamfer(a: Floats, b: Floats) -> float:
    """The mean distance to the nearest song of the other set, over both (Fan et al. 2017)."""
    pairs = 1 - a @ b.T
    return float(pairs.min(axis=1).mean() + pairs.min(axis=0).mean()) / 2


def modified_hausdorff(a: Floats, b: Floats) -> float:
    """The same, the larger of both (Dubuisson and Jain 1994)."""
    pairs = 1 - a @ b.T
    return float(max(pairs.min(axis=1).mean(), pairs.min(axis=0).mean()))


def nearest_pair(a: Floats, b: Floats) -> float:
    return float(1 - (a @ b.T).max())


def energy(a: Floats, b: Floats) -> float:
    """The energy distance of Euclidean distances (Szekely and Rizzo 2013); of cosine distances it compares means."""
    return float(2 * _euclidean(a, b).mean() - _euclidean(a, a).mean() - _euclidean(b, b).mean())


def mmd(width: float) -> Comparison:
    """The maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012)."""

    def kernel(a: Floats, b: Floats) -> float:
        return float(np.exp((a @ b.T - 1) / width**2).mean())

    return lambda a, b: kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)


def wasserstein(shrinkage: float, spread: Floats) -> Comparison:
    """Between Gaussians of diagonal covariance, which is drawn to that of all artists (``spread``)."""

    def compare(a: Floats, b: Floats) -> float:
        one, other = (np.sqrt(_variance(each, shrinkage, spread)) for each in (a, b))
        return float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + ((one - other) ** 2).sum())

    return compare


def kullback_leibler(shrinkage: float, spread: Floats) -> Comparison:
    """The same by the symmetric divergence."""

    def compare(a: Floats, b: Floats) -> float:
        one, other = (_variance(each, shrinkage, spread) for each in (a, b))
        apart = (a.mean(axis=0) - b.mean(axis=0)) ** 2
        return float(((one + apart) / other + (other + apart) / one - 2).sum() / 4)

    return compare


def _variance(songs: Floats, shrinkage: float, spread: Floats) -> Floats:
    return np.asarray((len(songs) * songs.var(axis=0) + shrinkage * spread) / (len(songs) + shrinkage))


def _euclidean(a: Floats, b: Floats) -> Floats:
    return np.sqrt(np.maximum(2 - 2 * a @ b.T, 0))


def comparisons(learn: Songs) -> dict[str, Comparison]:
    """What is compared; spreads are taken from the songs given."""
    parts = [learn.vectors[learn.artists == name] for name in np.unique(learn.artists)]
    spread = np.concatenate([part - part.mean(axis=0) for part in parts if len(part) > 1]).var(axis=0)
    return {
        "their means": between_means,
        "their means, Euclidean": between_mean_points,
        "mean of all pairs": mean_of_pairs,
        "mean to the nearest, of both (Chamfer)": chamfer,
        "the larger of both (modified Hausdorff)": modified_hausdorff,
        "nearest pair": nearest_pair,
        "energy distance": energy,
        **{f"MMD, width {width:g}": mmd(width) for width in (0.2, 0.4, 0.8)},
        "means and pairs, halfway": lambda a, b: (between_means(a, b) + chamfer(a, b)) / 2,
        **{f"Wasserstein, diagonal ({s:g})": wasserstein(s, spread) for s in (2, 10)},
        **{f"Kullback-Leibler, diagonal ({s:g})": kullback_leibler(s, spread) for s in (2, 10)},
    }


# Measures.


@dataclass(frozen=True)
class Split:
    """The halves of the artists of one dataset."""

    dataset: str
    names: list[str]
    ones: list[Floats]
    others: list[Floats]


def splits(songs: Songs, rng: np.random.Generator, *, ragged: bool = False) -> Iterator[Split]:
    """`SPLITS` random splits of each dataset with five artists or more.

    Parameters
    ----------
    ragged : bool
        Whether only some songs of each half are left, one to all, as artists of a library have few or many.
    """
    for dataset in np.unique(songs.datasets):
        here = songs.datasets == dataset
        names, counts = np.unique(songs.artists[here], return_counts=True)
        kept = [str(name) for name in names[counts >= LEAST_SONGS] if name]
        for _ in range(SPLITS if len(kept) >= DEPTH else 0):
            mixed = [rng.permutation(np.flatnonzero(here & (songs.artists == name))) for name in kept]
            parts = [(rows[: len(rows) // 2], rows[len(rows) // 2 :]) for rows in mixed]
            if ragged:
                parts = [(one[: rng.integers(1, len(one) + 1)], other[: rng.integers(1, len(other) + 1)])
                         for one, other in parts]  # fmt: skip
            ones = [songs.vectors[one] for one, _ in parts]
            others = [songs.vectors[other] for _, other in parts]
            yield Split(str(dataset), kept, ones, others)


def halves(found: list[Split], compare: Comparison) -> tuple[Floats, Floats]:
    """The reciprocal rank of each half's other half, and whether it is the first."""
    ranks = []
    for split in found:
        distances = np.array([[compare(one, other) for other in split.others] for one in split.ones])
        ranks += [int((row < row[n]).sum()) + 1 for n, row in enumerate(distances)]
    return 1 / np.array(ranks), np.array(ranks) == 1


def genres(songs: Songs, compare: Comparison) -> tuple[Floats, list[str]]:
    """The share of artists of the same genre among the five nearest, for each artist; and its name."""
    values, names = [], []
    for dataset in np.unique(songs.datasets):
        sets: dict[str, Floats] = {}
        labels: dict[str, str] = {}
        for artist in np.unique(songs.artists[songs.datasets == dataset]):
            rows = (songs.datasets == dataset) & (songs.artists == artist)
            found, counts = np.unique(songs.genres[rows], return_counts=True)
            if rows.sum() >= 2 and found[counts.argmax()]:
                sets[str(artist)], labels[str(artist)] = songs.vectors[rows], str(found[counts.argmax()])
        every = list(sets)
        for one in every:
            others = [other for other in every if other != one]
            if sum(labels[other] == labels[one] for other in others) < DEPTH:
                continue
            ranked = sorted(others, key=lambda other: compare(sets[one], sets[other]))
            values.append(np.mean([labels[other] == labels[one] for other in ranked[:DEPTH]]))
            names.append(one)
    return np.array(values, np.float64), names


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.artists", description=__doc__)
    add_options(parser)
    parser.add_argument("--albums", action="store_true", help="compare albums instead of artists")
    parser.add_argument("--seed", type=int, default=0, help="of the splits")
    parser.add_argument("--ragged", action="store_true", help="leave one to all songs of each half")
    options = parser.parse_args()
    everything = load(options.music, options.store)
    if options.albums:
        everything = everything.part(everything.albums != "")
        everything = replace(everything, artists=everything.albums)
    songs, learn = half(everything, options.half), half(everything, "choose")
    found = list(splits(songs, np.random.default_rng(options.seed), ragged=options.ragged))
    for dataset in sorted({split.dataset for split in found}):
        here = [split for split in found if split.dataset == dataset]
        owners = np.array([name for split in here for name in split.names], np.str_)
        print(f"\n{dataset}: {len(here[0].names)} artists, {len(here)} splits\n")
        print("| compared by | MRR | less that of the means (95 %) | the other half is the first |")
        print("|---|---|---|---|")
        base: Floats | None = None
        for name, compare in comparisons(learn).items():
            reciprocal, first = halves(here, compare)
            base = reciprocal if base is None else base
            low, high = bootstrap(reciprocal - base, owners)
            difference = float(reciprocal.mean() - base.mean())
            interval = f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"
            print(f"| {name} | {reciprocal.mean():.3f} | {interval} | {first.mean():.3f} |")
    print("\n| compared by | artists of the same genre among the five nearest (95 %) |\n|---|---|")
    for name, compare in comparisons(learn).items():
        values, names = genres(songs, compare)
        if len(values):
            low, high = bootstrap(values, np.array(names, np.str_))
            print(f"| {name} | {values.mean():.3f} ({low:.2f}-{high:.2f}), {len(values)} artists |")


if __name__ == "__main__":
    main()
