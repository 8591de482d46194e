"""What workers do with a path in place of embedding it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from musrec_core import UnusableAudio
from musrec_core.encoder import TrackEmbedding
from musrec_core.workers.pool import embed_in_worker


def misbehave(path: str, excerpts: int | None = None) -> TrackEmbedding | UnusableAudio:
    """A decoder with faults: the file's name says which."""
    name = Path(path).name
    if name.startswith("hang"):
        time.sleep(600)
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    return embed_in_worker(path, excerpts=excerpts)


def slowly(path: str) -> TrackEmbedding | UnusableAudio:
    """Long enough that something can happen meanwhile."""
    time.sleep(0.1)
    return embed_in_worker(path)
