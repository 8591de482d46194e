"""Labelled music for benchmarks: folders with ``tracks.csv``, embedded once, in two halves that share no artist.

``tracks.csv`` has the columns id, file, dataset, artist and genres; it may have album. Songs without an artist are left
out. Choose on the first half, and report on the second, which is looked at once.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core.search.distance import unit

from .hubs import Row, embed

Floats = NDArray[np.float64]
Labels = NDArray[np.str_]


@dataclass(frozen=True)
class Songs:
    """Songs and their labels, row by row.

    Attributes
    ----------
    vectors : np.ndarray [shape=(n, d)]
        Of unit length.
    artists, datasets, genres, albums : np.ndarray [shape=(n,)]
        Text; empty where nothing is known.
    """

    vectors: Floats
    artists: Labels
    datasets: Labels
    genres: Labels
    albums: Labels

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, mask: NDArray[np.bool_]) -> Songs:
        """Some of them."""
        return Songs(
            self.vectors[mask], self.artists[mask], self.datasets[mask], self.genres[mask], self.albums[mask]
        )  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--music", type=Path, action="append", required=True, help="a folder; may be repeated")
    parser.add_argument("--store", type=Path, default=Path("labelled.npz"), help="where vectors are kept between runs")
    parser.add_argument("--half", choices=("choose", "report"), default="choose", help="of the artists")


def load(folders: list[Path], store: Path) -> Songs:
    """The songs of some folders, embedded with the shipped model where ``store`` does not hold them yet."""
    vectors: dict[str, NDArray[np.float32]] = {}
    rows: list[Row] = []
    for folder in folders:
        with (folder / "tracks.csv").open(newline="", encoding="utf-8") as handle:
            found = [row for row in csv.DictReader(handle) if row["file"] and row["artist"]]
        vectors |= embed(folder, found, store)
        rows += [row for row in found if row["id"] in vectors]

    def column(name: str) -> Labels:
        return np.array([row.get(name) or "" for row in rows], np.str_)

    artists = np.array([row["artist"].casefold() for row in rows], np.str_)
    stacked = np.stack([vectors[row["id"]] for row in rows]).astype(np.float64)
    return Songs(unit(stacked), artists, column("dataset"), column("genres"), column("album"))


def half(songs: Songs, name: str) -> Songs:
    """The songs of one half of the artists, by a checksum of their names: ``choose`` or ``report``."""
    return songs.part(np.array([zlib.crc32(artist.encode()) % 2 for artist in songs.artists]) == (name == "report"))
