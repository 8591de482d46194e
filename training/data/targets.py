"""What a teacher says of the cached clips, window by window, as `teach` stores it: targets for distillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..recipe import RecipeError
from .cache import Track

FOLDER = "teachers"  # in the cache's

Floats = NDArray[np.float32]
Said = dict[
    str, NDArray[np.float16]
]  # output -> [shape=(windows, ...)] of one clip; and ``start_s`` [shape=(windows,)]


@dataclass(frozen=True)
class Targets:
    """One teacher's outputs for n windows of the clips.

    Attributes
    ----------
    teacher : str
    window_s : float
        What the teacher hears at once [s]; a shorter clip was repeated until it filled a window.
    start_s : np.ndarray [shape=(n,)]
        Where each window begins in its clip [s]: the cached frame is ``start_s * sample_rate / hop_length``.
    windows : dict
        Track id -> its windows, a range of rows. Clips without audio are missing.
    outputs : dict
        Output -> what the teacher said [shape=(n, ...)], float16: probabilities, an embedding.
    mean, deviation : dict
        Output -> over the windows of the train split [shape=(...)].
    labels : dict
        Output -> what its columns are called; empty where they have no names.
    """

    teacher: str
    window_s: float
    start_s: Floats
    windows: dict[str, range]
    outputs: Said
    mean: dict[str, Floats]
    deviation: dict[str, Floats]
    labels: dict[str, list[str]]

    def overlaps(self, clip: str, start: float, end: float) -> tuple[NDArray[np.int64], Floats]:
        """The rows that heard something of a stretch of a clip, and the share that each has in it.

        Parameters
        ----------
        clip : str
            A track's id. One that the teacher has not heard gives no row.
        start, end : float
            The stretch in the clip [s].

        Returns
        -------
        rows : np.ndarray [shape=(k,)], int64
        weights : np.ndarray [shape=(k,)], float32
            In proportion to the seconds that they share with the stretch; their sum is 1. Where no window reaches the
            stretch (the end of a clip, between two windows), the nearest one has all.
        """
        rows = np.arange(*_bounds(self.windows.get(clip)), dtype=np.int64)
        if not rows.size:
            return rows, np.zeros(0, np.float32)
        begins = self.start_s[rows]
        shared = np.minimum(begins + self.window_s, end) - np.maximum(begins, start)
        if shared.max() <= 0:
            return rows[[shared.argmax()]], np.ones(1, np.float32)
        heard = shared > 0
        return rows[heard], (shared[heard] / shared[heard].sum()).astype(np.float32)

    def target(
        self, clip: str, start: float, end: float, output: str = "tags", *, standardised: bool = False
    ) -> Floats | None:
        """What the teacher says of a stretch of a clip: the mean of its windows there, weighted as by `overlaps`.

        Parameters
        ----------
        clip, start, end
            As in `overlaps`.
        output : str
        standardised : bool
            With mean 0 and deviation 1 over the train split.

        Returns
        -------
        y : np.ndarray [shape=(...)], float32; None where the teacher has not heard the clip
        """
        rows, weights = self.overlaps(clip, start, end)
        if not rows.size:
            return None
        y = np.tensordot(weights, self.outputs[output][rows].astype(np.float32), axes=1)
        return self.standardise(y, output) if standardised else y

    def standardise(self, y: Floats, output: str) -> Floats:
        """Values of an output with mean 0 and deviation 1 over the train split; a constant one stays 0."""
        return (y - self.mean[output]) / np.maximum(self.deviation[output], np.float32(1e-6))

    def table(self, tracks: Sequence[Track]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First row and number of rows of each track [shape=(len(tracks),) each]; 0 rows where it was not heard."""
        bounds = [_bounds(self.windows.get(track.id)) for track in tracks]
        first, end = np.array(bounds, np.int64).reshape(-1, 2).T
        return first, end - first


def _bounds(rows: range | None) -> tuple[int, int]:
    return (rows.start, rows.stop) if rows is not None else (0, 0)


def targets_file(cache_folder: Path, teacher: str) -> Path:
    """Where `teach` writes a teacher's targets."""
    return cache_folder / FOLDER / f"{teacher}.npz"


def load_targets(cache_folder: Path, teacher: str) -> Targets:
    """Read what `teach` wrote of a teacher, named as its file without ``.onnx``.

    Raises
    ------
    RecipeError
        It has not been run, or not to its end.
    """
    path = targets_file(cache_folder, teacher)
    if not path.is_file():
        raise RecipeError(f"the teacher {teacher} has not heard this cache to its end: run `python -m training teach`")
    with np.load(path, allow_pickle=False) as data:
        names = [str(name) for name in data["outputs"]]
        ends = np.cumsum(data["count"]).tolist()
        starts = [0, *ends[:-1]]
        return Targets(
            teacher,
            float(data["window_s"]),
            data["start_s"],
            {str(id_): range(a, b) for id_, a, b in zip(data["id"], starts, ends, strict=True)},
            {name: data[f"said.{name}"] for name in names},
            {name: data[f"mean.{name}"] for name in names},
            {name: data[f"deviation.{name}"] for name in names},
            {name: [str(label) for label in data[f"labels.{name}"]] for name in names},
        )
