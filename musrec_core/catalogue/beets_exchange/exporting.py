"""The embeddings of a dataset -> the items of a beets library."""

from __future__ import annotations

import itertools
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..._text import number_of
from ...attribute_text import (
    decode_vectors,
    encode_vector,
    file_properties,
    format_genres,
    format_pairs,
    is_file_properties,
)
from ..dataset import Catalogue
from ..schema import HAS_VECTOR, ID, PATH, VECTOR, ModelColumns, vectors_in
from ..sql import both, condition, sql_text
from ..storage.file_state import parse_heard
from ..storage.filesystems import local_path, scheme_of
from .ids import IdsOfItems, ItemIds, path_text, same_path
from .library import (
    EMBEDDING,
    GENRES,
    HEARD,
    MODEL,
    MOOD,
    BeetsItem,
    BeetsLibrary,
    positive_number,
    positive_whole,
    text_of,
)
from .rows import LIBRARY

WRITE_ITEMS = 4000  # in one transaction of the library: who else wants to write waits no longer than for these
FILE_COLUMNS = ("format", "length", "bitrate", "samplerate")  # what `HEARD` says of a file


@dataclass
class ExportCounts:
    """What an export did with the tracks of a dataset.

    Attributes
    ----------
    tracks : int
        Those with an embedding of the model that fulfil the condition.
    written : int
        Items; ``replaced`` of them had another embedding.
    unchanged : int
        Items that have the same embedding.
    differing : int
        Items that have another embedding of the same model, and keep it.
    other_models : dict of str to int
        A model's id -> how many items have an embedding of it, and keep it.
    damaged : int
        Tracks whose vector is none.
    unmatched : int
        Tracks that are no item's.
    ambiguous : int
        Tracks of several items, or several of one item.
    elsewhere : int
        Tracks with the number of an item, but from another library.
    """

    tracks: int = 0
    written: int = 0
    replaced: int = 0
    unchanged: int = 0
    differing: int = 0
    other_models: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    unmatched: int = 0
    ambiguous: int = 0
    elsewhere: int = 0


@dataclass(frozen=True)
class ExportOptions:
    """How to export.

    Attributes
    ----------
    ids : ItemIds
    by_path : bool
        Find a track's item by the path of its file, and not by the id.
    name : str
        Of the library, in the dataset's column ``beets_library``.
    model : str
        The id of the model whose embeddings are written.
    where : str or None
        A condition in SQL.
    force : bool
        Replace another embedding that an item has.
    pretend : bool
        Write nothing.
    """

    ids: ItemIds
    by_path: bool
    name: str
    model: str
    where: str | None = None
    force: bool = False
    pretend: bool = False


def export_library(
    catalogue: Catalogue,
    library: BeetsLibrary,
    options: ExportOptions,
    *,
    done: Callable[[int], object] = lambda tracks: None,
) -> ExportCounts:
    """Write what the items of a library lack; of an item all attributes or none, and nothing but ours.

    Parameters
    ----------
    done : callable
        Gets the number of tracks of each part that was looked at.

    Raises
    ------
    CatalogueError
        The library can't be written, or the condition can't be understood. What was written before is complete.
    """
    counts = ExportCounts()
    known = options.ids.paths_of(library) if options.by_path else options.ids.all_of(library)
    tracks = _tracks(catalogue, known, options, counts, done)
    items = _Items(library, catalogue.columns, options, counts)
    while part := list(itertools.islice(tracks, WRITE_ITEMS)):
        try:
            items.write(part)
        except sqlite3.Error as error:
            kept = f"; {number_of(counts.written, 'item')} before that are written" if counts.written else ""
            raise library.error(error, kept) from error
    return counts


def exported(model: str, where: str | None) -> str | None:
    """The condition of the rows that are exported, in SQL."""
    return both(f"{VECTOR} IS NOT NULL", HAS_VECTOR, f"model = {sql_text(model)}", condition(where))


class _Track(NamedTuple):
    """A track of the dataset, and the number of the item that has its id or its path."""

    item: int
    library: str | None
    path: str | None
    vector: NDArray[np.float32]
    genres: Mapping[str, float | None]
    mood: Mapping[str, float | None]
    heard: str | None


def _tracks(
    catalogue: Catalogue,
    known: IdsOfItems,
    options: ExportOptions,
    counts: ExportCounts,
    done: Callable[[int], object],
) -> Iterator[_Track]:
    """The tracks that are an item's, in the dataset's order; each item once."""
    names = [ID, PATH, VECTOR, "genres", "mood", "heard", *({LIBRARY} & {*catalogue.schema.names})]
    seen: set[int] = set()
    for batch in catalogue.batches(names, exported(options.model, options.where)):
        keys = [_path_key(path) for path in batch[PATH].to_pylist()] if options.by_path else batch[ID].to_pylist()
        rows, items = [], []
        for row, key in enumerate(keys):
            item = known.items.get(key)
            if item is None:
                counts.unmatched += 1
            elif key in known.repeated or item in seen:
                counts.ambiguous += 1
            else:
                seen.add(item)
                rows.append(row)
                items.append(item)
        counts.tracks += len(batch)
        yield from _rows(batch.take(pa.array(rows, pa.int64())), items)
        done(len(batch))


