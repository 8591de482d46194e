"""An exported encoder's files for ncnn, and its card's word of them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from musrec_core._files import atomic_write
from musrec_core.audio.features import log_mel, windows
from musrec_core.card import Card, ModelFile, NcnnFiles
from musrec_core.network import NcnnNetwork, OnnxNetwork, checked_bytes
from musrec_core.search.distance import unit

from .ncnn_convert import convert
from .ncnn_tensors import NotConvertible

CLIPS = 8  # of noise


class Difference(NamedTuple):
    """How far the two runtimes are apart over some clips."""

    vectors: float  # cosine distance of a clip's two vectors
    distances: float  # of two clips: by one runtime, or by one each, and by the other


# A sum in the middle between two integers is rounded to either, by ONNX Runtime itself on two processors, too.
MOST = Difference(vectors=1e-5, distances=1e-3)


def add_ncnn_files(path: Path, clips: Iterable[NDArray[np.float32]] | None = None) -> Card:
    """Write ``NAME.ncnn.param`` and ``NAME.ncnn.bin`` beside an exported encoder, and hold ncnn to ONNX Runtime.

    Nothing is written before it has been compared.

    Parameters
    ----------
    path : Path
        The ``.onnx``, with its card.
    clips : iterable of np.ndarray [shape=(n, n_mels, window_frames)]
        What both are given; `noise` by default.

    Returns
    -------
    card : Card
        As it is now saved.

    Raises
    ------
    NotConvertible
        The network can't be converted, or its results differ by more than `MOST`.
    ModelError
        The card or the file can't be used.
    """
    card = Card.load(path)
    model = onnx.load_model_from_string(checked_bytes(card.folder / card.weights, card.weights_sha256))
    heard = list(noise(card) if clips is None else clips)
    with tempfile.TemporaryDirectory(dir=card.folder, prefix=".ncnn-") as folder:
        shutil.copy(card.folder / card.weights, folder)
        for int8 in (True, False):
            made = _converted(model, replace(card, folder=Path(folder)), int8=int8)
            found = difference(made, heard)
            if found.vectors <= MOST.vectors and found.distances <= MOST.distances:
                return _installed(made, card)
    raise NotConvertible(
        f"ncnn's results for {path.name} differ from ONNX Runtime's: vectors by {found.vectors:.1e} and distances "
        f"between clips by {found.distances:.1e}, where at most {MOST.vectors:.0e} and {MOST.distances:.0e} are allowed"
    )


def _converted(model: onnx.ModelProto, card: Card, *, int8: bool) -> Card:
    """The card with files for ncnn, which are written into its folder."""
    try:
        graph, weights = convert(model, int8=int8)
    except NotConvertible as error:
        raise NotConvertible(f"{card.weights} can't be converted for ncnn: it contains {error}") from error
    stem = Path(card.weights).stem
    files = (f"{stem}.ncnn.param", graph.encode("ascii")), (f"{stem}.ncnn.bin", weights)
    for name, content in files:
        (card.folder / name).write_bytes(content)
    return replace(card, ncnn=NcnnFiles(*(ModelFile(name, hashlib.sha256(data).hexdigest()) for name, data in files)))


def _installed(made: Card, card: Card) -> Card:
    """Move files for ncnn to where a card is, and name them in it."""
    changed = replace(made, folder=card.folder)
    if card.ncnn and card.ncnn != made.ncnn:
        replace(card, ncnn=None).save()  # a card never names files that are not the ones that it means
    for file in made.ncnn or ():
        with atomic_write(card.folder / file.file) as target:
            target.write((made.folder / file.file).read_bytes())
    changed.save()
    return changed


def difference(card: Card, clips: Iterable[NDArray[np.float32]]) -> Difference:
    """How far ncnn is from ONNX Runtime over some clips' windows."""
    networks = NcnnNetwork(card), OnnxNetwork(card, threads=1)
    vectors = [[unit(network.run(w)[0].mean(axis=0)) for network in networks] for w in clips]
    a, b = np.asarray(vectors, np.float64).swapaxes(0, 1)
    distances = np.abs(np.stack([a @ a.T, a @ b.T]) - b @ b.T)
    return Difference(float((1 - (a * b).sum(axis=1)).max()), float(distances.max()))


def noise(card: Card) -> Iterator[NDArray[np.float32]]:
    """Clips of noise, each with its colour, which swells at its tempo: vectors as far apart as those of music."""
    front_end = card.front_end
    mel_basis = np.load(card.folder / card.mel_basis, allow_pickle=False)
    rng = np.random.default_rng(0)
    samples = round(front_end.clip_seconds * front_end.sample_rate)
    seconds = np.arange(samples) / front_end.sample_rate
    hertz = np.maximum(np.fft.rfftfreq(samples, 1 / front_end.sample_rate), 20.0)
    for _ in range(CLIPS):
        colour = hertz ** -rng.uniform(0, 1.5)
        y = np.fft.irfft(colour * (rng.standard_normal(len(hertz)) + 1j * rng.standard_normal(len(hertz))), samples)
        y *= 0.01 + np.sin(np.pi * rng.uniform(0.1, 4) * seconds) ** rng.choice([2, 4, 16])
        y /= np.abs(y).max()
        yield windows(log_mel(y.astype(np.float32), mel_basis, front_end), front_end.window_frames)
