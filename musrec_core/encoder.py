"""A file, a clip or log-mel windows -> `TrackEmbedding`."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .audio.clip import load_clip, load_excerpts
from .audio.features import log_mel_each, windows_each
from .card import Card
from .errors import ModelError, UnusableAudio
from .network import Network, checked_bytes, load_network
from .search.distance import unit


@dataclass(frozen=True, eq=False)
class TrackEmbedding:
    """The encoder's output for one track.

    Attributes
    ----------
    vector : np.ndarray [shape=(d,)], float32
        Unit length.
    genres : dict of str to float
        Probability of every genre of the vocabulary, descending; sums to 1.
    mood : dict of str to float, or None
        Each of `mood.AXES` in 0..1, where the model has a mood head.
    model : str
        ``NAME@sha256[:8]``.
    """

    vector: NDArray[np.float32]
    genres: dict[str, float]
    mood: dict[str, float] | None
    model: str


class Encoder:
    """A trained network, ready to embed files. Make one with `Encoder.load`."""

    def __init__(self, card: Card, network: Network, mel_basis: NDArray[np.float32]) -> None:
        self.card = card
        self._network = network
        self._mel_basis = mel_basis

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, threads: int = 0) -> Encoder:
        """Load a model, checking it against its card.

        Parameters
        ----------
        path : str or PathLike, optional
            The model's ``.onnx`` (its card lies beside it), or the name of a shipped one; the newest without it.
        threads : int
            Threads of ONNX Runtime, where that runs the network; 0: one a core. A worker among N wants 1. ncnn always
            has one.

        Raises
        ------
        ModelError
            A file is missing, does not have the hash that the card states, or does not fit the card; or nothing that
            is installed can run the network.
        """
        card = Card.load(Path(path) if path is not None else None)
        return cls(card, load_network(card, threads=threads), _read_mel_basis(card))

    def embed_file(
        self, path: str | bytes | os.PathLike[str], *, start: float | None = None, excerpts: int | None = None
    ) -> TrackEmbedding:
        """Embed the part of a file that the card says, its middle or some excerpts; raises `UnusableAudio`.

        Parameters
        ----------
        start : float, optional
            Embed what follows this moment [s] instead.
        excerpts : int, optional
            So many excerpts, in place of the card's number.
        """
        front_end = self.card.front_end
        options: dict[str, Any] = {
            "seconds": front_end.clip_seconds,
            "sample_rate": front_end.sample_rate,
            "skip_silent": front_end.skip_silent,
        }
        if start is not None:
            return self.embed_clip(load_clip(path, start=start, **options))
        return self.embed_excerpts(load_excerpts(path, excerpts or front_end.excerpts, **options))

    def embed_clip(self, y: NDArray[np.float32]) -> TrackEmbedding:
        """Embed a mono clip [shape=(n,)] at the card's sample rate.

        The vector is the mean of the windows' embeddings, normalised; the genres are the softmax of the windows' mean
        logits over the card's temperature, each axis of the mood is the logistic function of its own.
        """
        return self.embed_excerpts([y])

    def embed_excerpts(self, excerpts: Sequence[NDArray[np.float32]]) -> TrackEmbedding:
        """Embed a mono clip in several pieces, which are standardised together; no window crosses from one to the next.

        Parameters
        ----------
        excerpts : sequence of np.ndarray [shape=(n,)]
            At the card's sample rate.
        """
        front_end = self.card.front_end
        spectrograms = log_mel_each(excerpts, self._mel_basis, front_end)
        return self.embed_windows(windows_each(spectrograms, front_end.window_frames))

    def embed_windows(self, w: NDArray[np.float32]) -> TrackEmbedding:
        """Embed log-mel windows [shape=(n > 0, n_mels, window_frames)] of one track; raises `ValueError` for others."""
        front_end = self.card.front_end
        if w.shape[1:] != (front_end.n_mels, front_end.window_frames) or not len(w):
            needed = f"(n > 0, {front_end.n_mels}, {front_end.window_frames})"
            raise ValueError(f"the model {self.card.name} needs windows of the shape {needed}, and not {w.shape}")
        embeddings, logits, *more = self._network.run(w)
        vector = unit(embeddings.mean(axis=0).astype(np.float32))
        probabilities = _softmax(logits.mean(axis=0).astype(np.float64) / self.card.temperature)
        ranked = sorted(zip(self.card.genres, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
        mood = _mood(more[0].mean(axis=0), self.card) if more else None
        return TrackEmbedding(vector, {genre.label: p for genre, p in ranked}, mood, self.card.model_id)

    def embed_files(
        self, paths: Iterable[str | bytes | os.PathLike[str]], *, workers: int | None = None, timeout: float = 60.0
    ) -> Iterator[tuple[str | bytes | os.PathLike[str], TrackEmbedding | UnusableAudio]]:
        """Embed many files in worker processes.

        Parameters
        ----------
        paths : iterable
            Read lazily; may be endless.
        workers : int, optional
            Processes, one core each; by default one a core.
        timeout : float
            Seconds that one file may take.

        Yields
        ------
        path, outcome
            As they finish, in any order. A file that hangs or kills its worker is an `UnusableAudio` like any other.
        """
        from .workers.pool import WorkerPool

        with WorkerPool(self.card, workers=workers, timeout=timeout) as pool:
            yield from pool.map(paths)


def verify_files(card: Card) -> None:
    """Raise `ModelError` unless the card's files are there, with the hashes that it states."""
    checked_bytes(card.folder / card.weights, card.weights_sha256)
    for file in card.ncnn or ():
        checked_bytes(card.folder / file.file, file.sha256)
    _read_mel_basis(card)


def _read_mel_basis(card: Card) -> NDArray[np.float32]:
    return _mel_basis(checked_bytes(card.folder / card.mel_basis, card.mel_sha256), card)


def _mel_basis(content: bytes, card: Card) -> NDArray[np.float32]:
    try:
        basis = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)  # `np.load` would open archives too
    except (ValueError, MemoryError) as error:
        raise ModelError(f"the filter bank {card.mel_basis} can't be read: {error}") from None
    shape = (card.front_end.n_mels, 1 + card.front_end.n_fft // 2)
    if basis.shape != shape:
        raise ModelError(f"the filter bank {card.mel_basis} has the shape {basis.shape}, but its card requires {shape}")
    if basis.dtype.kind != "f" or not np.isfinite(basis).all():
        raise ModelError(f"the filter bank {card.mel_basis} contains something other than finite numbers")
    return np.asarray(basis, np.float32)


def _mood(logits: NDArray[np.float32], card: Card) -> dict[str, float]:
    """The calibrated axes of the mood, each in 0..1."""
    scaled = zip(card.mood.items(), logits.tolist(), strict=True)
    return {axis: 0.5 * (1 + math.tanh(logit / temperature / 2)) for (axis, temperature), logit in scaled}


def _softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(x - x.max())
    return e / e.sum()
