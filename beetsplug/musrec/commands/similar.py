"""``beet similar``: the songs nearest to those that a query names."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from beets.dbcore.query import InvalidQueryError, PathQuery
from beets.ui import Subcommand, UserError
from beets.util import displayable_path, normpath

from musrec_core.text import printable

from .. import embedding, fields, lookup, playlists, snapshot
from ..output import print_item

if TYPE_CHECKING:
    import numpy as np
    from beets.dbcore.query import Query
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.encoder import TrackEmbedding
    from musrec_core.index import Metric, Neighbour, VectorIndex

    from .. import MusrecPlugin
    from ..lookup import Counts
    from ..snapshot import Space


class SimilarCLIOpts(Protocol):
    album: bool | None
    candidates: str | None
    count: int | None
    files: list[str]
    first: bool
    format: str | None
    max_per_album: int | None
    max_per_artist: int | None
    metric: Metric | None
    playlist: str | None
    space: Space | None


@dataclass(frozen=True)
class Seeds:
    """What to look near: songs of the library, and files outside it."""

    items: list[Item]
    files: list[tuple[bytes, TrackEmbedding]]
    new: frozenset[int]  # ids of the items that were embedded just now


def command(plugin: MusrecPlugin) -> Subcommand:
    """The subcommand, as beets wants it."""
    cmd = Subcommand("similar", help="list the songs that sound most like a song")
    parser = cmd.parser
    parser.usage = "%prog [options] QUERY..."
    parser.description = (
        "List the songs that sound most like those that QUERY matches, nearest first, each with its distance "
        "($musrec_distance in a format). With -a, QUERY matches albums, whose songs are the seeds."
    )
    parser.add_all_common_options()
    parser.add_option("-n", "--count", type="int", metavar="N", help="how many songs (default: 5)")
    parser.add_option("--space", type="choice", choices=["embedding", "genre"],
                      help="what to compare: embedding (default), or genre: the genre probabilities")  # fmt: skip
    parser.add_option("--metric", type="choice", choices=["cosine", "euclidean"],
                      help="distance (default: cosine for embedding, euclidean for genre)")  # fmt: skip
    parser.add_option("--first", action="store_true", default=False,
                      help="where QUERY matches many, start from the first alone")  # fmt: skip
    parser.add_option("--file", action="append", dest="files", default=[], metavar="PATH",
                      help="start from a file outside the library (may be repeated)")  # fmt: skip
    parser.add_option("--in", dest="candidates", metavar="QUERY", help="choose only from the songs that match QUERY")
    parser.add_option("--max-per-artist", type="int", metavar="N", help="at most N songs of one artist")
    parser.add_option("--max-per-album", type="int", metavar="N", help="at most N songs of one album")
    parser.add_option("-m", "--playlist", metavar="FILE", help="write the seed and the songs to a playlist")
    cmd.func = lambda lib, opts, args: run(plugin, lib, opts, args)
    return cmd


def run(plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts, args: list[str]) -> None:
    config = plugin.config["similar"]
    count = _at_least(1, opts.count, config["count"].get(int), "--count")
    per_artist = _at_least(0, opts.max_per_artist, config["max_per_artist"].get(int), "--max-per-artist")
    per_album = _at_least(0, opts.max_per_album, config["max_per_album"].get(int), "--max-per-album")
    space: Space = opts.space or config["space"].as_choice(["embedding", "genre"])
    metric: Metric = opts.metric or ("euclidean" if space == "genre" else "cosine")
    excluded = _excluded(plugin, lib)
    if opts.playlist:
        playlists.check_target(plugin, opts.playlist)  # before the work, not after it

    matched = _matching(lib, opts, args)
    known = snapshot.load(plugin, lib, space)
    _require_current(plugin, known.counts)
    seeds = _embedded_seeds(plugin, lib, opts, matched)
    if any(item.id in seeds.new for item in seeds.items):
        known = snapshot.load(plugin, lib, space)
    points = _seed_points(plugin, seeds, known.index, space)
    own = {item.id for item in seeds.items} | _ids_of_files(lib, [path for path, _ in seeds.files])

    from musrec_core import recommend

    neighbours = recommend.nearest(
        known.index,
        points,
        count,
        metric=metric,
        exclude=own,
        candidates=_candidate_ids(lib, opts.candidates),
        artists=lambda ids: _artists(lib, ids),
        albums=lambda ids: _albums(lib, ids),
        max_per_artist=per_artist or None,
        max_per_album=per_album or None,
        rejected=excluded,
    )
    if not neighbours and opts.candidates is None and excluded is None:
        raise UserError("no other song is embedded yet: run `beet embed`")
    results = _results(lib, neighbours)
    for item in results:
        print_item(item, opts.format or config["format"].as_str())
    if not results:
        plugin._log.warning("no other song is left to choose from")
    if opts.playlist:
        playlists.write(plugin, opts.playlist, [path for path, _ in seeds.files], [*seeds.items, *results])


def _at_least(least: int, given: int | None, configured: int, name: str) -> int:
    value = configured if given is None else given
    if value < least:
        raise UserError(f"{name} has to be {least} or more")
    return value


# Seeds.


def _matching(lib: Library, opts: SimilarCLIOpts, args: list[str]) -> list[Item]:
    """The songs of the library that the query names."""
    if not args:
        if not opts.files:
            raise UserError('name a song, as in: beet similar "The Scientist"')
        return []
    if opts.album:
        albums = list(lib.albums(args))[: 1 if opts.first else None]
        found = [item for album in albums for item in album.items()]
    else:
        found = list(lib.items(args))[: 1 if opts.first else None]
    if not found:
        raise UserError(f"no {'album' if opts.album else 'song'} matches: {' '.join(args)}")
    return found


def _embedded_seeds(plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts, matched: list[Item]) -> Seeds:
    """The songs to start from, every one embedded."""
    if len(matched) > 1:
        plugin._log.info("{} songs match: using them all as seeds (--first uses the first)", len(matched))
    files = _embed_outside(plugin, opts.files)
    model_id = plugin.card.model_id
    missing = [item for item in matched if not fields.is_current(item, model_id)]
    if missing:
        embedding.embed_items(plugin, lib, missing, len(missing))
    items = [item for item in matched if fields.is_current(item, model_id)]  # without those that can't be
    if not items and not files:
        raise UserError("no seed could be embedded; `beet info -l` shows each one's musrec_status")
    return Seeds(items, files, frozenset(item.id for item in missing))


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


def _ids_of_files(lib: Library, files: list[bytes]) -> set[int]:
    """The songs of the library that were named as files: seeds like any other, and so no answers."""
    return {item.id for path in files for item in lib.items(PathQuery("path", path))}


def _seed_points(plugin: MusrecPlugin, seeds: Seeds, index: VectorIndex, space: str) -> NDArray[np.float32]:
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


# Candidates and results.


def _require_current(plugin: MusrecPlugin, counts: Counts) -> None:
    """Say what can't be found for want of an embedding, before any work is done."""
    if not counts.current and counts.embedded:
        raise UserError(f"the library's embeddings are of another model than {plugin.card.model_id}: run `beet embed`")
    if not counts.current:
        raise UserError("no song is embedded yet: run `beet embed`")
    if counts.current < counts.items:
        plugin._log.info(
            "{} of {} songs are not embedded and can't be found: `beet embed` embeds them, or tells why not",
            counts.items - counts.current,
            counts.items,
        )


