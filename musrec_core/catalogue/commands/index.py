"""``index DIR.lance``."""

from __future__ import annotations

import argparse
import sys

from ..._text import number_of
from ...errors import CatalogueError
from ..search.index import IndexReport, build
from ..search.recall import ASKED, measure_recall
from .options import add_dataset, open_catalogue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument("--force", action="store_true", help="build it anew, even if it is current or none is needed")
    parser.add_argument("--check", nargs="?", type=int, const=ASKED, metavar="N",
                        help=f"then measure recall: search for N tracks (default: {ASKED}) with the "
                        "index and exactly")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Build the index or bring it up to date, and say what was done."""
    if arguments.check is not None and arguments.check < 2:
        raise CatalogueError(f"--check takes the number of tracks to ask about, 2 or more, and not {arguments.check}")
    catalogue = open_catalogue(arguments)
    work = build(catalogue, force=arguments.force, progress=_tell)
    print(described(work))
    if arguments.check is not None and work.state.built is None:
        print("There is no recall to measure: without an index, every search is exact.")
    elif arguments.check is not None:
        found = measure_recall(catalogue, arguments.check)
        print(f"Of the {found.count} nearest of {number_of(found.asked, 'track')} it finds {found.mean:.1%} "
              f"(95% interval: {found.low:.1%} to {found.high:.1%}).")  # fmt: skip


def described(work: IndexReport) -> str:
    """What was done, in a sentence."""
    state = work.state
    if state.built is None:
        return f"No index of the vectors is needed: there are {state.vectors:,}, and a search compares all of them."
    what = {"built": "was built", "updated": "was brought up to date", "current": "is current", "exact": "is kept"}
    took = f" in {work.seconds:.1f} s" if work.action in ("built", "updated") else ""
    return (f"The index {what[work.action]}{took}: {state.vectors:,} vectors in {state.built.partitions:,} partitions, "
            f"{state.size / 1e6:,.1f} MB.")  # fmt: skip


def _tell(stage: str) -> None:
    print(f"indexing {stage} ...", file=sys.stderr)
