"""``beet mixes``: the playlists that the configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from beets.ui import UserError

from musrec_core._text import one_line

from ..console import formatted, print_text

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from ..components import Components


class MixesCLIOpts(Protocol):
    force: bool
    pretend: bool


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options] [NAME...]"
    parser.description = (
        "Write the playlists that `musrec.mixes` describes, or only those with the given names. "
        "Songs that you removed from such a playlist stay out, and songs that you added stay in."
    )
    parser.add_option("-p", "--pretend", action="store_true", default=False, help="show the songs, and write nothing")
    parser.add_option("--force", action="store_true", default=False,
        help="overwrite playlists that another command or program made, too")  # fmt: skip


def run(components: Components, parser: OptionParser, lib: Library, opts: MixesCLIOpts, args: list[str]) -> None:
    total = failed = 0
    for outcome in components.mixes.build(lib, args, force=opts.force, pretend=opts.pretend):
        total += 1
        if outcome.built is None:
            failed += 1
            components.log.warning("{}: {}", one_line(outcome.name), outcome.problem)
            continue
        print_text(f"{one_line(outcome.name)}: {outcome.built.songs} songs, {outcome.built.new} new")
        if opts.pretend:
            for item in outcome.built.result.songs:
                print_text("  " + formatted(item, components.settings.similar.format))
    if not total:
        raise UserError("there is no playlist to write: `musrec.mixes` in the configuration is empty")
    if failed:
        raise UserError(f"{failed} of {total} playlists could not be written")
    components.target_copies.require_written()
