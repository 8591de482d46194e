"""Embedding items of the library: the pool, the progress, the one line that a bad file gets."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from beets.ui import UserError
from beets.util import displayable_path

from .. import progress
from ..attributes import fields
from ..library import sql

if TYPE_CHECKING:
    from beets.library import Item, Library

    from musrec_core.encoder import TrackEmbedding
    from musrec_core.errors import UnusableAudio
    from musrec_core.workers.pool import Job, WorkerPool

    from .. import MusrecPlugin

BUSY_TIMEOUT = 60_000  # ms
PathT = TypeVar("PathT", bound="bytes | _PathItem")


def new_pool(
    plugin: MusrecPlugin, *, workers: int | None = None, files: int | None = None, job: Job | None = None
) -> WorkerPool:
    """Worker processes as the configuration wants them, but never more than there are files."""
    from musrec_core.workers.pool import WorkerPool, default_workers

    configured = plugin.config["workers"].get(int)
    timeout = plugin.config["timeout"].as_number()
    if configured < 0:
        raise UserError("musrec.workers has to be 0 or more")
    if timeout <= 0:
        raise UserError("musrec.timeout has to be above 0")
    count = workers or configured or default_workers()
    return WorkerPool(
        plugin.card,
        workers=count if files is None else min(count, files),
        timeout=timeout,
        job=job,
        warn=lambda why: plugin._log.warning("{}", why),
    )


def map_files(pool: WorkerPool, paths: Iterable[PathT]) -> Iterator[tuple[PathT, TrackEmbedding | UnusableAudio]]:
    """`WorkerPool.map`; raises `UserError` where no worker can do its work."""
    from musrec_core.errors import ModelError, WorkersError

    try:
        yield from pool.map(paths)
    except WorkersError as error:
        raise UserError(f"{error}; if memory is short, set `musrec.workers: 1`") from None
    except ModelError as error:
        raise UserError(f"{error}; reinstall beets-musrec, or check `musrec.model`") from None


@dataclass
class PendingWork:
    """What there is to embed among some items, and why not the others."""

    ids: list[int] = dataclasses.field(default_factory=list)
    current: int = 0
    failed_before: int = 0


def needs_embedding(plugin: MusrecPlugin, lib: Library, ids: Iterable[int], *, retry: bool = False) -> PendingWork:
    """Missing, or of another model or file, and not known to fail as the file is now, unless that is tried again."""
    work = PendingWork()
    size = fields.text_length(plugin.card.dimensions)
    for item in sql.embedding_states(lib, ids):
        known = item.size == size and item.model == plugin.card.model_id
        if known and not fields.is_another_recording(item.heard, item.likeness):
            work.current += 1
        elif item.status and not retry and _fails_still(lib, item.id):
            work.failed_before += 1
        else:
            work.ids.append(item.id)
    return work


def advice(plugin: MusrecPlugin, lib: Library, ids: Iterable[int]) -> str:
    """What to do about songs that have no embedding: embed them, or see why that failed."""
    return "run `beet embed`" if needs_embedding(plugin, lib, ids).ids else "`beet embed --report` tells why"


def _fails_still(lib: Library, id_: int) -> bool:
    item = lib.get_item(id_)
    return item is not None and fields.failed_before(item)


class _PathItem:
    """An item on its way through the pool, which takes paths."""

    def __init__(self, item: Item) -> None:
        self.item = item

    def __fspath__(self) -> bytes:
        path: bytes = self.item.path or b""  # NULL in a damaged library
        return path


def outcomes(pool: WorkerPool, items: Iterable[Item]) -> Iterator[tuple[Item, TrackEmbedding | UnusableAudio]]:
    """Embed items' files, each as it finishes; the items are taken one by one, as workers get free."""
    for handed, outcome in map_files(pool, map(_PathItem, items)):
        yield handed.item, outcome


def embed_items(
    plugin: MusrecPlugin,
    lib: Library,
    items: Iterable[Item],
    total: int,
    *,
    workers: int | None = None,
    quiet: bool = False,
) -> tuple[int, int]:
    """Embed items and store each at once, so that stopping loses at most those in hand.

    Returns
    -------
    done, failed : int

    Raises
    ------
    UserError
        The library can't be written: a full disk, or another program that does not let go of it. Or no worker can be
        kept alive.
    """
    done = failed = 0
    set_busy_timeout(lib)
    with (
        new_pool(plugin, workers=workers, files=total) as pool,
        progress.bar(total, unit=" tracks", quiet=quiet) as bar,
    ):
        for item, outcome in outcomes(pool, items):
            store(item, outcome)
            if isinstance(outcome, Exception):
                failed += 1
                with bar.external_write_mode():
                    report_failure(plugin, item, outcome)
            else:
                done += 1
            bar.update()
    return done, failed


def set_busy_timeout(lib: Library) -> None:
    """Wait longer than beets' five seconds for another program that writes to the library."""
    with lib.transaction() as tx:
        tx.query(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")


def store(item: Item, outcome: TrackEmbedding | UnusableAudio) -> None:
    """Record what came out; raises `UserError` where the library can't be written."""
    try:
        fields.record(item, outcome)
    except sqlite3.OperationalError as error:
        raise UserError(f"the library can't be written: {error}; what was embedded so far is stored") from None


def report_failure(plugin: MusrecPlugin, item: Item, why: UnusableAudio) -> None:
    """One line, whatever the file's name holds."""
    from musrec_core.playlist.m3u import one_line

    plugin._log.warning("no embedding for {}: {}", one_line(displayable_path(item.path)), one_line(str(why)))
