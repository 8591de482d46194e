"""Which vectors may be among the nearest, by their principal components alone.

Embeddings of a network vary in few directions: a few principal components hold nearly all of their energy. So most
vectors are known to be too far from a point before they are read whole. What the components leave of a scalar product
is at most the product of the two remainders' lengths (Cauchy and Schwarz), so no near vector is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .distance import MIN_SQUARED_NORM, smallest

COMPONENTS = 32
LEAST = 5000  # vectors: fewer are read whole in no time
WORTH = 0.04  # the share of the vectors that may be left; where more are, it is quicker to read them all
PROBES = 9  # vectors by which that is tried
PROBED = 200  # of their nearest
ROWS = 10_000  # vectors of a part
ROUNDING = 1e-5  # of products in single precision, amply


@dataclass(frozen=True)
class Projection:
    """The principal components of some vectors.

    Attributes
    ----------
    axes : np.ndarray [shape=(d, m)]
        Orthonormal.
    components : np.ndarray [shape=(n, m)]
        Of each vector, taken at unit length.
    remainders : np.ndarray [shape=(n,)]
        The length of what the components leave of it.
    """

    axes: NDArray[np.float32]
    components: NDArray[np.float32]
    remainders: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], squares: NDArray[np.float32]) -> Projection | None:
        """Those of some vectors [shape=(n, d)]; None where they are few, or vary in too many directions.

        Parameters
        ----------
        squares : np.ndarray [shape=(n,)]
            `distance.squared_norms` of the vectors.
        """
        if len(vectors) < LEAST or vectors.shape[1] <= COMPONENTS:
            return None
        scale = 1 / np.sqrt(np.maximum(squares, np.float32(MIN_SQUARED_NORM)))
        parts = [slice(first, first + ROWS) for first in range(0, len(vectors), ROWS)]
        moment = np.zeros((vectors.shape[1],) * 2)
        for part in parts:
            unit = vectors[part] * scale[part, None]
            moment += unit.T @ unit
        axes = np.ascontiguousarray(np.linalg.eigh(moment)[1][:, : -COMPONENTS - 1 : -1], np.float32)
        components = np.concatenate([(vectors[part] * scale[part, None]) @ axes for part in parts])
        found = cls(axes, components, _remainders(components))
        probes = np.linspace(0, len(vectors) - 1, PROBES).astype(np.intp)
        short = [found.shortlist(vectors[probe], PROBED, vectors, scale) is not None for probe in probes]
        return found if sum(short) > PROBES // 2 else None

    def at(self, rows: NDArray[np.intp]) -> Projection:
        """The part at some rows."""
        return Projection(self.axes, self.components[rows], self.remainders[rows])

    def shortlist(
        self, point: NDArray[np.float32], k: int, vectors: NDArray[np.float32], scale: NDArray[np.float32]
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
        """Rows among which the k nearest to a point by cosine are, equal ones included, and the cosine of each.

        None where it is as quick to look at all.

        Parameters
        ----------
        point : np.ndarray [shape=(d,)]
        vectors : np.ndarray [shape=(n, d)]
            Those that this is of.
        scale : np.ndarray [shape=(n,)]
            The inverse of their lengths.
        """
        n = len(self.remainders)
        if k > WORTH * n:
            return None
        unit = point / np.sqrt(np.maximum(point @ point, np.float32(MIN_SQUARED_NORM)))
        own = unit @ self.axes
        highest = self.components @ own  # cosine that a vector can have
        highest += self.remainders * _remainders(own[None])[0]
        likely = smallest(-highest, np.arange(n), k)
        cosines = np.empty(n, np.float32)
        cosines[likely] = (vectors[likely] @ unit) * scale[likely]
        is_left = highest >= cosines[likely].min() - ROUNDING  # k vectors are at least as near
        is_left[likely] = False
        others = np.flatnonzero(is_left)
        if len(others) > WORTH * n:
            return None
        cosines[others] = (vectors[others] @ unit) * scale[others]
        rows = np.concatenate([likely, others])
        return rows, cosines[rows]


def _remainders(components: NDArray[np.float32]) -> NDArray[np.float32]:
    """The lengths of what is left of unit vectors [shape=(n, m)] -> [shape=(n,)]; rather too long."""
    return np.sqrt(np.maximum(1 - np.einsum("nm,nm->n", components, components) + ROUNDING, 0))
