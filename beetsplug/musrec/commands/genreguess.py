"""``beet genreguess``: the model's opinion on genres, as bars, and into ``genres`` where asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from beets import ui
from beets.ui import Subcommand, UserError

from musrec_core.text import printable

from .. import embedding, fields
from ..output import formatted, print_item

if TYPE_CHECKING:
    from beets.library import Item, Library

    from .. import MusrecPlugin

BAR = 40
NAME = "$artist - $title"


class GenreguessCLIOpts(Protocol):
    apply: bool
    count: int | None
    force: bool
    pretend: bool
    quiet: bool
    threshold: float | None
    write: bool


def command(plugin: MusrecPlugin) -> Subcommand:
    """The subcommand, as beets wants it."""
    cmd = Subcommand("genreguess", help="guess the genres of tracks by their sound")
    parser = cmd.parser
    parser.usage = "%prog [options] [QUERY]"
    parser.description = (
        "Show the most probable genres of every track that QUERY matches. With --apply, the best guess goes into the "
        "`genres` of tracks that have none."
    )
    parser.add_option("-a", "--apply", action="store_true", default=False,
                      help="store the guess in `genres` where that is empty")  # fmt: skip
    parser.add_option("-w", "--write", action="store_true", default=False,
                      help="like --apply, and write the music files' tags too")  # fmt: skip
    parser.add_option("-f", "--force", action="store_true", default=False,
                      help="overwrite the genres that are there")  # fmt: skip
    parser.add_option("-t", "--threshold", type="float", metavar="P",
                      help="apply only guesses of at least this probability (default: 0.5)")  # fmt: skip
    parser.add_option("-n", "--count", type="int", metavar="N", help="how many genres to show (default: 3)")
    parser.add_option("-p", "--pretend", action="store_true", default=False,
                      help="show what would be applied, and change nothing")  # fmt: skip
    parser.add_option("-q", "--quiet", action="store_true", default=False, help="no bars")
    cmd.func = lambda lib, opts, args: run(plugin, lib, opts, args)
    return cmd


def run(plugin: MusrecPlugin, lib: Library, opts: GenreguessCLIOpts, args: list[str]) -> None:
    config = plugin.config["genreguess"]
    threshold = config["threshold"].as_number() if opts.threshold is None else opts.threshold
    count = config["count"].get(int) if opts.count is None else opts.count
    if not 0 <= threshold <= 1:
        raise UserError("--threshold has to be between 0 and 1")
    if count < 1:
        raise UserError("--count has to be 1 or more")
    items = list(lib.items(args))
    if not items:
        raise UserError(f"no song matches: {' '.join(args)}" if args else "the library is empty: run `beet import`")
    work = set(embedding.outstanding(plugin, lib, [item.id for item in items]).ids)
    if missing := [item for item in items if item.id in work]:
        embedding.embed_items(plugin, lib, missing, len(missing), quiet=opts.quiet)
    for item in items:
        if not opts.quiet:
            _show(item, count)
        if opts.apply or opts.write or opts.pretend:
            _apply(plugin, item, opts, threshold)


def _show(item: Item, count: int) -> None:
    print_item(item, NAME)
    genres = fields.genres_of(item)
    if not genres:
        ui.print_(f"  no embedding: {printable(item.get(fields.STATUS) or '') or 'run `beet embed`'}")
    full, empty = ("█", "░") if _draws_blocks() else ("#", ".")
    for label, p in list(genres.items())[:count]:
        filled = round(p * BAR)
        ui.print_(f"  {printable(label):<12} {full * filled}{empty * (BAR - filled)} {p:4.0%}")


def _draws_blocks() -> bool:
    try:
        "█░".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _apply(plugin: MusrecPlugin, item: Item, opts: GenreguessCLIOpts, threshold: float) -> None:
    """Store the best guess, if it is sure enough and the field is free."""
    label, p = next(iter(fields.genres_of(item).items()), ("", 0.0))
    if not label or p < threshold or (item.genres and not opts.force):
        return
    guess = label.title() if plugin.config["genreguess"]["title_case"].get(bool) else label
    if item.genres == [guess]:
        return
    old = "; ".join(item.genres)
    ui.print_(printable(f"  genres: {f'{old} -> ' if old else ''}{guess}  ({formatted(item, NAME)})"))
    if opts.pretend:
        return
    item.genres = [guess]
    if opts.write:
        item.try_write()
    item.store()
