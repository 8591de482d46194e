"""Made-up libraries of beets, in SQLite and without beets."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from musrec_core.attribute_text import encode_vector, format_genres, format_pairs
from musrec_core.card import Card

from .rows import unit_vectors

CARD = Card.load()
TEXTS = ("title", "artist", "albumartist", "album", "format", "label", "mb_trackid")
NUMBERS = ("year", "original_year", "track", "disc", "length", "bitrate", "samplerate", "added")
SCHEMA = f"""
    CREATE TABLE items (id INTEGER PRIMARY KEY, path BLOB, {", ".join(f"{c} TEXT" for c in TEXTS)},
                        {", ".join(f"{c} REAL" if c in ("length", "added") else f"{c} INTEGER" for c in NUMBERS)});
    CREATE TABLE albums (id INTEGER PRIMARY KEY, album TEXT);
    CREATE TABLE item_attributes (id INTEGER PRIMARY KEY, entity_id INTEGER, key TEXT, value TEXT{{unique}});
    CREATE INDEX item_attributes_by_entity ON item_attributes (entity_id);
    CREATE TABLE album_attributes (id INTEGER PRIMARY KEY, entity_id INTEGER, key TEXT, value TEXT);
"""
UNIQUE = ", UNIQUE(entity_id, key) ON CONFLICT REPLACE"


class MadeLibrary:
    """A library whose songs are embedded, but for what a test says."""

    def __init__(self, path: Path, songs: int = 3, *, unique: bool = True) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCHEMA.format(unique=UNIQUE if unique else ""))
        for n in range(1, songs + 1):
            self.add(n, path=f"/music/a{n}.flac".encode(), title=f"Song {n}", year=1980 + n, mb_trackid=f"mb-{n}")
            self.embed(n)

    def __str__(self) -> str:
        return str(self.path)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask or change it."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            return connection.execute(statement, values).fetchall()

    def add(self, id_: int, **values: Any) -> None:
        """Add an item."""
        row = {"id": id_, "format": "FLAC", "length": 200.04, "bitrate": 900_000, "samplerate": 44_100, **values}
        self.sql(f"INSERT INTO items ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())

    def embed(self, id_: int, **attributes: str) -> None:
        """Store what the plugin stores; ``embedding="..."`` and so on in the place of what is made up."""
        rng = np.random.default_rng(id_)
        p = rng.dirichlet(np.full(len(CARD.genres), 0.2)).tolist()
        values = {
            "embedding": encode_vector(unit_vectors(rng, 1, CARD.dimensions)[0]),
            "genres": format_genres(dict(zip((genre.label for genre in CARD.genres), p, strict=True))),
            "mood": format_pairs(dict(zip(CARD.mood, rng.uniform(size=2).tolist(), strict=True))),
            "model": CARD.model_id,
            "heard": f"FLAC 200.0 900000 44100{' excerpts:3' if id_ % 2 else ''}",
            **attributes,
        }
        self.store(id_, {f"musrec_{key}": value for key, value in values.items()})

    def store(self, id_: int, attributes: Mapping[str, Any]) -> None:
        """Store some attributes."""
        for key, value in attributes.items():
            self.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, ?, ?)", id_, key, value)

    def clear(self, ids: Sequence[int] = ()) -> None:
        """Remove our attributes, of some items or of all."""
        which = f"AND entity_id IN ({', '.join(map(str, ids))})" if ids else ""
        self.sql(f"DELETE FROM item_attributes WHERE key LIKE 'musrec_%' {which}")

    def attributes(self) -> list[tuple[int, str, Any]]:
        """All that is stored of items."""
        return self.sql("SELECT entity_id, key, value FROM item_attributes ORDER BY entity_id, key")
