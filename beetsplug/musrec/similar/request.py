"""From the options of `beet similar` to the songs: for the command, for a playlist's recipe, and for a mix."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from beets.ui import UserError

from .. import option_checks
from ..console import display_name, stem
from ..library import coverage, song_keys, sql
from . import journey, search, seeds, steering

if TYPE_CHECKING:
    from beets.library import Item, Library

    from musrec_core.search.index import Metric, Neighbour

    from ..commands.similar import SimilarCLIOpts
    from ..components import Components
    from ..config import Space
    from ..library.vectors import Snapshot
    from .seeds import Seeds


JOURNEY = {  # what a question with --to heeds; a mix and a recipe say of every list whether it holds its seeds
    *("to", "count", "first", "candidates", "max_per_artist", "duplicates", "space", "metric", "mix"),
    *("with_seeds", "no_seeds"),
}


@dataclass(frozen=True)
class Listing:
    """What the songs are for, where that is a playlist."""

    seeds: bool = False  # it begins with the seed, where there is one
    many: bool = False  # it begins with the seeds, too, where there are many: as earlier versions did
    keys: frozenset[str] = frozenset()  # of the songs that it holds already (see `songkeys`)
    last: Item | None = None  # what the first song comes after
    wanted: bool = True  # False: the songs are only printed


@dataclass(frozen=True)
class Request:
    """A question: the options, the words of the query, or the seeds themselves."""

    opts: SimilarCLIOpts
    args: list[str] = field(default_factory=list)
    items: list[Item] | None = None
    without: song_keys.RemovedSongs = field(default_factory=song_keys.RemovedSongs)


@dataclass(frozen=True)
class Result:
    """The seeds (files outside the library, songs of it) and the songs; what was settled on the way."""

    files: list[bytes]
    items: list[Item]
    songs: list[Item]
    count: int
    draw: int | None = None
    leads: bool = False  # the seeds come first in the playlist

    def names(self) -> list[str]:
        """The seeds, as a reader knows them."""
        return [*map(stem, self.files), *map(display_name, self.items)]


Memory = dict[str, "Snapshot"]  # what was loaded for the question before: a library that just changed takes seconds


def check(plugin: Components, opts: SimilarCLIOpts) -> None:
    """Raise `UserError` where a number is none that a question can have."""
    how_many(plugin, opts)
    _seconds(opts)
    if opts.with_seeds and opts.no_seeds:
        raise UserError("--with-seeds and --no-seeds can't be combined")
    if opts.mix and not opts.to and (opts.order or _configured_order(plugin)) != "smooth":
        raise UserError("--mix needs --to or --order smooth")
    for value, name in ((opts.max_per_artist, "--max-per-artist"), (opts.max_per_album, "--max-per-album")):
        at_least(0, value, 0, name)
    share(opts.variety, 0.0, "--variety")


def find_similar(
    plugin: Components, lib: Library, asked: Request, listing: Listing, memory: Memory | None = None
) -> Result:
    """Find the songs; raises `UserError` where that can't be, and warns where there are none."""
    memory = {} if memory is None else memory
    opts = asked.opts
    check(plugin, opts)
    count, seconds, wanted = how_many(plugin, opts), _seconds(opts), criteria_from(plugin, lib, opts, asked.without)
    draw = _random_seed(plugin, opts)
    search.excluded(plugin, lib)  # a mistake in the configuration is told before the work, not after it
    if opts.to:
        return _journey(plugin, lib, asked, count, wanted)

    items, files = (asked.items, []) if asked.items is not None else _named(plugin, lib, opts, asked.args)
    if wanted.space not in memory:
        loaded = plugin.vectors.get(lib, wanted.space)
        coverage.require_current(loaded.counts, plugin.card.model_id, plugin._log)
        memory[wanted.space] = loaded
    start = _start(plugin, lib, opts, items, files)
    if start.new:
        memory[wanted.space] = plugin.vectors.get(lib, wanted.space)
    known = memory[wanted.space]
    if not listing.many and len(start.items) + len(start.files) > 1:
        listing = replace(listing, seeds=False)
    if seconds and listing.seeds and (seconds := seconds - start.seconds) <= 0:
        raise UserError("the seed alone, with which a playlist begins, is longer than --length")

    find = search.make_ranker(plugin, lib, known, start, wanted, identify=not listing.wanted)
    find = _beyond(lib, find, listing.keys)
    neighbours = search.select(lib, find, count, seconds=seconds, draw=draw)
    if draw is not None and opts.order == "nearest":
        neighbours.sort(key=lambda neighbour: neighbour.distance)
    neighbours = _ordered(plugin, lib, opts, known, start, listing, neighbours)
    songs = search.results(plugin, lib, neighbours)
    if not songs:
        _explain(plugin, opts, known, start, too_long=bool(seconds and find(1)))
    return Result([path for path, _ in start.files], start.items, songs, count, draw, listing.seeds)


