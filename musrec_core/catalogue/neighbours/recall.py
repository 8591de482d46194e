"""How many of the true neighbours were found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def recall(found: Sequence[NDArray[np.float32]], truth: NDArray[np.float32]) -> tuple[float, float, float]:
    """The share of the true neighbours that were found, and its 95 % interval, over some tracks.

    A neighbour counts as found if it is no farther than the last true one: which of equally near tracks are named does
    not matter.

    Parameters
    ----------
    found : sequence of np.ndarray [shape=(at most k,)]
        Distances of each track.
    truth : np.ndarray [shape=(m, k)]
        Distances of the exact ones; infinite where there are fewer.
    """
    shares = []
    for row, true in zip(found, truth, strict=True):
        known = true[np.isfinite(true)]
        if len(known):
            shares.append(min(1.0, float((np.asarray(row) <= known[-1] + 1e-6).sum()) / len(known)))
    if not shares:
        return 1.0, 1.0, 1.0
    mean, error = float(np.mean(shares)), 1.96 * float(np.std(shares)) / len(shares) ** 0.5
    return mean, max(0.0, mean - error), min(1.0, mean + error)
