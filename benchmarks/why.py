"""Whether what ``--why`` says is true: ``python -m benchmarks.why --music DIR``, on labelled real music.

DIR holds ``tracks.csv`` (id, file, artist, genres, moods, split) and the files. Songs of the valid and test splits are
explained to those that have genres and moods among them and are nearest by other artists; what is usual is taken from
all songs. A label counts for the words that ``training/words/vocabulary.yaml`` has it for. A song may lack a label that
would be true of it, so the figures compare ways to choose words; they are no error rates.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musrec_core.card import Card
from musrec_core.search.distance import pairwise
from musrec_core.words.explain import MOST_SHARED, TRUE, Explainer, Sound
from musrec_core.words.heads import Words
from training.words.vocabulary import load_vocabulary

from .hubs import Row, embed

NEAREST = 5  # songs that each is explained to
LEAST_LABELLED = 5  # songs that have a word's label, for the word to count
Floats = NDArray[np.float64]
Chooser = Callable[[int, int], Sequence[int]]  # two songs -> words


class Figures(NamedTuple):
    """Of a way to choose words: how many it names a pair; of those with labels, the share that is right for a song,
    and how often that is by chance; the share of all songs to which a named word applies; and how often two words that
    are named together say much the same: a correlation above a half of one group, or a name within the other."""

    named: float
    right: float
    chance: float
    fitting: float
    alike: float


def labels_of(rows: Sequence[Row], words: Words) -> Floats:
    """Whether each song has a word's label [shape=(songs, words)]; NaN where nobody said."""
    meant = {word.name: set(word.labels) for word in load_vocabulary().words}
    said = [{part.strip().casefold() for part in f"{row['genres']};{row['moods']}".split(";")} for row in rows]
    table = np.array([[bool(meant.get(name, set()) & labels) for name in words.names] for labels in said], np.float64)
    table[[not row["moods"] for row in rows]] = np.nan  # of another collection, whose labels mean another thing
    table[:, np.nansum(table, axis=0) < LEAST_LABELLED] = np.nan
    return table


def pairs_of(rows: Sequence[Row], vectors: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Songs that the model was not fitted on, and their nearest by other artists."""
    held_out = np.array([row["split"] != "train" and bool(row["moods"] and row["artist"]) for row in rows])
    artists = np.array([row["artist"].casefold() for row in rows])
    distances = pairwise(vectors) + np.where(held_out, 0.0, np.inf)
    found = []
    for song in np.flatnonzero(held_out).tolist():
        others = np.where(artists == artists[song], np.inf, distances[song])
        found += [(song, other) for other in np.argsort(others)[:NEAREST].tolist() if np.isfinite(others[other])]
    return found


def figures(
    choose: Chooser,
    pairs: Sequence[tuple[int, int]],
    labels: Floats,
    applies: NDArray[np.bool_],
    alike: NDArray[np.bool_],
) -> Figures:
    base = np.array([np.nan if np.isnan(column).all() else np.nanmean(column) for column in labels.T])
    named = [choose(*pair) for pair in pairs]
    told = [(labels[song, k], base[k]) for pair, chosen in zip(pairs, named, strict=True) for song in pair
            for k in chosen if not np.isnan(labels[song, k])]  # fmt: skip
    right, chance = np.mean(told, axis=0) if told else (np.nan, np.nan)
    fitting = [applies[:, k].mean() for chosen in named for k in chosen]
    doubled = [alike[two] for chosen in named for two in combinations(chosen, 2)]
    means = (float(np.mean(values)) if values else np.nan for values in (fitting, doubled))
    return Figures(float(np.mean([len(chosen) for chosen in named])), float(right), float(chance), *means)


def alike_words(words: Words, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether two words say much the same [shape=(words, words)]."""
    groups, parts = np.array(words.groups), [set(name.split()) for name in words.names]
    within = np.array([[a <= b or b <= a for b in parts] for a in parts])
    return within | ((np.corrcoef(vectors @ words.weights.T, rowvar=False) > 0.5) & (groups[:, None] == groups))


def likeliest(probabilities: NDArray[np.float32]) -> Chooser:
    """The words that are likeliest of both songs."""

    def choose(a: int, b: int) -> list[int]:
        both = np.minimum(probabilities[a], probabilities[b])
        return [k for k in np.argsort(-both)[:MOST_SHARED].tolist() if both[k] >= TRUE]

    return choose


def report(rows: Sequence[Row], vectors: NDArray[np.float32], words: Words) -> str:
    """The tables, in Markdown."""
    labels, pairs, places = labels_of(rows, words), pairs_of(rows, vectors), {n: k for k, n in enumerate(words.names)}
    explainer, probabilities = Explainer(words, vectors), words.probabilities(vectors)
    found = {(a, b): explainer.explain(Sound(vectors[a]), Sound(vectors[b])) for a, b in pairs}
    ways: dict[str, Chooser] = {
        "shared words of `--why`": lambda a, b: [places[name] for name in found[a, b].shared],
        "the likeliest words of both": likeliest(probabilities),
    }
    alike = alike_words(words, vectors)
    lines = [
        "| | words a pair | label agrees | by chance | songs that a word fits | two words alike |",
        "|---|---|---|---|---|---|",
    ]
    for name, choose in ways.items():
        each = figures(choose, pairs, labels, probabilities >= TRUE, alike)
        told = " | ".join(f"{value:.0%}" for value in each[1:])
        lines.append(f"| {name} | {each.named:.1f} | {told} |")
    shares = np.percentile([each.share for each in found.values()], (25, 50, 75))
    apart = Counter(
        (labels[b, places[each.name]] - labels[a, places[each.name]]) * (1 if each.more else -1)
        for (a, b), explanation in found.items()
        for each in explanation.differences
        if not np.isnan(labels[[a, b], places[each.name]]).any()
    )
    return "\n".join([
        f"{len(pairs):,} pairs of {len(rows):,} songs\n", *lines,
        f"\npart of the cosine that goes with shared words: median {shares[1]:.0%} ({shares[0]:.0%}-{shares[2]:.0%})",
        f"differences: the labels say so {apart[1]} times, the opposite {apart[-1]} times, neither {apart[0]} times",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.why", description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("why.npz"), help="where vectors are kept between runs")
    options = parser.parse_args()
    with (options.music / "tracks.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["file"]]
    known = embed(options.music, rows, options.store)
    rows = [row for row in rows if row["id"] in known]
    words = Words.load(Card.load())
    if words is None:
        raise SystemExit("the model knows no words")
    print(report(rows, np.stack([known[row["id"]] for row in rows]).astype(np.float16).astype(np.float32), words))


if __name__ == "__main__":
    main()
