"""Seeds: the songs of the library and the files outside it that a search starts from, every one embedded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from beets.dbcore.query import PathQuery
from beets.ui import UserError
from beets.util import displayable_path, normpath

from musrec_core._text import one_line, printable
from musrec_core.errors import PlaylistError
from musrec_core.playlist import m3u
from musrec_core.search.index import VectorIndex

from .. import playlist_paths
from ..attributes import fields
from ..library import sql
from .recent import recent
from .times import parse_moment

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.encoder import TrackEmbedding

    from ..config import PlaylistSettings, Space
    from ..embedding.embedder import Embedder
    from .options import SimilarOptions

MAX_NAMED = 5  # missing files in one line
MAX_LENGTH = 60  # characters of each


@dataclass(frozen=True)
class Seeds:
    """What a search starts from: songs of the library, and files outside it."""

    items: list[Item]
    files: list[tuple[bytes, TrackEmbedding]]
    new: frozenset[int] = frozenset()  # ids of the items that were embedded just now
    heard: Mapping[int, TrackEmbedding] = field(default_factory=dict)  # by id: what was embedded and is not stored
    excerpt: TrackEmbedding | None = None  # of the only item, in place of its middle

    @property
    def count(self) -> int:
        """How many songs and files."""
        return len(self.items) + len(self.files)

    @property
    def seconds(self) -> float:
        """How long the songs of the library take to play."""
        return sum(item.length for item in self.items)


def matching(lib: Library, args: list[str], *, album: bool = False, first: bool = False) -> list[Item]:
    """The songs of the library that a query names, or the songs of the albums that it names."""
    most = 1 if first else None
    with sql.numbers_told(args):
        if album:
            found = [item for each in islice(lib.albums(args), most) for item in each.items()]
        else:
            found = list(islice(lib.items(args), most))
    if not found and not album and not "".join(args).strip():
        raise sql.empty_library()
    if not found:
        raise sql.no_match(" ".join(args), f"{'album' if album else 'song'} matches")
    return found


def of_playlist(lib: Library, name: str, settings: PlaylistSettings, log: BeetsLogger) -> tuple[list[Item], list[str]]:
    """The songs of a playlist: those of the library, and the paths of those outside it."""
    try:
        paths, others = m3u.read(playlist_paths.existing(settings, name), relative_to=settings.relative_to)
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
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        log.warning("skipped in {} (not found): {}{}", one_line(name), ", ".join(names[:MAX_NAMED]), more)
    items = list({item.id: item for path in paths if (item := known.get(path))}.values())
    if not items and not files:
        raise UserError(f"no song that the playlist {printable(name)} names was found")
    return items, files


def _short(location: bytes) -> str:
    """A location for a message, whatever its length."""
    text = one_line(displayable_path(location))
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 3]}..."


def named(
    lib: Library, options: SimilarOptions, args: list[str], settings: PlaylistSettings, log: BeetsLogger
) -> tuple[list[Item], list[str]]:
    """The songs of the library and the files that a query and the options name; raises `UserError`."""
    items: list[Item] = []
    files = list(options.files)
    if options.recent:
        among = [sql.id_of(item) for item in matching(lib, args, album=options.album)] if args else None
        items = recent(lib, options.recent, log, among=among)[: 1 if options.first else None]
    elif args:
        items = matching(lib, args, album=options.album, first=options.first)
        if len(items) > 1:
            log.info("{} songs match: using them all as seeds (--first uses the first)", len(items))
    if options.from_playlist:
        listed, outside = of_playlist(lib, options.from_playlist, settings, log)
        items += [item for item in listed if item.id not in {other.id for other in items}]
        files += outside
    if not items and not files:
        raise UserError('name a song, as in: beet similar "The Scientist"')
    return items, files


def embedded(
    lib: Library,
    items: list[Item],
    paths: Sequence[str] = (),
    *,
    at: str | None = None,
    model_id: str,
    embedder: Callable[[], Embedder],
    may_store: bool = True,
) -> Seeds:
    """Seeds of songs and files; songs without an embedding of the model in use are embedded now. Raises `UserError`.

    Parameters
    ----------
    at : str, optional
        The moment of the only seed from which on it is listened to, in place of its middle; nothing is stored then.
    model_id : str
        Of the model in use.
    embedder : callable
        Gives what embeds with this model, if it is needed.
    may_store : bool
        Whether the songs' new embeddings are stored: not where the library is to change to another model.
    """
    if at is not None:
        return _at_moment(embedder(), items, paths, parse_moment(at))
    files = _embed_files(embedder(), [normpath(path) for path in paths]) if paths else []
    missing = [item for item in items if not fields.is_current(item, model_id)]
    heard = {} if may_store or not missing else embedder().embed_unstored(missing)
    if missing and may_store:
        embedder().embed_items(lib, missing, len(missing))
    usable = [item for item in items if fields.is_current(item, model_id) or item.id in heard]  # the others can't be
    if not usable and not files:
        raise UserError("no seed could be embedded: `beet embed --report` says why")
    return Seeds(usable, files, frozenset(sql.id_of(item) for item in missing if may_store), heard)


def _at_moment(embedder: Embedder, items: list[Item], paths: Sequence[str], start: float) -> Seeds:
    if len(items) + len(paths) > 1:
        advice = "name one file" if paths else "add --first"
        raise UserError(f"--at needs a single song, but there are {len(items) + len(paths)}: {advice}")
    (path,) = [item.path for item in items] or [normpath(path) for path in paths]
    ((_, excerpt),) = _embed_files(embedder, [path], start)
    return Seeds(items, [], excerpt=excerpt) if items else Seeds([], [(path, excerpt)])


def _embed_files(
    embedder: Embedder, paths: list[bytes], start: float | None = None
) -> list[tuple[bytes, TrackEmbedding]]:
    """Embed files in their order; raises `UserError` for the first that can't be."""
    found = {}
    for path, outcome in embedder.embed_files(paths, start=start):
        if isinstance(outcome, Exception):
            raise UserError(f"{printable(displayable_path(path))} can't be a seed: {outcome}")
        found[path] = outcome
    return [(path, found[path]) for path in dict.fromkeys(paths)]


