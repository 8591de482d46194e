"""Choosing with less noise: ``python -m training crossvalidate`` trains variants of a recipe in folds by artist.

Every labelled song of the train and valid splits is asked about once, by networks that have heard nothing of its
artist. The test split is not touched.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from musrec_core.mood import QUADRANTS
from musrec_core.search.distance import pairwise

from ..data.cache import Cache
from ..fit.fit import fit
from ..fit.hints import branch_file
from ..model.encoder import Outputs
from ..model.inference import load_trained, outputs_of
from ..recipe import Recipe, load_recipe
from .evaluate import single_label_groups
from .folds import Column, difference_cells, fold_caches, group_of
from .frozen import branch_outputs, fit_frozen, frozen_outputs, is_frozen
from .metrics import retrieval_scores
from .report import table

FIGURES = {"precision_at_10": "P@10", "average_precision": "mAP", "precision_at_1": "P@1"}
GENRE, EXCERPTS, MOOD = "genre accuracy", "3 s accuracy", "mood AUC"
Songs = dict[str, dict[str, Any]]  # figure -> track id -> value; of the mood, two scores


def crossvalidate(
    name: str,
    overrides: dict[str, Any],
    cache: Cache,
    out: Path,
    *,
    plan_file: Path | None = None,
    folds: int = 4,
    seeds: int = 3,
    whole: bool = False,
) -> str:
    """Train each variant of a plan in every fold with every seed; give the tables as Markdown.

    What ``OUT/folds.jsonl`` already holds is not trained again, so a killed run goes on.

    Parameters
    ----------
    plan_file : Path, optional
        ``variants`` (name -> changes) and their ``base``, as for `ablate`; None: the recipe as it is.
    whole : bool
        Train the whole network, with augmentation, even where its branches do not change.
    """
    plan = yaml.safe_load(plan_file.read_text()) if plan_file else {}
    variants = plan.get("variants") or {"as it is": None}
    out.mkdir(parents=True, exist_ok=True)
    log = out / "folds.jsonl"
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    known = {(row["digest"], row["fold"], row["folds"]): row for row in done}
    caches = fold_caches(cache, folds)
    found: dict[str, list[list[Songs]]] = {}
    for variant, changes in variants.items():
        values = (plan.get("base") or {}) | (changes or {}) | overrides
        first = load_recipe(name, values)
        found[variant] = []
        for seed in range(1, seeds + 1):
            recipe = load_recipe(name, values | {"seed": seed})
            rows = []
            for fold, part in enumerate(caches):
                key = (recipe.digest() + " whole" * whole, fold, folds)
                if key not in known:
                    songs = _trained(recipe, first, part, out, whole=whole)
                    known[key] = {"variant": variant, "seed": seed, "digest": key[0], "fold": fold, "folds": folds}
                    known[key]["songs"] = songs
                    with log.open("a") as handle:
                        handle.write(json.dumps(known[key]) + "\n")
                rows.append(known[key]["songs"])
            found[variant].append(rows)
    return tables({variant: columns_of(cache, rows) for variant, rows in found.items()}, folds, seeds)


def _trained(recipe: Recipe, first: Recipe, cache: Cache, out: Path, *, whole: bool) -> Songs:
    """Fit on a fold's train split; what the songs of its valid split get."""
    asked = [i for i in cache.split("valid") if cache.tracks[i].is_labelled]
    folder = out / "fold"
    if is_frozen(recipe) and not whole:
        stored = branch_outputs(first, cache, out)
        encoder, vector = fit_frozen(recipe, cache, stored, folder)
        outputs = {i: frozen_outputs(encoder, stored, i) for i in asked}
    else:
        _link_branches(recipe, first, out, folder)
        fit(recipe, cache, folder, fresh=True)
        trained, vector, _ = load_trained(recipe, folder)
        outputs = {i: outputs_of(trained, cache, i, recipe.front.window_frames) for i in asked}
        shutil.rmtree(folder)
    return songs_of(cache, outputs, vector)


def _link_branches(recipe: Recipe, first: Recipe, out: Path, folder: Path) -> None:
    """Let a fold's fit find the branches, which are of the recipe's own seed."""
    for options in recipe.network.branches:
        path = branch_file(folder, recipe, options)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(branch_file(out, first, options).resolve())


