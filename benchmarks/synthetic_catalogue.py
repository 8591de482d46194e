"""Made-up datasets of embedded tracks, of any size, clustered as embeddings of real music are, a block at a time.

``python -m benchmarks.synthetic_catalogue DIR.lance TRACKS``. The same seed gives the same tracks; a larger dataset
begins with those of a smaller one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from musrec_core.card import Card
from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.schema import ModelColumns, dataset_schema
from musrec_core.search.distance import unit

FURTHER = pa.schema([("artist", pa.string()), ("album", pa.string()), ("year", pa.int16())])
BLOCK = 50_000  # tracks made and written at a time
STYLES = 400  # kinds of music, of unequal sizes, shared by all artists
ZIPF = 0.8  # the n-th style has n^-ZIPF of the artists
ARTIST_TAIL, LARGEST_ARTIST = 1.1, 2_000  # tracks of an artist: Pareto's exponent, and the most
COPIES = 0.03  # share of tracks that are another release of the track before
COPY_SPREAD = 0.02  # length of the step between two copies
# Fitted to musrec-2's embeddings of 976 real clips by 608 artists, of which docs/scale.md shows distances.
FALL, TAIL, TAIL_FALL = 6.0, 0.2, 33.0  # the n-th principal component's deviation: exp(-n / FALL) + TAIL exp(-n / ...)
GENRE, STYLE, ARTIST, ALBUM, SONG = 0.85, 0.22, 0.22, 0.2, 0.4  # length of the step at each level, in the mean square
VARIED = 0.75  # deviation of the logarithm of a style's and an artist's own spread: some are alike, others are not
SHARPNESS = 8.0  # of the genre probabilities


@dataclass(frozen=True)
class World:
    """What all tracks of a seed share: genres and styles as places in the space of embeddings."""

    columns: ModelColumns
    seed: int = 0

    @cached_property
    def axes(self) -> NDArray[np.float32]:
        """Principal components [shape=(d, d)], each as long as embeddings vary along it."""
        d = self.columns.dimensions
        rotation, _ = np.linalg.qr(np.random.default_rng([self.seed, 1]).standard_normal((d, d)))
        n = np.arange(d)
        fall = np.exp(-n / FALL) + TAIL * np.exp(-n / TAIL_FALL)
        return np.asarray(fall[:, None] / np.linalg.norm(fall) * rotation, np.float32)

    @cached_property
    def genres(self) -> NDArray[np.float32]:
        """Offset of each genre [shape=(genres, d)]."""
        return GENRE * self.steps(np.random.default_rng([self.seed, 3]), len(self.columns.genres))

    @cached_property
    def styles(self) -> NDArray[np.float32]:
        """Offset of each style [shape=(STYLES, d)]: its genre's, and a step."""
        rng = np.random.default_rng([self.seed, 4])
        of_genre = self.genres[rng.integers(len(self.genres), size=STYLES)]
        return np.asarray(of_genre + STYLE * self.steps(rng, STYLES), np.float32)

    def spread(self, style: NDArray[np.int64]) -> NDArray[np.float32]:
        """How far the artists of styles lie from the style, relative to others [shape=(n,)]."""
        return _varied(np.random.default_rng([self.seed, 5]), STYLES)[style]

    def steps(self, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
        """Random steps of length 1, in the mean square, along the principal components [shape=(n, d)]."""
        d = self.columns.dimensions
        return np.asarray(rng.standard_normal((n, d), np.float32) @ self.axes, np.float32)


@dataclass(frozen=True)
class Tracks:
    """Some tracks: where each is, and whose.

    Attributes
    ----------
    vectors : np.ndarray [shape=(n, d), dtype=float16]
        Of unit length.
    genres : np.ndarray [shape=(n, genres)]
        Probabilities.
    artist, album, year : np.ndarray [shape=(n,)]
    """

    vectors: NDArray[np.float16]
    genres: NDArray[np.float32]
    artist: NDArray[np.int64]
    album: NDArray[np.int64]
    year: NDArray[np.int16]


def make_tracks(world: World, block: int, n: int = BLOCK) -> Tracks:
    """The tracks of a block, which has artists of its own, and shares the styles."""
    rng = np.random.default_rng([world.seed, 6, block])
    sizes = _sizes(rng, n)
    artist = np.repeat(np.arange(len(sizes)), sizes)[:n]
    popularity = np.arange(1, STYLES + 1) ** -ZIPF
    style = rng.choice(STYLES, len(sizes), p=popularity / popularity.sum())
    homes = world.styles[style] + ARTIST * world.spread(style)[:, None] * world.steps(rng, len(sizes))
    own = _varied(rng, len(sizes))[:, None]
    first = np.r_[True, (artist[1:] != artist[:-1]) | (rng.random(n - 1) < 1 / 11)]  # albums of eleven tracks
    album = np.cumsum(first) - 1
    centres = homes[artist[first]] + ALBUM * own[artist[first]] * world.steps(rng, int(album[-1]) + 1)
    vectors = unit(centres[album] + SONG * own[artist] * world.steps(rng, n))
    copied = np.flatnonzero(rng.random(n) < COPIES)
    copied = copied[copied > 0]
    vectors[copied] = unit(vectors[copied - 1] + COPY_SPREAD * world.steps(rng, len(copied)))
    year = 2025 - np.minimum(rng.exponential(18, len(centres)), 75).astype(np.int16)
    logits = SHARPNESS * vectors @ world.genres.T
    exponent = np.exp(logits - logits.max(1, keepdims=True))
    genres = (exponent / exponent.sum(1, keepdims=True)).astype(np.float32)
    return Tracks(vectors.astype(np.float16), genres, artist, album, year[album])


def _varied(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Factors of mean square 1."""
    return np.exp(VARIED * rng.standard_normal(n) - VARIED**2).astype(np.float32)


def _sizes(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Tracks of each artist: few have many; together at least ``n``."""
    sizes = np.minimum(3 * (1 + rng.pareto(ARTIST_TAIL, n)), LARGEST_ARTIST).astype(np.int64)
    return sizes[: int(np.searchsorted(np.cumsum(sizes), n)) + 1]


def as_table(tracks: Tracks, columns: ModelColumns, block: int, first: int) -> pa.Table:
    """Tracks -> rows of a dataset; ``first`` is the number of the first one."""
    schema = dataset_schema(columns, FURTHER)
    n = len(tracks.vectors)
    labels = np.array(list(columns.genres.values()))
    artists = [f"artist {block}-{a}" for a in tracks.artist.tolist()]
    albums = [f"album {block}-{a}" for a in tracks.album.tolist()]
    paths = [f"s3://archive/{a}/{b}/{k:09d}.flac" for k, (a, b) in enumerate(zip(artists, albums, strict=True), first)]
    probabilities = [pa.array(column) for column in np.ascontiguousarray(tracks.genres.T)]
    moods = [pa.array(np.resize(np.linspace(0, 1, 997, dtype=np.float32), n)) for _ in columns.moods]
    data = {
        "id": [track_id(k) for k in range(first, first + n)],
        "path": paths,
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(tracks.vectors.ravel()), columns.dimensions),
        "genre": labels[tracks.genres.argmax(1)],
        "genres": pa.StructArray.from_arrays(probabilities, fields=list(schema.field("genres").type)),
        "mood": pa.StructArray.from_arrays(moods, fields=list(schema.field("mood").type)),
        "model": pa.repeat(columns.model, n),
        "heard": [f"size:{30_000_000 + k}" for k in range(first, first + n)],
        "status": pa.repeat("ok", n),
        "error": pa.nulls(n, pa.string()),
        "artist": artists,
        "album": albums,
        "year": pa.array(tracks.year),
    }
    return pa.table(data, schema=schema)


def track_id(k: int) -> str:
    """The id of the track of this number."""
    return f"T{k:09d}"


def blocks(world: World, tracks: int) -> Iterator[tuple[int, Tracks]]:
    """So many tracks, a block at a time: (number of its first track, tracks)."""
    for block, first in enumerate(range(0, tracks, BLOCK)):
        made = make_tracks(world, block)
        n = min(BLOCK, tracks - first)
        yield first, Tracks(made.vectors[:n], made.genres[:n], made.artist[:n], made.album[:n], made.year[:n])


def make_catalogue(uri: str, tracks: int, seed: int = 0) -> Catalogue:
    """Write a dataset of made-up tracks, appending a block at a time.

    Raises
    ------
    CatalogueError
        There is one already.
    """
    world = World(ModelColumns.of_card(Card.load()), seed)
    catalogue = Catalogue.create(uri, world.columns, FURTHER)
    schema = catalogue.schema
    batches = (
        batch
        for first, made in blocks(world, tracks)
        for batch in as_table(made, world.columns, first // BLOCK, first).to_batches()
    )
    lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches), uri, mode="append")
    catalogue.refresh()
    return catalogue


def main() -> None:
    """Make one dataset."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic_catalogue", description=__doc__)
    parser.add_argument("uri", metavar="DIR.lance")
    parser.add_argument("tracks", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{len(make_catalogue(options.uri, options.tracks, options.seed))} tracks")


if __name__ == "__main__":
    main()
