"""The command line of catalogues: what a command is called, and what its errors look like."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ..errors import CatalogueError, ModelError, UnusableAudio, WordsError, WorkersError
from .commands.termination import Terminated, terminable

PROGRAM = "python -m musrec_core.catalogue"
COMMANDS = {
    "embed": "embed the tracks of a manifest or a folder into a dataset",
    "failures": "the tracks that could not be embedded, and why",
    "index": "build the index of a dataset, or bring it up to date",
    "similar": "the nearest tracks to some tracks or files",
    "sounds": "the tracks that sound like some words",
    "genres": "the genres of tracks, or the tracks of a genre",
    "neighbours": "every track's nearest tracks, as a table",
    "duplicates": "near-identical recordings, as a report",
    "import-beets": "copy the embeddings of a beets library into a dataset",
    "export-beets": "copy embeddings of a dataset into a beets library",
}
NEEDED = ("ray", "lance", "pyarrow", "fsspec", "aiohttp")  # of the extra
INTERRUPTED, TERMINATED = 130, 143  # a shell's exit statuses of Ctrl-C and SIGTERM


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status. What a user got wrong is one sentence on standard error."""
    given = list(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Embed and search catalogues of millions of tracks.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in given if not word.startswith("-")), None)
    if chosen in COMMANDS and (missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]):
        installs = "pip install 'beets-musrec[catalogue]' installs what catalogues need"
        return _failed(f"there is no package {missing[0]} here: {installs}")
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        if name == chosen:
            module = import_module(f".commands.{name.replace('-', '_')}", __package__)
            module.add_arguments(command)
    arguments, more = parser.parse_known_args(given)
    if more:  # a list of words that goes on behind an option: argparse leaves it over
        takes_more = getattr(module, "MORE", None)
        options, after = (more[: more.index("--")], more[more.index("--") + 1 :]) if "--" in more else (more, [])
        if takes_more is None or any(word.startswith("-") for word in options):
            parser.error(f"unrecognized arguments: {' '.join(more)}")
        setattr(arguments, takes_more, [*getattr(arguments, takes_more), *options, *after])
    try:
        with terminable():
            module.run(arguments)
            sys.stdout.flush()
    except (CatalogueError, ModelError, WordsError, WorkersError) as error:
        return _failed(str(error))
    except UnusableAudio as error:
        return _failed(f"{error.path}: {error}")
    except BrokenPipeError:  # whoever read the output has gone: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _failed(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 1
