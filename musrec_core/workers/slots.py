"""The state that a pool keeps of each worker and each file, and the ticks by which it counts their time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .process import Messages, WorkerProcess

TICK = 0.2  # seconds


@dataclass(eq=False)
class QueuedFile:
    """A path in the pool, and how often a worker failed while it had it in hand."""

    path: Any
    failures: int = 0


@dataclass(eq=False)
class Slot:
    """One worker and the files that it was handed."""

    process: WorkerProcess | None = None
    files: deque[QueuedFile] = field(default_factory=deque)  # that it was handed, the one in hand first
    begun: bool = False  # the first of them is in hand
    seconds: float = 0.0  # since the last sign of life

    def end(self) -> int | None:
        """End the process, if there is one, and give its exit status."""
        process, self.process = self.process, None
        return process.end() if process else None


@contextmanager
def ticking(messages: Messages) -> Iterator[None]:
    """Put ``(None, None)`` every `TICK` seconds; raises `RuntimeError` where no more threads can start.

    Time is counted by a thread that sleeps: it is stopped when the workers are, and no change of a clock moves it.
    """
    ended = threading.Event()
    threading.Thread(target=_tick_until, args=(ended, messages), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _tick_until(ended: threading.Event, messages: Messages) -> None:
    while not ended.is_set():
        time.sleep(TICK)
        messages.put((None, None))
