"""``beet similar``: the songs nearest to those that a query names."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from beets.ui import CommonOptionsParser, UserError

from .. import playlist_paths
from ..console import formatted, print_item, print_text
from ..option_checks import listed
from ..similar import arguments, copy_list, word_list
from ..similar.option import Use
from ..similar.options import BY_NAME
from ..similar.request import PlaylistContext, Request
from . import similar_sets

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from ..components import Components
    from ..similar.options import SimilarOptions
    from ..similar.request import Result

HUB_FORMAT = "$artist - $title"
INDENT = "       "  # below the artist


def add_options(parser: CommonOptionsParser) -> None:
    parser.usage = "%prog [options] [QUERY]"
    parser.description = (
        "List the songs that sound most like those that QUERY matches, nearest first, each with its distance "
        "($musrec_distance in a format). With -a, QUERY matches albums, whose songs are the seeds."
    )
    arguments.add_options(parser)


def run(components: Components, parser: OptionParser, lib: Library, opts: Any, args: list[str]) -> None:
    options = arguments.options_from(opts)
    arguments.check_command_line(options, args)
    if options.mode is Use.REFRESH:
        _refresh(components, lib, options)
    elif options.mode is Use.EXTEND:
        _show(components, lib, options, components.refresher.extend(lib, options.extend or "", options))
        components.target_copies.require_written()
    elif options.mode is Use.HUBS:
        _show_hubs(components, lib, options, args)
    elif options.mode is Use.COPIES:
        for line in copy_list.lines(components.copies.find(lib, args), options.format, components.log):
            print_text(line)
    elif options.mode is Use.WORDS:
        for line in word_list.lines(components.qualities, components.vectors.card(lib), args):
            print_text(line)
    else:
        _find(components, lib, options, args)


def _find(components: Components, lib: Library, options: SimilarOptions, args: list[str]) -> None:
    """A list or a journey."""
    _check_output(options)
    if options.from_playlist:  # the whole path, for the recipe
        path = playlist_paths.existing(components.settings.playlist, options.from_playlist)
        options = replace(options, from_playlist=os.fsdecode(path))
    context = None
    if options.playlist:
        components.playlist_builder.check_new(options.playlist, force=options.force)
        context = PlaylistContext(begins_with_seed=options.may_begin_with_seeds)
    request = Request(options, args, playlist=context)
    result = components.similar.find(lib, request)
    if options.playlist:  # before the list is printed: `| head` may end the program
        components.playlist_builder.write_new(lib, options.playlist, request, result)
    if options.playlist != playlist_paths.STDOUT:
        if result.sets is None:
            _show(components, lib, options, result)
        else:
            similar_sets.show(lib, options, result.sets.sets)
    if options.playlist:
        components.target_copies.require_written()


def _check_output(options: SimilarOptions) -> None:
    """Raise `UserError` for options that do nothing for a playlist on standard output."""
    names = ("path" if options.path else "format", "why", "force")  # beets gives --path a format
    unused = [BY_NAME[name].flag for name in names if getattr(options, name)]
    if options.playlist == playlist_paths.STDOUT and unused:
        raise UserError(f"-m - can't be combined with {listed(unused)}")


def _refresh(components: Components, lib: Library, options: SimilarOptions) -> None:
    failed = 0
    for name in options.refresh:
        try:
            _show(components, lib, options, components.refresher.refresh(lib, name, options))
        except UserError as error:
            if len(options.refresh) == 1:
                raise
            components.log.error("{}", error)
            failed += 1
    if failed:
        raise UserError(f"{failed} of {len(options.refresh)} playlists could not be refreshed")
    components.target_copies.require_written()


def _show(components: Components, lib: Library, options: SimilarOptions, result: Result) -> None:
    reasons = components.reasons.lines(lib, result) if options.why else []
    for item, reason in zip_longest(result.songs, reasons):
        print_item(item, options.format or components.settings.similar.format)
        if reason:
            print_text(f"{INDENT}{reason}")


def _show_hubs(components: Components, lib: Library, options: SimilarOptions, args: list[str]) -> None:
    hubs = components.hubs.find(lib, options, args)
    for occurrence, item in hubs.songs:
        print_text(f"{occurrence:6}  {formatted(item, options.format or HUB_FORMAT)}")
    print_text(
        f"The number says how many of the {hubs.total} songs have this one among their {hubs.k} nearest.\n"
        f"Average {hubs.k}, skewness {hubs.skewness:.2f} (0: no hubs); "
        f"{hubs.share_never:.0%} of the songs are nobody's neighbour."
    )
