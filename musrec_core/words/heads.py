"""Words for how music sounds (piano, mellow, 80s): the probability of each, from an embedding, by one matrix product.

Each is a logistic regression from the embedding as it is stored (float16, unit length). They lie in ``NAME.words.npz``
beside the model; its card names the file and its hash.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._files import atomic_write
from ..card import Card
from ..errors import ModelError
from ..network import checked_bytes
from .typical import typical_rows

SEPARATOR = "|"  # between the synonyms of a word in the file
USUAL_SHARE = 0.1  # of a word of which the file does not say how common it is
_NUMBERS = ("weights", "bias", "auc")
_TEXTS = ("names", "groups", "synonyms")


@dataclass(frozen=True, eq=False)
class Words:
    """n words that a model knows.

    Attributes
    ----------
    names : tuple of str
        ``piano``, ``female vocals``.
    groups : tuple of str
        Of each: genre, mood, instrument, voice, era, texture.
    synonyms : tuple of tuple of str
        Of each: other words that mean the same; no two words share one.
    weights : np.ndarray [shape=(n, d)], float32
    bias : np.ndarray [shape=(n,)], float32
        The logits are ``weights @ vector + bias``.
    auc : np.ndarray [shape=(n,)], float32
        How well each tells songs apart, by artists whom it was not fitted on: 0.5 is chance, 1 perfect.
    shares : np.ndarray [shape=(n,)], float32
        Of ordinary music, that each applies to; `USUAL_SHARE` where that is not known.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    auc: NDArray[np.float32]
    shares: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        n = len(self.names)
        if not len(self.shares):
            object.__setattr__(self, "shares", np.full(n, USUAL_SHARE, np.float32))
        lengths = [
            len(self.groups),
            len(self.synonyms),
            *(np.shape(getattr(self, name))[:1] for name in (*_NUMBERS, "shares")),
        ]
        if not n or self.weights.ndim != 2 or lengths != [n, n, (n,), (n,), (n,), (n,)]:
            raise ValueError(f"{n} names do not match the other arrays, of the lengths {lengths}")
        if not all(np.isfinite(getattr(self, name)).all() for name in _NUMBERS):
            raise ValueError("a number is not finite")
        if self.auc.ndim != 1 or self.bias.ndim != 1 or not ((self.auc >= 0) & (self.auc <= 1)).all():
            raise ValueError("auc is not a number from 0 to 1 for each word")
        if self.shares.ndim != 1 or not ((self.shares > 0) & (self.shares < 1)).all():
            raise ValueError("a share is not a number between 0 and 1")
        pairs = zip(self.names, self.synonyms, strict=True)
        known = [word.casefold() for name, others in pairs for word in (name, *others)]
        if not all(map(str.strip, (*known, *self.groups))) or len(set(known)) < len(known):
            raise ValueError("a word or a group is empty, or two words share a name or a synonym")

    @property
    def dimensions(self) -> int:
        """Of the embeddings that they are told from."""
        return int(self.weights.shape[1])

    def probabilities(self, vectors: ArrayLike, which: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Of each word [shape=(m, n)], for embeddings [shape=(m, d)]; raises ``ValueError`` for another width.

        Parameters
        ----------
        which : sequence of int, optional
            The positions of the words that are wanted [shape=(k,)], in place of all: then [shape=(m, k)] comes back.
        """
        x = np.asarray(vectors, np.float32)
        if x.ndim != 2 or x.shape[1] != self.dimensions:
            raise ValueError(f"got embeddings of shape {x.shape}, wanted (m, {self.dimensions})")
        weights, bias = (self.weights, self.bias) if which is None else (self.weights[[*which]], self.bias[[*which]])
        return np.asarray(0.5 * (1 + np.tanh((x @ weights.T + bias) / 2)), np.float32)  # the logistic function

    def likeliest(
        self, vector: ArrayLike, *, least: float = 0.5, most: int | None = None, groups: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The words of one embedding [shape=(d,)] with their probabilities, the likeliest first.

        Parameters
        ----------
        least : float
            The least probability.
        most : int, optional
            Words; all without it.
        groups : collection of str, optional
            Only words of these groups.
        """
        probabilities = self.probabilities(np.asarray(vector, np.float32)[None])[0]
        order = np.argsort(-probabilities, kind="stable")
        wanted = [n for n in order if groups is None or self.groups[n] in groups]
        found = [(self.names[n], float(probabilities[n])) for n in wanted if probabilities[n] >= least]
        return found[:most]

    def typical(self, vector: ArrayLike) -> list[tuple[str, float]]:
        """The few words that say most of one embedding [shape=(d,)] with their probabilities, the likeliest first.

        How they are chosen: `typical_rows`.
        """
        probabilities = self.probabilities(np.asarray(vector, np.float32)[None])
        (row,) = typical_rows(probabilities, self.shares, self.groups)
        return [(self.names[k], float(probabilities[0, k])) for k in row]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file that a card names, atomically; raises `OSError`."""
        arrays = {name: np.asarray(getattr(self, name), np.float32) for name in (*_NUMBERS, "shares")}
        texts = {
            "names": np.array(self.names),
            "groups": np.array(self.groups),
            "synonyms": np.array([SEPARATOR.join(some) for some in self.synonyms]),
        }
        with atomic_write(path) as file:
            np.savez(file, **arrays, **texts)  # type: ignore[arg-type]

    @classmethod
    def load(cls, card: Card) -> Words | None:
        """The words of a model; None where its card names none.

        Raises
        ------
        ModelError
            The file is missing, damaged, or does not fit the card; the message says so in one sentence.
        """
        if card.words is None:
            return None
        content = checked_bytes(card.folder / card.words.file, card.words.sha256)
        try:
            words = cls._read(content)
            if words.dimensions != card.dimensions:
                raise ValueError(f"they are for {words.dimensions} dimensions, and the model has {card.dimensions}")
            if card.words.names and card.words.names != words.names:
                raise ValueError("their names are not those of its card")
        except (ValueError, KeyError, OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
            why = str(error).partition("\n")[0]
            raise ModelError(f"the words {card.words.file} of the model {card.name} can't be read: {why}") from None
        return words

    @classmethod
    def _read(cls, content: bytes) -> Words:
        with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as file:  # `np.load` opens other files, too
            texts = {name: np.asarray(file[name]) for name in _TEXTS}
            known = (*_NUMBERS, *(["shares"] if "shares" in file.files else []))  # the first files had none
            numbers = {name: np.asarray(file[name]) for name in known}
        if any(array.dtype.kind != "U" or array.ndim != 1 for array in texts.values()):
            raise ValueError("names, groups and synonyms have to be lists of texts")
        if any(array.dtype.kind != "f" for array in numbers.values()):
            raise ValueError("weights, bias, auc and shares have to be floats")
        return cls(
            names=tuple(texts["names"].tolist()),
            groups=tuple(texts["groups"].tolist()),
            synonyms=tuple(tuple(filter(None, some.split(SEPARATOR))) for some in texts["synonyms"].tolist()),
            **{name: array.astype(np.float32) for name, array in numbers.items()},
        )
