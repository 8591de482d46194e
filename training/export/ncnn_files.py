"""An exported encoder's files for ncnn, and its card's word of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from musrec_core.card import Card, ModelFile, NcnnFiles
from musrec_core.network import NcnnNetwork, OnnxNetwork
from musrec_core.search.distance import unit

from ..recipe import RecipeError
from .ncnn_convert import convert
from .ncnn_tensors import NotConvertible

MOST_DISTANCE = 1e-3  # between a clip's vectors in the two runtimes, in cosine distance
CLIPS, WINDOWS = 8, 10  # of noise


def add_ncnn_files(path: Path, clips: Iterable[NDArray[np.float32]] | None = None) -> Card:
    """Write ``NAME.ncnn.param`` and ``NAME.ncnn.bin`` beside an exported encoder, and hold ncnn to ONNX Runtime.

    Parameters
    ----------
    path : Path
        The ``.onnx``, with its card.
    clips : iterable of np.ndarray [shape=(n, n_mels, window_frames)]
        What both are given; noise by default.

    Returns
    -------
    card : Card
        As it is now saved.

    Raises
    ------
    RecipeError
        The network can't be converted, or a clip's vector differs.
    """
    card = Card.load(path)
    heard = list(noise(card) if clips is None else clips)
    for int8 in (True, False):
        changed = replace(card, ncnn=_convert(path, int8=int8))
        distance = difference(changed, heard)
        if distance <= MOST_DISTANCE:
            changed.save()
            return changed
    raise RecipeError(f"ncnn's vectors differ from ONNX Runtime's by {distance:.1e}, more than {MOST_DISTANCE:.0e}")


def _convert(path: Path, *, int8: bool) -> NcnnFiles:
    try:
        graph, weights = convert(onnx.load(path), int8=int8)
    except NotConvertible as error:
        raise RecipeError(f"{path.name} can't be converted for ncnn: it contains {error}") from None
    return NcnnFiles(
        _written(path.with_suffix(".ncnn.param"), graph.encode("ascii")),
        _written(path.with_suffix(".ncnn.bin"), weights),
    )


def difference(card: Card, clips: Iterable[NDArray[np.float32]]) -> float:
    """The largest cosine distance between the two runtimes' vectors of a clip."""
    networks = NcnnNetwork(card, threads=1), OnnxNetwork(card, threads=1)
    worst = 0.0
    for windows in clips:
        a, b = (unit(network.run(windows)[0].mean(axis=0)) for network in networks)
        worst = max(worst, 1 - float(a @ b))
    return worst


def noise(card: Card) -> Iterable[NDArray[np.float32]]:
    """Clips of white log-mel: mean 0, deviation 1, as the front end gives them."""
    rng = np.random.default_rng(0)
    shape = (WINDOWS, card.front_end.n_mels, card.front_end.window_frames)
    return (rng.standard_normal(shape, np.float32) for _ in range(CLIPS))


def _written(path: Path, content: bytes) -> ModelFile:
    path.write_bytes(content)
    return ModelFile(path.name, hashlib.sha256(content).hexdigest())
