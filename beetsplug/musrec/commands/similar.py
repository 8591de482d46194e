"""``beet similar``: the songs nearest to those that a query names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from beets.ui import Subcommand, UserError

from .. import answers, hublist, journeys, playlists, seeds, snapshot, tastes
from ..output import print_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from beets.library import Item, Library

    from musrec_core.index import Metric

    from .. import MusrecPlugin
    from ..answers import Wanted
    from ..seeds import Seeds
    from ..snapshot import Space


class SimilarCLIOpts(Protocol):
    album: bool | None
    at: str | None
    candidates: str | None
    count: int | None
    duplicates: bool | None
    files: list[str]
    first: bool
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
    order: str | None
    playlist: str | None
    seed: int | None
    shuffle: bool
    space: Space | None
    to: list[str]
    unlike: list[str]
    variety: float | None
    weigh: list[str]


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
    _add_seeds(parser.add_option)
    _add_choice(parser.add_option)
    _add_list(parser.add_option)
    cmd.func = lambda lib, opts, args: run(plugin, lib, opts, args)
    return cmd


def _add_seeds(add: Callable[..., object]) -> None:
    """What to look near."""
    add("--first", action="store_true", default=False, help="where QUERY matches many, start from the first alone")
    add("--file", action="append", dest="files", default=[], metavar="PATH",
        help="start from a file outside the library (may be repeated)")  # fmt: skip
    add("--from-playlist", metavar="FILE", help="start from the songs of an M3U playlist")
    add("--at", metavar="TIME", help="start from the half minute after this moment of the song, as in 2:10")
    add("--unlike", action="append", default=[], metavar="QUERY",
        help="keep away from the songs that match QUERY (may be repeated)")  # fmt: skip
    add("--more", action="append", default=[], metavar="GENRE",
        help="rather songs of a genre that the model hears, as in rock, or rock:1, twice as strong")  # fmt: skip
    add("--less", action="append", default=[], metavar="GENRE", help="the opposite")


def _add_choice(add: Callable[..., object]) -> None:
    """What to choose from, and by what."""
    add("--space", type="choice", choices=["embedding", "genre"],
        help="what to compare: embedding (default), or genre: the genre probabilities")  # fmt: skip
    add("--metric", type="choice", choices=["cosine", "euclidean"],
        help="distance (default: cosine for embedding, euclidean for genre)")  # fmt: skip
    add("--in", dest="candidates", metavar="QUERY", help="choose only from the songs that match QUERY")
    add("--weigh", action="append", default=[], metavar="FIELD:WEIGHT",
        help="let ratings or counts weigh in, as in rating:0.2 or skip_count:-0.3 (may be repeated)")  # fmt: skip
    add("--max-per-artist", type="int", metavar="N", help="at most N songs of one artist")
    add("--max-per-album", type="int", metavar="N", help="at most N songs of one album")
    add("--variety", type="float", metavar="0..1",
        help="how much the songs should differ from each other (default: 0, the nearest)")  # fmt: skip
    add("--hub-correction", action="store_true", default=None,
        help="a song is near only if the seed is near to it, too: fewer songs that are near everything")  # fmt: skip
    add("--duplicates", action="store_true", default=None,
        help="list every copy of a recording, and not the best one alone")  # fmt: skip


def _add_list(add: Callable[..., object]) -> None:
    """How many, in which order, and where to."""
    add("-n", "--count", type="int", metavar="N", help="how many songs (default: 5)")
    add("--length", metavar="TIME", help="as many songs as fit into this time instead, as in 1h30, 90m or 1:30:00")
    add("--to", action="append", default=[], metavar="QUERY",
        help="lead from the song to this one, in --count songs (may be repeated: the last is the end)")  # fmt: skip
    add("--order", type="choice", choices=["nearest", "apart", "smooth"],
        help="nearest first (default); apart: no artist twice in a row (default for a playlist); "
        "smooth: each song leads to the next")  # fmt: skip
    add("--mix", action="store_true", default=False,
        help="with --to and --order smooth: bpm and initial_key count too, where known")  # fmt: skip
    add("--hubs", action="store_true", default=False,
        help="list the songs that are near everything, of those that QUERY matches")  # fmt: skip
    add("--shuffle", action="store_true", default=False,
        help="draw the songs from four times as many, the nearest likelier, in random order")  # fmt: skip
    add("--seed", type="int", metavar="N", help="draw as an earlier --shuffle did, which said this number")
    add("-m", "--playlist", metavar="FILE", help="write the seed and the songs to a playlist")


def run(plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts, args: list[str]) -> None:
    count = _at_least(1, opts.count, plugin.config["similar"]["count"].get(int), "--count")
    seconds = _seconds(opts)
    wanted = _wanted(plugin, lib, opts)
    draw = _random_seed(plugin, opts)
    answers.excluded(plugin, lib)  # a mistake in the configuration is told before the work, not after it
    if opts.playlist:
        playlists.check_target(plugin, opts.playlist)

    if opts.hubs:
        template = opts.format or "$artist - $title"
        hublist.show(plugin, lib, args, count, space=wanted.space, metric=wanted.metric, template=template)
        return
    if opts.to:
        _journey(plugin, lib, opts, args, count, wanted)
        return
    items, files = _named(plugin, lib, opts, args)
    known = snapshot.load(plugin, lib, wanted.space)
    answers.require_current(plugin, known.counts)
    start = _start(plugin, lib, opts, items, files)
    if start.new:
        known = snapshot.load(plugin, lib, wanted.space)
    if seconds and opts.playlist and (seconds := seconds - start.seconds) <= 0:
        raise UserError("the seeds alone, with which a playlist begins, are longer than --length")

    find = answers.finder(plugin, lib, known, start, wanted)
    neighbours = answers.choose(lib, find, count, seconds=seconds, draw=draw)
    if draw is not None and opts.order == "nearest":
        neighbours.sort(key=lambda neighbour: neighbour.distance)
    if opts.order == "smooth":
        points = seeds.points(plugin, start, known.index, wanted.space)
        neighbours = journeys.smooth(lib, known.index, points, neighbours, metric=wanted.metric, mix=opts.mix)
    if _order(plugin, opts) == "apart":
        neighbours = answers.apart(lib, neighbours, start.items[-1] if opts.playlist and start.items else None)
    results = answers.results(plugin, lib, neighbours)
    if not results:
        _explain(plugin, opts, others=known.counts.current > len(start.items), too_long=bool(seconds and find(1)))
    for item in results:
        print_item(item, opts.format or plugin.config["similar"]["format"].as_str())
    if opts.playlist:
        playlists.write(plugin, opts.playlist, [path for path, _ in start.files], [*start.items, *results])


def _journey(
    plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts, args: list[str], count: int, wanted: Wanted
) -> None:
    """From song to song."""
    asked = [
        *(opts.files, opts.more, opts.less, opts.unlike, opts.weigh),
        *(opts.album, opts.from_playlist, opts.at, opts.length, opts.shuffle, opts.variety, opts.hub_correction),
    ]
    if any(asked):
        raise UserError("--to takes a song, --count, --in, --max-per-artist, --space and --metric, and no other choice")
    results = answers.results(plugin, lib, journeys.way(plugin, lib, args, opts.to, count, wanted, mix=opts.mix))
    for item in results:
        print_item(item, opts.format or plugin.config["similar"]["format"].as_str())
    if opts.playlist:
        playlists.write(plugin, opts.playlist, [], results)


def _explain(plugin: MusrecPlugin, opts: SimilarCLIOpts, *, others: bool, too_long: bool) -> None:
    """Why there is no answer."""
    if not others:
        raise UserError("no other song is embedded yet: run `beet embed`")
    if too_long:
        plugin._log.warning("no song is short enough for --length {}", opts.length)
    else:
        plugin._log.warning("no other song is left to choose from")


# Options.


def _wanted(plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts) -> Wanted:
    config = plugin.config["similar"]
    space = opts.space or plugin.space
    return answers.Wanted(
        space=space,
        metric=opts.metric or ("euclidean" if space == "genre" else "cosine"),
        candidates=opts.candidates,
        per_artist=_at_least(0, opts.max_per_artist, config["max_per_artist"].get(int), "--max-per-artist"),
        per_album=_at_least(0, opts.max_per_album, config["max_per_album"].get(int), "--max-per-album"),
        duplicates=config["duplicates"].get(bool) if opts.duplicates is None else opts.duplicates,
        steering=tastes.wish(plugin, lib, unlike=opts.unlike, more=opts.more, less=opts.less, weigh=opts.weigh),
        variety=_share(opts.variety, config["variety"].get(float), "--variety"),
        hub_correction=config["hub_correction"].get(bool) if opts.hub_correction is None else opts.hub_correction,
    )


def _share(given: float | None, configured: float, name: str) -> float:
    value = configured if given is None else given
    if not 0 <= value <= 1:
        raise UserError(f"{name} has to be between 0 and 1")
    return value


def _at_least(least: int, given: int | None, configured: int, name: str) -> int:
    value = configured if given is None else given
    if value < least:
        raise UserError(f"{name} has to be {least} or more")
    return value


def _seconds(opts: SimilarCLIOpts) -> float:
    """How long the list may play [s]; 0 where it is counted."""
    from musrec_core import order

    if opts.length is None:
        return 0.0
    if opts.count is not None:
        raise UserError("--count and --length exclude each other")
    try:
        return order.parse_length(opts.length)
    except ValueError:
        raise UserError(f"--length has to be a time such as 1h30, 90m or 1:30:00, and not {opts.length}") from None


def _random_seed(plugin: MusrecPlugin, opts: SimilarCLIOpts) -> int | None:
    """What the draw starts from; None where the nearest are wanted."""
    if opts.seed is not None:
        return _at_least(0, opts.seed, 0, "--seed")
    if not opts.shuffle:
        return None
    import secrets

    seed = secrets.randbelow(100_000)
    plugin._log.info("drawn with --seed {}, which draws the same again", seed)
    return seed


def _order(plugin: MusrecPlugin, opts: SimilarCLIOpts) -> str:
    configured = plugin.config["similar"]["order"].as_choice(["auto", "nearest", "apart"])
    chosen: str = opts.order or configured
    return ("apart" if opts.playlist else "nearest") if chosen == "auto" else chosen


# Seeds.


def _named(plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts, args: list[str]) -> tuple[list[Item], list[str]]:
    """The songs of the library and the files that the command line names."""
    items: list[Item] = []
    files = list(opts.files)
    if args:
        items = seeds.matching(lib, args, album=bool(opts.album), first=opts.first)
        if len(items) > 1:
            plugin._log.info("{} songs match: using them all as seeds (--first uses the first)", len(items))
    if opts.from_playlist:
        listed, outside = seeds.of_playlist(plugin, lib, opts.from_playlist)
        items += [item for item in listed if item.id not in {other.id for other in items}]
        files += outside
    if not items and not files:
        raise UserError('name a song, as in: beet similar "The Scientist"')
    return items, files


def _start(plugin: MusrecPlugin, lib: Library, opts: SimilarCLIOpts, items: list[Item], files: list[str]) -> Seeds:
    from musrec_core import order

    if opts.at is None:
        return seeds.embedded(plugin, lib, items, files)
    try:
        start = order.parse_moment(opts.at)
    except ValueError:
        raise UserError(f"--at has to be a moment such as 2:10, and not {opts.at}") from None
    return seeds.at_moment(plugin, items, files, start)
