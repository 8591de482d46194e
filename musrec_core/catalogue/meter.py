"""What a long job tells on the terminal: stages, tracks done, rate and time left."""

from __future__ import annotations

import sys
import time
from typing import TextIO

EVERY_TERMINAL, EVERY_FILE = 0.5, 30.0  # seconds between two lines
_CLEAR = "\r\x1b[K"


class Meter:
    """Counts; says nothing."""

    def tell(self, text: str) -> None:
        """A stage begins."""

    def begin(self, total: int, unit: str = "tracks", kept: int = 0) -> None:
        """So many are to be done, of which ``kept`` were done before."""

    def update(self, done: int) -> None:
        """So many more are done."""


class TextMeter(Meter):
    """Writes to a stream: on a terminal one line that changes, else a line now and then, of a short job none."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._unit, self._stream = "tracks", stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._done = self._kept = self._total = 0
        self._begun = False  # a line that changes stands on the terminal
        self._start = self._last = time.monotonic()

    def tell(self, text: str) -> None:
        """One line for each stage."""
        self._line(text)

    def begin(self, total: int, unit: str = "tracks", kept: int = 0) -> None:
        """The rate counts from here on."""
        self._done, self._kept, self._total, self._unit = 0, kept, total, unit
        self._start = self._last = time.monotonic()
        if kept:
            self._line(f"{kept:,} of {total:,} {self._unit} were done before")

    def update(self, done: int) -> None:
        """Write a line if it is time to."""
        self._done += done
        now, finished = time.monotonic(), self._kept + self._done >= self._total
        told = self._terminal or self._last > self._start
        if (finished and told) or now - self._last >= (EVERY_TERMINAL if self._terminal else EVERY_FILE):
            self._last = now
            self._line(self._state(now - self._start), changes=self._terminal and not finished)

    def _state(self, seconds: float) -> str:
        rate = self._done / max(seconds, 1e-6)
        there = self._kept + self._done
        left = duration((self._total - there) / rate) if rate else "?"
        return f"{there:,} of {self._total:,} {self._unit}, {rate:,.{0 if rate >= 10 else 1}f}/s, {left} left"

    def _line(self, text: str, *, changes: bool = False) -> None:
        start = _CLEAR if self._begun else ""
        self._begun = changes
        print(f"{start}{text}", end="" if changes else "\n", file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """``4.2 s``, ``1 min 20 s``, ``3 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