def own_ids(lib: Library, seeds: Seeds) -> set[int]:
    """The seeds' own ids; a song of the library that was named as a file is a seed like any other, and no result."""
    of_files = {sql.id_of(item) for path, _ in seeds.files for item in lib.items(PathQuery("path", path))}
    return of_files | {sql.id_of(item) for item in seeds.items}


def with_heard(index: VectorIndex, seeds: Seeds, space: Space, genres: Sequence[str]) -> VectorIndex:
    """An index in which those seeds have a vector, too, whose embeddings are not stored; ``genres`` as in `points`."""
    if not seeds.heard:
        return index
    vectors = np.stack([_vector(track, space, genres) for track in seeds.heard.values()])
    ids = np.array([*seeds.heard], np.int64)
    return VectorIndex(np.concatenate([index.ids, ids]), np.concatenate([index.vectors, vectors]))


def _vector(track: TrackEmbedding, space: Space, genres: Sequence[str]) -> NDArray[np.float32]:
    return np.array([track.genres[label] for label in genres], np.float32) if space == "genre" else track.vector


def points(seeds: Seeds, index: VectorIndex, space: Space, genres: Sequence[str]) -> NDArray[np.float32]:
    """The seeds in the space of the index [shape=(m, d)]; raises `UserError`.

    Parameters
    ----------
    genres : sequence of str
        The labels of the model's genres, as the genre space orders them.
    """
    outside = [track for _, track in seeds.files] + ([seeds.excerpt] if seeds.excerpt else [])
    heard = [_vector(track, space, genres) for track in outside]
    stored = index.vectors_of([] if seeds.excerpt else [sql.id_of(item) for item in seeds.items])
    if not len(stored) and not heard:
        raise UserError(f"the seed's embedding is damaged: run `beet embed --force id:{seeds.items[0].id}`")
    return np.concatenate([stored, np.array(heard, np.float32).reshape(-1, index.vectors.shape[1])])
