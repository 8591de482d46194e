"""What the teachers together say of each word, and what the clips' labels say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.cache import Track
from ..data.targets import Targets, load_targets
from ..recipe import RecipeError
from .vocabulary import Vocabulary, Word

Floats = NDArray[np.float64]
LEAST = 1e-5  # probabilities below it are noise: half precision and rounding to windows


class Ensemble:
    """The teachers of a vocabulary, with what they said of one cache.

    Parameters
    ----------
    vocabulary : Vocabulary
    folder : Path
        The cache's, which ``python -m training teach`` has filled.

    Raises
    ------
    RecipeError
        A teacher that a word asks for has not heard the cache, or has no such output.
    """

    def __init__(self, vocabulary: Vocabulary, folder: Path) -> None:
        self.vocabulary = vocabulary
        self.targets = {name: load_targets(folder, name) for name in vocabulary.teachers}
        self._columns = {name: _columns(targets) for name, targets in self.targets.items()}
        for word in vocabulary.words:
            for family, outputs in word.outputs.items():
                for teacher in vocabulary.families[family]:
                    if missing := [output for output in outputs if output not in self._columns[teacher]]:
                        raise RecipeError(f"the teacher {teacher} has no output {missing[0]}, as {word.name} asks for")

    def heard(self, track: Track) -> bool:
        """Whether every teacher has heard a clip."""
        return all(track.id in targets.windows for targets in self.targets.values())

    def scores(self, tracks: Sequence[Track], reference: NDArray[np.bool_]) -> Floats:
        """How well each word fits each clip, in the opinion of all its teachers [shape=(n, words)].

        `each`, averaged over a family's teachers, then over families.

        Parameters
        ----------
        tracks : sequence of Track
            All `heard`.
        reference : np.ndarray [shape=(n,)], bool
            The clips that are ordinary music.

        Returns
        -------
        scores : np.ndarray [shape=(n, words)]
            Mean 0 and deviation 1 over the reference; NaN for words without teachers.
        """
        said = self.each(tracks, reference)
        scores = np.full((len(tracks), len(self.vocabulary.words)), np.nan)
        for k, word in enumerate(self.vocabulary.words):
            families = [
                np.mean([said[family, name][:, k] for name in self.vocabulary.families[family]], axis=0)
                for family in word.outputs
            ]
            if families:
                scores[:, k] = _standard(np.mean(families, axis=0), reference)
        return scores

    def each(self, tracks: Sequence[Track], reference: NDArray[np.bool_]) -> dict[tuple[str, str], Floats]:
        """The same in the opinion of each teacher: family and teacher -> scores [shape=(n, words)].

        Outputs of one teacher are joined as one minus the product of what is left of each, and averaged over a clip's
        windows as probabilities; the logit of that is standardised over the reference: so a teacher that seldom says
        much counts as much as one that often does. NaN for words that a teacher is not asked for.
        """
        rows = {name: targets.table(tracks) for name, targets in self.targets.items()}
        said = {
            (family, name): np.full((len(tracks), len(self.vocabulary.words)), np.nan)
            for family, names in self.vocabulary.families.items()
            for name in names
        }
        for k, word in enumerate(self.vocabulary.words):
            for family, outputs in word.outputs.items():
                for name in self.vocabulary.families[family]:
                    logits = self._logits(name, outputs, rows[name])
                    said[family, name][:, k] = _standard(logits, reference)
        return said

    def _logits(
        self, teacher: str, outputs: Sequence[str], rows: tuple[NDArray[np.int64], NDArray[np.int64]]
    ) -> Floats:
        """Of each clip [shape=(n,)]."""
        output, _ = self._columns[teacher][outputs[0]]
        columns = [self._columns[teacher][name][1] for name in outputs]
        said = self.targets[teacher].outputs[output][:, columns].astype(np.float64)
        joined = 1 - np.prod(1 - said, axis=1)
        first, count = rows
        mean = np.add.reduceat(np.append(joined, 0), np.stack([first, first + count], axis=1).ravel())[::2] / count
        p = np.clip(mean, LEAST, 1 - LEAST)
        return np.log(p / (1 - p))


def _columns(targets: Targets) -> dict[str, tuple[str, int]]:
    """What a teacher's outputs are called, Jamendo's with and without their category -> the array and its column."""
    found: dict[str, tuple[str, int]] = {}
    for output, labels in targets.labels.items():
        for k, label in enumerate(labels):
            for name in (label, label.rpartition("---")[2]):
                found.setdefault(name, (output, k))
    return found


def _standard(x: Floats, reference: NDArray[np.bool_]) -> Floats:
    return (x - x[reference].mean()) / max(float(x[reference].std()), 1e-9)


def labelled(word: Word, tracks: Sequence[Track]) -> Floats:
    """What the labels say of a word [shape=(n,)]: 1, 0, or NaN where they are silent.

    A dataset that never uses one of the word's labels says nothing of it; elsewhere a clip without the label is 0.
    """
    found = [{text.casefold() for text in (*track.labels, *track.moods)} for track in tracks]
    says = np.array([bool(labels & set(word.labels)) for labels in found])
    dataset = np.array([track.id.partition("-")[0] for track in tracks])
    known = np.array([bool(labels) for labels in found]) & np.isin(dataset, np.unique(dataset[says]))
    return np.where(known, says.astype(np.float64), np.nan)
