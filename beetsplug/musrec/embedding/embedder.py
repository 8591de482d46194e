"""Embedding items of the library in worker processes; a bad file costs one log line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core import attribute_text
from musrec_core._text import one_line
from musrec_core.errors import ModelError, NoRuntimeError, WorkersError
from musrec_core.workers.pool import WorkerPool, default_workers, embed_in_worker

from .. import progress
from ..attributes import fields
from ..attributes.record import record
from ..library import sql

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.card import Card
    from musrec_core.encoder import TrackEmbedding
    from musrec_core.errors import UnusableAudio
    from musrec_core.workers.pool import Job

    from ..config import EmbeddingSettings

BUSY_TIMEOUT = 60_000  # ms
PathT = TypeVar("PathT", bound="bytes | _PathItem")


@dataclass
class PendingWork:
    """Which of some items are to be embedded, and how many are not, by reason."""

    ids: list[int] = field(default_factory=list)
    of_another_model: int = 0  # how many of them are embedded, but with another model
    current: int = 0
    failed_before: int = 0


class _PathItem:
    """An item on its way through the pool, which takes paths."""

    def __init__(self, item: Item) -> None:
        self.item = item

    def __fspath__(self) -> bytes:
        path: bytes = self.item.path or b""  # NULL in a damaged library
        return path


class Embedder:
    """Embeds files and items in worker processes.

    Parameters
    ----------
    card : Card
        The model that embeds.
    settings : EmbeddingSettings
    log : BeetsLogger
        Gets one line for each file that can't be embedded.
    """

    def __init__(self, card: Card, settings: EmbeddingSettings, log: BeetsLogger) -> None:
        self.card = card
        self._settings, self._log = settings, log
        wanted = settings.excerpts
        self._excerpts = None if wanted == card.front_end.excerpts else wanted  # where it is not the card's number

    def new_pool(self, *, workers: int | None = None, files: int | None = None, job: Job | None = None) -> WorkerPool:
        """Worker processes as the configuration wants them, but never more than there are files."""
        count = workers or self._settings.workers or default_workers()
        return WorkerPool(
            self.card,
            workers=count if files is None else min(count, files),
            timeout=self._settings.timeout,
            job=job or partial(embed_in_worker, excerpts=self._excerpts),
            warn=lambda why: self._log.warning("{}", why),
        )

    def needs_embedding(self, lib: Library, ids: Iterable[int], *, retry: bool = False) -> PendingWork:
        """Which of some items have no embedding, or one of another model, file or number of excerpts.

        Those whose file failed before and has not changed since are left out, unless ``retry``.
        """
        work = PendingWork()
        size = attribute_text.text_length(self.card.dimensions)
        for item in sql.embedding_states(lib, ids):
            known = item.size == size and item.model == self.card.model_id
            same_excerpts = attribute_text.excerpts_of(item.embedded_file) == self._excerpts
            if known and same_excerpts and not attribute_text.is_another_recording(item.embedded_file, item.file):
                work.current += 1
            elif item.status and not retry and _fails_still(lib, item.id):
                work.failed_before += 1
            else:
                work.ids.append(item.id)
                work.of_another_model += bool(item.size) and item.model != self.card.model_id
        return work

    def advice(self, lib: Library, ids: Iterable[int]) -> str:
        """What to advise about songs without an embedding: embed them, or see why that failed."""
        return "run `beet embed`" if self.needs_embedding(lib, ids).ids else "`beet embed --report` says why"

    def embed_items(
        self, lib: Library, items: Iterable[Item], total: int, *, workers: int | None = None, quiet: bool = False
    ) -> tuple[int, int]:
        """Embed items and store each at once, so that stopping loses at most those in progress.

        Returns
        -------
        done, failed : int

        Raises
        ------
        UserError
            The library can't be written: the disk is full, or another program keeps it locked. Or no worker can be kept
            alive.
        """
        done = failed = 0
        set_busy_timeout(lib)
        with (
            self.new_pool(workers=workers, files=total) as pool,
            progress.bar(total, unit=" tracks", quiet=quiet) as bar,
        ):
            for item, outcome in outcomes(pool, items):
                self.store(item, outcome)
                if isinstance(outcome, Exception):
                    failed += 1
                    with bar.external_write_mode():
                        self.report_failure(item, outcome)
                else:
                    done += 1
                bar.update()
        return done, failed

    def embed_files(
        self, paths: Sequence[bytes], *, start: float | None = None
    ) -> Iterator[tuple[bytes, TrackEmbedding | UnusableAudio]]:
        """Embed files without storing anything, each as it finishes.

        Parameters
        ----------
        start : float, optional
            The moment from which on they are listened to [s], in place of the middle.
        """
        if paths:
            job = partial(embed_in_worker, start=start, excerpts=self._excerpts)
            with self.new_pool(files=len(paths), job=job) as pool:
                yield from map_files(pool, paths)

    def embed_unstored(self, items: Sequence[Item]) -> dict[int, TrackEmbedding]:
        """Embed items without storing anything: id -> embedding. What fails is logged, and left out."""
        found = {}
        with self.new_pool(files=len(items)) as pool:
            for item, outcome in outcomes(pool, items):
                if isinstance(outcome, Exception):
                    self.report_failure(item, outcome)
                else:
                    found[sql.id_of(item)] = outcome
        return found

    def store(self, item: Item, outcome: TrackEmbedding | UnusableAudio) -> None:
        """Store an outcome in the library; raises `UserError` if it can't be written."""
        try:
            record(item, outcome, self._excerpts)
        except sqlite3.OperationalError as error:
            raise UserError(f"the library can't be written: {error}; what was embedded so far is stored") from None

    def report_failure(self, item: Item, why: UnusableAudio) -> None:
        """Log the failure in one line, even if the file's name contains line breaks."""
        self._log.warning("no embedding for {}: {}", one_line(displayable_path(item.path)), one_line(str(why)))


def map_files(pool: WorkerPool, paths: Iterable[PathT]) -> Iterator[tuple[PathT, TrackEmbedding | UnusableAudio]]:
    """`WorkerPool.map`; raises `UserError` where no worker can do its work."""
    try:
        yield from pool.map(paths)
    except WorkersError as error:
        raise UserError(f"{error}; if memory is short, set `musrec.workers: 1`") from None
    except NoRuntimeError as error:
        raise UserError(str(error)) from None
    except ModelError as error:
        raise UserError(f"{error}; reinstall beets-musrec, or check `musrec.model`") from None


def outcomes(pool: WorkerPool, items: Iterable[Item]) -> Iterator[tuple[Item, TrackEmbedding | UnusableAudio]]:
    """Embed items' files, and give each as it finishes; items are taken one by one, as workers become free."""
    for path_item, outcome in map_files(pool, map(_PathItem, items)):
        yield path_item.item, outcome


def set_busy_timeout(lib: Library) -> None:
    """Wait longer than beets' five seconds while another program writes to the library."""
    with lib.transaction() as tx:
        tx.query(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")


def _fails_still(lib: Library, id_: int) -> bool:
    item = lib.get_item(id_)
    return item is not None and fields.failed_before(item)
