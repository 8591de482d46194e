"""What one actor of Ray does: it embeds batches of tracks, in a worker process of its own."""

from __future__ import annotations

import functools
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import ray

from ..._text import one_line
from ...encoder import TrackEmbedding
from ...errors import ModelError, UnusableAudio, WorkersError
from ...workers.pool import WorkerPool, embed_in_worker
from ..schema import (
    ERROR,
    GENRE,
    GENRES,
    HEARD,
    ID,
    MODEL,
    MOOD,
    OK,
    PATH,
    STATUS,
    STORAGE,
    VECTOR,
    ModelColumns,
    dataset_schema,
    vector_column,
)
from ..storage.errors import StorageError
from ..storage.file_state import heard_text, parse_heard
from ..storage.local_copies import Copy
from ..storage.storage import Storage
from .model_files import UnpackedModel

AGAIN, BUG = "(again)", "(bug)"  # of rows that say only why this actor could not do them: they are not written
FETCHED_AHEAD = 4  # files
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a batch is handed back: a node that fails at once takes few


@dataclass(frozen=True)
class Job:
    """What an actor needs to know.

    Attributes
    ----------
    model : list of ray.ObjectRef
        Of one `ModelFiles`. In a list, so that Ray hands over the reference.
    timeout : float
        Seconds that one file may take.
    excerpts : int, optional
        As `Encoder.embed_file` takes it.
    further : pa.Schema
        The further columns, handed on as they are.
    embed : callable
        What the worker process does with a path.
    """

    model: list[Any]
    columns: ModelColumns
    further: pa.Schema
    storage: Storage
    timeout: float = 60.0
    excerpts: int | None = None
    embed: Any = embed_in_worker


@dataclass(eq=False)
class _Track(os.PathLike[str]):
    """A track of a batch, as the pool is handed it."""

    row: int
    copy: Copy

    def __fspath__(self) -> str:
        return self.copy.local


@dataclass
class _Result:
    """What a row of the dataset says of a track."""

    status: str
    error: str | None = None
    heard: str | None = None
    embedding: TrackEmbedding | None = field(default=None, repr=False)


class EmbeddingActor:
    """A callable class for Ray Data: a batch of a manifest -> rows of the dataset.

    A file that hangs or kills the decoder costs itself: it is decoded in a worker process. Where this node can't do the
    work (no process starts, no room for the model), the rows say so by the status `AGAIN`: another node may.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model: UnpackedModel | None = None
        self._pool: WorkerPool | None = None
        self._vain = 0  # batches in a row that were handed back

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Embed the tracks of ``id``, ``path`` and ``heard`` (what the manifest says of the file, or null)."""
        try:
            rows = self._rows(batch, self._embed(batch[PATH].to_pylist(), batch[HEARD].to_pylist()))
        except (WorkersError, ModelError, OSError) as error:
            self.close()
            time.sleep(min(FIRST_PAUSE * 2**self._vain, LONGEST_PAUSE))
            self._vain += 1
            why = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error)
            return self._rows(batch, [_Result(AGAIN, why)] * len(batch))
        except Exception:  # Ray Data only logs what is raised, as it does an actor's death: the driver raises it
            return self._rows(batch, [_Result(BUG, traceback.format_exc())] * len(batch))
        self._vain = 0
        return rows

    def __del__(self) -> None:  # how Ray Data ends a callable class
        self.close()

    def close(self) -> None:
        """End the worker process, and delete what lies on the disk; all is made anew when it is needed."""
        pool, self._pool = self._pool, None
        model, self._model = self._model, None
        if pool is not None:
            pool.close()
        if model is not None:
            model.close()
        self._job.storage.close()

    def _embed(self, paths: list[str], said: list[str | None]) -> list[_Result]:
        """The result of each track of a batch."""
        pool = self._ready_pool()
        results: dict[int, _Result] = {}
        for track, outcome in pool.map(self._fetched(paths, said, results)):
            heard = self._heard(track.copy, said[track.row])
            track.copy.release()
            results[track.row] = _result(outcome, heard)
        return [results[row] for row in range(len(paths))]

    def _ready_pool(self) -> WorkerPool:
        if self._model is None:
            self._model = UnpackedModel(ray.get(self._job.model[0]))
        self._model.touch()
        if self._pool is None:
            job = self._job
            embed = functools.partial(job.embed, excerpts=job.excerpts) if job.excerpts else job.embed
            self._pool = WorkerPool(self._model.card, workers=1, timeout=job.timeout, job=embed, warn=_refuse)
        return self._pool

    def _fetched(self, paths: list[str], said: list[str | None], results: dict[int, _Result]) -> Iterator[_Track]:
        """The tracks whose files can be had; the others are results."""
        for row, file in enumerate(self._job.storage.fetch_ahead(paths, threads=FETCHED_AHEAD)):
            if isinstance(file, StorageError):
                results[row] = _Result(file.status, file.detail, None if file.status == STORAGE else said[row])
            else:
                yield _Track(row, file)

    def _heard(self, copy: Copy, said: str | None) -> str:
        """The file's state before it was read: what changed meanwhile is embedded again."""
        return heard_text(parse_heard(said)[0] or copy.state, self._job.excerpts)

    def _rows(self, batch: pa.Table, results: list[_Result]) -> pa.Table:
        columns = self._job.columns
        schema = dataset_schema(columns, self._job.further)
        found = [result.embedding for result in results]
        own = {
            ID: batch[ID],
            PATH: batch[PATH],
            VECTOR: vector_column([e.vector if e else None for e in found], schema),
            GENRE: [next(iter(e.genres)) if e else None for e in found],
            GENRES: [{key: e.genres[label] for key, label in columns.genres.items()} if e else None for e in found],
            MOOD: [e.mood if e else None for e in found],
            MODEL: [columns.model] * len(found),
            HEARD: [result.heard for result in results],
            STATUS: [result.status for result in results],
            ERROR: [result.error and result.error.encode("utf-8", "replace").decode() for result in results],
        }
        return pa.table({**own, **{name: batch[name] for name in self._job.further.names}}, schema=schema)


def _result(outcome: TrackEmbedding | UnusableAudio, heard: str) -> _Result:
    if isinstance(outcome, UnusableAudio):
        return _Result(outcome.reason, one_line(outcome.detail) or None, heard)
    return _Result(OK, None, heard, outcome)


def _refuse(why: str) -> None:
    """A pool that can start no process is not to decode in the actor, which a file could then kill."""
    raise WorkersError(why.partition(": files are")[0])
