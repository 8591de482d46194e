"""What two songs share most, and where they differ: in words, genres and mood.

A word's head gives a number for each song, its logit. Over a library, the regression of the centred vectors on that
number gives the part of a vector that goes with the word: for standardised logits ``s`` and the covariance ``C`` of the
vectors, ``s * C @ w / sqrt(w @ C @ w)`` (the pattern that belongs to a filter: Haufe et al., "On the interpretation of
weight vectors of linear models in multivariate neuroimaging", 2014). The product of two songs' parts is what the word
contributes to their cosine; the square of the difference of the parts, what it contributes to their squared distance.
The words with the largest contributions are named, as far as they are true of the songs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .heads import Words

TRUE, FALSE = 0.6, 0.2  # a word applies from this probability on; up to that one it does not
ABOVE = 0.3  # deviations above the library's mean: a word that most of its songs have explains nothing
MOST_SHARED, MOST_DIFFERENT = 4, 2
MOST_OF_GROUP = {"genre": 2, "instrument": 2}  # of those shared; one of each other group
ALIKE = 0.7  # correlation of two words of a group that say the same, of what is shared
ALIKE_DIFFERENCES = 0.6  # and of differences
PRIOR_SONGS = 10  # a small library counts as if it had so many ordinary songs more
CLEAR_MOOD = {"arousal": 0.35, "valence": 0.3}  # differences that can be heard
MOOD_WORDS = {"arousal": ("energetic", "calm"), "valence": ("happy", "sad")}  # that say much the same: high, low
MOOD_NAMES = {"arousal": ("lively", "calm"), "valence": ("happy", "dark")}  # of what is shared, without words
MOOD_GROUP = "mood"
_HIGH, _LOW = 0.7, 0.3  # of a mood that is named without words

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sound:
    """What is known of how a song sounds.

    Attributes
    ----------
    vector : np.ndarray [shape=(d,)]
        Unit length.
    genres : mapping of str to float
        The probability of each.
    mood : mapping of str to float
        The axes that are known, each from 0 to 1.
    """

    vector: NDArray[np.float32]
    genres: Mapping[str, float] = field(default_factory=dict)
    mood: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """Something that is more true, or less, of the second of two songs: a word, a genre, or an axis of mood.

    ``group`` is the word's, ``genre``, or ``mood`` with the axis as the name.
    """

    name: str
    group: str
    more: bool


@dataclass(frozen=True)
class Explanation:
    """What two songs share, and what sets the second apart from the first, each with the largest part first.

    ``share`` is the part of their centred cosine that goes with the shared words, all together; 0 without words. It may
    exceed 1 where the rest of the vectors differs. It is 0 where the cosine is not positive.
    """

    shared: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    share: float = 0.0


class Explainer:
    """Explains pairs of songs of one library and model.

    Parameters
    ----------
    words : Words, optional
        Of the model; without them genres and mood are all that can be said.
    vectors : array [shape=(n, d)]
        Of the whole library: what is usual there explains nothing.
    labels : sequence of str
        The genres whose probabilities are known.
    genres : array [shape=(m, len(labels))], optional
        Of the library's songs.

    Raises
    ------
    ValueError
        The words are for vectors of another width.
    """

    def __init__(
        self,
        words: Words | None,
        vectors: ArrayLike,
        labels: Sequence[str] = (),
        genres: ArrayLike | None = None,
    ) -> None:
        self._words = words
        named = {name.casefold() for name in words.names} if words else set()
        table = np.zeros((0, len(labels))) if genres is None else np.asarray(genres)
        self._genres = {
            label: (float(column.mean()), float(column.std())) if len(column) else (0.0, 0.0)
            for label, column in zip(labels, (column.astype(np.float64) for column in table.T), strict=True)
            if label.casefold() not in named
        }
        if words is not None:
            self._heads = _Heads(words, np.asarray(vectors, np.float32))

    def explain(self, first: Sound, second: Sound) -> Explanation:
        """What the second song has in common with the first, and what sets it apart."""
        genres = [label for label in self._genres if min(self._lift(label, first), self._lift(label, second)) > 0]
        moods = [_mood_difference(axis, first, second) for axis in CLEAR_MOOD]
        apart = [found for found in moods if found is not None]
        if self._words is None:
            shared = [*genres[:2], *_shared_moods(first, second)]
            apart += [found for label in self._genres if (found := self._genre_difference(label, first, second))]
            return Explanation(tuple(shared[:MOST_SHARED]), tuple(apart[:MOST_DIFFERENT]))
        pair = self._heads.pair(first.vector, second.vector)
        common = pair.shared()
        names = [self._words.names[k] for k in common]
        return Explanation(
            (*names[: MOST_SHARED - bool(genres)], *genres[:1]),
            tuple([*apart, *pair.differences([found.name for found in apart])][:MOST_DIFFERENT]),
            pair.share(common),
        )

    def _lift(self, label: str, sound: Sound) -> float:
        """Above 0 where a genre is true of a song, and clearly more so than of the library's average song."""
        p, (mean, deviation) = sound.genres.get(label, 0.0), self._genres[label]
        return 0.0 if p < TRUE else max(0.0, p - mean - ABOVE * deviation)

    @staticmethod
    def _genre_difference(label: str, first: Sound, second: Sound) -> Difference | None:
        before, after = first.genres.get(label, 0.0), second.genres.get(label, 0.0)
        clear = min(before, after) <= FALSE and max(before, after) >= TRUE
        return Difference(label, "genre", after > before) if clear else None


