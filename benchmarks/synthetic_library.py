"""Synthetic beets libraries of any size, shaped like real ones, written straight into SQLite.

``python -m benchmarks.synthetic_library FILE ITEMS``: 100,000 items take some ten seconds. No music file exists.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import beets
import numpy as np
import yaml
from beets.library import Album, Item, Library
from numpy.typing import NDArray

from beetsplug.musrec.attributes import fields
from musrec_core import attribute_text
from musrec_core.card import Card
from musrec_core.search.distance import unit

MUSIC = "/music"
ARTIST_SPREAD, ALBUM_SPREAD, SONG_SPREAD = 0.7, 0.3, 0.5  # length of the random step from the centre above, of length 1
FALL = 9.0  # dimensions over which the spread falls to 1/e, where embeddings vary in few directions
SHARPNESS = 8.0  # of the genre probabilities
CHUNK = 10_000
SYLLABLES = [onset + vowel for onset in (*"bcdfgjklmnprstvwz", "br", "cl", "pl", "str") for vowel in "aeiou"]
FORMATS = (  # format, ending, bit rates, sample rate: and how many of ten albums
    *(("MP3", "mp3", (320_000, 256_000, 192_000, 128_000), 44_100),) * 5,
    *(("FLAC", "flac", (780_000, 850_000, 910_000, 1_020_000), 44_100),) * 3,
    ("AAC", "m4a", (256_000, 128_000), 44_100),
    ("Opus", "opus", (128_000, 96_000), 48_000),
)  # fmt: skip


@dataclass(frozen=True)
class Disc:
    """An album: whose, where in the space of embeddings, in which format."""

    id: int
    artist: str
    artist_mbid: str
    title: str
    mbid: str
    year: int
    added: float
    genre: int
    songs: int
    centre: NDArray[np.float64]
    format: tuple[str, str, tuple[int, ...], int]


def make_library(
    path: str | Path,
    items: int,
    seed: int = 0,
    *,
    embedded: bool = True,
    directory: str = MUSIC,
    concentrated: bool = False,
) -> Path:
    """Write a library of synthetic songs; the same arguments give the same songs.

    Parameters
    ----------
    path : str or Path
        The database; must not exist.
    items : int
        How many songs: albums of 8 to 14, 1 to 5 albums an artist; the last album may be shorter.
    seed : int
    embedded : bool
        Whether songs have the plugin's five stored attributes, of the shipped model: unit vectors around their
        artist's centre, which lies near its genre's, and the genre probabilities that follow from the vector.
    directory : str
        beets' music directory, below which the paths lie.
    concentrated : bool
        Whether the vectors vary in few directions, as the shipped encoder's do, and not in all alike.
    """
    file = Path(path)
    if file.exists():
        raise FileExistsError(file)
    beets.config["create_backup_before_migrations"] = False
    library = Library(str(file), directory)  # beets makes its own schema
    rng = np.random.default_rng(seed)
    card = Card.load()
    centres = unit(rng.standard_normal((len(card.genres), card.dimensions)))
    discs = list(_discs(items, centres, rng, [genre.label for genre in card.genres]))
    try:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = MEMORY")
            _insert(connection, Album, (_album_row(disc) for disc in discs))
            for first, part in _chunks(discs):
                rows = _Songs(part, first, centres, rng, card, concentrated)
                _insert(connection, Item, rows.items(directory))
                if embedded:
                    connection.executemany(
                        "INSERT INTO item_attributes (entity_id, key, value) VALUES (?, ?, ?)", rows.attributes()
                    )
    finally:
        library._close()
    return file


def write_config(home: Path, *, plugins: str = "musrec", directory: str = MUSIC, **settings: Any) -> Path:
    """Write the ``config.yaml`` of a ``BEETSDIR`` whose library is ``home/library.db``."""
    config = {
        "directory": directory,
        "library": str(home / "library.db"),
        "plugins": plugins,
        "create_backup_before_migrations": False,
        "ui": {"color": False},
        **settings,
    }
    home.mkdir(parents=True, exist_ok=True)
    file = home / "config.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


# Albums.


def _discs(items: int, centres: NDArray[np.float64], rng: np.random.Generator, genres: list[str]) -> Iterator[Disc]:
    left, id_ = items, 0
    while left:
        genre = int(rng.integers(len(genres)))
        artist, artist_mbid = _name(rng), _mbid(rng)
        home = unit(centres[genre] + ARTIST_SPREAD * unit(rng.standard_normal(centres.shape[1:])))
        for _ in range(int(rng.integers(1, 6))):
            songs = min(left, int(rng.integers(8, 15)))
            if not songs:
                return
            left, id_ = left - songs, id_ + 1
            yield Disc(
                id=id_, artist=artist, artist_mbid=artist_mbid, title=_name(rng), mbid=_mbid(rng), genre=genre,
                year=int(rng.integers(1960, 2025)), added=1.6e9 + 600.0 * id_, songs=songs,
                centre=unit(home + ALBUM_SPREAD * unit(rng.standard_normal(centres.shape[1:]))),
                format=FORMATS[int(rng.integers(len(FORMATS)))],
            )  # fmt: skip


def _album_row(disc: Disc) -> dict[str, Any]:
    return {
        "id": disc.id, "album": disc.title, "albumartist": disc.artist, "added": disc.added, "year": disc.year,
        "albumtype": "album", "albumtypes": "album", "mb_albumid": disc.mbid, "mb_albumartistid": disc.artist_mbid,
        "disctotal": 1, "original_year": disc.year,
    }  # fmt: skip


def _chunks(discs: list[Disc]) -> Iterator[tuple[int, list[Disc]]]:
    """Albums of some ten thousand songs at a time, with the id of the first song."""
    first, part, songs = 1, list[Disc](), 0
    for disc in discs:
        part.append(disc)
        songs += disc.songs
        if songs >= CHUNK:
            yield first, part
            first, part, songs = first + songs, [], 0
    if part:
        yield first, part


# Songs.


class _Songs:
    """The songs of some albums, as rows."""

    def __init__(
        self,
        discs: list[Disc],
        first: int,
        centres: NDArray[np.float64],
        rng: np.random.Generator,
        card: Card,
        concentrated: bool,
    ) -> None:
        self._card = card
        self._first = first
        self._songs = [(disc, track) for disc in discs for track in range(1, disc.songs + 1)]
        n = len(self._songs)
        around = np.stack([disc.centre for disc, _ in self._songs])
        vectors = unit(around + SONG_SPREAD * unit(rng.standard_normal(around.shape)))
        logits = SHARPNESS * vectors @ centres.T
        exponent = np.exp(logits - logits.max(1, keepdims=True))
        if concentrated:
            vectors = unit(vectors * np.exp(-np.arange(card.dimensions) / FALL))
        self._vectors = vectors.astype(np.float32)
        self._genres = exponent / exponent.sum(1, keepdims=True)
        self._mood = rng.uniform(0, 1, (n, len(card.mood)))
        self._lengths = np.clip(rng.lognormal(np.log(230), 0.35, n), 20, 3600)
        self._bit_rates = [disc.format[2][k % len(disc.format[2])] for disc, k in self._songs]
        self._titles = [_name(rng) for _ in range(n)]
        self._mbids = [_mbid(rng) for _ in range(n)]

    def items(self, directory: str) -> Iterator[dict[str, Any]]:
        to_sql = Item._type("path").to_sql  # relative to the directory, where this beets wants that
        for k, (disc, track) in enumerate(self._songs):
            format_, ending, _, rate = disc.format
            title = self._titles[k]
            path = f"{directory}/{disc.artist}/{disc.title}/{track:02} {title}.{ending}".encode()
            yield {
                "id": self._first + k, "path": to_sql(path), "album_id": disc.id, "title": title, "track": track,
                "artist": disc.artist, "albumartist": disc.artist, "album": disc.title, "year": disc.year,
                "original_year": disc.year, "tracktotal": disc.songs, "disc": 1, "disctotal": 1, "albumtype": "album",
                "albumtypes": "album", "added": disc.added, "mtime": disc.added, "format": format_,
                "bitrate": self._bit_rates[k], "samplerate": rate, "bitdepth": 16 if format_ == "FLAC" else 0,
                "channels": 2, "length": float(self._lengths[k]), "genres": self._card.genres[disc.genre].label.title(),
                "mb_trackid": self._mbids[k], "mb_albumid": disc.mbid, "mb_artistid": disc.artist_mbid,
                "mb_albumartistid": disc.artist_mbid,
            }  # fmt: skip

    def attributes(self) -> Iterator[tuple[int, str, str]]:
        labels, axes, model = [genre.label for genre in self._card.genres], list(self._card.mood), self._card.model_id
        for k, (disc, _) in enumerate(self._songs):
            id_ = self._first + k
            yield id_, fields.EMBEDDING, attribute_text.encode_vector(self._vectors[k])
            yield (
                id_,
                fields.HEARD,
                f"{disc.format[0]} {self._lengths[k]:.1f} {self._bit_rates[k]} {disc.format[3]}",
            )
            if axes:
                yield (
                    id_,
                    fields.MOOD,
                    attribute_text.format_pairs(dict(zip(axes, self._mood[k].tolist(), strict=True))),
                )
            yield id_, fields.MODEL, model
            yield (
                id_,
                fields.GENRES,
                attribute_text.format_genres(dict(zip(labels, self._genres[k].tolist(), strict=True))),
            )


# Parts.


def _insert(connection: sqlite3.Connection, model: type[Item] | type[Album], rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows; columns that a row does not name get what beets stores for nothing known."""
    known = [column for _, column, *_ in connection.execute(f"PRAGMA table_info({model._table})")]
    template = {column: model._type(column).to_sql(model._type(column).null) for column in known}
    statement = f"INSERT INTO {model._table} ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})"
    connection.executemany(statement, (tuple((template | row).values()) for row in rows))


def _name(rng: np.random.Generator) -> str:
    """One to four pronounceable words."""
    words = int(rng.integers(1, 5))
    picks = rng.integers(len(SYLLABLES), size=3 * words).tolist()
    return " ".join("".join(SYLLABLES[p] for p in picks[3 * w : 3 * w + 2 + w % 2]).title() for w in range(words))


def _mbid(rng: np.random.Generator) -> str:
    return str(UUID(bytes=rng.bytes(16), version=4))


def main() -> None:
    """Make one library."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic_library", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("items", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bare", action="store_true", help="without the plugin's attributes")
    options = parser.parse_args()
    make_library(options.file, options.items, options.seed, embedded=not options.bare)
    print(f"{options.items} items, {options.file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
