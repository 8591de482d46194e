"""What to look near: songs of the library and files outside it, every one embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets.dbcore.query import PathQuery
from beets.ui import UserError
from beets.util import displayable_path, normpath

from musrec_core.text import printable

from . import embedding, fields

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.encoder import TrackEmbedding
    from musrec_core.index import VectorIndex

    from . import MusrecPlugin
    from .snapshot import Space


@dataclass(frozen=True)
class Seeds:
    """What to look near: songs of the library, and files outside it."""

    items: list[Item]
    files: list[tuple[bytes, TrackEmbedding]]
    new: frozenset[int]  # ids of the items that were embedded just now


def matching(lib: Library, args: list[str], *, album: bool = False, first: bool = False) -> list[Item]:
    """The songs of the library that a query names, or the songs of the albums that it names."""
    if not args:
        raise UserError('name a song, as in: beet similar "The Scientist"')
    if album:
        albums = list(lib.albums(args))[: 1 if first else None]
        found = [item for each in albums for item in each.items()]
    else:
        found = list(lib.items(args))[: 1 if first else None]
    if not found:
        raise UserError(f"no {'album' if album else 'song'} matches: {' '.join(args)}")
    return found


def embedded(plugin: MusrecPlugin, lib: Library, matched: list[Item], paths: Sequence[str] = ()) -> Seeds:
    """The songs to start from, every one embedded."""
    if len(matched) > 1:
        plugin._log.info("{} songs match: using them all as seeds (--first uses the first)", len(matched))
    files = _embed_outside(plugin, paths)
    model_id = plugin.card.model_id
    missing = [item for item in matched if not fields.is_current(item, model_id)]
    if missing:
        embedding.embed_items(plugin, lib, missing, len(missing))
    items = [item for item in matched if fields.is_current(item, model_id)]  # without those that can't be
    if not items and not files:
        raise UserError("no seed could be embedded; `beet info -l` shows each one's musrec_status")
    return Seeds(items, files, frozenset(item.id for item in missing if item in items))


def _embed_outside(plugin: MusrecPlugin, files: Sequence[str]) -> list[tuple[bytes, TrackEmbedding]]:
    if not files:
        return []
    found = []
    with embedding.new_pool(plugin, files=len(files)) as pool:
        for path, outcome in pool.map([normpath(file) for file in files]):
            if isinstance(outcome, Exception):
                raise UserError(f"{printable(displayable_path(path))} can't be a seed: {outcome}")
            found.append((path, outcome))
    return found


def own_ids(lib: Library, seeds: Seeds) -> set[int]:
    """The seeds' own ids; a song of the library that was named as a file is a seed like any other, and no answer."""
    of_files = {item.id for path, _ in seeds.files for item in lib.items(PathQuery("path", path))}
    return of_files | {item.id for item in seeds.items}


def points(plugin: MusrecPlugin, seeds: Seeds, index: VectorIndex, space: str) -> NDArray[np.float32]:
    """The seeds in the space of the index [shape=(m, d)]."""
    import numpy as np

    labels = [genre.label for genre in plugin.card.genres]
    outside = [
        np.array([track.genres[label] for label in labels], np.float32) if space == "genre" else track.vector
        for _, track in seeds.files
    ]
    inside = index.vectors_of(item.id for item in seeds.items)
    if not len(inside) and not outside:
        raise UserError("the seed's embedding is damaged: run `beet embed --force` on it")
    return np.concatenate([inside, np.array(outside, np.float32).reshape(-1, index.vectors.shape[1])])
