"""``beet radio``: keeps the queue of MPD going."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from beets.ui import UserError

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from ..components import Components


class RadioCLIOpts(Protocol):
    start: str | None
    to: str | None
    once: bool


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options]"
    parser.description = (
        "Keep MPD's queue going with songs like those just heard. Requires: pip install 'beets-musrec[mpd]'"
    )
    parser.add_option("--start", metavar="QUERY", help="begin with the songs that match QUERY")
    parser.add_option("--to", metavar="QUERY", help="make for this song")
    parser.add_option("--once", action="store_true", default=False, help="fill the queue once, and end")


def run(components: Components, parser: OptionParser, lib: Library, opts: RadioCLIOpts, args: list[str]) -> None:
    raise UserError("not built yet")
