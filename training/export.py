"""A trained encoder -> ONNX, filter bank and card: ``python -m training export``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import torch

from musrec_core.card import Card, Genre
from musrec_core.encoder import Encoder as OnnxEncoder
from musrec_core.features import windows

from .crops import candidate_matrix
from .datasets import Cache
from .fit import new_encoder, outputs_of
from .losses import partial_label_loss
from .model import Encoder, ExportedEncoder, TrackVector, mel_filter_bank
from .recipe import Recipe, RecipeError

PARITY = 1e-4
KEYS = {"r&b": "rnb"}  # labels whose key is not their words


def genre_key(label: str) -> str:
    """The word that stands for a genre in attribute names: ``hip hop`` -> ``hip_hop``."""
    return KEYS.get(label) or re.sub(r"\W+", "_", label.casefold()).strip("_")


def load_trained(recipe: Recipe, out: Path) -> tuple[Encoder, TrackVector]:
    """The encoder and its vector as `fit` saved them."""
    path = out / "encoder.pt"
    if not path.is_file():
        raise RecipeError(f"{out} holds no trained encoder: run `python -m training fit` first")
    state = torch.load(path, weights_only=True)
    encoder = new_encoder(recipe)
    encoder.load_state_dict(state["encoder"])
    vector = TrackVector(dict(recipe.vector), recipe.network.embedding, state["vector"]["mean"].shape[0])
    vector.load_state_dict(state["vector"])
    return encoder.eval(), vector.eval()


def fit_temperature(encoder: Encoder, recipe: Recipe, cache: Cache) -> float:
    """The temperature with the least negative log-likelihood on the valid split (Guo et al. 2017).

    Fitted on what it will serve: whole clips, not excerpts of one window, whose label allows one genre.
    """
    valid = [i for i in cache.split("valid") if cache.tracks[i].file and len(cache.tracks[i].genres) == 1]
    if not valid:
        return 1.0
    logits = torch.stack([outputs_of(encoder, cache, i, recipe.front.window_frames).genres.mean(dim=0) for i in valid])
    candidates = candidate_matrix(cache, recipe.vocabulary)[valid]
    grid = torch.logspace(-1, 1, 201)
    losses = torch.stack([partial_label_loss(logits / t, candidates).mean() for t in grid])
    return round(float(grid[losses.argmin()]), 4)


def export(recipe: Recipe, cache: Cache, out: Path, to: Path | None = None) -> Path:
    """Write ``NAME.onnx``, ``NAME.mel.npy`` and ``NAME.json``, and hold ONNX Runtime to torch.

    Returns
    -------
    path : Path
        The ``.onnx`` file.

    Raises
    ------
    RecipeError
        Nothing was trained, or ONNX Runtime's vectors differ from torch's by more than 1e-4.
    """
    encoder, vector = load_trained(recipe, out)
    folder = to or out / "export"
    folder.mkdir(parents=True, exist_ok=True)
    model = ExportedEncoder(encoder, vector).eval()
    path = folder / f"{recipe.name}.onnx"
    _write_onnx(model, recipe, path)
    mel_path = folder / f"{recipe.name}.mel.npy"
    np.save(mel_path, mel_filter_bank(recipe.front), allow_pickle=False)
    Card(
        name=recipe.name,
        folder=folder,
        weights=path.name,
        weights_sha256=_sha256(path),
        mel_basis=mel_path.name,
        mel_sha256=_sha256(mel_path),
        front_end=recipe.front,
        dimensions=recipe.network.embedding,
        genres=tuple(Genre(label, genre_key(label)) for label in recipe.vocabulary),
        temperature=fit_temperature(encoder, recipe, cache),
        training_data=recipe.card.training_data.strip(),
        licence=recipe.card.licence,
        metrics={},
    ).save()
    difference = parity(model, OnnxEncoder.load(path), recipe, cache)
    if difference > PARITY:
        raise RecipeError(f"ONNX Runtime differs from torch by {difference:.1e}, more than {PARITY:.0e}")
    return path


def _write_onnx(model: ExportedEncoder, recipe: Recipe, path: Path) -> None:
    example = torch.randn(2, recipe.front.n_mels, recipe.front.window_frames)
    torch.onnx.export(
        model,
        (example,),
        str(path),
        input_names=["windows"],
        output_names=["embedding", "genres"],
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
def parity(model: ExportedEncoder, exported: OnnxEncoder, recipe: Recipe, cache: Cache, clips: int = 8) -> float:
    """The largest difference between torch's and ONNX Runtime's window embeddings, over some clips."""
    worst = 0.0
    for i in range(min(clips, len(cache.tracks))):
        w = windows(cache.clip(i), recipe.front.window_frames)
        embedding, logits = model(torch.from_numpy(w))
        vector = embedding.mean(dim=0)
        track = exported.embed_windows(w)
        worst = max(worst, float(np.abs((vector / vector.norm()).numpy() - track.vector).max()))
        probabilities = (logits.mean(dim=0) / exported.card.temperature).softmax(dim=0)
        ours = [track.genres[genre.label] for genre in exported.card.genres]
        worst = max(worst, float(np.abs(probabilities.numpy() - np.array(ours)).max()))
    return worst


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
