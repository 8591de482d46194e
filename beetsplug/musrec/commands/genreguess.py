"""``beet genreguess``: genres guessed by the model or a learnt vocabulary, as bars and into ``genres``."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from beets.library import Item, ReadError
from beets.ui import UserError

from musrec_core import attribute_text
from musrec_core._text import printable

from .. import option_checks
from ..attributes import fields
from ..console import formatted, print_item, print_text
from ..genres import vocabulary
from ..genres.tags import Rules
from ..library import sql
from . import genre_audit, genre_learn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from optparse import OptionParser

    from beets.library import Library

    from musrec_core.genres.vocabulary import Vocabulary

    from ..components import Components

BAR = 40
LABEL = 12  # columns of a genre's name
NAME = "$artist - $title"
MODES: dict[str, set[str]] = {  # what is done instead of guessing, and the options that apply to it
    "learn": {"pretend"},
    "forget": {"pretend"},
    "audit": {"count", "threshold"},
    "odd": {"count"},
}


class GenreguessCLIOpts(Protocol):
    apply: bool
    audit: bool
    count: int | None
    force: bool
    forget: bool
    learn: bool
    max_genres: int | None
    odd: bool
    pretend: bool
    quiet: bool
    threshold: float | None
    write: bool


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options] [QUERY]"
    parser.description = (
        "Show the likeliest genres of the tracks that QUERY matches. With --apply, the likeliest goes into the "
        "`genres` of tracks that have none. With --learn, the guesses are from then on taken from the genres that "
        "your tracks have now. --audit and --odd look for wrong tags and wrong files, and change nothing."
    )
    parser.add_option("-a", "--apply", action="store_true", default=False,
                      help="store the guess in `genres` if that is empty")  # fmt: skip
    parser.add_option("-w", "--write", action="store_true", default=False,
                      help="like --apply, and also write the tags of the music files")  # fmt: skip
    parser.add_option("-f", "--force", action="store_true", default=False,
                      help="store the guess even if there are genres already")  # fmt: skip
    parser.add_option("-t", "--threshold", type="float", metavar="P",
                      help="the lowest probability at which a guess is stored, or --audit doubts a tag "
                           "(default: 0.5)")  # fmt: skip
    parser.add_option("--max-genres", type="int", metavar="N", help="store at most N genres of a track (default: 1)")
    parser.add_option("-n", "--count", type="int", metavar="N",
                      help="how many genres to show of a track (default: 3), or how many tracks with --audit and "
                           "--odd (default: all)")  # fmt: skip
    parser.add_option("-p", "--pretend", action="store_true", default=False,
                      help="change nothing: show what --apply would store or --learn would learn")  # fmt: skip
    parser.add_option("-q", "--quiet", action="store_true", default=False, help="show no genres and no progress")
    parser.add_option("--learn", action="store_true", default=False,
                      help="learn your genres from the tracks that have some, "
                           "and report how well that works")  # fmt: skip
    parser.add_option("--forget", action="store_true", default=False,
                      help="forget what was learnt, and guess the model's own genres")  # fmt: skip
    parser.add_option("--audit", action="store_true", default=False,
                      help="list tracks whose genres sound wrong, with the command that fixes each")  # fmt: skip
    parser.add_option("--odd", action="store_true", default=False,
                      help="list tracks that sound unlike the rest of their album or artist")  # fmt: skip


def _check(parser: OptionParser, opts: GenreguessCLIOpts) -> None:
    """Raise `UserError` for what would be ignored, or makes no sense."""
    if opts.count is not None and opts.count < 1:
        raise UserError("--count has to be 1 or more")
    if opts.quiet and opts.count is not None:
        raise UserError("--quiet can't be combined with --count: it shows no genres")
    modes = [name for name in MODES if getattr(opts, name)]
    if modes:
        option_checks.require(parser, opts, f"--{modes[0]}", {modes[0], *MODES[modes[0]]})
    elif not (opts.apply or opts.write or opts.pretend):
        storing = {"force", "threshold", "max_genres"}
        option_checks.require_companion(parser, opts, storing, "--apply, --write or --pretend")


def run(components: Components, parser: OptionParser, lib: Library, opts: GenreguessCLIOpts, args: list[str]) -> None:
    _check(parser, opts)
    rules = Rules.of(components.settings.genreguess, opts.threshold, opts.max_genres)
    if opts.learn:
        genre_learn.run_learn(components.learner, lib, args, components.card.model_id, pretend=opts.pretend)
    elif opts.forget:
        genre_learn.run_forget(lib, args, pretend=opts.pretend)
    elif opts.audit:
        learner = components.learner if components.genres.learnt(lib.path) is not None else None
        genre_audit.run_audit(learner, lib, components.vectors.card(lib).model_id, args, rules, opts.count)
    elif opts.odd:
        genre_audit.run_odd(components.learner, lib, args, opts.count)
    else:
        _run_guess(components, lib, opts, args, rules)


def _run_guess(components: Components, lib: Library, opts: GenreguessCLIOpts, args: list[str], rules: Rules) -> None:
    config = components.settings.genreguess
    count = config.count if opts.count is None else opts.count
    force = opts.force or config.force
    own = components.genres.learnt(lib.path)
    ids = sql.listed(lib, args)
    if missing := _without_guess(components, lib, ids):
        components.embedder.embed_items(lib, sql.items_of(lib, missing), len(missing), quiet=opts.quiet)
    tally: Counter[str] = Counter()
    for item in sql.items_of(lib, ids):
        guess = fields.genres_of(item) if own is None else vocabulary.guess(own, item)
        unsure = own is not None and not components.genres.answer(item)[0]
        outcome = SHOWN
        if opts.apply or opts.write or opts.pretend:
            names = rules.names(guess, learnt=own is not None)
            outcome = _outcome(item, guess, names, force=force, write=opts.write)
            tally[outcome] += 1
        if outcome in (SHOWN, STORED) and not opts.quiet:
            _show(item, guess, count, own, unsure=unsure)
        if outcome == STORED:
            _store(item, names, opts)
        elif outcome == WRITTEN and not opts.pretend:
            item.try_write()
    if tally and not opts.quiet:
        print_text(_summary(tally, rules, pretend=opts.pretend))


def _without_guess(components: Components, lib: Library, ids: list[int]) -> list[int]:
    """The songs to embed: neither the configured model nor the one in use has embedded them."""
    missing = components.embedder.needs_embedding(lib, ids).ids
    return components.embedder_of(components.vectors.card(lib)).needs_embedding(lib, missing).ids


def _show(item: Item, guess: Mapping[str, float], count: int, own: Vocabulary | None, *, unsure: bool) -> None:
    print_item(item, NAME)
    if not guess and own is not None and item.get(fields.EMBEDDING) and item.get(fields.MODEL) != own.model:
        print_text(f"  embedded with {item.get(fields.MODEL)}, but your genres were learnt from {own.model}")
    elif not guess:
        reason = printable(attribute_text.failure_of(item.get(fields.STATUS)))
        print_text(f"  no embedding: {reason or f'run `beet embed --force id:{item.id}`'}")
    elif unsure:
        print_text("  unsure, the likeliest of your genres:")
    full, empty = ("█", "░") if _draws_blocks() else ("#", ".")
    width = max([LABEL, *(min(len(printable(label)), 30) for label in list(guess)[:count])])
    for label, p in list(guess.items())[:count]:
        filled = round(p * BAR)
        print_text(f"  {printable(label)[:width]:<{width}} {full * filled}{empty * (BAR - filled)} {p:4.0%}")


def _draws_blocks() -> bool:
    try:
        "█░".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


# What is stored.

SHOWN, STORED, WRITTEN = "shown", "stored", "written"
SAME, OTHER, UNSURE, UNKNOWN = "same", "other", "unsure", "unknown"


def _outcome(item: Item, guess: Mapping[str, float], names: list[str], *, force: bool, write: bool) -> str:
    """What becomes of a track; ``names`` are the genres of a guess that is sure enough."""
    same = bool(names) and names == item.genres
    if write and item.genres and (same or not force) and _file_lacks_genres(item):
        return WRITTEN
    if not guess:
        return UNKNOWN
    if not names:
        return UNSURE
    if same:
        return SAME
    return OTHER if item.genres and not force else STORED


def _file_lacks_genres(item: Item) -> bool:
    """Whether `genres` is in the library alone, as --apply left it."""
    try:
        return not Item.from_path(item.path).genres
    except ReadError:
        return False


def _store(item: Item, names: list[str], opts: GenreguessCLIOpts) -> None:
    old, new = "; ".join(item.genres), "; ".join(names)
    print_text(printable(f"  genres: {f'{old} -> ' if old else ''}{new}  ({formatted(item, NAME)})"))
    if opts.pretend:
        return
    item.genres = names
    if opts.write:
        item.try_write()
    item.store()


def _summary(tally: Counter[str], rules: Rules, *, pretend: bool) -> str:
    """What became of all tracks, in one line."""
    words = {
        WRITTEN: "to be written to files without genres" if pretend else "written to files without genres",
        UNSURE: f"below the threshold of {rules.threshold:g}",
        SAME: "already there",
        OTHER: "with other genres (--force replaces them)",
        UNKNOWN: "not embedded (`beet embed --report` says why)",
    }
    parts = [f"{tally[STORED]} {'to be stored' if pretend else 'stored'}"]
    return ", ".join(parts + [f"{tally[outcome]} {text}" for outcome, text in words.items() if tally[outcome]])
