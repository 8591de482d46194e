"""``beet radio``: keeps the queue of MPD going."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, Protocol

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
        "Keep MPD's queue going with songs like those just heard; songs that were skipped count against. "
        "Requires: pip install 'beets-musrec[mpd]'"
    )
    parser.add_option(
        "--start", metavar="QUERY", help="begin with the songs that match QUERY: append them, and play if stopped"
    )
    parser.add_option("--to", metavar="QUERY", help="make for this song, and go on from there")
    parser.add_option("--once", action="store_true", default=False, help="fill the queue once, and end")


def run(components: Components, parser: OptionParser, lib: Library, opts: RadioCLIOpts, args: list[str]) -> None:
    if args:
        raise UserError(f'beet radio takes no arguments: add --start to begin with songs, as in --start "{args[0]}"')
    for name, query in (("--start", opts.start), ("--to", opts.to)):
        if query is not None and not query.strip():
            raise UserError(f"{name} is empty: give it a value, or leave it out")
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        components.radio.run(lib, start=opts.start, to=opts.to, once=opts.once)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
