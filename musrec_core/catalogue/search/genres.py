"""The genres and the mood of a dataset's tracks, how genres are spread over it, and the surest tracks of one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..._text import one_line
from ...errors import CatalogueError
from ..dataset import Catalogue
from ..schema import ERROR, GENRES, ID, MODEL, MOOD, STATUS
from ..sql import both
from .lookup import missing_sentence, problem_of, rows_of
from .search import COUNT, Searcher


@dataclass(frozen=True)
class Guess:
    """What the model heard in a track.

    Attributes
    ----------
    genres : dict of str to float
        The probability of each genre, by its label, the likeliest first.
    mood : dict of str to float
        Each axis in 0..1; empty where the model has no mood head.
    columns : mapping
        Those that were asked for.
    """

    id: str
    genres: dict[str, float]
    mood: dict[str, float]
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GenreShare:
    """A genre in a catalogue.

    Attributes
    ----------
    tracks : int
        Of which it is the likeliest genre.
    share : float
        Of all tracks.
    mean : float
        Its mean probability.
    """

    genre: str
    tracks: int
    share: float
    mean: float


def genres_of(
    catalogue: Catalogue, ids: Sequence[str], columns: Sequence[str] = ()
) -> tuple[dict[str, Guess], dict[str, str]]:
    """The genres of tracks by their ids, and for each id without any a sentence that says why."""
    catalogue.require_columns(columns)
    found: dict[str, Guess] = {}
    problems: dict[str, str] = {}
    read = list(dict.fromkeys((GENRES, MOOD, MODEL, STATUS, ERROR, *(name for name in columns if name != ID))))
    for batch in rows_of(catalogue, ids, read):
        for row in batch.to_pylist():
            if problem := problem_of(row, catalogue.columns.model):
                problems[row[ID]] = problem
            else:
                found[row[ID]] = _guess(catalogue, row, columns)
    for id_ in ids:
        if id_ not in found and id_ not in problems:
            problems[id_] = missing_sentence(catalogue, id_, name_near=not problems)
    return found, problems


def distribution(catalogue: Catalogue, where: str | None = None) -> list[GenreShare]:
    """How genres are spread over the tracks that fulfil a condition, the most frequent first."""
    keys, labels = list(catalogue.columns.genres), list(catalogue.columns.genres.values())
    counts, sums, total = np.zeros(len(keys), np.int64), np.zeros(len(keys)), 0
    for batch in catalogue.batches([GENRES], _usable(catalogue, where), in_order=False):
        table = np.stack([_numbers(batch[GENRES], key) for key in keys])
        counts += np.bincount(table.argmax(axis=0), minlength=len(keys))
        sums += table.sum(axis=1)
        total += batch.num_rows
    shares = [
        GenreShare(label, int(n), n / total if total else 0.0, float(p) / total if total else 0.0)
        for label, n, p in zip(labels, counts.tolist(), sums.tolist(), strict=True)
    ]
    return sorted(shares, key=lambda each: (-each.tracks, -each.mean, each.genre))


def surest(
    searcher: Searcher,
    genre: str,
    *,
    count: int = COUNT,
    where: str | None = None,
    columns: Sequence[str] = (),
) -> list[tuple[float, Guess]]:
    """The tracks that are likeliest of a genre, with its probability, the likeliest first.

    Parameters
    ----------
    genre : str
        Its label or its key: ``hip hop`` or ``hip_hop``.
    count, where, columns
        See `Searcher.similar`.

    Raises
    ------
    CatalogueError
        The model knows no such genre, or something else that is asked for can't be used.
    """
    catalogue, key = searcher.catalogue, genre_key(searcher.catalogue, genre)
    searcher.wanted(count, columns, None)
    best: list[tuple[float, str]] = []  # minus the probability, and the id
    bound = -np.inf
    for batch in catalogue.batches([ID, GENRES], _usable(catalogue, where), in_order=False):
        probabilities = _numbers(batch[GENRES], key)
        near = np.flatnonzero(probabilities >= bound)
        if not len(near):
            continue
        ids = batch[ID].take(pa.array(near)).to_pylist()
        best = sorted([*best, *zip((-probabilities[near]).tolist(), ids, strict=True)])[:count]
        if len(best) == count:
            bound = -best[-1][0]
    guesses, _ = genres_of(catalogue, [id_ for _, id_ in best], columns)
    return [(-cost, guesses[id_]) for cost, id_ in best]


def genre_key(catalogue: Catalogue, genre: str) -> str:
    """The key of a genre by its label or key; raises `CatalogueError` where the model knows none of that name."""
    names = {name.casefold(): key for key, label in catalogue.columns.genres.items() for name in (key, label)}
    found = names.get(genre.strip().casefold())
    if found is None:
        near = difflib.get_close_matches(genre.casefold(), list(catalogue.columns.genres.values()), n=3, cutoff=0.4)
        known = near or list(catalogue.columns.genres.values())
        raise CatalogueError(f"the model knows no genre {one_line(genre)[:80]!r}; there are {', '.join(known)}")
    return found


def _usable(catalogue: Catalogue, where: str | None) -> str:
    """A condition, and that a track has genres of the dataset's model."""
    return both(catalogue.checked(where), catalogue.embedded) or catalogue.embedded


def _numbers(genres: pa.StructArray, key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The probabilities of one genre [shape=(n,)]; 0 where there is none."""
    values = pc.fill_null(pc.struct_field(genres, key), 0.0)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)


def _guess(catalogue: Catalogue, row: dict[str, Any], columns: Sequence[str]) -> Guess:
    given = {label: row[GENRES][key] or 0.0 for key, label in catalogue.columns.genres.items()} if row[GENRES] else {}
    ranked = dict(sorted(given.items(), key=lambda pair: (-pair[1], pair[0])))
    mood = {axis: value for axis, value in (row[MOOD] or {}).items() if value is not None}
    return Guess(row[ID], ranked, mood, {name: row[name] for name in columns})
