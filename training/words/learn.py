"""``python -m training words``: heads for words beside an exported encoder, measured by artist."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.card import WordsFile
from musrec_core.encoder import Encoder
from musrec_core.words.heads import Words

from ..data.cache import Cache, Track
from ..data.sources import read_manifest
from ..export.model_card import write_model_card
from ..recipe import Recipe, RecipeError
from .ensemble import Ensemble, Floats, labelled
from .heads import (
    Goals,
    Heads,
    Mask,
    aucs,
    best_regularisation,
    calibrated,
    fit_heads,
    goals_of,
    groups_of,
    held_out_logits,
)
from .inputs import own_outputs, stored_vectors
from .vocabulary import Vocabulary, Word

LEAST_AUC = 0.75  # words below it are left out
LEAST_CLIPS = 10  # with the word, and without: fewer in the valid split, and the folds decide
LEAST_GROUPS = 3  # artists that they are by
COMPARISONS = ("features", "hard")


@dataclass(frozen=True)
class Material:
    """Clips, and what is known of each word for them; arrays have a row a clip and a column a word."""

    tracks: list[Track]
    words: tuple[Word, ...]
    goals: Goals
    scores: Floats
    labels: Floats

    def of(self, *splits: str) -> Mask:
        """The clips of some splits."""
        return np.array([track.split in splits for track in self.tracks])


@dataclass(frozen=True)
class Figures:
    """AUCs [shape=(words,)] of one kind of heads; NaN where they can't be told.

    ``valid``: fitted on the train split; ``folds``: on the other folds of train and valid. ``labels`` and
    ``labels_folds`` are the same against labels.
    """

    regularisation: float
    valid: Floats
    folds: Floats
    labels: Floats
    labels_folds: Floats


def gather(
    recipe: Recipe, cache: Cache, taught: Path, music: Path, vocabulary: Vocabulary, *, test: bool
) -> tuple[Material, list[int]]:
    """The clips that every teacher has heard, and their positions in the cache.

    Labels are read from the recipe's manifests where ``music`` has them, as an older cache has no words for moods.
    """
    ensemble = Ensemble(vocabulary, taught)
    known = {track.id: track for track in cache.tracks}
    for source in recipe.data["sources"]:
        if source["manifest"] and (music / source["manifest"]).is_file():
            known |= {t.id: t for t in read_manifest(music / source["manifest"], dict(recipe.data["labels"]))}
    splits = ("train", "valid", "test") if test else ("train", "valid")
    rows = [
        i
        for i, track in enumerate(cache.tracks)
        if track.split in splits and ensemble.heard(track) and cache.audio is not None and cache.audio.length[i]
    ]
    tracks = [replace(cache.tracks[i], moods=known[cache.tracks[i].id].moods) for i in rows]
    train = np.array([track.split == "train" for track in tracks], bool)
    groups = groups_of(tracks)
    if len(np.unique(groups[train])) < 2:
        raise RecipeError(
            "words need clips by two artists or more in the train split, with audio that the teachers heard"
        )
    reference = reference_of(tracks)
    scores = ensemble.scores(tracks, reference)
    labels = np.stack([labelled(word, tracks) for word in vocabulary.words], axis=1)
    shares = np.array([word.share for word in vocabulary.words])
    goals = goals_of(scores, labels, shares, reference, groups)
    return Material(tracks, vocabulary.words, goals, scores, labels), rows


def reference_of(tracks: Sequence[Track]) -> Mask:
    """The clips of the train split that stand for ordinary music [shape=(n,)]: the labelled ones, if there are any."""
    train = np.array([track.split == "train" for track in tracks], bool)
    ordinary = train & [track.is_labelled for track in tracks]
    return ordinary if ordinary.any() else train


def measure(x: Floats, goals: Goals, material: Material) -> tuple[Figures, Heads]:
    """Heads on some inputs [shape=(n, d)]: their figures, and calibrated heads fitted on train and valid together."""
    train, valid, both = material.of("train"), material.of("valid"), material.of("train", "valid")
    c = best_regularisation(x[train], goals[train])
    on_valid = fit_heads(x[train], goals[train], c).logits(x[valid])
    on_folds = held_out_logits(x[both], goals[both], c)
    applies, labels = material.goals.applies, material.labels
    figures = Figures(
        c, aucs(on_valid, applies[valid]), aucs(on_folds, applies[both]),
        aucs(on_valid, labels[valid]), aucs(on_folds, labels[both]),
    )  # fmt: skip
    return figures, calibrated(fit_heads(x[both], goals[both], c), on_folds, material.goals[both])


def enough(truth: Floats, groups: NDArray[np.str_]) -> Mask:
    """Of each word [shape=(k,)]: whether there are clips of both kinds, by enough artists, to tell an AUC."""
    return np.array([
        min((t == 1).sum(), (t == 0).sum()) >= LEAST_CLIPS and len(np.unique(groups[t == 1])) >= LEAST_GROUPS
        for t in truth.T
    ])  # fmt: skip


def learn_words(
    recipe: Recipe, cache: Cache, taught: Path, model: Path, music: Path, out: Path, vocabulary: Vocabulary, *,
    against: Sequence[str] = (), test: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Write ``NAME.words.npz`` beside a model, enter it in its card, and measure each word.

    Parameters
    ----------
    taught : Path
        The folder of a cache of the same clips, with what `teach` wrote.
    model : Path
        The exported encoder's ``.onnx``.
    music : Path
        The folder of the recipe's manifests.
    out : Path
        The run, for its trained network: only with ``features``.
    against : sequence of ``features`` and ``hard``
        What to compare with: heads on the network's own outputs, heads on targets of 0 and 1.
    test : bool
        Measure the words on the test split, too.

    Returns
    -------
    report : dict
        As `report.write_report` takes it.

    Raises
    ------
    RecipeError
        A teacher has not heard the cache, the cache has no audio for this model, or no word is good enough.
    """
    encoder = Encoder.load(model)
    material, rows = gather(recipe, cache, taught, music, vocabulary, test=test)
    vectors = stored_vectors(cache, rows, encoder)
    train = material.of("train")
    mean, scale = vectors[train].mean(axis=0), 1 / max(float(vectors[train].std()), 1e-9)
    x = (vectors - mean) * scale
    figures, scaled = measure(x, material.goals, material)
    heads = Heads(scaled.weights * scale, scaled.bias - scale * scaled.weights @ mean)
    records = [record(w, material, figures) for w in range(len(material.words))]
    kept = [w for w, found in enumerate(records) if found["auc"] is not None and found["auc"] >= LEAST_AUC]
    if not kept:
        raise RecipeError(f"no word reaches an AUC of {LEAST_AUC}: {encoder.card.name} has no words")
    report: dict[str, Any] = {
        "model": encoder.card.model_id,
        "clips": {split: int(material.of(split).sum()) for split in ("train", "valid", "test")},
        "teachers": list(vocabulary.teachers),
        "regularisation": figures.regularisation,
        "words": [records[w] for w in kept],
        "left_out": [found for w, found in enumerate(records) if w not in kept],
        "against": {},
    }
    for name in against:
        if name == "features":
            other, _ = measure(own_outputs(cache, rows, encoder, recipe, out), material.goals, material)
        else:
            hard = replace(material.goals, soft=material.goals.applies)
            other, _ = measure(x, hard, material)
        report["against"][name] = comparison(figures, other, kept)
    if test:
        add_test(records, heads.logits(vectors), material)
    store(encoder, [material.words[w] for w in kept], heads, kept, [records[w]["auc"] for w in kept])
    return report


