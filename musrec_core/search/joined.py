"""A `VectorIndex` for many threads: those that ask at once share one pass over the vectors.

One question is as quick as memory is: every vector is read for it. Of several at once each would read them all, and all
would wait for the same memory. So whoever asks while a pass is running joins the next one, which reads each part of the
vectors once and compares it with every question while it is in the processor's cache: eight questions take as long as
three. A question's own arithmetic is the same with company and without: so is its answer, to the last digit.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distance import MIN_SQUARED_NORM, Metric, distances_from_scores, require_metric
from .index import Neighbour, VectorIndex
from .projection import WORTH, Projection

if TYPE_CHECKING:
    from collections.abc import Iterable

ROWS = 1000  # vectors of a part: half a megabyte of 128 dimensions, which a processor's second cache holds
MOST = 16  # questions of a pass


class _Question:
    """One point, and where its thread waits for the products with all vectors."""

    def __init__(self, point: NDArray[np.float32]) -> None:
        self.point = point
        self.products: NDArray[np.float32] | None = None
        self.error: BaseException | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class JoinedIndex(VectorIndex):
    """Exact top-k search for many threads at once; answers are those of the index that it is made of.

    Parameters
    ----------
    index : VectorIndex
        Its vectors are shared, not copied.
    projection : Projection, optional
        Of its vectors, for `costs`.
    """

    def __init__(self, index: VectorIndex, projection: Projection | None = None) -> None:
        self._projection = projection
        self.ids, self.vectors, self._squares = index.ids, index.vectors, index._squares
        self._scale = -1 / np.sqrt(np.maximum(self._squares, np.float32(MIN_SQUARED_NORM)))
        whole = len(self.vectors) // ROWS * ROWS
        self._parts = self.vectors[:whole].reshape(-1, ROWS, self.vectors.shape[1])
        self._rest = self.vectors[whole:]
        self._lock = threading.Lock()
        self._is_running = False
        self._waiting: list[_Question] = []

    def among(self, ids: Iterable[int]) -> JoinedIndex:
        """The part of the index whose ids are in ``ids``."""
        return self.at(np.flatnonzero(np.isin(self.ids, np.fromiter(ids, np.int64))))

    def at(self, rows: NDArray[np.intp]) -> JoinedIndex:
        """The part of the index at some rows."""
        part = VectorIndex._checked(self.ids[rows], self.vectors[rows], self._squares[rows])
        return JoinedIndex(part, self._projection and self._projection.at(rows))

    @classmethod
    def projected(cls, index: VectorIndex) -> JoinedIndex:
        """One that reads few vectors whole, where they vary in few directions."""
        return cls(index, Projection.of(index.vectors, index._squares))

    def may_shorten(self, k: int) -> bool:
        """Whether `costs` most likely look at few vectors whole."""
        return self._projection is not None and k <= WORTH * len(self)

    def costs(self, point: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp] | None, NDArray[np.float32]]:
        """As `distances` by cosine, for rows that hold the k nearest: these rows, None for all, and their distances."""
        short = self._projection and self._projection.shortlist(point, k, self.vectors, -self._scale)
        if short:
            rows, cosines = short
            return rows, np.maximum(1 - cosines, 0)
        return None, self.distances(point)

    def query(self, queries: ArrayLike, k: int, *, metric: Metric = "cosine") -> list[list[Neighbour]]:
        """As `VectorIndex.query`; one query joins those of other threads."""
        q = np.asarray(queries, np.float32)
        if q.ndim != 2 or len(q) != 1 or q.shape[1] != self.vectors.shape[1] or k < 1 or not len(self):
            return super().query(queries, k, metric=metric)
        require_metric(metric)
        return [self._top(self._scores(q[0], metric), k, q[0], metric)]

    def distances(self, point: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
        """As `VectorIndex.distances`; one point joins those of other threads."""
        q = np.asarray(point, np.float32)
        if q.ndim != 1:
            return super().distances(point, metric=metric)
        return distances_from_scores(self._scores(q, metric)[None], q[None], metric)[0]

    def _scores(self, point: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
        """As `distance.rank_scores` [shape=(n,)]."""
        scores = self._products(point)
        if metric == "euclidean":
            scores *= -2
            scores += self._squares
        else:
            scores *= self._scale
        return scores

    def _products(self, point: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scalar product of each vector with a point [shape=(n,)], by this thread or by one that runs for many."""
        question = _Question(point)
        with self._lock:
            leads = not self._is_running
            self._is_running = True
            if not leads:
                self._waiting.append(question)
        if not leads:
            question.woken.acquire()  # with the answer, or to run the next pass
        if question.products is None and question.error is None:
            self._run(question)
        if question.error is not None:
            raise question.error
        assert question.products is not None
        return question.products

    def _run(self, own: _Question) -> None:
        """One pass for those that wait, this thread's question first among them; another thread runs the next."""
        with self._lock:
            now, self._waiting = [own, *self._waiting[: MOST - 1]], self._waiting[MOST - 1 :]
        try:
            products = self._pass(np.stack([question.point for question in now]))
            for question, row in zip(now, products, strict=True):
                question.products = row
        except BaseException as error:
            for question in now:
                question.error = error
        finally:
            with self._lock:
                following = self._waiting.pop(0) if self._waiting else None
                self._is_running = following is not None
        for question in now[1:]:
            question.woken.release()
        if following is not None:
            following.woken.release()

    def _pass(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """The products of all vectors with some points [shape=(m, d)] -> [shape=(m, n)]."""
        found = np.empty((len(points), len(self)), np.float32)
        whole = len(self) - len(self._rest)
        if whole:
            # the innermost loop is over the points: each part is read from memory once
            products = np.matmul(self._parts[:, None], points[None, :, :, None])[..., 0]
            found[:, :whole] = products.transpose(1, 0, 2).reshape(len(points), whole)
        for row, point in zip(found, points, strict=True):
            np.matmul(self._rest, point, out=row[whole:])
        return found
