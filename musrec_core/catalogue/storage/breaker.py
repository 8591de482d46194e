"""Ends a job whose storage has failed as a whole: before a million rows fail for one reason."""

from __future__ import annotations

from collections import Counter

from ...errors import CatalogueError
from ..schema import STORAGE
from .filesystems import place_of

IN_A_ROW = 100


class CircuitBreaker:
    """Counts what fails in a row in each bucket or host; local files fail one by one.

    Parameters
    ----------
    limit : int
        So many failures end the job; 0: none do.
    """

    def __init__(self, limit: int = IN_A_ROW) -> None:
        self._limit = limit
        self._failures: Counter[str] = Counter()

    def record(self, path: str, status: str, detail: str | None = None) -> None:
        """A file had this status; raises `CatalogueError` where ``storage`` was that of too many."""
        place = place_of(path)
        if not place:
            return
        if status != STORAGE:
            self._failures.pop(place, None)
            return
        self._failures[place] += 1
        if self._limit and self._failures[place] >= self._limit:
            raise CatalogueError(
                f"{place} failed for {self._limit} files in a row, so the job ends; what is done is "
                f"kept, and the next run goes on: {detail or 'no reason is known'}"
            )
