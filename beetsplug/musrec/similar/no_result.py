"""Why a search found no song."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets.ui import UserError

if TYPE_CHECKING:
    from beets.logging import BeetsLogger

    from ..library.vectors import Snapshot
    from .options import SimilarOptions
    from .seeds import Seeds


def explain(snapshot: Snapshot, start: Seeds, options: SimilarOptions, log: BeetsLogger, *, too_long: bool) -> None:
    """Say why there is none: raise `UserError` where the library has no other one, else warn.

    Parameters
    ----------
    too_long : bool
        Whether there are songs, and each is longer than `--length`.
    """
    if len(snapshot.index) <= len(start.items) <= 1:
        counts = snapshot.counts
        if counts.items > counts.current + counts.failed:
            raise UserError("no other song is embedded yet: run `beet embed`")
        if counts.failed:
            raise UserError("no other song could be embedded: `beet embed --report` says why")
        raise UserError("there is no other song in the library: run `beet import`")
    if len(snapshot.index) <= len(start.items) and not options.with_seeds:
        raise UserError("every embedded song is a seed: add --with-seeds to list seeds, too")
    if too_long:
        log.warning("no song is short enough for --length {}", options.length)
    else:
        log.warning("no other song is left to choose from" if start.count else "no song is left to choose from")