def _beyond(lib: Library, find: search.Ranker, listed: frozenset[str]) -> search.Ranker:
    """The best songs that are not in the list yet; those that are still count for the caps."""
    if not listed:
        return find

    def new(count: int) -> list[Neighbour]:
        found = find(count + len(listed))
        there = song_keys.removed_namesakes(lib, [neighbour.id for neighbour in found], song_keys.RemovedSongs(listed))
        return [neighbour for neighbour in found if neighbour.id not in there.get(neighbour.id, ())][:count]

    return new


def _ordered(
    plugin: Components,
    lib: Library,
    opts: SimilarCLIOpts,
    known: Snapshot,
    start: Seeds,
    listing: Listing,
    found: list[Neighbour],
) -> list[Neighbour]:
    order = opts.order or _configured_order(plugin)
    if order == "auto":
        order = "apart" if listing.wanted else "nearest"
    before = listing.last or (start.items[-1] if listing.seeds and start.items else None)
    if order == "smooth":
        space: Space = opts.space or plugin.space
        points = known.index.vectors_of([sql.id_of(listing.last)] if listing.last else [])
        if not len(points):
            points = seeds.points(plugin, start, known.index, space)
        metric = metric_of(opts, space)
        return journey.smooth(lib, known.index, points, found, metric=metric, mix=opts.mix)
    return search.apart(lib, found, before) if order == "apart" else found


def _configured_order(plugin: Components) -> str:
    order: str = plugin.config["similar"]["order"].as_choice(["auto", "nearest", "apart", "smooth"])
    return order


def _journey(plugin: Components, lib: Library, asked: Request, count: int, wanted: search.Criteria) -> Result:
    """From song to song."""
    from ..commands.similar import question_parser

    opts = asked.opts
    option_checks.require(question_parser(), opts, "--to", JOURNEY)
    way = journey.find_journey(plugin, lib, asked.args, opts.to, count, wanted, mix=opts.mix)
    found = search.results(plugin, lib, way)
    out = song_keys.removed_namesakes(lib, [sql.id_of(item) for item in found], asked.without)
    songs = [item for item in found if item.id not in out.get(sql.id_of(item), ())]
    return Result([], [], songs, count)


def _explain(plugin: Components, opts: SimilarCLIOpts, known: Snapshot, start: Seeds, *, too_long: bool) -> None:
    """Why there is no answer."""
    if len(known.index) <= len(start.items) <= 1:
        counts = known.counts
        if counts.items > counts.current + counts.failed:
            raise UserError("no other song is embedded yet: run `beet embed`")
        if counts.failed:
            raise UserError("no other song could be embedded: `beet embed --report` tells why")
        raise UserError("the library holds no other song: run `beet import`")
    if len(known.index) <= len(start.items) and not opts.with_seeds:
        raise UserError("every embedded song is a seed: add --with-seeds to list seeds, too")
    if too_long:
        plugin._log.warning("no song is short enough for --length {}", opts.length)
    else:
        plugin._log.warning("no other song is left to choose from")


