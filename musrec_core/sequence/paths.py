"""The shortest path with an exact number of steps through a graph without cycles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exact_path(
    costs: NDArray[np.float64], between: int, labels: NDArray[np.int64], rooms: NDArray[np.int64]
) -> list[int] | None:
    """The cheapest path from the first row to the last with exactly so many rows between.

    Dynamic programming over the number of rows (Bellman 1957), of O(between * m^2). Each row keeps its cheapest path
    only, so where a label has no room left on that path, dearer ones that had room are not found.

    Parameters
    ----------
    costs : np.ndarray [shape=(m, m)]
        Of the step from row to column; infinite where there is none. Without a cycle.
    between : int >= 1
    labels : np.ndarray [shape=(m,)]
        A number for each row's label, from 0.
    rooms : np.ndarray [shape=(l,)]
        How many rows between may have each label.

    Returns
    -------
    rows : list of int, or None
        Those between; None where no path was found.
    """
    columns = np.arange(len(costs))
    total = costs[0].copy()
    total[rooms[labels] < 1] = np.inf
    total[-1] = np.inf
    used = np.zeros((len(costs), len(rooms)), np.int32)
    used[columns, labels] = 1
    came_from = []
    for _ in range(between - 1):
        through = total[:, None] + costs
        if len(rooms) > 1:
            through[used[:, labels] >= rooms[labels]] = np.inf
        parent = through.argmin(axis=0)
        came_from.append(parent)
        total = through[parent, columns]
        total[-1] = np.inf
        used = used[parent]
        used[columns, labels] += 1
    last = total + costs[:, -1]
    row = int(last.argmin())
    if not np.isfinite(last[row]):
        return None
    path = [row]
    for parent in reversed(came_from):
        path.append(int(parent[path[-1]]))
    return path[::-1]
