"""A manifest -> a dataset of embeddings, by Ray Data, with one encoder an actor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..._text import number_of
from ...card import Card
from ...errors import CatalogueError, NoDatasetError
from ...workers.pool import embed_in_worker
from ..dataset import Catalogue, checked_uri
from ..manifest.manifest import Manifest
from ..schema import HAS_VECTOR, ID, OWN, PATH, ModelColumns, dataset_schema
from ..storage.storage import Storage
from ..writer import writing
from .actor import Job
from .changes import ChangeFinder
from .model_files import ModelFiles
from .progress import EmbedReport, Progress
from .run import MANIFEST_ROWS, EmbeddingRun, Session


def embed(
    manifest: str | os.PathLike[str],
    out: str,
    *,
    model: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    timeout: float = 60.0,
    excerpts: int | None = None,
    force: bool = False,
    prune: bool = False,
    replace_model: bool = False,
    check_files: bool = True,
    id_column: str = ID,
    path_column: str = PATH,
    storage_options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    job: Callable[..., Any] = embed_in_worker,
) -> EmbedReport:
    """Embed what a manifest has and a dataset lacks: tracks that are new, changed, or of another model.

    Whatever ends it, what was committed stays, each id once, and the next run goes on.

    Parameters
    ----------
    manifest : str or PathLike
        As `Manifest.open` takes it.
    out : str
        ``DIR.lance``, a path or a URL; made where there is none.
    model : str or PathLike, optional
        As `Card.load` takes it.
    workers : int, optional
        Actors, one CPU each; by default one for each CPU of the session.
    address : str, optional
        Of a Ray cluster, as `ray_session` takes it.
    timeout : float
        Seconds that one file may take.
    excerpts : int, optional
        So many excerpts a track, in place of the card's number.
    force : bool
        Embed all tracks of the manifest.
    prune : bool
        Delete the tracks that the manifest does not have.
    replace_model : bool
        Embed a dataset of another model, whose columns fit, anew.
    check_files : bool
        Whether files that were embedded before are looked at: whether they have changed.
    id_column, path_column : str, optional
        Of the manifest.
    storage_options : mapping, optional
        Of the object storage that has the files, the manifest and the dataset.
    progress : Progress, optional
        Counts and shows what is done.
    job : callable, optional
        What a worker process does with a path, in place of embedding it.

    Raises
    ------
    CatalogueError, ModelError
    """
    card = Card.load(Path(model) if model is not None else None)
    files, columns = ModelFiles.of(card), ModelColumns.of_card(card)
    progress = progress or Progress()
    excerpts = None if excerpts == card.front_end.excerpts else excerpts  # what the model's card says goes unsaid
    with ExitStack() as stack:
        stack.callback(progress.close)
        stack.enter_context(writing(out))
        there = _existing(out, storage_options)
        types = {f.name: f.type for f in there.schema if f.name not in OWN} if there else None
        tracks = Manifest.open(
            manifest, id_column=id_column, path_column=path_column, types=types, storage_options=storage_options
        )
        for remark in tracks.remarks:
            progress.note(remark)
        storage = stack.enter_context(Storage(storage_options))
        session = Session(files, workers, address, stack)
        if there is None:  # what can't be embedded leaves no empty dataset
            dataset_schema(columns, tracks.further)
            storage.check(next(tracks.batches(MANIFEST_ROWS))[PATH].to_pylist())
            session.start()
        elif there.columns.model != columns.model:
            _require_consent(there, columns.model, replace_model)
        catalogue = _prepared(there, out, columns, tracks.further, storage_options, progress)
        finder = ChangeFinder(
            catalogue, columns.model, tracks.further, storage, excerpts=excerpts, check_files=check_files, force=force
        )
        unsent = Job([], columns, tracks.further, storage, timeout, excerpts, job)
        run = EmbeddingRun(catalogue, finder, unsent, session, progress)
        run.embed(tracks)
        if prune:
            progress.pruned = finder.prune(tracks.unread)
        progress.gone = finder.gone - progress.pruned
        for sentence in tracks.unread:
            progress.note(sentence)
    return progress.report()


def _existing(out: str, options: Mapping[str, str] | None) -> Catalogue | None:
    try:
        return Catalogue.open(out, storage_options=options)
    except NoDatasetError:
        return None


def _require_consent(there: Catalogue, model: str, given: bool) -> None:
    """Raise `CatalogueError` where a dataset has embeddings of another model, and nobody said that they may go."""
    embedded = there.count(HAS_VECTOR)
    if embedded and not given:
        raise CatalogueError(
            f"{there.uri} has {number_of(embedded, 'track')} of the model {there.columns.model}, and not of {model}: "
            "--replace-model embeds them anew; else name another dataset, or that --model"
        )


def _prepared(
    there: Catalogue | None,
    out: str,
    columns: ModelColumns,
    further: pa.Schema,
    options: Mapping[str, str] | None,
    progress: Progress,
) -> Catalogue:
    """The dataset, of this model and with the manifest's further columns."""
    if there is None:
        return Catalogue.create(out, columns, further, storage_options=options)
    dataset_schema(columns, further)  # raises where a column has one of our names
    if there.columns.model != columns.model:
        before = there.columns.model
        there.set_model(columns)
        progress.note(f"{checked_uri(out)} is of the model {before}: all of its tracks are embedded anew")
    if added := there.add_columns(further):
        progress.note(f"new in {checked_uri(out)}: {', '.join(added)}")
    return there