@torch.inference_mode()
def songs_of(cache: Cache, outputs: dict[int, Outputs], vector: nn.Module) -> Songs:
    """Every figure's value of each song of a fold's valid split."""
    songs: Songs = {}
    position = {track.id: i for i, track in enumerate(cache.tracks)}
    for group in single_label_groups(cache, "valid", least=2):
        vectors = torch.stack([vector(outputs[position[track.id]]).mean(dim=0) for track in group.tracks]).numpy()
        scores = retrieval_scores(pairwise(vectors), group.labels, group.artists)
        for key, short in FIGURES.items():
            values = zip(group.tracks, scores[key].tolist(), strict=True)
            songs[f"{group.name} {short}"] = {track.id: value for track, value in values}
    excerpts = {i for i in outputs if cache.tracks[i].file is None and cache.tracks[i].has_one_genre}
    among = sorted({cache.vocabulary.index(cache.tracks[i].genres[0]) for i in excerpts})
    for i, out in outputs.items():
        track, logits = cache.tracks[i], out.genres.mean(dim=0)
        if track.has_one_genre:
            guess = among[int(logits[among].argmax())] if i in excerpts else int(logits.argmax())
            figure = songs.setdefault(EXCERPTS if i in excerpts else GENRE, {})
            figure[track.id] = float(cache.vocabulary[guess] == track.genres[0])
        if track.quadrant and out.mood.shape[1]:
            songs.setdefault(MOOD, {})[track.id] = out.mood.mean(dim=0).tolist()
    return songs


def columns_of(cache: Cache, seeds: Sequence[Sequence[Songs]]) -> dict[str, Column]:
    """A variant's figures, from the songs of every seed and fold."""
    track_of = {track.id: track for track in cache.tracks}
    figures = sorted({figure for folds in seeds for songs in folds for figure in songs}, key=_rank)
    columns = {}
    for figure in figures:
        fold_of = {id_: fold for fold, songs in enumerate(seeds[0]) for id_ in songs.get(figure, {})}
        ids = sorted(fold_of)
        values = np.array([[folds[fold_of[id_]][figure][id_] for id_ in ids] for folds in seeds], float)
        truth = np.array([QUADRANTS[track_of[id_].quadrant] for id_ in ids], bool) if figure == MOOD else None
        artists = np.array([group_of(track_of[id_]) for id_ in ids])
        columns[figure] = Column(artists, np.array([fold_of[id_] for id_ in ids]), values, truth)
    return columns


def _rank(figure: str) -> tuple[int, str]:
    return ([GENRE, EXCERPTS, MOOD].index(figure) + 1 if figure in {GENRE, EXCERPTS, MOOD} else 0, figure)


def tables(variants: dict[str, dict[str, Column]], folds: int, seeds: int) -> str:
    """Figures with intervals, each fold's, and the differences from the first variant."""
    base_name, base = next(iter(variants.items()))
    header = ["variant", *(f"{figure} ({len(column.artists)} songs)" for figure, column in base.items())]
    means, each = [], []
    for variant, columns in variants.items():
        found = [columns.get(figure) for figure in base]  # a variant without a head lacks its figure
        means.append([variant, *("" if column is None else _with_interval(column) for column in found)])
        each.append([variant, *("" if column is None else _of_folds(column) for column in found)])
    parts = [
        f"{folds} folds by artist, mean of {seeds} seeds, in brackets 95 % by a bootstrap over artists:",
        table(header, means),
        "Each fold:",
        table(header, each),
    ]
    others = {variant: columns for variant, columns in variants.items() if variant != base_name}
    if others:
        rows = [difference_cells(variant, columns, base) for variant, columns in others.items()]
        parts += [f"Differences from `{base_name}` on the same songs; bold where the interval leaves out 0, and where "
                  "it does not, nothing is decided:", table(header, rows)]  # fmt: skip
    return "\n\n".join(parts)


def _with_interval(column: Column) -> str:
    low, high = column.interval()
    return f"{column.figure():.3f} ({low:.3f} to {high:.3f})"


def _of_folds(column: Column) -> str:
    return " ".join(f"{value:.3f}" for value in column.by_fold())
