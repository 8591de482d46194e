"""Which rows a search looks at, and how: all of them compared, or those that the index finds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..dataset import Catalogue, condition_errors, lance_errors
from ..schema import HAS_VECTOR, MODEL
from ..sql import both, sql_text
from .index import EXACT_ROWS, IndexOrigin, index_origin

PROBES = 20  # partitions that a search looks at, at least
CANDIDATES_PER_PROBE = 512  # where many answers are wanted, one more partition for so many candidates
MOST_CONDITIONS = 64  # whose counts are remembered


@dataclass(frozen=True)
class Scope:
    """The rows that may be an answer.

    Attributes
    ----------
    where : str or None
        The condition that they fulfil: the user's, and that their vectors are of the dataset's model.
    given : str or None
        The user's, as it was written.
    rows : int
        How many there are.
    share : float
        Of all vectors.
    built : IndexOrigin or None
        The index to search by; None: all rows are compared.
    """

    where: str | None
    given: str | None
    rows: int
    share: float
    built: IndexOrigin | None

    def nearest(self, k: int) -> dict[str, Any]:
        """What Lance's scanner needs to know beside the query and ``k``, the number of candidates."""
        if self.built is None:
            return {"use_index": False}
        probes = (PROBES + k / CANDIDATES_PER_PROBE) / math.sqrt(max(self.share, 1e-9))  # the rarer, the farther apart
        return {"minimum_nprobes": min(self.built.partitions, math.ceil(probes))}  # more, where k are not found


class Scopes:
    """Makes scopes; counts once what does not change until somebody writes."""

    def __init__(self, catalogue: Catalogue, exact_rows: int = EXACT_ROWS) -> None:
        self._catalogue, self._exact_rows = catalogue, exact_rows
        self._counts: dict[str, int] = {}
        with lance_errors(catalogue.uri, "can't be read"):
            self._built = index_origin(catalogue)
        self._own: str | None = f"{MODEL} = {sql_text(catalogue.columns.model)}"
        embedded, self.vectors = catalogue.count(HAS_VECTOR), self._count(None)
        if embedded == self.vectors:
            self._own = None  # it costs time, and mostly all vectors are of one model

    @property
    def index(self) -> IndexOrigin | None:
        """The index, where it was built from vectors of the dataset's model."""
        return self._built if self._built and self._built.model == self._catalogue.columns.model else None

    def of(self, where: str | None, *, exact: bool = False) -> Scope:
        """The scope of a user's condition; raises `CatalogueError` where it can't be understood."""
        given = self._catalogue.checked(where)
        with condition_errors(where, self._catalogue.uri):
            rows = self._count(given)
        built = None if exact or rows <= self._exact_rows else self.index
        return Scope(both(given, self._own), where, rows, rows / max(self.vectors, 1), built)

    def note(self) -> str | None:
        """A sentence for who searches a large dataset without an index that helps."""
        if self.index or self.vectors <= self._exact_rows:
            return None
        how = f"is of the model {self._built.model}" if self._built else "is missing"
        return f"the index {how}: all {self.vectors} vectors are compared, until the command index has built it"

    def _count(self, given: str | None) -> int:
        """The number of vectors that fulfil a condition."""
        wanted = both(given, HAS_VECTOR, self._own) or ""
        if wanted not in self._counts:
            if len(self._counts) >= MOST_CONDITIONS:
                self._counts.clear()
            self._counts[wanted] = int(self._catalogue.lance.count_rows(wanted))
        return self._counts[wanted]
