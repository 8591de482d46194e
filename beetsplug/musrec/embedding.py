"""Embedding items of the library: the pool, the progress, the one line that a bad file gets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path

from . import fields

if TYPE_CHECKING:
    from beets.library import Item

    from musrec_core.encoder import TrackEmbedding
    from musrec_core.errors import UnusableAudio
    from musrec_core.workers import WorkerPool

    from . import MusrecPlugin


def new_pool(plugin: MusrecPlugin, *, workers: int | None = None, files: int | None = None) -> WorkerPool:
    """Worker processes as the configuration wants them, but never more than there are files."""
    from musrec_core.workers import WorkerPool, default_workers

    configured = plugin.config["workers"].get(int)
    timeout = plugin.config["timeout"].as_number()
    if configured < 0:
        raise UserError("musrec.workers has to be 0 or more")
    if timeout <= 0:
        raise UserError("musrec.timeout has to be above 0")
    count = workers or configured or default_workers()
    return WorkerPool(plugin.card, workers=count if files is None else min(count, files), timeout=timeout)


def needs_embedding(plugin: MusrecPlugin, item: Item, retry: bool = False) -> bool:
    """Missing, or of another model or file, and not known to fail as the file is now, unless that is tried again."""
    if fields.is_current(item, plugin.card.model_id) and not fields.is_another_recording(item):
        return False
    return retry or not fields.failed_before(item)


def outcomes(pool: WorkerPool, items: Iterable[Item]) -> Iterator[tuple[Item, TrackEmbedding | UnusableAudio]]:
    """Embed items' files, each as it finishes."""
    by_path: dict[bytes, list[Item]] = {}
    for item in items:
        by_path.setdefault(item.path, []).append(item)
    for path, outcome in pool.map(by_path):
        for item in by_path[path]:
            yield item, outcome


def embed_items(
    plugin: MusrecPlugin, items: list[Item], *, workers: int | None = None, quiet: bool = False
) -> tuple[int, int]:
    """Embed items and store each at once, so that stopping loses at most those in hand.

    Returns
    -------
    done, failed : int
    """
    from tqdm import tqdm

    done = failed = 0
    with new_pool(plugin, workers=workers, files=len(items)) as pool:
        hidden = quiet or not sys.stderr.isatty()
        with tqdm(total=len(items), unit=" tracks", disable=hidden, dynamic_ncols=True, leave=False) as bar:
            for item, outcome in outcomes(pool, items):
                fields.record(item, outcome)
                if isinstance(outcome, Exception):
                    failed += 1
                    with bar.external_write_mode():
                        report_failure(plugin, item, outcome)
                else:
                    done += 1
                bar.update()
    return done, failed


def report_failure(plugin: MusrecPlugin, item: Item, why: UnusableAudio) -> None:
    """One line, whatever the file's name holds."""
    from musrec_core.playlist import one_line

    plugin._log.warning("no embedding for {}: {}", one_line(displayable_path(item.path)), one_line(str(why)))
