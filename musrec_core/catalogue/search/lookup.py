"""Tracks by their ids: their vectors, and further columns of them; and the vectors of audio files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..._text import one_line
from ...card import Card, known_cards
from ...encoder import TrackEmbedding
from ...errors import CatalogueError
from ...workers.pool import WorkerPool
from ..dataset import Catalogue, lance_errors
from ..schema import ERROR, ID, MODEL, OK, STATUS, VECTOR, vectors_in
from ..sql import id_in, sql_text

AT_ONCE = 10_000  # ids in one condition
NEAR = 3  # ids that are named where one is unknown
SHOWN = 80  # characters of an id in a message


def rows_of(catalogue: Catalogue, ids: Sequence[str], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of the tracks that have these ids, in no order; unknown ids are left out."""
    for first in range(0, len(ids), AT_ONCE):
        yield from catalogue.batches([ID, *names], id_in(ids[first : first + AT_ONCE]), in_order=False)


def vectors_of(catalogue: Catalogue, ids: Sequence[str]) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """The vectors [shape=(d,)] of tracks by their ids, and for each id without one a sentence that says why."""
    found: dict[str, NDArray[np.float32]] = {}
    problems: dict[str, str] = {}
    for batch in rows_of(catalogue, ids, [VECTOR, MODEL, STATUS, ERROR]):
        for row in batch.drop_columns([VECTOR]).to_pylist():
            if problem := problem_of(row, catalogue.columns.model):
                problems[row[ID]] = problem
        usable = [n for n, id_ in enumerate(batch[ID].to_pylist()) if id_ not in problems]
        part = batch.take(pa.array(usable, pa.int64()))
        found |= dict(zip(part[ID].to_pylist(), vectors_in(part[VECTOR]), strict=True))
    for id_ in ids:
        if id_ not in found and id_ not in problems:
            problems[id_] = missing_sentence(catalogue, id_, name_near=not problems)
    return found, problems


def require_vectors(catalogue: Catalogue, ids: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of tracks by their ids [shape=(m, d)], in their order; raises `CatalogueError`."""
    found, problems = vectors_of(catalogue, ids)
    if problems:
        raise CatalogueError(next(problems[id_] for id_ in ids if id_ in problems))
    return np.stack([found[id_] for id_ in ids]) if ids else np.empty((0, catalogue.columns.dimensions), np.float32)


def details_of(catalogue: Catalogue, ids: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Some columns of tracks, by their ids."""
    if not names:
        return {id_: {} for id_ in ids}
    batches = rows_of(catalogue, ids, [name for name in names if name != ID])
    return {row[ID]: {name: row[name] for name in names} for batch in batches for row in batch.to_pylist()}


def drawn_ids(catalogue: Catalogue, most: int) -> list[str]:
    """The ids of so many tracks with vectors of the dataset's model, drawn at random; always the same ones."""
    model, rows, drawn = catalogue.columns.model, len(catalogue), 2 * most
    while True:
        rng = np.random.default_rng(0)
        places = np.sort(rng.choice(rows, min(rows, drawn), replace=False))
        with lance_errors(catalogue.uri, "can't be read"):
            table = catalogue.lance.take(places.tolist(), columns=[ID, STATUS, MODEL])
        good = [row[ID] for row in table.to_pylist() if row[STATUS] == OK and row[MODEL] == model]
        if len(good) >= most or drawn >= rows:
            return [good[n] for n in np.sort(rng.choice(len(good), min(most, len(good)), replace=False))]
        drawn *= 4


def shown(id_: str) -> str:
    """An id in a message: one line, and not too long."""
    line = one_line(id_)
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def card_of(catalogue: Catalogue, model: str | None = None) -> Card:
    """The card of the dataset's model, among those that are shipped and those beside ``model``.

    Parameters
    ----------
    model : str, optional
        A model's ``.onnx``, or its name.

    Raises
    ------
    CatalogueError
        It is none of these.
    ModelError
        The model that is named can't be used.
    """
    wanted = catalogue.columns.model
    cards = known_cards(Card.load(model))
    for card in cards:
        if card.model_id == wanted:
            return card
    raise CatalogueError(f"{catalogue.uri} is of the model {wanted}, which is not known here: --model names its file")


def vectors_of_files(card: Card, paths: Sequence[str]) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Embed audio files in worker processes: their vectors [shape=(d,)], and why others have none, by their paths."""
    found: dict[str, NDArray[np.float32]] = {}
    problems: dict[str, str] = {}
    with WorkerPool(card, workers=1) as pool:
        for path, outcome in pool.map(list(dict.fromkeys(paths))):
            if isinstance(outcome, TrackEmbedding):
                found[path] = outcome.vector.astype("<f2").astype(np.float32)  # as a dataset would keep it
            else:
                problems[path] = f"{one_line(path)}: {one_line(str(outcome))}"
    return found, problems


def problem_of(row: dict[str, Any], model: str) -> str | None:
    """Why a track can't be searched by; None where it can."""
    if row[STATUS] != OK:
        why = f" ({one_line(row[ERROR])})" if row[ERROR] else ""
        return f"the track {shown(row[ID])} has no embedding: its status is {one_line(row[STATUS])}{why}"
    if row[MODEL] != model:
        return f"the track {shown(row[ID])} has an embedding of the model {row[MODEL]}: embed it anew"
    return None


def missing_sentence(catalogue: Catalogue, id_: str, *, name_near: bool) -> str:
    """The sentence about an id that is not in the dataset."""
    near: list[str] = []
    if name_near and id_:
        beginning = sql_text(id_[: max(1, 2 * len(id_) // 3)])
        scanner = catalogue.lance.scanner(columns=[ID], filter=f"starts_with({ID}, {beginning})", limit=NEAR)
        near = [shown(each) for each in scanner.to_table()[ID].to_pylist()]
    named = f"; there are {', '.join(near)}" if near else ""
    return f"there is no track {shown(id_) or repr(id_)} in {catalogue.uri}{named}"
