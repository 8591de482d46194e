"""What corrections for hubs do to neighbours: ``python -m benchmarks.hubs --music DIR``, on labelled real music.

DIR holds ``tracks.csv`` (file, dataset, artist, genres, split) and the files. Only the valid split is looked at.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core import Encoder, UnusableAudio, VectorIndex
from musrec_core.search.distance import pairwise
from musrec_core.search.hubness import MutualIndex
from training.evaluation import metrics

Floats = NDArray[np.float64]
Row = dict[str, str]


def none(vectors: NDArray[np.float32]) -> Floats:
    return pairwise(vectors)


def local_scaling(vectors: NDArray[np.float32], k: int = 10) -> Floats:
    """NICDM (Schnitzer et al. 2012): distances over the mean distance of both songs to their k nearest."""
    distances = pairwise(vectors)
    others = distances + np.diag(np.full(len(distances), np.inf))
    scale = np.sort(others, axis=1)[:, :k].mean(axis=1)
    return distances / np.sqrt(np.outer(scale, scale))


def mutual_proximity(vectors: NDArray[np.float32]) -> Floats:
    return MutualIndex(VectorIndex(range(len(vectors)), vectors)).remoteness(vectors)


CORRECTIONS: dict[str, Callable[[NDArray[np.float32]], Floats]] = {
    "none": none,
    "local scaling": local_scaling,
    "mutual proximity": mutual_proximity,
}


def embed(music: Path, rows: list[Row], store: Path) -> dict[str, NDArray[np.float32]]:
    """Id -> vector; what was embedded before is kept in an npz."""
    known = dict(np.load(store)) if store.is_file() else {}
    paths = {str(music / row["file"]): row["id"] for row in rows if row["id"] not in known}
    for path, track in Encoder.load().embed_files(list(paths)) if paths else ():
        if isinstance(track, UnusableAudio):
            print(f"left out: {track}")
        else:
            known[paths[str(path)]] = track.vector
    np.savez(store, **known)
    return known


def line(name: str, distances: Floats, rows: list[Row]) -> str:
    """One line of the table."""
    labels = np.array([row["genres"] for row in rows])
    artists = np.array([row["artist"].casefold() for row in rows])
    scores = metrics.retrieval_scores(distances, labels, artists)
    hubs = metrics.hubness(distances)
    low, high = metrics.bootstrap(scores["precision_at_10"], artists)
    return (
        f"| {name} | {hubs['skewness']:.2f} | {hubs['largest']:.0f} | {np.mean(scores['precision_at_10']):.3f} "
        f"({low:.2f}-{high:.2f}) | {np.nanmean(scores['average_precision']):.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hubs", description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("hubs.npz"), help="where vectors are kept between runs")
    options = parser.parse_args()
    with (options.music / "tracks.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "valid" and row["file"] and row["artist"]]
    vectors = embed(options.music, rows, options.store)
    rows = [row for row in rows if row["id"] in vectors]
    groups = {name: [row for row in rows if row["dataset"] == name and ";" not in row["genres"]]
              for name in sorted({row["dataset"] for row in rows})}  # fmt: skip
    for name, some in {**groups, "all, by the whole of their labels": rows}.items():
        print(f"\n{name}: {len(some)} songs\n\n| correction | skewness | largest hub | precision@10 (95 %) | mAP |")
        print("|---|---|---|---|---|")
        matrix = np.stack([vectors[row["id"]] for row in some])
        for correction, distances in CORRECTIONS.items():
            print(line(correction, distances(matrix), some))


if __name__ == "__main__":
    main()
