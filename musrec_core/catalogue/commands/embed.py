"""``embed MANIFEST --out DIR.lance``."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import signal
import sys
from dataclasses import asdict

from ..embedding.driver import embed
from ..embedding.progress import Progress
from .options import add_cluster, add_storage_option, storage_options, workers_of
from .termination import Terminated

ENDED = 128  # and the signal's number: the exit status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `musrec_core.catalogue.embed`."""
    parser.add_argument(
        "manifest",
        metavar="MANIFEST",
        help="a .parquet or .csv file with the columns id and path (or URL) and any further ones, or a folder of "
        "music; a path or a URL",
    )
    parser.add_argument("--out", required=True, metavar="DIR.lance", help="the dataset, which is made or completed")
    parser.add_argument("--model", metavar="MODEL", help="another model: its name, or its .onnx file")
    add_cluster(parser)
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="that one file may take (default: 60)"
    )
    parser.add_argument("--excerpts", type=_count, metavar="N", help="of each track (default: what the model says)")
    parser.add_argument("--force", action="store_true", help="embed all tracks of the manifest")
    parser.add_argument("--prune", action="store_true", help="delete tracks that the manifest does not have")
    parser.add_argument(
        "--replace-model", action="store_true", help="embed a dataset that is of another model anew, with this one"
    )
    parser.add_argument(
        "--no-check", action="store_true", help="don't look whether files that were embedded have changed since"
    )
    parser.add_argument("--id-column", default="id", metavar="NAME", help="of the manifest (default: id)")
    parser.add_argument("--path-column", default="path", metavar="NAME", help="of the manifest (default: path)")
    add_storage_option(parser)
    parser.add_argument("--json", action="store_true", help="print what was done as a JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Embed, and say what was done; a signal ends it with 128 and its number, after a commit."""
    progress = Progress(show=True)
    try:
        report = embed(
            arguments.manifest,
            arguments.out,
            model=arguments.model,
            workers=workers_of(arguments),
            address=arguments.address,
            timeout=arguments.timeout,
            excerpts=arguments.excerpts,
            force=arguments.force,
            prune=arguments.prune,
            replace_model=arguments.replace_model,
            check_files=not arguments.no_check,
            id_column=arguments.id_column,
            path_column=arguments.path_column,
            storage_options=storage_options(arguments),
            progress=progress,
        )
    except KeyboardInterrupt as interrupt:
        progress.close()
        print(f"stopped: {progress.report()}; the same command goes on from here", file=sys.stderr)
        sys.exit(ENDED + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT))
    if arguments.json:
        print(json.dumps({**asdict(report), "rate": report.rate}))
        return
    print(report)
    if report.failed:
        print(f"which, and why: python -m musrec_core.catalogue failures {shlex.quote(arguments.out)}")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds
