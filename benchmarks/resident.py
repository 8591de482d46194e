"""What a process holds in memory; in a module of its own, since workers can't import the program itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from musrec_core import UnusableAudio
from musrec_core.workers.pool import embed_in_worker


class Memory(NamedTuple):
    """Of a process: resident now and at most [MB]."""

    pid: int
    now: float
    peak: float


def measured(path: str) -> Memory:
    """Embed a file in a worker, and say what the worker holds then."""
    outcome = embed_in_worker(path)
    if isinstance(outcome, UnusableAudio):
        raise outcome
    return own_memory()


def own_memory() -> Memory:
    """Of this process. Only Linux tells what is resident now; elsewhere it is the peak."""
    if sys.platform == "linux":  # whose getrusage counts what the parent held when it started this process
        status = Path("/proc/self/status").read_text()
        held = {line.split(":")[0]: int(line.split()[1]) * 1_024 / 1e6 for line in status.splitlines() if "kB" in line}
        return Memory(os.getpid(), held["VmRSS"], held["VmHWM"])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024) / 1e6
    return Memory(os.getpid(), peak, peak)