# Options.


def how_many(plugin: Components, opts: SimilarCLIOpts) -> int:
    """The number of songs."""
    return at_least(1, opts.count, plugin.config["similar"]["count"].get(int), "--count")


def metric_of(opts: SimilarCLIOpts, space: Space) -> Metric:
    """The distance: that of the system that a space comes from, unless another is asked for."""
    return opts.metric or ("euclidean" if space == "genre" else "cosine")


def criteria_from(
    plugin: Components, lib: Library, opts: SimilarCLIOpts, without: song_keys.RemovedSongs | None = None
) -> search.Criteria:
    """What the options ask for, and where they are silent the configuration."""
    config = plugin.config["similar"]
    space = opts.space or plugin.space
    return search.Criteria(
        space=space,
        metric=metric_of(opts, space),
        candidates=opts.candidates,
        per_artist=at_least(0, opts.max_per_artist, config["max_per_artist"].get(int), "--max-per-artist"),
        per_album=at_least(0, opts.max_per_album, config["max_per_album"].get(int), "--max-per-album"),
        duplicates=config["duplicates"].get(bool) if opts.duplicates is None else opts.duplicates,
        steering=steering.parse_steering(
            plugin, lib, unlike=opts.unlike, more=opts.more, less=opts.less, weigh=opts.weigh
        ),
        variety=share(opts.variety, config["variety"].get(float), "--variety"),
        hub_correction=config["hub_correction"].get(bool) if opts.hub_correction is None else opts.hub_correction,
        with_seeds=opts.with_seeds,
        without=without or song_keys.RemovedSongs(),
    )


def share(given: float | None, configured: float, name: str) -> float:
    """An option from 0 to 1, or else the setting of that name; raises `UserError`."""
    value = configured if given is None else given
    if not 0 <= value <= 1:
        raise UserError(f"{_called(given, name)} has to be between 0 and 1")
    return value


def at_least(least: int, given: int | None, configured: int, name: str) -> int:
    """An option that has a least value, or else the setting of that name; raises `UserError`."""
    value = configured if given is None else given
    if value < least:
        raise UserError(f"{_called(given, name)} has to be {least} or more")
    return value


def _called(given: object, option: str) -> str:
    """Whom to blame: the option, or the setting that stood in for it."""
    return option if given is not None else f"musrec.similar.{option.strip('-').replace('-', '_')}"


def _seconds(opts: SimilarCLIOpts) -> float:
    """How long the list may play [s]; 0 where it is counted."""
    from musrec_core.sequence import order

    if opts.length is None:
        return 0.0
    if opts.count is not None:
        raise UserError("--count and --length can't be combined")
    try:
        return order.parse_length(opts.length)
    except ValueError:
        raise UserError(f"--length has to be a time such as 1h30, 90m or 130 (seconds), not {opts.length}") from None


def _random_seed(plugin: Components, opts: SimilarCLIOpts) -> int | None:
    """What the draw starts from; None where the nearest are wanted."""
    if opts.seed is not None:
        return at_least(0, opts.seed, 0, "--seed")
    if not opts.shuffle:
        return None
    import secrets

    seed = secrets.randbelow(100_000)
    plugin._log.info("shuffled with --seed {}, which repeats this choice", seed)
    return seed


# Seeds.


def _named(plugin: Components, lib: Library, opts: SimilarCLIOpts, args: list[str]) -> tuple[list[Item], list[str]]:
    """The songs of the library and the files that the options name."""
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


def _start(plugin: Components, lib: Library, opts: SimilarCLIOpts, items: list[Item], files: list[str]) -> Seeds:
    from musrec_core.sequence import order

    if opts.at is None:
        return seeds.embedded(plugin, lib, items, files)
    try:
        start = order.parse_moment(opts.at)
    except ValueError:
        raise UserError(f"--at has to be a time such as 2:10 or 130 (seconds), not {opts.at}") from None
    return seeds.at_moment(plugin, items, files, start)
