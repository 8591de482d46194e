"""A manifest -> a dataset of embeddings, by Ray Data, with one encoder an actor."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data

from ..card import Card
from ..errors import CatalogueError
from ..workers.pool import embed_in_worker
from .actor import AGAIN, BUG, EmbeddingActor, Job
from .breaker import Breaker
from .changes import ChangeFinder
from .dataset import Catalogue, checked_uri
from .known_rows import is_one_of
from .manifest import Manifest
from .model_files import ModelFiles
from .progress import EmbedReport, Progress
from .schema import ERROR, ID, MODEL, OK, OWN, PATH, STATUS, STORAGE, ModelColumns, dataset_schema
from .session import ray_session, session_cpus
from .storage import Storage
from .writer import COMMIT_SECONDS, Writer, only_ids, writing

BATCH = 16  # tracks that an actor takes at a time
MANIFEST_ROWS = 4096  # that are compared with the dataset at a time
ROUND_ROWS, ROUND_ROWS_PER_ACTOR = 50_000, 4096  # tracks of one Ray job: what the driver has in memory
PASSES = (BATCH, BATCH, 1)  # tracks a batch; after the last, tracks whose actors died each time count as crashed
TASK_RETRIES = 8  # of a batch whose actor died: Ray counts each vain try to reach a node that is gone
LOST = "the process that had it in hand ended again and again"


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
        As `Card.load` takes it. A dataset of another model whose columns fit is embedded anew.
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
        catalogue = _prepared(there, out, columns, tracks.further, storage_options, progress)
        storage = stack.enter_context(Storage(storage_options))
        finder = ChangeFinder(
            catalogue, columns.model, tracks.further, storage, excerpts=excerpts, check_files=check_files, force=force
        )
        unsent = Job([], columns, tracks.further, storage, timeout, excerpts, job)
        run = _Run(catalogue, finder, unsent, files, progress, workers, address, stack)
        run.of(tracks)
        if prune:
            progress.pruned = finder.prune(tracks.unread)
        progress.gone = finder.gone - progress.pruned
        for sentence in tracks.unread:
            progress.note(sentence)
    return progress.report()


def _existing(out: str, options: Mapping[str, str] | None) -> Catalogue | None:
    try:
        return Catalogue.open(out, storage_options=options)
    except CatalogueError as error:
        if not str(error).startswith("there is no dataset"):
            raise
        return None


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


@dataclass
class _Run:
    """One run: what is to be embedded, in rounds of constant memory."""

    catalogue: Catalogue
    finder: ChangeFinder
    job: Job
    files: ModelFiles
    progress: Progress
    workers: int | None
    address: str | None
    stack: ExitStack
    breaker: Breaker = field(default_factory=Breaker)
    _started: bool = False

    def of(self, tracks: Manifest) -> None:
        """Embed and write all of a manifest; what is done is written, whatever ends it."""
        writer = Writer(self.catalogue, seconds=COMMIT_SECONDS)
        try:
            for rows in self._rounds(tracks, writer):
                self._round(rows, writer)
            writer.finish()
        except BaseException:
            with suppress(CatalogueError):  # the same that ended it
                writer.commit()
            raise

    def _rounds(self, tracks: Manifest, writer: Writer) -> Iterator[pa.Table]:
        """What is to be embedded, a round at a time; further columns of other tracks are written meanwhile."""
        waiting: list[pa.Table] = []
        seen = to_embed = 0
        for batch in tracks.batches(MANIFEST_ROWS):
            changes = self.finder.of(batch)
            seen += len(batch)
            to_embed += len(changes.embed)
            self.progress.unchanged += changes.unchanged
            self.progress.refreshed += len(changes.refresh)
            writer.refresh(changes.refresh)
            if len(changes.embed):
                waiting.append(changes.embed)
            if sum(map(len, waiting)) >= max(ROUND_ROWS, ROUND_ROWS_PER_ACTOR * (self.workers or 1)):
                self.progress.expect(to_embed + max(0, (tracks.count or 0) - seen))
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            self.progress.expect(to_embed)
            yield pa.concat_tables(waiting)

    def _round(self, rows: pa.Table, writer: Writer) -> None:
        self._start()
        why: dict[str, str] = {}
        for size in PASSES:
            why = {}
            left = set(rows[ID].to_pylist())
            for done in self._results(rows, size):
                self._take(only_ids(done, left), left, why, writer)
            if not left:
                return
            rows = rows.filter(pc.is_in(rows[ID], pa.array(sorted(left), pa.string())))
        writer.commit()
        if why:
            raise CatalogueError(f"{len(why)} tracks can't be embedded here: {next(iter(why.values()))}")
        crashed = _failed(rows, self.job, "crashed", LOST)
        self.progress.done({"crashed": len(crashed)})
        writer.add(crashed)

    def _start(self) -> None:
        """Start Ray, or connect to it, once there is something to do; the model's files go into its object store."""
        if not self._started:
            self.stack.enter_context(ray_session(self.address, cpus=self.workers))
            self.job = replace(self.job, model=[ray.put(self.files)])
            self._started = True

    def _results(self, rows: pa.Table, size: int) -> Iterator[pa.Table]:
        """Rows of the dataset as they come, in any order: none of a batch that was lost."""
        blocks = [rows.slice(at, size).combine_chunks() for at in range(0, len(rows), size)]
        actors = min(self.workers or session_cpus(), len(blocks))
        with _losing_blocks():
            found = ray.data.from_arrow(blocks).map_batches(
                EmbeddingActor,
                fn_constructor_args=(self.job,),
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(
                    size=actors,
                    max_tasks_in_flight_per_actor=2 if size > 1 else 1,  # one that kills its actor takes no other along
                ),
                num_cpus=1,
                max_restarts=-1,
                max_task_retries=TASK_RETRIES,
            )
            try:
                yield from found.iter_batches(batch_size=None, batch_format="pyarrow")
            except ray.exceptions.RayError as error:
                said = " ".join(str(error).split("\n\n")[0].split())
                raise CatalogueError(
                    f"Ray ended the job ({said}): what is done is kept, and the next run goes on"
                ) from error

    def _take(self, done: pa.Table, left: set[str], why: dict[str, str], writer: Writer) -> None:
        """Write the rows that are done; the others are put back into ``left``."""
        statuses, errors = done[STATUS].to_pylist(), done[ERROR].to_pylist()
        if BUG in statuses:
            raise RuntimeError(f"an actor failed:\n{errors[statuses.index(BUG)]}")
        if AGAIN in statuses:
            again = {
                id_: str(e) for id_, s, e in zip(done[ID].to_pylist(), statuses, errors, strict=True) if s == AGAIN
            }
            why.update(again)
            left.update(again)
            done = done.filter(pc.not_equal(done[STATUS], AGAIN))
        self.progress.done(Counter(done[STATUS].to_pylist()))
        writer.add(self._without_lost_vectors(done))
        for path, status, error in zip(*(done[name].to_pylist() for name in (PATH, STATUS, ERROR)), strict=True):
            self.breaker.saw(path, status, error)

    def _without_lost_vectors(self, done: pa.Table) -> pa.Table:
        """Without rows whose file can't be had now, and whose track has an embedding: that stays."""
        gone = done.filter(pc.is_in(done[STATUS], pa.array([STORAGE, "missing"])))
        if not len(gone):
            return done
        where = f"{STATUS} = '{OK}' AND {is_one_of(gone[ID].to_pylist())}"
        kept = {id_ for batch in self.catalogue.batches([ID], where) for id_ in batch[ID].to_pylist()}
        return done.filter(pc.invert(pc.is_in(done[ID], pa.array(sorted(kept), pa.string())))) if kept else done


def _failed(rows: pa.Table, job: Job, status: str, error: str) -> pa.Table:
    """Rows of the dataset for tracks that got no embedding."""
    schema = dataset_schema(job.columns, job.further)
    given: dict[str, Any] = {
        MODEL: [job.columns.model] * len(rows),
        STATUS: [status] * len(rows),
        ERROR: [error] * len(rows),
    }
    return pa.table(
        {
            f.name: given[f.name]
            if f.name in given
            else rows[f.name]
            if f.name in rows.column_names
            else pa.nulls(len(rows), f.type)
            for f in schema
        },
        schema=schema,
    )


@contextmanager
def _losing_blocks() -> Iterator[None]:
    """Let Ray Data go on without a batch whose actor died too often: it is done again later."""
    context = ray.data.DataContext.get_current()
    before, context.max_errored_blocks = context.max_errored_blocks, -1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's: about its own settings
            yield
    finally:
        context.max_errored_blocks = before
