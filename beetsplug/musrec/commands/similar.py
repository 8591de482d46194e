"""``beet similar``: the songs nearest to those that a query names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from beets.ui import Subcommand, UserError

from .. import answers, playlists, seeds, snapshot
from ..output import print_item

if TYPE_CHECKING:
    from beets.library import Library

    from musrec_core.index import Metric

    from .. import MusrecPlugin
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
    excluded = answers.excluded(plugin, lib)
    if opts.playlist:
        playlists.check_target(plugin, opts.playlist)  # before the work, not after it

    matched = seeds.matching(lib, args, album=bool(opts.album), first=opts.first) if args or not opts.files else []
    known = snapshot.load(plugin, lib, space)
    answers.require_current(plugin, known.counts)
    start = seeds.embedded(plugin, lib, matched, opts.files)
    if start.new:
        known = snapshot.load(plugin, lib, space)
    points = seeds.points(plugin, start, known.index, space)

    from musrec_core import recommend

    neighbours = recommend.nearest(
        known.index,
        points,
        count,
        metric=metric,
        exclude=seeds.own_ids(lib, start),
        candidates=answers.candidate_ids(lib, opts.candidates),
        artists=lambda ids: answers.artists(lib, ids),
        albums=lambda ids: answers.albums(lib, ids),
        max_per_artist=per_artist or None,
        max_per_album=per_album or None,
        rejected=excluded,
    )
    if not neighbours and opts.candidates is None and excluded is None:
        raise UserError("no other song is embedded yet: run `beet embed`")
    results = answers.results(lib, neighbours)
    for item in results:
        print_item(item, opts.format or config["format"].as_str())
    if not results:
        plugin._log.warning("no other song is left to choose from")
    if opts.playlist:
        playlists.write(plugin, opts.playlist, [path for path, _ in start.files], [*start.items, *results])


def _at_least(least: int, given: int | None, configured: int, name: str) -> int:
    value = configured if given is None else given
    if value < least:
        raise UserError(f"{name} has to be {least} or more")
    return value
