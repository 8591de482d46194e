"""How far an embedding run is: counts, rate, time left."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tqdm import tqdm

from ..meter import duration
from ..schema import OK

LINE_SECONDS = 60.0  # between two lines where no terminal shows a bar


@dataclass(frozen=True)
class EmbedReport:
    """What a run did.

    Attributes
    ----------
    embedded : int
        Tracks that have an embedding now.
    failed : dict of str to int
        Status -> tracks that got none, the most frequent first.
    unchanged, refreshed, pruned : int
        Tracks that were embedded before; of those, which only got new further columns; tracks that were deleted, as
        the manifest does not have them any more.
    gone : int
        Tracks of the dataset that the manifest does not have, and that are kept.
    missing, unreachable : int
        Of those that were embedded before: tracks whose file is not there any more, or could not be looked at. They are
        kept.
    seconds : float
    """

    embedded: int
    failed: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    refreshed: int = 0
    pruned: int = 0
    gone: int = 0
    missing: int = 0
    unreachable: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Tracks a second, those that failed among them."""
        return (self.embedded + sum(self.failed.values())) / max(self.seconds, 1e-9)

    def __str__(self) -> str:
        parts = [f"embedded {self.embedded}"]
        if self.failed:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.failed.items())
            parts.append(f"{sum(self.failed.values())} failed ({reasons})")
        for count, what in (
            (self.unchanged, "unchanged"),
            (self.refreshed, "with new columns"),
            (self.pruned, "pruned"),
            (self.gone, "not in the manifest"),
            (self.missing, "without their file"),
            (self.unreachable, "whose file can't be looked at"),
        ):
            if count:
                parts.append(f"{count} {what}")
        rate = f" ({self.rate:.1f} tracks/s)" if self.embedded or self.failed else ""
        return f"{', '.join(parts)}, in {duration(self.seconds)}{rate}"


class Progress:
    """Counts the tracks of a run, and shows a bar on a terminal, or a line now and then.

    Parameters
    ----------
    show : bool
        Nothing is shown without it.
    """

    def __init__(self, *, show: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._start = clock, clock()
        self._embedding_since: float | None = None
        self._last_line = self._start
        self._total: int | None = None
        self.embedded = self.unchanged = self.refreshed = self.pruned = self.gone = 0
        self.missing = self.unreachable = 0
        self.failed: Counter[str] = Counter()
        watched = show and _is_terminal()
        self._lines = show and not watched
        self._bar = tqdm(disable=not watched, unit=" tracks", dynamic_ncols=True, leave=False, smoothing=0.05)

    def note(self, sentence: str) -> None:
        """Say something to the user, besides the bar."""
        if self._lines or not self._bar.disable:
            self._bar.write(sentence, file=sys.stderr)

    def expect(self, total: int) -> None:
        """So many tracks are to be embedded, those that are done among them, as far as is known."""
        self._total = total
        if self._embedding_since is None:
            self._embedding_since = self._clock()
        self._bar.total = total
        self._bar.refresh()

    def done(self, statuses: Mapping[str, int]) -> None:
        """So many tracks got this status."""
        self.embedded += statuses.get(OK, 0)
        self.failed.update({status: count for status, count in statuses.items() if status != OK})
        self._bar.set_postfix({"failed": self.failed.total()} if self.failed else {}, refresh=False)
        self._bar.update(sum(statuses.values()))
        if self._lines and self._clock() - self._last_line >= LINE_SECONDS:
            self._last_line = self._clock()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """``1200 of 10000 tracks, 15 failed, 12.3 tracks/s, 11 min 56 s left``."""
        done = self.embedded + self.failed.total()
        seconds = self._clock() - (self._embedding_since or self._start)
        parts = [f"{done} of {self._total} tracks" if self._total else f"{done} tracks"]
        if self.failed:
            parts.append(f"{self.failed.total()} failed")
        if done:
            parts.append(f"{done / max(seconds, 1e-9):.1f} tracks/s")
            if self._total:
                parts.append(f"{duration((self._total - done) * seconds / done)} left")
        return ", ".join(parts)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()

    def report(self) -> EmbedReport:
        """What was done until now."""
        return EmbedReport(
            self.embedded,
            dict(self.failed.most_common()),
            self.unchanged,
            self.refreshed,
            self.pruned,
            self.gone,
            self.missing,
            self.unreachable,
            self._clock() - self._start,
        )


def _is_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed since
        return False
