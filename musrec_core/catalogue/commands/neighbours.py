"""``neighbours DIR.lance --out TABLE``."""

from __future__ import annotations

import argparse
import re

from ...errors import CatalogueError
from ..cluster.session import ray_session
from ..dataset import Catalogue
from ..meter import TextMeter
from ..neighbours.neighbours import EXACT_TRACKS, RECALL, K, NeighbourOptions, NeighbourSummary, write_neighbours


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("dataset", metavar="DIR.lance")
    parser.add_argument("-o", "--out", required=True, metavar="TABLE", help="a folder, or its URL, for Parquet files")
    parser.add_argument("-k", "--k", type=int, default=K, metavar="N", help=f"neighbours of a track ({K})")
    parser.add_argument("--where", metavar="SQL", help="only tracks that fulfil this condition")
    parser.add_argument(
        "--exact",
        action="store_true",
        help=f"compare all pairs, also of more than {EXACT_TRACKS:,} tracks",
    )
    parser.add_argument(
        "--recall", type=float, default=RECALL, metavar="SHARE",
        help=f"the share of the true neighbours to find where not all pairs are compared ({RECALL})",
    )  # fmt: skip
    parser.add_argument(
        "--max-per", metavar="COLUMN=N", help="at most N neighbours with the same value, such as artist=2"
    )
    parser.add_argument("--lists", action="store_true", help="one row a track, with lists, instead of one a neighbour")
    parser.add_argument("--overwrite", action="store_true", help="replace a table of another request")
    parser.add_argument("--address", metavar="HOST:PORT", help="a Ray cluster; without it this machine")
    parser.add_argument("--workers", type=int, metavar="N", help="tasks at a time (one a CPU)")


def run(arguments: argparse.Namespace) -> None:
    """Write the table, and say what is in it."""
    column, most = max_per(arguments.max_per)
    options = NeighbourOptions(
        arguments.k,
        arguments.where,
        True if arguments.exact else None,
        arguments.recall,
        column,
        most,
        arguments.lists,
    )
    require_workers(arguments.workers)
    catalogue = Catalogue.open(arguments.dataset)
    with ray_session(arguments.address, cpus=arguments.workers):
        found = write_neighbours(
            catalogue,
            arguments.out,
            options,
            overwrite=arguments.overwrite,
            workers=arguments.workers,
            meter=TextMeter(),
        )
    print(described(found, options.k, arguments.out))


def max_per(text: str | None) -> tuple[str | None, int]:
    """``artist=2`` -> column and number; raises `CatalogueError`."""
    if text is None:
        return None, 1
    match = re.fullmatch(r"(.+)=([0-9]{1,6})", text, re.DOTALL)
    if match is None or int(match[2]) < 1:
        raise CatalogueError(f"--max-per takes a column and a number, such as artist=2, and {text!r} is none")
    return match[1], int(match[2])


def require_workers(workers: int | None) -> None:
    """Raise `CatalogueError` unless it is a number of tasks."""
    if workers is not None and workers < 1:
        raise CatalogueError(f"--workers has to be 1 or more, and {workers} is not")


def described(found: NeighbourSummary, k: int, out: str) -> str:
    """What was written, in a few lines."""
    lines = [f"{found.tracks:,} tracks, up to {k} neighbours each, in {found.parts} parts: {out}"]
    if found.unusable:
        lines.append(f"{found.unusable:,} tracks left out: their vectors are not finite")
    if found.exact:
        lines.append("all pairs were compared")
    else:
        lines.append(f"each track was compared with those of {found.probes} of {found.cells:,} cells")
        lines.append(
            f"recall@{k} {found.recall:.3f} ({found.recall_low:.3f}-{found.recall_high:.3f}) on {found.sampled} "
            "sampled tracks"
        )
    return "\n".join(lines)
