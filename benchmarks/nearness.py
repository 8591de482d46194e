"""What a nearness means to people: ``python -m benchmarks.nearness --music DIR``, on labelled real music.

DIR holds ``tracks.csv`` (id, file, dataset, artist, genres, split) and the files. The pairs of all songs with one genre
say how near two songs are; then, of songs that the encoder was not trained on, how many pairs by different artists have
the same genre.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from itertools import pairwise as pairwise_of
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core.search.distance import pairwise
from musrec_core.search.pair_distances import PairDistances

from .hubs import Row, embed
from .tables import table

EDGES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)


def same_genre(rows: Sequence[Row], vectors: NDArray[np.float32]) -> list[list[object]]:
    """For each range of nearness: what it is, pairs in it, and the share of one genre [%]; and of all pairs.

    Parameters
    ----------
    rows : sequence of Row
    vectors : np.ndarray [shape=(n, d)]
    """
    library, distances = PairDistances(vectors), pairwise(vectors)
    nearness = np.array([library.nearness(distance) for distance in distances.ravel()]).reshape(distances.shape)
    artists, datasets, genres, heard = (
        np.array([row[key].casefold() for row in rows]) for key in ("artist", "dataset", "genres", "split")
    )
    new = heard != "train"
    counted = new[:, None] & new & (artists[:, None] != artists) & (datasets[:, None] == datasets)
    counted &= np.tri(len(rows), k=-1, dtype=bool)
    same = genres[:, None] == genres
    ranges = [(f"{low:.0%} to {high:.0%}", counted & (nearness >= low) & (nearness < high))
              for low, high in pairwise_of(EDGES)]  # fmt: skip
    return [[name, int(chosen.sum()), 100 * float(same[chosen].mean()) if chosen.any() else "-"]
            for name, chosen in [*ranges, ("all", counted)]]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nearness", description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("nearness.npz"), help="where vectors are kept between runs")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    with (options.music / "tracks.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["file"] and row["genres"] and ";" not in row["genres"]]
    vectors = embed(options.music, rows, options.store)
    rows = [row for row in rows if row["id"] in vectors]
    found = same_genre(rows, np.stack([vectors[row["id"]] for row in rows]))
    title = f"Pairs of songs of one genre, by nearness, in a library of {len(rows)} songs"
    print(table(title, ["nearness", "pairs", "of one genre [%]"], found, markdown=options.markdown))


if __name__ == "__main__":
    main()