def _path_key(path: str | None) -> str:
    """A row's path in the form of `ItemIds.paths_of`; empty where it is on no disk."""
    if not path or scheme_of(path) is None:
        return same_path(path) or ""
    local = local_path(path)
    return "" if local is None else same_path(path_text(os.fsencode(local))) or ""


def _rows(batch: pa.RecordBatch, items: Sequence[int]) -> Iterator[_Track]:
    names = [PATH, "genres", "mood", "heard"]
    columns = [batch[name].to_pylist() for name in names]
    owners = batch[LIBRARY].to_pylist() if LIBRARY in batch.schema.names else [None] * len(batch)
    each = zip(items, owners, vectors_in(batch[VECTOR]), *columns, strict=True)
    for item, owner, vector, path, genres, mood, heard in each:
        yield _Track(item, owner, path, vector, genres or {}, mood or {}, heard)


class _Items:
    """Writes tracks to the items of a library."""

    def __init__(
        self, library: BeetsLibrary, columns: ModelColumns, options: ExportOptions, counts: ExportCounts
    ) -> None:
        self._library, self._columns, self._options, self._counts = library, columns, options, counts
        self._needs_owner = options.ids.column == "id" and not options.by_path  # a number is an id in any library

    def write(self, tracks: Sequence[_Track]) -> None:
        """Write the embeddings that are missing, in one transaction."""
        pretend = self._options.pretend
        replaced = 0
        with nullcontext() if pretend else self._library.writing():
            items = self._library.items_with([track.item for track in tracks], FILE_COLUMNS)
            wanted: dict[int, dict[str, str]] = {}
            for track in tracks:
                item = items.get(track.item)
                if item is None:  # removed a moment ago
                    self._counts.unmatched += 1
                elif self._is_wanted(track, item):
                    wanted[item.id] = self._attributes(track, item)
                    replaced += bool(item.attributes.get(EMBEDDING))
            if not pretend:
                self._library.store(wanted)
        self._counts.written += len(wanted)
        self._counts.replaced += replaced

    def _is_wanted(self, track: _Track, item: BeetsItem) -> bool:
        counts, model = self._counts, item.attributes.get(MODEL, "")
        if not np.isfinite(track.vector).all() or not track.vector.any():
            counts.damaged += 1
        elif self._needs_owner and track.library != self._options.name and not self._has_path(track, item):
            counts.elsewhere += 1
        elif not item.attributes.get(EMBEDDING):
            return True
        elif model != self._options.model:
            if self._options.force:
                return True
            counts.other_models[model] = counts.other_models.get(model, 0) + 1
        else:
            (there,) = decode_vectors([item.attributes[EMBEDDING]], self._columns.dimensions)
            if np.array_equal(there, track.vector):
                counts.unchanged += 1
            elif self._options.force or not np.isfinite(there).all():
                return True
            else:
                counts.differing += 1
        return False

    def _has_path(self, track: _Track, item: BeetsItem) -> bool:
        path = same_path(self._options.ids.known_path(item))
        return path is not None and path == _path_key(track.path)

    def _attributes(self, track: _Track, item: BeetsItem) -> dict[str, str]:
        genres = _known({self._columns.genres[key]: p for key, p in track.genres.items()})
        mood = _known(track.mood)
        texts = {
            EMBEDDING: encode_vector(track.vector),
            GENRES: format_genres(genres),
            MOOD: format_pairs(mood),
            MODEL: self._options.model,
            HEARD: _heard(track, item),
        }
        return {key: text for key, text in texts.items() if text}


def _known(numbers: Mapping[str, float | None]) -> dict[str, float]:
    return {label: p for label, p in numbers.items() if p is not None and math.isfinite(p)}


def _heard(track: _Track, item: BeetsItem) -> str:
    """What beets knew of the file that was embedded, or if only a storage knew it, what beets knows of the file now."""
    if track.heard is not None and is_file_properties(track.heard):
        return track.heard
    format_, length, bit_rate, sample_rate = item.values
    return file_properties(
        text_of(format_) or "",
        positive_number(length) or 0.0,
        positive_whole(bit_rate) or 0,
        positive_whole(sample_rate) or 0,
        excerpts=parse_heard(track.heard)[1],
    )
