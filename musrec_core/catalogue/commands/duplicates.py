"""``duplicates DIR.lance``."""

from __future__ import annotations

import argparse

from ..._text import one_line
from ...search.copies import NAMED_DISTANCE
from ..cluster.session import ray_session
from ..duplicates.duplicates import DuplicateOptions, DuplicateReport, DuplicateTrack, find_duplicates
from ..duplicates.files import check_report_path, write_report
from ..meter import TextMeter
from .options import add_cluster, add_dataset, columns_by_kind, open_catalogue, workers_of

SHOWN = 20  # groups on the terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument("-o", "--out", metavar="FILE", help="the report, as .csv, .parquet or .jsonl")
    parser.add_argument("--where", metavar="SQL", help="only tracks that fulfil this condition")
    parser.add_argument(
        "--distance", type=float, default=NAMED_DISTANCE, metavar="D",
        help=f"the largest distance of two copies ({NAMED_DISTANCE})",
    )  # fmt: skip
    parser.add_argument("--verify", action="store_true", help="read the files of candidates, and compare their sound")
    parser.add_argument(
        "--column", action="append", default=[], metavar="KIND=NAME",
        help="the column of the title, artist, length (in seconds), recording (an id), album, track or disc",
    )  # fmt: skip
    parser.add_argument("--exact", action="store_true", help="compare all pairs of embeddings, however many there are")
    add_cluster(parser)


def run(arguments: argparse.Namespace) -> None:
    """Find them, write the report, and say what it holds."""
    options = DuplicateOptions(
        arguments.where,
        arguments.distance,
        arguments.verify,
        columns_by_kind(arguments),
        True if arguments.exact else None,
    )
    workers, catalogue = workers_of(arguments), open_catalogue(arguments)
    if arguments.out is not None:
        check_report_path(arguments.out, catalogue.storage_options)
    with ray_session(arguments.address, cpus=workers):
        found = find_duplicates(catalogue, options, workers=workers, meter=TextMeter())
    if arguments.out is not None:
        write_report(found, arguments.out, catalogue.storage_options)
    else:
        for tracks in found.groups[:SHOWN]:
            print("\n".join(_line(track) for track in tracks), end="\n\n")
        if len(found.groups) > SHOWN:
            print(f"... {len(found.groups) - SHOWN:,} more groups: --out FILE writes all\n")
    print(described(found))


def _line(track: DuplicateTrack) -> str:
    where = f"  {one_line(track.path)}" if track.path else ""
    return f"{track.verdict:6}  {track.distance:.3f}  {one_line(track.id)}{where}"


def described(found: DuplicateReport) -> str:
    """What was found, in a few lines."""
    sure, groups = found.sure, found.groups
    unsure = len(groups) - len(sure)
    spared = sum(len(tracks) - 1 for tracks in sure)
    lines = [
        f"{found.tracks:,} tracks, {found.pairs:,} pairs judged: {len(sure):,} recordings are there more than once, "
        f"{spared:,} tracks beside the first",
    ]
    if unsure:
        more = sum(len(tracks) - 1 for tracks in groups) - spared
        lines.append(f"{unsure:,} more may be, with {more:,} tracks beside the first: --verify compares their sound")
    if found.unreadable:
        lines.append(f"{found.unreadable:,} pairs of files could not be compared")
    return "\n".join(lines)
