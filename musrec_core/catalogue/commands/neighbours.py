"""``neighbours DIR.lance --out TABLE``."""

from __future__ import annotations

import argparse

from ..._text import number_of
from ..cluster.session import ray_session
from ..meter import TextMeter
from ..neighbours.neighbours import EXACT_TRACKS, RECALL, K, NeighbourOptions, NeighbourSummary, write_neighbours
from .options import add_cluster, add_dataset, limit_of, open_catalogue, workers_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
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
    add_cluster(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the table, and say what is in it."""
    column, most = (None, 1) if arguments.max_per is None else limit_of(arguments.max_per)
    options = NeighbourOptions(
        arguments.k,
        arguments.where,
        True if arguments.exact else None,
        arguments.recall,
        column,
        most,
        arguments.lists,
    )
    workers, catalogue = workers_of(arguments), open_catalogue(arguments)
    with ray_session(arguments.address, cpus=workers):
        found = write_neighbours(
            catalogue,
            arguments.out,
            options,
            overwrite=arguments.overwrite,
            workers=workers,
            meter=TextMeter(),
        )
    print(described(found, options.k, arguments.out))


def described(found: NeighbourSummary, k: int, out: str) -> str:
    """What was written, in a few lines."""
    lines = [f"{found.tracks:,} tracks, up to {k} neighbours each, in {number_of(found.parts, 'part')}: {out}"]
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
