"""One run of embedding: rounds of constant memory through Ray Data, and what becomes of batches that are lost."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data

from ...errors import CatalogueError
from ..cluster.errors import ray_sentence
from ..cluster.nodes import require_nodes
from ..cluster.session import ray_session, session_cpus
from ..cluster.watch import watched
from ..dataset import Catalogue
from ..manifest.manifest import Manifest
from ..schema import ERROR, HAS_VECTOR, HEARD, ID, MODEL, PATH, STATUS, STORAGE, dataset_schema
from ..sql import id_in
from ..storage.breaker import CircuitBreaker
from ..storage.errors import StorageError
from ..storage.file_state import heard_text
from ..writer import COMMIT_SECONDS, Writer, take_once
from .actor import AGAIN, BUG, EmbeddingActor, Job
from .actor_watch import LOOK_SECONDS, ActorWatch
from .changes import ChangeFinder
from .model_files import ModelFiles
from .progress import Progress

BATCH = 16  # tracks that an actor takes at a time
MANIFEST_ROWS = 4096  # that are compared with the dataset at a time
ROUND_ROWS, ROUND_ROWS_PER_ACTOR = 50_000, 4096  # tracks of one Ray job: what the driver has in memory
PASSES = (BATCH, BATCH, 1)  # tracks a batch; after the last, tracks whose actors died each time count as crashed
TASK_RETRIES = 8  # of a batch whose actor died: Ray counts each vain try to reach a node that is gone
VAIN_BATCHES = 4  # an actor, in a row, that were handed back: then no node can do the work
LOST = "the process that had it in hand ended again and again"


@dataclass
class Session:
    """Ray, started or connected to once there is something to do; ended with ``stack``."""

    files: ModelFiles
    workers: int | None
    address: str | None
    stack: ExitStack
    _model: list[Any] = field(default_factory=list)

    def start(self) -> list[Any]:
        """Start it where it is not; gives the reference of the model's files, which lie in Ray's object store.

        Raises
        ------
        CatalogueError
            There is no such cluster, or a node of it can't do the work.
        """
        if not self._model:
            self.stack.enter_context(ray_session(self.address, cpus=self.workers))
            require_nodes("ray.data", EmbeddingActor.__module__)
            self._model.append(ray.put(self.files))
        return self._model


@dataclass
class EmbeddingRun:
    """One run: what is to be embedded, in rounds of constant memory."""

    catalogue: Catalogue
    finder: ChangeFinder
    job: Job
    session: Session
    progress: Progress
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    _vain: int = 0  # batches in a row that were handed back

    def embed(self, tracks: Manifest) -> None:
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
            changes = self.finder.compare(batch)
            seen += len(batch)
            to_embed += len(changes.embed)
            self.progress.unchanged += changes.unchanged
            self.progress.refreshed += len(changes.refresh)
            self.progress.missing += changes.missing
            self.progress.unreachable += changes.unreachable
            writer.refresh(changes.refresh)
            if len(changes.embed):
                waiting.append(changes.embed)
            if sum(map(len, waiting)) >= max(ROUND_ROWS, ROUND_ROWS_PER_ACTOR * (self.session.workers or 1)):
                self.progress.expect(to_embed + max(0, (tracks.count or 0) - seen))
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            self.progress.expect(to_embed)
            yield pa.concat_tables(waiting)

    def _round(self, rows: pa.Table, writer: Writer) -> None:
        self.job = replace(self.job, model=self.session.start())
        why: dict[str, str] = {}
        for size in PASSES:
            why = {}
            left = set(rows[ID].to_pylist())
            actors = min(self.session.workers or session_cpus(), -(-len(rows) // size))
            watch = ActorWatch(self.progress.note, actors)
            with watched(watch.look, LOOK_SECONDS):
                for done in self._results(rows, size, actors):
                    watch.done()
                    self._take(take_once(done, left), left, why, writer)
            if not left:
                return
            rows = rows.filter(pc.is_in(rows[ID], pa.array(sorted(left), pa.string())))
        writer.commit()
        if why:
            raise CatalogueError(f"{len(why)} tracks can't be embedded here: {next(iter(why.values()))}")
        crashed = _failed(_with_states(rows, self.job), self.job, "crashed", LOST)
        self.progress.done({"crashed": len(crashed)})
        writer.add(crashed)

    def _results(self, rows: pa.Table, size: int, actors: int) -> Iterator[pa.Table]:
        """Rows of the dataset as they come, in any order: none of a batch that was lost."""
        blocks = [rows.slice(at, size).combine_chunks() for at in range(0, len(rows), size)]
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
                raise CatalogueError(
                    f"Ray ended the job ({ray_sentence(error)}): what is done is kept, and the next run goes on"
                ) from error

    def _take(self, done: pa.Table, left: set[str], why: dict[str, str], writer: Writer) -> None:
        """Write the rows that are done; the others are put back into ``left``."""
        statuses, errors = done[STATUS].to_pylist(), done[ERROR].to_pylist()
        if BUG in statuses:
            raise RuntimeError(f"an actor failed:\n{errors[statuses.index(BUG)]}")
        if AGAIN in statuses:  # all of a batch
            again = dict(zip(done[ID].to_pylist(), map(str, errors), strict=True))
            why.update(again)
            left.update(again)
            self._vain += 1
            if self._vain >= VAIN_BATCHES * (self.session.workers or session_cpus()):
                raise CatalogueError(f"no track can be embedded here: {errors[statuses.index(AGAIN)]}")
            return
        self._vain = 0
        self.progress.done(Counter(done[STATUS].to_pylist()))
        writer.add(self._without_lost_vectors(done))
        for path, status, error in zip(*(done[name].to_pylist() for name in (PATH, STATUS, ERROR)), strict=True):
            self.breaker.record(path, status, error)

    def _without_lost_vectors(self, done: pa.Table) -> pa.Table:
        """Without rows whose file can't be had now, and whose track has an embedding: that stays."""
        gone = done.filter(pc.is_in(done[STATUS], pa.array([STORAGE, "missing"])))
        if not len(gone):
            return done
        where = f"{HAS_VECTOR} AND {id_in(gone[ID].to_pylist())}"
        kept = {id_ for batch in self.catalogue.batches([ID], where) for id_ in batch[ID].to_pylist()}
        return done.filter(pc.invert(pc.is_in(done[ID], pa.array(sorted(kept), pa.string())))) if kept else done


def _with_states(rows: pa.Table, job: Job) -> pa.Table:
    """Rows of a manifest with each file's state in ``heard``: what can't be embedded waits until it changes."""
    said = rows[HEARD].to_pylist()
    untold = [row for row, text in enumerate(said) if text is None]
    states = job.storage.states([rows[PATH][row].as_py() for row in untold])
    for row, state in zip(untold, states, strict=True):
        if not isinstance(state, StorageError):
            said[row] = heard_text(state, job.excerpts) or None
    return rows.set_column(rows.schema.get_field_index(HEARD), HEARD, pa.array(said, pa.string()))


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
