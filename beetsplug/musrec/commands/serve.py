"""``beet musrec-serve``: answers for players and media servers over HTTP."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn, Protocol

from beets.ui import UserError

from .. import option_checks
from ..console import print_text
from ..option_checks import listed

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from ..components import Components
    from ..config import ServeSettings

NEEDS = ("flask", "waitress", "requests")
INCOMPLETE = 2  # the status of --match where songs are left
LAST_PORT = 65_535


class ServeCLIOpts(Protocol):
    host: str | None
    port: int | None
    match: bool | None


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options]"
    parser.description = "Answer players and media servers over HTTP. Requires: pip install 'beets-musrec[serve]'"
    parser.add_option("--host", metavar="ADDRESS", help="the address to listen at (default: musrec.serve.host)")
    parser.add_option("--port", metavar="N", type="int", help="the port to listen at (default: musrec.serve.port)")
    parser.add_option(
        "--match", action="store_true", help="show which songs of musrec.serve.subsonic are not matched, and end"
    )


def run(components: Components, parser: OptionParser, lib: Library, opts: ServeCLIOpts, args: list[str]) -> None:
    option_checks.require_filled(parser, opts)
    if args:
        raise UserError(f"musrec-serve takes no query: {' '.join(args)}")
    settings = _settings(components, opts)
    if missing := [module for module in NEEDS if find_spec(module) is None]:
        raise UserError(f"the server needs {listed(missing)}: pip install 'beets-musrec[serve]'")
    if opts.match:
        _match(components, lib)
    else:
        _serve(components, settings)


def _match(components: Components, lib: Library) -> None:
    """Print which songs of the media server are not matched; ends with status 2 if there are any."""
    from ..serve.subsonic.report import report

    if not components.settings.subsonic.url:
        raise UserError("--match needs a media server: set musrec.serve.subsonic.url")
    lines, is_complete = report(lib, components.settings.subsonic, components.log)
    for line in lines:
        print_text(line)
    if not is_complete:
        raise SystemExit(INCOMPLETE)


def _serve(components: Components, settings: ServeSettings) -> None:
    from ..serve import server
    from ..serve.app import create_app

    signal.signal(signal.SIGTERM, _end)  # which process 1 of a container would ignore while it starts
    count = components.settings.similar.count
    with closing(components.song_ids) as ids, closing(components.answers) as answers:
        answers.start()
        app = create_app(answers, ids, settings, components.log, count=count)
        server.serve(app, settings, components.log)


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)


def _settings(components: Components, opts: ServeCLIOpts) -> ServeSettings:
    """The section `musrec.serve`, with what the command line says in its place."""
    settings = components.settings.serve
    if opts.host is not None:
        settings = replace(settings, host=opts.host)
    if opts.port is not None:
        if not 0 <= opts.port <= LAST_PORT:
            raise UserError(f"--port has to be a whole number between 0 and {LAST_PORT}")
        settings = replace(settings, port=opts.port)
    return settings
