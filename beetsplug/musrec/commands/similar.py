"""``beet similar``: the songs nearest to those that a query names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from beets.ui import CommonOptionsParser, UserError

from .. import option_checks
from ..console import print_item
from ..playlists import files as files_module
from ..playlists import overwrite
from ..playlists import refresh as refresh_module
from ..similar import hubs as hubs_module
from ..similar import options, request, seeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from optparse import OptionParser

    from beets.library import Item, Library

    from musrec_core.search.index import Metric

    from ..components import Components
    from ..config import Space

SEEDS = {"album", "first", "files", "from_playlist", "at", "to"}
SHOWN = {"format", "path"}  # how songs are printed


class SimilarCLIOpts(Protocol):
    album: bool | None
    at: str | None
    candidates: str | None
    count: int | None
    duplicates: bool | None
    extend: str | None
    files: list[str]
    first: bool
    force: bool
    format: str | None
    hub_correction: bool | None
    hubs: bool
    from_playlist: str | None
    length: str | None
    less: list[str]
    max_per_album: int | None
    max_per_artist: int | None
    metric: Metric | None
    mix: bool
    more: list[str]
    no_seeds: bool
    order: str | None
    playlist: str | None
    refresh: list[str]
    seed: int | None
    shuffle: bool
    space: Space | None
    to: list[str]
    unlike: list[str]
    variety: float | None
    weigh: list[str]
    with_seeds: bool


def add_options(parser: CommonOptionsParser) -> None:
    parser.usage = "%prog [options] [QUERY]"
    parser.description = (
        "List the songs that sound most like those that QUERY matches, nearest first, each with its distance "
        "($musrec_distance in a format). With -a, QUERY matches albums, whose songs are the seeds."
    )
    parser.add_all_common_options()
    for title, add in (
        ("Start from", _add_seeds),
        ("Choose", _add_choice),
        ("List", _add_list),
        ("Other", _add_playlist),
    ):
        add(parser.add_option_group(title).add_option)


class _Strict(CommonOptionsParser):
    """Says what is wrong in one sentence, and goes on from there."""

    def error(self, msg: str) -> NoReturn:
        raise UserError(msg)


def question_parser() -> CommonOptionsParser:
    """A parser of a question alone, for a recipe or a mix: without what concerns the terminal and the file."""
    parser = _Strict(add_help_option=False)
    parser.add_album_option()
    for add in (_add_seeds, _add_choice, _add_list):
        add(parser.add_option)
    return parser


def _add_seeds(add: Callable[..., object]) -> None:
    """What to look near."""
    add("--first", action="store_true", default=False, help="if QUERY matches many songs, start from the first only")
    add("--file", action="append", dest="files", default=[], metavar="PATH",
        help="start from a file outside the library (may be repeated)")  # fmt: skip
    add("--from-playlist", metavar="FILE", help="start from the songs of an M3U playlist")
    add("--at", metavar="TIME",
        help="start from the half minute after this moment of the song, as in 2:10 or 130 (seconds)")  # fmt: skip
    add("--unlike", action="append", default=[], metavar="QUERY",
        help="keep away from the songs that match QUERY (may be repeated)")  # fmt: skip
    add("--more", action="append", default=[], metavar="GENRE",
        help="lean towards one of the model's genres; rock:1 is twice as strong as rock (may be repeated)")  # fmt: skip
    add("--less", action="append", default=[], metavar="GENRE",
        help="lean away from a genre (may be repeated)")  # fmt: skip


def _add_choice(add: Callable[..., object]) -> None:
    """What to choose from, and by what."""
    add("--space", type="choice", choices=["embedding", "genre"],
        help="compare by embedding (default: embedding) or by genre: the genre probabilities")  # fmt: skip
    add("--metric", type="choice", choices=["cosine", "euclidean"],
        help="distance (default: cosine for embedding, euclidean for genre)")  # fmt: skip
    add("--in", dest="candidates", metavar="QUERY", help="choose only from the songs that match QUERY")
    add("--weigh", action="append", default=[], metavar="FIELD:WEIGHT",
        help="take ratings or counts into account, as in rating:0.2 or skip_count:-0.3 (may be repeated)")  # fmt: skip
    add("--max-per-artist", type="int", metavar="N", help="at most N songs of one artist")
    add("--max-per-album", type="int", metavar="N", help="at most N songs of one album")
    add("--variety", type="float", metavar="0..1",
        help="how much the songs should differ from each other (default: 0, the nearest)")  # fmt: skip
    add("--hub-correction", action="store_true", default=None,
        help="count a song as near only if the seed is near to it, too: fewer songs near everything")  # fmt: skip
    add("--duplicates", action="store_true", default=None,
        help="list every copy of a recording, not only the best one")  # fmt: skip


def _add_list(add: Callable[..., object]) -> None:
    """How many, and in which order."""
    add("-n", "--count", type="int", metavar="N", help="how many songs (default: 5)")
    add("--length", metavar="TIME",
        help="as many songs as fit into this time instead, as in 1h30, 90m, 1:30:00 or 130 (seconds)")  # fmt: skip
    add("--to", action="append", default=[], metavar="QUERY",
        help="go from the song to this one in --count songs (may be repeated; the last is the end)")  # fmt: skip
    add("--order", type="choice", choices=["nearest", "apart", "smooth"],
        help="nearest first (default); apart: no artist twice in a row (default for a playlist); "
        "smooth: each song leads to the next")  # fmt: skip
    add("--mix", action="store_true", default=False,
        help="with --to and --order smooth: bpm and initial_key count too, where known")  # fmt: skip
    add("--shuffle", action="store_true", default=False,
        help="draw the songs from four times as many, the nearest likelier, in random order")  # fmt: skip
    add("--seed", type="int", metavar="N", help="repeat an earlier --shuffle, which printed this number")
    add("--with-seeds", action="store_true", default=False,
        help="let the seeds be answers like other songs, and do not begin the playlist with one")  # fmt: skip
    add("--no-seeds", action="store_true", default=False, help="leave the seed out of the playlist")


def _add_playlist(add: Callable[..., object]) -> None:
    """What else to do, and where to."""
    add("-m", "--playlist", metavar="FILE",
        help="write the seed, if it is one, and the songs to a playlist, in musrec.playlist.dir if that is set; "
        "- is standard output")  # fmt: skip
    add("--force", action="store_true", default=False,
        help="with -m: write over a playlist that another program made, or that you changed by hand")  # fmt: skip
    add("--refresh", action="append", default=[], metavar="FILE",
        help="refresh a playlist made with -m; what you removed or added stays so (may be repeated)")  # fmt: skip
    add("--extend", metavar="FILE", help="add more songs to the end of a playlist made with -m")
    add("--hubs", action="store_true", default=False,
        help="list the songs that are near everything instead, or those of them that match QUERY")  # fmt: skip


def _check(parser: OptionParser, opts: SimilarCLIOpts, args: list[str]) -> None:
    """Raise `UserError` for what would be ignored."""
    option_checks.require_filled(parser, opts)
    if again := "refresh" if opts.refresh else "extend" if opts.extend else "":
        if args:
            raise UserError(f"--{again} starts from what the playlist was made from: leave out the QUERY")
        question = {str(option.dest) for option in question_parser().option_list}
        option_checks.require(parser, opts, f"--{again}", {again, *SHOWN, *question - SEEDS})
    elif opts.hubs:
        option_checks.require(parser, opts, "--hubs", {"hubs", "count", "space", "metric", *SHOWN})
    elif opts.to:
        option_checks.require(
            parser, opts, "--to", {"playlist", "force", *SHOWN, *request.JOURNEY} - {"with_seeds", "no_seeds"}
        )
    elif not args:
        option_checks.require_companion(parser, opts, {"album", "first"}, "a QUERY")
    if not (opts.playlist or again or opts.with_seeds):
        option_checks.require_companion(parser, opts, {"no_seeds"}, "--playlist")


def run(plugin: Components, parser: OptionParser, lib: Library, opts: SimilarCLIOpts, args: list[str]) -> None:
    _check(parser, opts, args)
    if opts.force and not opts.playlist:
        raise UserError("--force goes with --playlist")
    if opts.refresh or opts.extend:
        _again(plugin, lib, opts)
        return
    if opts.hubs:
        count, wanted = request.how_many(plugin, opts), request.criteria_from(plugin, lib, opts)
        template = opts.format or "$artist - $title"
        hubs_module.print_hubs(plugin, lib, args, count, space=wanted.space, metric=wanted.metric, template=template)
        return
    if opts.from_playlist:
        opts.from_playlist = seeds.playlist_path(plugin, opts.from_playlist)  # whole, for the recipe
    if opts.playlist:
        overwrite.check_playlist(plugin, opts.playlist, force=opts.force)
    listing = request.Listing(seeds=bool(opts.playlist) and options.leads(opts), wanted=bool(opts.playlist))
    answer = request.find_similar(plugin, lib, request.Request(opts, args), listing)
    if opts.playlist:  # before the list is printed: `| head` may end the program
        refresh_module.write_new(plugin, lib, opts.playlist, opts, args, answer)
    if opts.playlist != files_module.STDOUT:
        show(plugin, opts, answer.songs)


def _again(plugin: Components, lib: Library, opts: SimilarCLIOpts) -> None:
    """Playlists that are there already."""
    if opts.extend:
        show(plugin, opts, refresh_module.extend(plugin, lib, opts.extend, opts))
        return
    failed = 0
    for file in opts.refresh:
        try:
            show(plugin, opts, refresh_module.refresh(plugin, lib, file, opts))
        except UserError as error:
            if len(opts.refresh) == 1:
                raise
            plugin._log.error("{}", error)
            failed += 1
    if failed:
        raise UserError(f"{failed} of {len(opts.refresh)} playlists could not be refreshed")


def show(plugin: Components, opts: SimilarCLIOpts, songs: list[Item]) -> None:
    """Print the songs."""
    for item in songs:
        print_item(item, opts.format or plugin.config["similar"]["format"].as_str())
