"""An ablation study: ``python -m training ablate`` trains variants of a recipe and compares them on the valid split."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from musrec_core.mood import AXES, QUADRANTS
from musrec_core.search.distance import pairwise

from ..data.cache import Cache
from ..fit.fit import fit
from ..model.encoder import Outputs, TrackVector
from ..model.inference import AXES_WINDOWS, load_trained, new_vector, outputs_of
from ..recipe import RECIPES, Recipe, RecipeError, load_recipe
from .evaluate import Group, single_label_groups
from .metrics import binary_auc, retrieval_scores

COLUMNS = ("mAP", "precision_at_10", "excerpts", "nll", "mood_auc")


def ablate(name: str, overrides: dict[str, Any], cache: Cache, out: Path, plan_file: Path | None = None) -> str:
    """Train every variant of the plan with every seed, measure, and give the table as Markdown.

    A variant that ``OUT/figures.jsonl`` already holds is not trained again, so a killed run goes on.
    """
    plan = yaml.safe_load((plan_file or RECIPES / "plans" / "ablation.yaml").read_text())
    out.mkdir(parents=True, exist_ok=True)
    log = out / "figures.jsonl"
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    for variant, changes in plan["variants"].items():
        for seed in plan["seeds"]:
            if any(row["variant"] == variant and row["seed"] == seed for row in done):
                continue
            values = plan["base"] | (changes or {}) | overrides | {"seed": seed}
            recipe = load_recipe(name, values)
            folder = out / f"{variant.replace(' ', '-').replace('/', '-')}-{seed}"
            fit(recipe, cache, folder)
            rows = measure(recipe, cache, folder, plan["vectors"] if not changes else {})
            done += [{"variant": variant, "seed": seed} | row for row in rows]
            with log.open("a") as handle:
                handle.writelines(json.dumps(row) + "\n" for row in done[-len(rows) :])
    return table(done)


def measure(recipe: Recipe, cache: Cache, folder: Path, vectors: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Figures of a trained variant on the valid split, a row for its own vector and for each of ``vectors``."""
    encoder, vector, _ = load_trained(recipe, folder)
    frames = recipe.front.window_frames
    outputs = {i: outputs_of(encoder, cache, i, frames) for i in cache.split("valid")}
    groups = single_label_groups(cache, "valid")
    common = excerpts_and_mood(cache, outputs)
    rows = [{"vector": "its own"} | common | retrieval(groups, cache, outputs, vector)]
    if vectors:
        train = [outputs_of(encoder, cache, i, frames, most=AXES_WINDOWS) for i in cache.split("train")]
        for name, weights in vectors.items():
            other = _fitted(recipe, weights, train)
            rows.append({"vector": name} | retrieval(groups, cache, outputs, other))
    return rows


def _fitted(recipe: Recipe, weights: dict[str, float], train: list[Outputs]) -> TrackVector:
    changed = Recipe(recipe | {"vector": type(recipe.vector)({"raw": False, "whiten": 0.0} | weights)})
    vector = new_vector(changed)
    if not isinstance(vector, TrackVector):
        raise RecipeError("a vector of an ablation can't be raw")
    return vector.fit(torch.stack([vector.parts(out).mean(dim=0) for out in train]))


def retrieval(
    groups: list[Group], cache: Cache, outputs: dict[int, Outputs], vector: torch.nn.Module
) -> dict[str, float]:
    """mAP and precision@10 of each dataset and their mean, artist-filtered."""
    position = {track.id: i for i, track in enumerate(cache.tracks)}
    figures: dict[str, float] = {}
    for group in groups:
        vectors = torch.stack([vector(outputs[position[track.id]]).mean(dim=0) for track in group.tracks]).numpy()
        scores = retrieval_scores(pairwise(vectors), group.labels, group.artists)
        figures[f"mAP {group.name}"] = float(np.nanmean(scores["average_precision"]))
        figures[f"precision_at_10 {group.name}"] = float(np.mean(scores["precision_at_10"]))
    for name in ("mAP", "precision_at_10"):
        figures[name] = float(np.mean([value for key, value in figures.items() if key.startswith(f"{name} ")]))
    return figures


def excerpts_and_mood(cache: Cache, outputs: dict[int, Outputs]) -> dict[str, float]:
    """Accuracy on 3 s excerpts among the genres there, NLL of whole clips, AUC of the mood axes."""
    sure = {i: out.genres.mean(dim=0) for i, out in outputs.items() if cache.tracks[i].has_one_genre}
    truth = {i: cache.vocabulary.index(cache.tracks[i].genres[0]) for i in sure}
    excerpts = [i for i in sure if cache.tracks[i].file is None]
    among = sorted({truth[i] for i in excerpts})
    right = [among[int(sure[i][among].argmax())] == truth[i] for i in excerpts]
    nll = [-float(sure[i].log_softmax(dim=0)[truth[i]]) for i in sure if cache.tracks[i].file]
    figures = {"excerpts": float(np.mean(right)) if right else np.nan, "nll": float(np.mean(nll)) if nll else np.nan}
    moods = [(i, cache.tracks[i].quadrant) for i in outputs if cache.tracks[i].quadrant and outputs[i].mood.shape[1]]
    if moods:
        scores = np.stack([outputs[i].mood.mean(dim=0).numpy() for i, _ in moods])
        truths = np.array([QUADRANTS[quadrant] for _, quadrant in moods], bool)
        aucs = [binary_auc(scores[:, axis], truths[:, axis]) for axis in range(len(AXES))]
        figures["mood_auc"] = float(np.mean(aucs))
    return figures


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and deviation over seeds, a line a variant and vector."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["variant"], row["vector"]].append(row)
    lines = [f"| variant | vector | seeds | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 3) + "|"]
    for (variant, vector), found in grouped.items():
        cells = [_cell([row[column] for row in found if column in row]) for column in COLUMNS]
        lines.append(f"| {variant} | {vector} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else ""
