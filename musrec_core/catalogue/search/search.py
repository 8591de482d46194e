"""The tracks of a dataset that are nearest to others, to audio files, or to vectors.

Distances are those of `musrec_core.search`: cosine, 0 to 2, and to many seeds their soft minimum. The index only names
candidates: they are compared by their own vectors, so no distance is an approximation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import CatalogueError
from ...search import many_seeds
from ...search.distance import paired, squared_norms
from ...search.ranking import centroid
from ..dataset import Catalogue, condition_errors
from ..schema import ID, VECTOR, vectors_in
from .index import EXACT_ROWS
from .lookup import details_of, drawn_ids, require_vectors
from .match import Match, Wanted
from .scan import Candidate, best_of, best_rows
from .scope import Scope, Scopes

COUNT = 10
MOST = 10_000  # answers to one question
REFINED = 4  # candidates of the index for each answer: their codes are good to some digits only
TOGETHER = 1_000  # candidates of each of a few seeds, at least: what suits seeds that are far apart is near to none
SPARE = 10  # further rows of an exact search: their order among equal distances is ours
IDS_AT_ONCE = 1_000
QUERIES_AT_ONCE = 128  # that share one pass over the dataset
ROWS_AT_ONCE = 100_000  # in memory, of all answers together; and the most candidates of one answer
GROW = 4  # times as many candidates where too few are left

Seeds = Sequence[str] | NDArray[np.floating[Any]]  # ids, or vectors [shape=(m, d)]
Vectors = NDArray[np.float32]


class Searcher:
    """Searches a dataset as it is when this is made.

    Parameters
    ----------
    catalogue : Catalogue
    exact_rows : int
        Up to so many rows all are compared, whether there is an index or not.

    Raises
    ------
    CatalogueError
        The dataset can't be read.
    """

    def __init__(self, catalogue: Catalogue, *, exact_rows: int = EXACT_ROWS) -> None:
        self.catalogue = catalogue
        self.scopes = Scopes(catalogue, exact_rows)
        self._sample: Vectors = np.empty((0, catalogue.columns.dimensions), np.float32)

    def similar(
        self,
        seeds: Seeds,
        *,
        count: int = COUNT,
        where: str | None = None,
        exact: bool = False,
        columns: Sequence[str] = (),
        max_per: Mapping[str, int] | None = None,
    ) -> list[Match]:
        """The tracks nearest to all seeds together, nearest first; equal distances in the order of ids.

        Parameters
        ----------
        seeds : sequence of str, or array-like [shape=(m, d)]
            Ids of tracks, which are left out of the answer; or vectors.
        count : int in 1..10,000
            Fewer come back where there are not more.
        where : str, optional
            An SQL condition that answers fulfil: ``genre = 'jazz' AND year < 1990``.
        exact : bool
            Compare all rows that fulfil it, in place of those that the index finds. A small dataset, and what a
            condition leaves few rows of, is always searched so.
        columns : sequence of str
            Further columns of the answers.
        max_per : mapping of str to int >= 1, optional
            At most so many answers that share a value of a column: ``{"artist": 1}``.

        Raises
        ------
        CatalogueError
            An id has no embedding here, or the condition, a column or the count can't be used.
        """
        wanted, scope = self.wanted(count, columns, max_per), self.scopes.of(where, exact=exact)
        vectors, left_out = self._resolved(seeds)
        if len(vectors) == 0:
            raise CatalogueError("name a track, a file or a vector to search from")
        if len(vectors) == 1:
            return next(self.each(vectors, [left_out], wanted, scope))
        return self.together(vectors, left_out, wanted, scope)

    def similar_each(
        self,
        seeds: Seeds,
        *,
        count: int = COUNT,
        where: str | None = None,
        exact: bool = False,
        columns: Sequence[str] = (),
        max_per: Mapping[str, int] | None = None,
    ) -> Iterator[list[Match]]:
        """The tracks nearest to each seed, in the order of the seeds; the parameters are those of `similar`."""
        wanted, scope = self.wanted(count, columns, max_per), self.scopes.of(where, exact=exact)
        return self._of_seeds(seeds, wanted, scope)

    def _of_seeds(self, seeds: Seeds, wanted: Wanted, scope: Scope) -> Iterator[list[Match]]:
        for first in range(0, len(seeds), IDS_AT_ONCE):
            part = seeds[first : first + IDS_AT_ONCE]
            vectors, ids = self._resolved(part)
            yield from self.each(vectors, [{id_} for id_ in part] if ids else [()] * len(vectors), wanted, scope)

    def wanted(self, count: int, columns: Sequence[str], max_per: Mapping[str, int] | None) -> Wanted:
        """What is wanted of an answer; raises `CatalogueError` where it can't be."""
        if not 1 <= count <= MOST:
            raise CatalogueError(f"the count has to be a number from 1 to {MOST}, and not {count}")
        limits = dict(max_per or {})
        self.catalogue.require_columns(columns)
        self.catalogue.require_limits(limits)
        return Wanted(count, tuple(columns), limits)

    def _resolved(self, seeds: Seeds) -> tuple[Vectors, set[str]]:
        """The vectors of seeds [shape=(m, d)], and their ids."""
        if not isinstance(seeds, np.ndarray):
            return require_vectors(self.catalogue, seeds), set(seeds)
        vectors = np.asarray(seeds, np.float32)
        d = self.catalogue.columns.dimensions
        if vectors.ndim != 2 or vectors.shape[1] != d:
            raise ValueError(f"got vectors of shape {vectors.shape}, wanted (m, {d})")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector is not finite")
        return vectors, set()

    # One seed a question.

    def each(
        self, queries: Vectors, left_out: Sequence[Collection[str]], wanted: Wanted, scope: Scope
    ) -> Iterator[list[Match]]:
        """The answer to each query [shape=(m, d)] without the ids that are left out of it, in the order of queries."""
        step = max(1, min(QUERIES_AT_ONCE, ROWS_AT_ONCE // (REFINED * wanted.count)))
        for first in range(0, len(queries), step):
            part = slice(first, first + step)
            yield from self._answers(queries[part], left_out[part], wanted, scope)

    def _answers(
        self, queries: Vectors, left_out: Sequence[Collection[str]], wanted: Wanted, scope: Scope
    ) -> list[list[Match]]:
        """The answers to some queries [shape=(m, d)], nearest first."""
        answers: list[list[Match]] = [[] for _ in queries]
        waiting = list(range(len(queries)))
        k = wanted.count + max(map(len, left_out), default=0)
        while waiting and scope.rows:
            asked = self._asked(k, scope)
            short: list[int] = []
            step = max(1, ROWS_AT_ONCE // asked)
            for part in (waiting[first : first + step] for first in range(0, len(waiting), step)):
                for query, matches in zip(part, self._ranked(queries[part], asked, wanted.read, scope), strict=True):
                    answers[query] = wanted.chosen(matches, left_out[query])
                    if len(answers[query]) < wanted.count and len(matches) >= asked:
                        short.append(query)
            if asked >= min(scope.rows, ROWS_AT_ONCE):
                break
            waiting = short
            k *= GROW
        return answers

    @staticmethod
    def _asked(k: int, scope: Scope) -> int:
        return min(scope.rows, ROWS_AT_ONCE, k + SPARE if scope.built is None else k * REFINED)

    def _ranked(self, queries: Vectors, k: int, columns: Sequence[str], scope: Scope) -> list[list[Match]]:
        """The k candidates of each query, with their true distances, nearest first."""
        table = self.nearest_rows(queries, k, columns, scope)
        numbers = table["query_index"].to_numpy()
        distances = paired(vectors_in(table[VECTOR]), queries[numbers])
        ids, details = table[ID].to_pylist(), table.select(columns).to_pylist() if columns else None
        found: list[list[Match]] = [[] for _ in queries]
        for row in np.flatnonzero(np.isfinite(distances)).tolist():
            match = Match(ids[row], float(distances[row]), details[row] if details else {})
            found[numbers[row]].append(match)
        for matches in found:
            matches.sort(key=lambda match: (match.distance, match.id))
        return found

    def nearest_rows(self, queries: Vectors, k: int, columns: Sequence[str], scope: Scope) -> pa.Table:
        """Lance's k nearest of each query, with the column ``query_index``."""
        nearest = {"column": VECTOR, "q": queries, "k": k, "metric": "cosine", **scope.nearest(k)}
        names = [*dict.fromkeys((ID, VECTOR, *columns, "_distance"))]
        with condition_errors(scope.given, self.catalogue.uri):
            scanner = self.catalogue.lance.scanner(columns=names, filter=scope.where, prefilter=True, nearest=nearest)
            return scanner.to_table()

    # Many seeds together.

    def together(self, seeds: Vectors, left_out: Collection[str], wanted: Wanted, scope: Scope) -> list[Match]:
        """The answer to many seeds [shape=(m, d)], of which more than a thousand are represented by so many of them."""
        seeds = many_seeds.drawn(seeds)

        def cost(vectors: Vectors) -> Vectors:
            return many_seeds.distances(seeds, vectors, squared_norms(vectors), "cosine")

        def exact(rows: Sequence[Candidate]) -> list[float]:
            found: list[float] = many_seeds.exact(seeds, np.stack([row.vector for row in rows]), "cosine").tolist()
            return found

        def find(k: int) -> list[Candidate]:
            if scope.built is None:
                return best_rows(self.catalogue, scope, cost, k)
            each = max(min(k * REFINED, ROWS_AT_ONCE), min(TOGETHER, ROWS_AT_ONCE // len(seeds)))
            return best_of(self.gathered(np.concatenate([seeds, centroid(seeds)[None]]), each, scope), cost, k)

        return self.until_enough(find, exact, left_out, wanted, scope)

    def gathered(self, queries: Vectors, k: int, scope: Scope) -> dict[str, Vectors]:
        """The rows that are among the k nearest to one of some queries [shape=(m, d)]: id -> vector."""
        found: dict[str, Vectors] = {}
        step = max(1, ROWS_AT_ONCE // k)
        for first in range(0, len(queries), step):
            table = self.nearest_rows(queries[first : first + step], min(k, scope.rows), (), scope)
            found.update(zip(table[ID].to_pylist(), vectors_in(table[VECTOR]), strict=True))
        return found

    def sample(self, most: int) -> Vectors:
        """The vectors of so many tracks drawn at random [shape=(m, d)], always the same ones."""
        if len(self._sample) < min(most, self.scopes.vectors):
            ids = drawn_ids(self.catalogue, most)
            self._sample = require_vectors(self.catalogue, ids)
        return self._sample[:most]

    def until_enough(
        self,
        find: Callable[[int], list[Candidate]],
        distances: Callable[[Sequence[Candidate]], list[float]],
        left_out: Collection[str],
        wanted: Wanted,
        scope: Scope,
    ) -> list[Match]:
        """Ask for more candidates, until as many may stay as are wanted, or there are no more within `ROWS_AT_ONCE`.

        Parameters
        ----------
        find : callable
            k >= 1 -> the k best rows.
        distances : callable
            Rows, at least one -> what to sort and print them by.
        """
        k = wanted.count + len(left_out) + SPARE
        most = min(scope.rows, max(k, ROWS_AT_ONCE))
        while scope.rows:
            k = min(k, most)
            rows = find(k)
            details = details_of(self.catalogue, [row.id for row in rows], wanted.read)
            pairs = zip(rows, distances(rows) if rows else [], strict=True)
            matches = [Match(row.id, distance, details[row.id]) for row, distance in pairs]
            chosen = wanted.chosen(sorted(matches, key=lambda match: (match.distance, match.id)), left_out)
            if len(chosen) == wanted.count or k >= most:
                return chosen
            k *= GROW
        return []