def _candidate_ids(lib: Library, text: str | None) -> set[int] | None:
    if text is None:
        return None
    ids = set(lookup.matching_ids(lib, _query(text, "--in")))
    if not ids:
        raise UserError(f"no song matches --in: {text}")
    return ids


def _excluded(plugin: MusrecPlugin, lib: Library) -> Callable[[Sequence[int]], Collection[int]] | None:
    """Which of some songs the configuration keeps out of answers: audiobooks, hour-long mixes."""
    if not (text := plugin.config["exclude"].as_str()):
        return None
    query = _query(text, "musrec.exclude")
    return lambda ids: lookup.matching_ids(lib, query, among=ids)


def _query(text: str, name: str) -> Query:
    try:
        return lookup.parse(text)
    except InvalidQueryError as error:
        raise UserError(f"{name} is no query: {error}") from None


def _artists(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    rows = lookup.columns(lib, ids, ("artist",))
    return {id_: artist.casefold() or None for id_, (artist,) in rows.items()}


def _albums(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    rows = lookup.columns(lib, ids, ("album_id",))
    return {id_: album_id for id_, (album_id,) in rows.items()}


def _results(lib: Library, neighbours: list[Neighbour]) -> list[Item]:
    """The songs themselves, each knowing its distance."""
    found = []
    for neighbour in neighbours:
        item = lib.get_item(neighbour.id)
        if item is not None and os.fspath(item.path):
            item[fields.DISTANCE] = neighbour.distance
            found.append(item)
    return found
