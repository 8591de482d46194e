"""``beet musrec-serve``: answers for players and media servers over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from beets.ui import UserError

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from ..components import Components


class ServeCLIOpts(Protocol):
    host: str | None
    port: int | None


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options]"
    parser.description = "Answer players and media servers over HTTP. Requires: pip install 'beets-musrec[serve]'"
    parser.add_option("--host", metavar="ADDRESS", help="the address to listen at (default: musrec.serve.host)")
    parser.add_option("--port", metavar="N", type="int", help="the port to listen at (default: musrec.serve.port)")


def run(components: Components, parser: OptionParser, lib: Library, opts: ServeCLIOpts, args: list[str]) -> None:
    raise UserError("not built yet")
