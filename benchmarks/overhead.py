"""What the plugin adds to beets' own commands: ``python -m benchmarks.overhead``.

Whole processes, with the plugin and without it in turn, so that a busy machine troubles both alike; medians.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.songs import compose
from benchmarks.synthetic_library import make_library, write_config

BEET = [sys.executable, str(Path(sys.executable).parent / "beet")]
QUIET = {"import": {"copy": False, "write": False, "autotag": False, "quiet": True, "resume": False}}
SETTLED = 4.0  # seconds: vectors of a library that was written to just now are not kept in a file
IMPORTTIME = re.compile(r"import time: +(\d+) \| +\d+ \| *(\S+)")


@dataclass(frozen=True)
class Spent:
    """What a process took [s]."""

    wall: float
    cpu: float


def run(home: Path, *arguments: str, python: tuple[str, ...] = ()) -> tuple[Spent, str]:
    """One ``beet``, and what it said on standard error."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"BEETSDIR": str(home)}
    start, before = time.perf_counter(), cpu_of_children()
    done = subprocess.run(
        [BEET[0], *python, *BEET[1:], *arguments],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    spent = Spent(time.perf_counter() - start, cpu_of_children() - before)
    return spent, done.stderr.decode("utf-8", "replace")


def spent_on(command: list[str], home: Path) -> Spent:
    return run(home, *command)[0]


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def in_turn(homes: list[Path], runs: int, job: Callable[[Path], Spent]) -> list[Spent]:
    """The medians of a job in each home; the homes take turns, and the first of several does not count."""
    taken = (
        [[job(home) for home in homes] for _ in range(runs + 1)][1:] if runs > 1 else [[job(home) for home in homes]]
    )
    return [
        Spent(statistics.median(s.wall for s in column), statistics.median(s.cpu for s in column))
        for column in zip(*taken, strict=True)
    ]


def header(title: str, unit: str) -> None:
    print(f"\n{title:<42}{'without':>10}{'with':>10}{'added':>10} {unit}")


def row(name: str, without: float, with_: float, digits: int = 0) -> None:
    """Both, and what the second adds."""
    print(f"{name:<42}" + "".join(f"{value:>10.{digits}f}" for value in (without, with_, with_ - without)))


# Tables.


def start(scratch: Path, runs: int) -> None:
    """Commands that have next to nothing to do."""
    plain, ours = scratch / "plain", scratch / "ours"
    for home, plugins in ((plain, ""), (ours, "musrec")):
        write_config(home, plugins=plugins)
        make_library(home / "library.db", 1_000, embedded=plugins == "musrec")
    header("whole process, 1,000 items", "[ms]")
    for command in (["version"], ["ls", "id:1"], ["help"]):
        without, with_ = in_turn([plain, ours], runs, partial(spent_on, command))
        row(f"beet {' '.join(command)}", 1e3 * without.wall, 1e3 * with_.wall)
        row("  CPU time", 1e3 * without.cpu, 1e3 * with_.cpu)
    imports(plain, ours, runs)


def imports(plain: Path, ours: Path, runs: int) -> None:
    """Which modules come with the plugin, and what they cost to import."""
    seen = [modules(run(plain, "ls", "id:1", python=("-X", "importtime"))[1]) for _ in range(2)][-1]
    times: dict[str, list[float]] = {}
    for _ in range(runs):
        for name, cost in modules(run(ours, "ls", "id:1", python=("-X", "importtime"))[1]).items():
            if name not in seen:
                times.setdefault(name, []).append(cost)
    medians = {name: statistics.median(costs) for name, costs in times.items()}
    print(f"\n{'-X importtime: modules that come with it':<60}{'self':>10} [ms]")
    for name, cost in sorted(medians.items(), key=lambda pair: -pair[1])[:8]:
        print(f"{name:<60}{cost:>10.1f}")
    print(f"{f'all {len(medians)}':<60}{sum(medians.values()):>10.1f}")


def modules(report: str) -> dict[str, float]:
    """Module -> time of its own [ms], from what ``-X importtime`` says."""
    return {name: int(micros) / 1e3 for micros, name in IMPORTTIME.findall(report)}


def large(scratch: Path, items: int, runs: int) -> None:
    """A large library: the attributes cost where beets loads them."""
    bare, stored, ours = (scratch / name for name in ("bare", "stored", "large"))
    for home, plugins in ((bare, ""), (stored, ""), (ours, "musrec")):
        write_config(home, plugins=plugins)
    make_library(bare / "library.db", items, embedded=False)
    make_library(ours / "library.db", items)
    (stored / "library.db").symlink_to(ours / "library.db")
    size(bare / "library.db", ours / "library.db", items)
    print(f"\n{f'{items:,} items':<28}{'beets':>8}{'+ attributes':>14}{'+ plugin':>10}{'added':>8} [CPU s]")
    for command in (["ls", "id:1"], ["ls", "artist:ba"], ["ls", "year:1990"], ["ls"], ["stats"]):
        spent = in_turn([bare, stored, ours], runs, partial(spent_on, command))
        times = "".join(f"{s.cpu:>{n}.2f}" for s, n in zip(spent, (8, 14, 10), strict=True))
        print(f"{'beet ' + ' '.join(command):<28}{times}{spent[2].cpu - spent[0].cpu:>8.2f}")
    for command in (["ls", "musrec_rock:0.8.."], ["ls", "musrec_rock-"]):
        (spent_,) = in_turn([ours], runs, partial(spent_on, command))
        print(f"{'beet ' + ' '.join(command):<28}{'':>22}{spent_.cpu:>10.2f}")


def size(bare: Path, ours: Path, items: int) -> None:
    """Bytes a track in the library file."""
    sizes = []
    for file in (bare, ours):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("VACUUM")
            (pages,), (page,) = (connection.execute(f"PRAGMA {p}").fetchone() for p in ("page_count", "page_size"))
            sizes.append(pages * page / items)
            values = connection.execute("SELECT key, AVG(LENGTH(value)) FROM item_attributes GROUP BY key").fetchall()
    header("library file, after VACUUM", "[B]")
    row("a track, in all", *sizes)
    for key, length in values:
        print(f"  {key:<40}{'':>20}{length:>10.0f}")


def queries(scratch: Path, items: int, runs: int) -> None:
    """Queries by nearness and by words, which take turns; the library's vectors are in the file that is kept."""
    home = scratch / "queries"
    write_config(home)
    make_library(home / "library.db", items)
    time.sleep(SETTLED)
    commands = {
        "ls id:1": ["ls", "id:1"],
        "ls similar:id:1": ["ls", "similar:id:1"],
        'ls sounds:"calm piano"': ["ls", "sounds:calm piano"],
        'ls sounds:"calm piano, no drums|100|0.5"': ["ls", "sounds:calm piano, no drums|100|0.5"],
        "ls similar:id:1 -f '$musrec_sounds'": ["ls", "similar:id:1", "-f", "$musrec_sounds"],
    }
    taken: dict[str, list[Spent]] = {name: [] for name in commands}
    for _ in range(runs + 1):  # the first of each does not count
        for name, command in commands.items():
            taken[name].append(spent_on(command, home))
    wall, cpu = (
        {name: statistics.median(getattr(spent, what) for spent in some[1:]) for name, some in taken.items()}
        for what in ("wall", "cpu")
    )
    print(f"\n{f'{items:,} items':<46}{'wall [s]':>10}{'CPU [s]':>10}{'/ similar:':>12}")
    for name in commands:
        print(f"{'beet ' + name:<46}{wall[name]:>10.2f}{cpu[name]:>10.2f}{cpu[name] / cpu['ls similar:id:1']:>12.2f}")


def importing(scratch: Path, tracks: int, runs: int) -> None:
    """``beet import`` of full-length songs in mixed formats, ten an album; each run into a new library."""
    songs = compose(scratch / "songs")
    music = scratch / "music"
    for n in range(tracks):
        album = music / f"album {n // 10:03}"
        album.mkdir(parents=True, exist_ok=True)
        song = songs[n % len(songs)]
        (album / f"{n % 10 + 1:02}{song.suffix}").hardlink_to(song)
    homes = [scratch / "importing without", scratch / "importing"]
    for home, plugins in zip(homes, ("", "musrec"), strict=True):
        write_config(home, plugins=plugins, directory=str(music), **QUIET)

    def job(home: Path) -> Spent:
        for left in home.glob("*.db*"):
            left.unlink()
        return run(home, "import", str(music))[0]

    without, with_ = in_turn(homes, runs, job)  # the workers' CPU time is not the program's
    header(f"beet import, {tracks} songs of four minutes", "[s]")
    row("wall time", without.wall, with_.wall, 1)
    row("a track [ms]", 1e3 * without.wall / tracks, 1e3 * with_.wall / tracks)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs a figure; the median counts")
    parser.add_argument("--items", type=int, default=100_000, help="of the large library")
    parser.add_argument("--tracks", type=int, default=100, help="to import")
    parser.add_argument("--only", choices=("start", "large", "queries", "import"), help="one of the parts")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; medians of {options.runs}"
    )
    few = max(1, options.runs // 5)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if options.only in (None, "start"):
            start(scratch, options.runs)
        if options.only in (None, "large"):
            large(scratch, options.items, few)
        if options.only in (None, "queries"):
            queries(scratch, options.items, few)
        if options.only in (None, "import"):
            importing(scratch, options.tracks, few)
        print(f"\nThose of large libraries and of the import are medians of {few}.")


if __name__ == "__main__":
    main()