def _mood_difference(axis: str, first: Sound, second: Sound) -> Difference | None:
    if axis not in first.mood or axis not in second.mood:
        return None
    by = second.mood[axis] - first.mood[axis]
    return Difference(axis, MOOD_GROUP, by > 0) if abs(by) >= CLEAR_MOOD[axis] else None


def _shared_moods(first: Sound, second: Sound) -> Iterator[str]:
    for axis, (high, low) in MOOD_NAMES.items():
        values = [sound.mood.get(axis, 0.5) for sound in (first, second)]
        if min(values) >= _HIGH:
            yield high
        elif max(values) <= _LOW:
            yield low


class _Heads:
    """The heads of a model, as the songs of a library vary along them."""

    def __init__(self, words: Words, vectors: NDArray[np.float32]) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != words.dimensions:
            raise ValueError(f"got embeddings of shape {vectors.shape}, wanted (n, {words.dimensions})")
        self.words = words
        n, d = vectors.shape
        whole = n + PRIOR_SONGS
        self.mean: Floats = vectors.sum(axis=0, dtype=np.float64) / whole  # ordinary songs: 0, each direction alike
        products = (vectors.T @ vectors).astype(np.float64)
        spread = (products + PRIOR_SONGS * np.eye(d) / d) / whole - np.outer(self.mean, self.mean)
        self.weights: Floats = words.weights.astype(np.float64)
        patterns = self.weights @ spread
        covariance = patterns @ self.weights.T
        self.deviations: Floats = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
        self.correlations: Floats = covariance / np.outer(self.deviations, self.deviations)
        self.patterns: Floats = patterns / self.deviations[:, None]  # a vector's change for one deviation of the logit
        self.sizes: Floats = (self.patterns**2).sum(axis=1)
        self.name_parts = [set(name.casefold().split()) for name in words.names]

    def pair(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> _Pair:
        centred = np.stack([first, second]).astype(np.float64) - self.mean
        logits = centred @ self.weights.T
        return _Pair(self, centred, logits / self.deviations, self.words.probabilities(np.stack([first, second])))

    def alike(self, k: int, others: Sequence[int], least: float) -> bool:
        """Whether a word says what one of some others says: they vary together, or one name is part of the other."""
        same = [j for j in others if self.words.groups[j] == self.words.groups[k]]
        return any(abs(self.correlations[k, j]) > least for j in same) or any(
            self.name_parts[k] <= self.name_parts[j] or self.name_parts[j] <= self.name_parts[k] for j in others
        )

    def rivals(self, k: int) -> list[int]:
        """The voices that a voice is told from, by their names: male vocals of female vocals."""
        names, groups = self.words.names, self.words.groups
        kind, _, noun = names[k].rpartition(" ")
        if groups[k] != "voice" or not kind:
            return []
        return [j for j, name in enumerate(names) if groups[j] == "voice" and name.endswith(f" {noun}") and j != k]


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two songs: centred vectors [shape=(2, d)]; the words' standardised logits and probabilities [shape=(2, n)]."""

    heads: _Heads
    centred: Floats
    logits: Floats
    probabilities: NDArray[np.float32]

    def shared(self) -> list[int]:
        """The words that contribute most to the cosine, and are true of both."""
        heads, groups = self.heads, self.heads.words.groups
        parts = self.logits[0] * self.logits[1] * heads.sizes
        ok = (self.probabilities.min(axis=0) >= TRUE) & (self.logits.min(axis=0) >= ABOVE)
        chosen: list[int] = []
        for k in np.argsort(-parts, kind="stable").tolist():
            full = sum(groups[j] == groups[k] for j in chosen) >= MOST_OF_GROUP.get(groups[k], 1)
            if ok[k] and not full and not heads.alike(k, chosen, ALIKE) and not self._unclear(k, 0, 1):
                chosen.append(k)
            if len(chosen) == MOST_SHARED:
                break
        return chosen

    def differences(self, moods: Sequence[str]) -> list[Difference]:
        """The words that contribute most to the distance, true of one song only; ``moods`` are said already."""
        heads, words = self.heads, self.heads.words
        parts = (self.logits[1] - self.logits[0]) ** 2 * heads.sizes
        low, high = self.probabilities.min(axis=0), self.probabilities.max(axis=0)
        said = [words.names.index(name) for axis in moods for name in MOOD_WORDS[axis] if name in words.names]
        chosen: list[int] = []
        for k in np.argsort(-parts, kind="stable").tolist():
            clear = low[k] <= FALSE and high[k] >= TRUE and not self._unclear(k, int(self.logits[:, k].argmax()))
            if clear and not heads.alike(k, [*said, *chosen], ALIKE_DIFFERENCES):
                chosen.append(k)
            if len(chosen) == MOST_DIFFERENT:
                break
        return [Difference(words.names[k], words.groups[k], bool(np.diff(self.logits[:, k])[0] > 0)) for k in chosen]

    def _unclear(self, k: int, *songs: int) -> bool:
        """Whether one of some songs may as well have another voice."""
        return any(self.probabilities[song, j] >= 0.5 for song in songs for j in self.heads.rivals(k))

    def share(self, chosen: Sequence[int]) -> float:
        """The part of the centred cosine that goes with some words together: of the regression on all their logits."""
        cosine = float(self.centred[0] @ self.centred[1])
        if not chosen or cosine <= 0:
            return 0.0
        heads, logits = self.heads, self.logits[:, chosen]
        patterns = np.linalg.lstsq(heads.correlations[np.ix_(chosen, chosen)], heads.patterns[chosen], rcond=None)[0]
        first, second = logits @ patterns
        return float(first @ second) / cosine