def record(w: int, material: Material, figures: Figures) -> dict[str, Any]:
    """The figures of one word. ``where``: the split that ``auc`` is of; ``labels``: against labels, the same."""
    word = material.words[w]
    taught = bool(word.outputs)
    found: dict[str, Any] = {"word": word.name, "group": word.group, "share": word.share, "taught": taught}
    truths = {"": material.goals.applies, "labels": material.labels}
    for kind, truth in truths.items():
        valid = material.of("valid")
        decisive = bool(enough(truth[valid][:, [w]], material.goals.groups[valid])[0])
        where = ("valid",) if decisive else ("train", "valid")
        rows = material.of(*where)
        on = (figures.labels if decisive else figures.labels_folds) if kind else (
            figures.valid if decisive else figures.folds)  # fmt: skip
        some: dict[str, Any] = {
            "auc": _number(on[w]),
            "where": "valid" if decisive else "folds",
            "clips": int(np.nansum(truth[rows, w])),
        }
        if not kind:
            found |= some | {"folds": _number(figures.folds[w])}
        elif word.labels and some["clips"] >= LEAST_CLIPS:
            of_teachers = aucs(material.scores[rows][:, [w]], truth[rows][:, [w]])[0] if taught else np.nan
            found["labels"] = some | {"teachers": _number(of_teachers)}
    return found


def add_test(records: list[dict[str, Any]], logits: Floats, material: Material) -> None:
    """The AUCs of the finished heads on the test split: against the teachers, and against labels."""
    rows = material.of("test")
    ours, labels = aucs(logits[rows], material.goals.applies[rows]), aucs(logits[rows], material.labels[rows])
    teachers = aucs(np.nan_to_num(material.scores[rows]), material.labels[rows])
    for w, found in enumerate(records):
        found["test"] = {"auc": _number(ours[w]), "clips": int(np.nansum(material.goals.applies[rows, w]))}
        found["test"] |= {"labels": _number(labels[w]), "labels_clips": int(np.nansum(material.labels[rows, w]))}
        found["test"]["teachers"] = _number(teachers[w]) if found["taught"] else None


def comparison(ours: Figures, other: Figures, kept: list[int]) -> dict[str, float]:
    """Mean AUCs of the words that are kept, ours and the other's, and how many words lose more than 0.02."""
    found: dict[str, float] = {}
    for name in ("valid", "folds", "labels_folds"):
        a, b = getattr(ours, name)[kept], getattr(other, name)[kept]
        both = ~np.isnan(a) & ~np.isnan(b)
        if both.any():
            found |= {f"{name}_ours": float(a[both].mean()), f"{name}_other": float(b[both].mean())}
            found |= {f"{name}_words": int(both.sum()), f"{name}_lose": int((b[both] - a[both] > 0.02).sum())}
    return found


def store(encoder: Encoder, words: list[Word], heads: Heads, kept: list[int], auc: list[float]) -> Path:
    """Write the file, and enter it in the card and the card for people."""
    card = encoder.card
    path = card.folder / f"{card.name}.words.npz"
    Words(
        names=tuple(word.name for word in words),
        groups=tuple(word.group for word in words),
        synonyms=tuple(word.synonyms for word in words),
        weights=heads.weights[kept].astype(np.float32),
        bias=heads.bias[kept].astype(np.float32),
        auc=np.array(auc, np.float32),
        shares=np.array([word.share for word in words], np.float32),
    ).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    changed = replace(card, words=WordsFile(path.name, digest, tuple(word.name for word in words)))
    changed.save()
    write_model_card(changed)
    return path


def _number(x: float) -> float | None:
    return None if np.isnan(x) else round(float(x), 4)
