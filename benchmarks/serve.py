"""How quickly a server answers: ``python -m benchmarks.serve``.

The real ``beet musrec-serve`` on loopback and a synthetic library, whose embeddings vary in as few directions as the
shipped encoder's; clients in a process of their own, with keep-alive connections. Each asks for the songs nearest to
one that nobody has asked for before, a fixed number of times.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.overhead import BEET, SETTLED
from benchmarks.synthetic_library import make_library, write_config
from benchmarks.tables import machine, table

COUNT = 50  # songs of an answer
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "max_per_artist 2, exclude, variety 0.3": {
        "exclude": "length:1200..",
        "serve": {"options": {"max_per_artist": 2, "variety": 0.3}},
    },
}
WRITES_A_SECOND = 5
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int
    start: float  # s, until it listened

    def memory(self) -> float:
        """Resident [MB], without the pages of the file that keeps the vectors."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"RssAnon:\s+(\d+) kB", text)[0]) / 1024

    def cpu(self) -> float:
        """Processor time since it began [s]."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """``beet musrec-serve`` at a free port, ended by SIGTERM."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [*BEET, "musrec-serve", "--port", "0"],
        env={**os.environ, "BEETSDIR": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        port = next(int(found[1]) for line in process.stderr if (found := re.search(r"answering at .*:(\d+)", line)))
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


# The clients.


def ask(connection: socket.socket, seed: int) -> tuple[float, int]:
    """One request: how long it took [s], and how many songs came."""
    request = f"GET /similar?id={seed}&n={COUNT} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    began = time.perf_counter()
    connection.sendall(request)
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65_536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
    while len(body) < length:
        body += connection.recv(65_536)
    taken = time.perf_counter() - began
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(body.decode())
    return taken, len(json.loads(body)["songs"])


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def clients(port: int, threads: int, seeds: list[int]) -> list[float]:
    """The time of each request [s]; ``threads`` ask at once."""
    times: list[float] = []

    def run(part: list[int]) -> None:
        with closing(connected(port)) as connection:
            for seed in part:
                taken, songs = ask(connection, seed)
                assert songs == COUNT
                times.append(taken)

    running = [threading.Thread(target=run, args=(seeds[n::threads],)) for n in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    assert len(times) == len(seeds)
    return times


def load(server: Server, threads: int, seeds: list[int]) -> tuple[list[float], float, float]:
    """The times of all requests, of the whole, and of the server's processor [s]: clients in a process of their own."""
    before, began = server.cpu(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serve", "--client", str(server.port), "--threads", str(threads)],
        input=json.dumps(seeds), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    times, whole = json.loads(done.stdout)
    assert time.perf_counter() - began >= whole
    return times, whole, server.cpu() - before


@contextmanager
def written_to(library: Path) -> Iterator[list[float]]:
    """Another program writes to the library meanwhile, song by song, as an import does; the times of its writes [s]."""
    ended, times = threading.Event(), list[float]()

    def write() -> None:
        with closing(sqlite3.connect(library)) as connection:
            while not ended.wait(1 / WRITES_A_SECOND):
                began = time.perf_counter()
                with connection:
                    connection.execute("UPDATE items SET title = title || '!' WHERE id = ?", (1 + len(times),))
                times.append(time.perf_counter() - began)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield times
    finally:
        ended.set()
        writing.join()


# Tables.


def row(name: str, threads: int, found: tuple[list[float], float, float], memory: float) -> list[object]:
    times, whole, cpu = found
    ordered = sorted(times)
    return [
        name, threads, 1e3 * statistics.median(times), 1e3 * ordered[int(0.99 * len(ordered))], 1e3 * ordered[-1],
        len(times) / whole, 1e3 * cpu / len(times), memory,
    ]  # fmt: skip


def measure(
    items: int, requests: int, scratch: Path, *, concentrated: bool
) -> tuple[list[list[object]], list[list[object]]]:
    """Rows of the start and of the load."""
    starts: list[list[object]] = []
    rows: list[list[object]] = []
    library = make_library(scratch / "library.db", items, concentrated=concentrated)
    time.sleep(SETTLED)
    seeds = np.random.default_rng(0).permutation(items)[: 9 * requests].tolist()
    taken = iter(range(0, len(seeds), requests))

    def new() -> list[int]:
        first = next(taken)
        return [seed + 1 for seed in seeds[first : first + requests]]

    for name, settings in OPTIONS.items():
        write_config(scratch, musrec=settings)
        kept = Path(f"{library}.musrec-embedding").exists()
        with serving(scratch) as server:
            with closing(connected(server.port)) as connection:
                first, _ = ask(connection, items)
            starts.append([name, "yes" if kept else "no", server.start, 1e3 * first])
            for threads in (1, 8):
                rows.append(row(name, threads, load(server, threads, new()), server.memory()))
            with written_to(library) as writes:
                found = load(server, 8, new())
            rows.append(row(f"{name}; library written to", 8, found, server.memory()))
            print(f"{len(writes)} writes meanwhile, the longest {1e3 * max(writes):.0f} ms", file=sys.stderr)
        time.sleep(SETTLED)
    return starts, rows


def main() -> None:
    """Print the tables, or be the clients."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=2000, help="of each row")
    parser.add_argument("--all-directions", action="store_true",
        help="embeddings that vary in all directions alike, as those of no network do")  # fmt: skip
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--client", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        seeds = json.load(sys.stdin)
        began = time.perf_counter()
        times = clients(options.client, options.threads, seeds)
        print(json.dumps([times, time.perf_counter() - began]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        starts, rows = measure(options.items, options.requests, Path(scratch), concentrated=not options.all_directions)
    print(f"{options.items} songs, {options.requests} requests a row for {COUNT} songs each; {machine()}\n")
    print(
        table(
            "The start", ["options", "vectors are kept", "until it listens [s]", "first answer [ms]"], starts,
            markdown=options.markdown,
        )
    )  # fmt: skip
    columns = ["options", "clients", "median [ms]", "p99 [ms]", "longest [ms]", "requests/s", "CPU [ms/request]", "MB"]
    print(table("Requests", columns, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
