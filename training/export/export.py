"""A trained encoder -> ONNX, filter bank and card: ``python -m training export``."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from musrec_core.audio.features import windows
from musrec_core.card import Card, Genre
from musrec_core.encoder import Encoder as OnnxEncoder
from musrec_core.mood import AXES

from ..data.cache import QUANTUM, Cache
from ..data.decoder import mel_filter_bank
from ..fit.batches import candidate_matrix, mood_matrix
from ..model.encoder import ExportedEncoder, TrainableEncoder
from ..model.inference import load_trained, outputs_of
from ..model.losses import partial_label_loss
from ..recipe import Recipe, RecipeError
from .int8 import quantise_onnx
from .model_card import write_model_card
from .ncnn_files import add_ncnn_files
from .ncnn_tensors import NotConvertible

MAX_DIFFERENCE = 1e-4  # of what torch and ONNX Runtime give
MIN_COSINE = 0.95  # of a clip's vector before and after quantisation
COMPARED_CLIPS = 8
GENRE_KEYS = {"r&b": "rnb"}  # labels whose key is not their words


def genre_key(label: str) -> str:
    """The key of a genre in attribute names: ``hip hop`` -> ``hip_hop``."""
    return GENRE_KEYS.get(label) or re.sub(r"\W+", "_", label.casefold()).strip("_")


@torch.inference_mode()
def fit_temperature(encoder: TrainableEncoder, recipe: Recipe, cache: Cache) -> tuple[float, dict[str, float]]:
    """The temperatures with the least negative log-likelihood on the valid split (Guo et al. 2017).

    Fitted on what they will serve: whole clips, not excerpts of one window.

    Returns
    -------
    genres : float
        From clips whose label allows one genre; 1 where there are none.
    mood : dict of str to float
        Of each axis of the mood head, from clips with a quadrant; empty without such a head.
    """
    whole = [i for i in cache.split("valid") if cache.tracks[i].file]
    outputs = {i: outputs_of(encoder, cache, i, recipe.front.window_frames) for i in whole}
    sure = [i for i in whole if cache.tracks[i].has_one_genre]
    candidates = candidate_matrix(cache)
    genres = _best_temperature(
        lambda t: partial_label_loss(torch.stack([outputs[i].genres.mean(dim=0) for i in sure]) / t, candidates[sure]),
        len(sure),
    )
    if encoder.mood is None:
        return genres, {}
    truth = mood_matrix(cache)
    with_mood = [i for i in whole if cache.tracks[i].quadrant]
    logits = torch.stack([outputs[i].mood.mean(dim=0) for i in with_mood]) if with_mood else torch.zeros(0, 2)

    def loss_of(axis: int) -> Callable[[Tensor], Tensor]:
        target = truth[with_mood, axis]
        return lambda t: functional.binary_cross_entropy_with_logits(logits[:, axis] / t, target, reduction="none")

    return genres, {name: _best_temperature(loss_of(axis), len(with_mood)) for axis, name in enumerate(AXES)}


def _best_temperature(loss: Callable[[Tensor], Tensor], songs: int) -> float:
    """The temperature of the least mean loss, between 0.1 and 10; 1 where there is no song to tell."""
    if not songs:
        return 1.0
    grid = torch.logspace(-1, 1, 201)
    return round(float(grid[torch.stack([loss(t).mean() for t in grid]).argmin()]), 4)


def export(recipe: Recipe, cache: Cache, out: Path, to: Path | None = None) -> Path:
    """Write ``NAME.onnx``, the same for ncnn, ``NAME.mel.npy``, ``NAME.json`` and ``NAME.md``.

    ONNX Runtime is held to torch, and ncnn to ONNX Runtime; an encoder that ncnn can't run is written without files for
    it, and a line says so.

    Returns
    -------
    path : Path
        The ``.onnx`` file.

    Raises
    ------
    RecipeError
        Nothing was trained, or ONNX Runtime's vectors differ from torch's: by more than 1e-4, or in direction where the
        recipe asks for 8-bit convolutions.
    """
    encoder, vector, vocabulary = load_trained(recipe, out)
    folder = to or out / "export"
    folder.mkdir(parents=True, exist_ok=True)
    model = ExportedEncoder(encoder, vector).eval()
    path = folder / f"{recipe.name}.onnx"
    _write_onnx(model, recipe, path)
    mel_path = folder / f"{recipe.name}.mel.npy"
    np.save(mel_path, mel_filter_bank(recipe.front), allow_pickle=False)
    temperature, mood = fit_temperature(encoder, recipe, cache)
    card = Card(
        name=recipe.name,
        folder=folder,
        weights=path.name,
        weights_sha256=_sha256(path),
        mel_basis=mel_path.name,
        mel_sha256=_sha256(mel_path),
        front_end=recipe.front,
        dimensions=recipe.network.features if recipe.vector.raw else recipe.network.embedding,
        genres=tuple(Genre(label, genre_key(label)) for label in vocabulary),
        temperature=temperature,
        mood=mood,
        training_data=recipe.card.training_data.strip(),
        licence=recipe.card.licence,
        metrics={},
    )
    card.save()
    write_model_card(card)
    difference = parity(model, OnnxEncoder.load(path), recipe, cache)
    if difference > MAX_DIFFERENCE:
        raise RecipeError(f"ONNX Runtime differs from torch by {difference:.1e}, more than {MAX_DIFFERENCE:.0e}")
    if recipe.export.int8:
        _quantise(path, card, recipe, cache)
    try:
        add_ncnn_files(path, _clips(recipe, cache))
    except NotConvertible as error:
        print(f"{error}; it needs ONNX Runtime: pip install 'beets-musrec[onnx]'", file=sys.stderr)
    return path


def _quantise(path: Path, card: Card, recipe: Recipe, cache: Cache) -> None:
    """Put 8-bit convolutions into the exported file, and hold its vectors to what they were."""
    frames = recipe.front.window_frames
    clips = _clips(recipe, cache)
    full = OnnxEncoder.load(path)
    before = [full.embed_windows(w).vector for w in clips]
    quantise_onnx(path, cache, frames, recipe.export.least_share)
    changed = replace(card, weights_sha256=_sha256(path))
    changed.save()
    write_model_card(changed)
    after = OnnxEncoder.load(path)
    worst = min(float(vector @ after.embed_windows(w).vector) for vector, w in zip(before, clips, strict=True))
    if worst < MIN_COSINE:
        raise RecipeError(
            f"8-bit convolutions turn a clip's vector too far (cosine {worst:.3f}): set export.int8 to no"
        )


def _clips(recipe: Recipe, cache: Cache) -> list[NDArray[np.float32]]:
    """Some clips' windows, each number anywhere within its quantum, as in music that was not cached.

    On the cache's own steps, all numbers can lie in the middle between two 8-bit integers, where any rounding is right.
    """
    rng = np.random.default_rng(0)
    heard = (cache.clip(i) for i in range(min(COMPARED_CLIPS, len(cache.tracks))))
    loose = (x + QUANTUM * (rng.random(x.shape, np.float32) - 0.5) for x in heard)
    return [windows(x, recipe.front.window_frames) for x in loose]


def _write_onnx(model: ExportedEncoder, recipe: Recipe, path: Path) -> None:
    example = torch.randn(2, recipe.front.n_mels, recipe.front.window_frames)
    torch.onnx.export(
        model,
        (example,),
        str(path),
        input_names=["windows"],
        output_names=["embedding", "genres"] + ["mood"] * (model.encoder.mood is not None),
        dynamic_shapes={"x": {0: torch.export.Dim("n", min=1, max=4096)}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    _strip_metadata(path)


def _strip_metadata(path: Path) -> None:
    """Leave out what the exporter notes of its own run: stack traces with this machine's paths."""
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, path)


@torch.inference_mode()
def parity(model: ExportedEncoder, exported: OnnxEncoder, recipe: Recipe, cache: Cache) -> float:
    """The largest difference between torch's and ONNX Runtime's window embeddings, over some clips."""
    worst = 0.0
    for i in range(min(COMPARED_CLIPS, len(cache.tracks))):
        w = windows(cache.clip(i), recipe.front.window_frames)
        embedding, logits, *mood = model(torch.from_numpy(w))
        vector = embedding.mean(dim=0)
        track = exported.embed_windows(w)
        worst = max(worst, float(np.abs((vector / vector.norm()).numpy() - track.vector).max()))
        probabilities = (logits.mean(dim=0) / exported.card.temperature).softmax(dim=0)
        ours = [track.genres[genre.label] for genre in exported.card.genres]
        worst = max(worst, float(np.abs(probabilities.numpy() - np.array(ours)).max()))
        if mood and track.mood:
            scaled = mood[0].mean(dim=0) / torch.tensor(list(exported.card.mood.values()))
            worst = max(worst, float(np.abs(scaled.sigmoid().numpy() - np.array(list(track.mood.values()))).max()))
    return worst


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
