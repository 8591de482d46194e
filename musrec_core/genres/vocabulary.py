"""A user's own genres: their probabilities from an embedding, by one small matrix product.

`learning` makes it from songs that have genres; reading and using it needs numpy alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._files import atomic_write
from ..errors import VocabularyError

FORMAT = 1
_CHUNK = 8192  # songs, whose embeddings are in memory in double precision at a time
_ARRAYS = ("weights", "intercepts", "slopes", "offsets")


@dataclass(frozen=True)
class Vocabulary:
    """Genres, and a calibrated logistic regression that predicts them from an embedding.

    Attributes
    ----------
    labels : tuple of str
        The k genres, as their owner spells them.
    exclusive : bool
        Whether a song has one genre: probabilities then sum to 1 (softmax); otherwise each genre stands for itself.
    weights : array [shape=(k, d)]
    intercepts : array [shape=(k,)]
        The logits are ``weights @ vector + intercepts``.
    slopes, offsets : array [shape=(k,)]
        The calibration: ``slopes * logits + offsets`` (Platt 1999; one slope for all and no offset if exclusive, which
        is the temperature of Guo et al. 2017).
    model : str
        Id of the encoder whose embeddings it reads.
    figures : dict
        Its cross-validated metrics, by artist (`metrics.metrics_of`).
    """

    labels: tuple[str, ...]
    exclusive: bool
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]
    model: str
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        k = len(self.labels)
        shapes = [np.shape(getattr(self, name)) for name in _ARRAYS]
        if k < 2 or len(shapes[0]) != 2 or shapes[0][0] != k or shapes[1:] != [(k,)] * 3:
            raise ValueError(f"{k} genres do not match arrays of the shapes {shapes}")
        if not all(np.isfinite(getattr(self, name)).all() for name in _ARRAYS):
            raise ValueError("a number is not finite")
        if len(set(self.labels)) < k or not all(isinstance(label, str) and label for label in self.labels):
            raise ValueError("a genre has no name or occurs twice")

    @property
    def dimensions(self) -> int:
        """Of the embeddings that it reads."""
        return int(self.weights.shape[1])

    def probabilities(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """The genres' probabilities [shape=(n, k)] of embeddings [shape=(n, d)]; raises ``ValueError`` on others."""
        x = np.asarray(vectors)
        if x.ndim != 2 or x.shape[1] != self.dimensions:
            raise ValueError(f"got embeddings of shape {x.shape}, wanted (n, {self.dimensions})")
        found = np.empty((len(x), len(self.labels)))
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            logits = x[part].astype(np.float64) @ self.weights.T + self.intercepts
            found[part] = probabilities(logits * self.slopes + self.offsets, exclusive=self.exclusive)
        return found

    def guess(self, vector: ArrayLike) -> dict[str, float]:
        """One embedding's genres, the likeliest first."""
        (row,) = self.probabilities(np.asarray(vector)[None])
        return {self.labels[k]: float(row[k]) for k in np.argsort(-row, kind="stable")}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, atomically; raises `OSError`."""
        content = {
            "format": FORMAT,
            "model": self.model,
            "exclusive": self.exclusive,
            "labels": list(self.labels),
            "figures": self.figures,
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
        }
        with atomic_write(path) as file:
            file.write(json.dumps(content, ensure_ascii=False, allow_nan=False).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            There is none.
        VocabularyError
            It can't be read, is damaged, or was written by a later version; the message says why in one sentence.
        """
        file = Path(path)
        try:
            content = json.loads(file.read_bytes())
            if content["format"] != FORMAT:
                raise VocabularyError(f"{file} has the format {content['format']!r}, this version reads {FORMAT}")
            arrays = {name: np.asarray(content[name], np.float64) for name in _ARRAYS}
            model, figures = content["model"], content["figures"]
            if not (isinstance(model, str) and isinstance(figures, dict)):
                raise ValueError("its model or its figures are invalid")
            return cls(tuple(content["labels"]), bool(content["exclusive"]), model=model, figures=figures, **arrays)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise VocabularyError(f"{file} can't be read: {error.strerror or error}") from None
        except KeyError as error:
            raise VocabularyError(f"{file} is damaged: it lacks {error}") from None
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise VocabularyError(f"{file} is damaged: {error}") from None


def probabilities(logits: NDArray[np.float64], *, exclusive: bool) -> NDArray[np.float64]:
    """Softmax over the last axis, or the logistic function of each [shape as given]."""
    if exclusive:
        e = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(e / e.sum(-1, keepdims=True))
    return np.asarray(0.5 * (1 + np.tanh(logits / 2)))
