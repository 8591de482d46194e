"""What to look near: songs of the library and files outside it, every one embedded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from beets.dbcore.query import PathQuery
from beets.ui import UserError
from beets.util import displayable_path, normpath

from musrec_core._text import one_line, printable

from ..attributes import fields
from ..embedding import embedder
from ..library import sql
from ..playlists import files as files_module

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.encoder import TrackEmbedding
    from musrec_core.search.index import VectorIndex

    from ..components import Components

NAMED = 5  # missing files in one line
SHORT = 60  # characters of each


@dataclass(frozen=True)
class Seeds:
    """What to look near: songs of the library, and files outside it."""

    items: list[Item]
    files: list[tuple[bytes, TrackEmbedding]]
    new: frozenset[int] = frozenset()  # ids of the items that were embedded just now
    moment: TrackEmbedding | None = None  # of the only item, in place of its middle

    @property
    def seconds(self) -> float:
        """How long the songs of the library take to play."""
        return sum(item.length for item in self.items)


def matching(lib: Library, args: list[str], *, album: bool = False, first: bool = False) -> list[Item]:
    """The songs of the library that a query names, or the songs of the albums that it names."""
    if album:
        albums = list(lib.albums(args))[: 1 if first else None]
        found = [item for each in albums for item in each.items()]
    else:
        found = list(lib.items(args))[: 1 if first else None]
    if not found and not album and not "".join(args).strip():
        raise UserError("the library is empty: run `beet import`")
    if not found:
        raise UserError(f"no {'album' if album else 'song'} matches: {' '.join(args)}")
    return found


def of_playlist(plugin: Components, lib: Library, name: str) -> tuple[list[Item], list[str]]:
    """The songs of a playlist: those of the library, and the paths of those outside it."""
    from musrec_core.errors import PlaylistError
    from musrec_core.playlist import m3u

    try:
        paths, others = m3u.read(playlist_path(plugin, name), relative_to=files_module.relative_to(plugin))
    except OSError as error:
        raise UserError(f"the playlist {printable(name)} can't be read: {error.strerror}") from None
    except PlaylistError as error:
        raise UserError(printable(str(error))) from None
    paths = list(dict.fromkeys(paths))
    known = sql.items_at(lib, paths)
    outside = [path for path in paths if path not in known]
    files = [os.fsdecode(path) for path in outside if os.path.isfile(path)]
    missing = [path for path in outside if not os.path.isfile(path)]
    if missing or others:
        names = [_short(os.path.basename(path)) for path in missing] + [_short(other) for other in others]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        plugin._log.warning("skipped in {} (not found): {}{}", one_line(name), ", ".join(names[:NAMED]), more)
    items = list({item.id: item for path in paths if (item := known.get(path))}.values())
    if not items and not files:
        raise UserError(f"no song that the playlist {printable(name)} names was found")
    return items, files


def playlist_path(plugin: Components, name: str) -> str:
    """The playlist of this name, here or in `musrec.playlist.dir`; raises `UserError` where there is none."""
    paths = [
        normpath(name),
        *(files_module.target(plugin, f"{name}{ending}") for ending in ("", *files_module.ENDINGS)),
    ]
    found = next((path for path in paths if os.path.exists(path)), None)
    if found is None:
        raise UserError(f"there is no playlist {printable(name)}")
    return os.fsdecode(found)


def _short(location: bytes) -> str:
    """A location for a message, whatever its length."""
    text = one_line(displayable_path(location))
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."


def embedded(plugin: Components, lib: Library, matched: list[Item], paths: Sequence[str] = ()) -> Seeds:
    """The songs to start from, every one embedded."""
    files = _embed_outside(plugin, [normpath(path) for path in paths])
    model_id = plugin.card.model_id
    missing = [item for item in matched if not fields.is_current(item, model_id)]
    if missing:
        plugin.embedder.embed_items(lib, missing, len(missing))
    items = [item for item in matched if fields.is_current(item, model_id)]  # without those that can't be
    if not items and not files:
        raise UserError("no seed could be embedded: `beet embed --report` tells why")
    return Seeds(items, files, frozenset(sql.id_of(item) for item in missing))


def at_moment(plugin: Components, matched: list[Item], paths: Sequence[str], start: float) -> Seeds:
    """The only seed, from a moment on; nothing is stored."""
    if len(matched) + len(paths) > 1:
        advice = "name one file" if paths else "add --first"
        raise UserError(f"--at is a moment in one song, and here are {len(matched) + len(paths)}: {advice}")
    (path,) = [item.path for item in matched] or [normpath(path) for path in paths]
    ((_, heard),) = _embed_outside(plugin, [path], start)
    return Seeds(matched, [], moment=heard) if matched else Seeds([], [(path, heard)])


def _embed_outside(
    plugin: Components, paths: list[bytes], start: float | None = None
) -> list[tuple[bytes, TrackEmbedding]]:
    """Embed files in their order without storing anything."""
    if not paths:
        return []
    from musrec_core.workers.pool import embed_in_worker

    found = {}
    with plugin.embedder.new_pool(files=len(paths), job=partial(embed_in_worker, start=start)) as pool:
        for path, outcome in embedder.map_files(pool, paths):
            if isinstance(outcome, Exception):
                raise UserError(f"{printable(displayable_path(path))} can't be a seed: {outcome}")
            found[path] = outcome
    return [(path, found[path]) for path in dict.fromkeys(paths)]


def own_ids(lib: Library, seeds: Seeds) -> set[int]:
    """The seeds' own ids; a song of the library that was named as a file is a seed like any other, and no answer."""
    of_files = {sql.id_of(item) for path, _ in seeds.files for item in lib.items(PathQuery("path", path))}
    return of_files | {sql.id_of(item) for item in seeds.items}


def points(plugin: Components, seeds: Seeds, index: VectorIndex, space: str) -> NDArray[np.float32]:
    """The seeds in the space of the index [shape=(m, d)]."""
    import numpy as np

    labels = [genre.label for genre in plugin.card.genres]
    heard = [track for _, track in seeds.files] + ([seeds.moment] if seeds.moment else [])
    outside = [
        np.array([track.genres[label] for label in labels], np.float32) if space == "genre" else track.vector
        for track in heard
    ]
    inside = index.vectors_of([] if seeds.moment else [sql.id_of(item) for item in seeds.items])
    if not len(inside) and not outside:
        raise UserError(f"the seed's embedding is damaged: run `beet embed --force id:{seeds.items[0].id}`")
    return np.concatenate([inside, np.array(outside, np.float32).reshape(-1, index.vectors.shape[1])])
