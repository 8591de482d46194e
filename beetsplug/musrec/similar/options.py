"""The options of a question, as a playlist's recipe and a mix keep them."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

from beets.util import normpath

if TYPE_CHECKING:
    from ..commands.similar import SimilarCLIOpts
    from .request import Result

FILES = {"files", "from_playlist"}  # options that name files: they have to hold in any working directory


def complete(opts: Any) -> SimilarCLIOpts:
    """What a recipe says nothing of."""
    opts.format = opts.playlist = opts.extend = None
    opts.hubs, opts.refresh, opts.force = False, [], False
    complete: SimilarCLIOpts = opts
    return complete


def leads(opts: SimilarCLIOpts) -> bool:
    """Whether a playlist may begin with the seeds."""
    return not (opts.no_seeds or opts.with_seeds)


def merged(kept: SimilarCLIOpts, own: SimilarCLIOpts) -> SimilarCLIOpts:
    """A recipe's options, and over them those of the command line."""
    from ..commands.similar import question_parser

    opts = copy.copy(kept)
    for option in question_parser().option_list:
        name = str(option.dest)
        value = getattr(own, name)
        if option.action == "append":
            setattr(opts, name, [*getattr(opts, name), *value])
        elif value is not None and value is not False:  # 0 is a choice
            setattr(opts, name, value)
    if own.count is not None:
        opts.length = own.length
    elif own.length is not None:
        opts.count = None
    if own.with_seeds or own.no_seeds:
        opts.with_seeds, opts.no_seeds = own.with_seeds, own.no_seeds
    if own.shuffle:
        opts.seed = own.seed
    return opts


def words(opts: SimilarCLIOpts, args: list[str]) -> list[str]:
    """Options and query -> the words that say the same on the command line."""
    from ..commands.similar import question_parser

    found: list[str] = []
    for option in question_parser().option_list:
        value = getattr(opts, str(option.dest))
        flag = option.get_opt_string()
        if option.action == "store_true":
            found += [flag] if value else []
            continue
        values = value if option.action == "append" else [value]
        for each in values:
            if each is not None:
                found += [flag, os.fsdecode(normpath(each)) if option.dest in FILES else str(each)]
    return [*found, *(["--"] if any(arg.startswith("-") for arg in args) else []), *args]


def settled(opts: SimilarCLIOpts, answer: Result, *, further: bool) -> SimilarCLIOpts:
    """The options with what the configuration and chance gave."""
    opts = copy.copy(opts)
    if opts.length is None:
        opts.count = answer.count
    opts.shuffle, opts.seed = False, answer.draw
    if leads(opts) and len(answer.items) + len(answer.files) > 1 and not answer.leads and not further:
        opts.no_seeds = True  # a recipe that does not say so is an earlier version's, and means all of them
    return opts


def lengthen(opts: SimilarCLIOpts, count: int, length: str | None, answer: Result) -> None:
    """Make a recipe ask for the whole list, once it was continued; ``count`` and ``length`` are what it asked for."""
    from musrec_core.sequence.order import parse_length

    if length is None:
        opts.count, opts.length = count + len(answer.songs), None
    else:
        seconds = parse_length(length) + sum(item.length for item in answer.songs)
        opts.count, opts.length = None, f"{round(seconds)}s"


def given(own: SimilarCLIOpts) -> bool:
    """Whether any option of a question was given."""
    from ..commands.similar import question_parser

    values = [getattr(own, str(option.dest)) for option in question_parser().option_list]
    return any(value is not None and value is not False and value != [] for value in values)
