"""Recipes: one YAML file says all of a training run. Read and checked by confuse."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import confuse

from musrec_core.front_end import CHOICES, LEVEL, OPTIONAL, SWITCHES, FrontEnd

RECIPES = Path(__file__).parent / "recipes"

_TEMPLATE = {
    "name": confuse.String(pattern=r"^[\w.-]+$"),
    "seed": int,
    "fetch": {
        "server": confuse.String(default=""),
        "archives": confuse.Sequence({"file": confuse.String(pattern=r"^[\w.-]+$"), "sha1": str}),
    },
    "data": {
        "clip_seconds": confuse.Number(),
        "sources": confuse.Sequence(
            {
                "manifest": confuse.Optional(str),
                "folder": confuse.Optional(str),
                "log_mel": confuse.Optional(str),
                "resynthesise": confuse.TypeTemplate(bool, False),
                "id_prefix": confuse.String(default=""),
                "fma": confuse.Optional(confuse.Choice(["small", "medium", "large"])),
                "free_only": confuse.TypeTemplate(bool, False),
                "whole_albums": confuse.TypeTemplate(bool, False),
                "songs": confuse.Optional(str),
                "valid": confuse.StrSeq(split=False, default=[]),
                "test": confuse.StrSeq(split=False, default=[]),
                "min_megabytes": confuse.Number(0.0),
                "every": confuse.Number(0.0),
                "clip_seconds": confuse.Number(0.0),
            }
        ),
        "labels": confuse.MappingValues(confuse.StrSeq(split=False)),  # empty: every label is a genre of its own
    },
    "front_end": {
        **{key: confuse.Number() for key in FrontEnd.__dataclass_fields__ if key not in OPTIONAL},
        **{key: confuse.TypeTemplate(bool, False) for key in SWITCHES},
        **{key: confuse.Choice(words, default=words[0]) for key, words in CHOICES.items()},
        **{key: confuse.Optional(confuse.Number()) for key in LEVEL},  # with normalise: level
        "excerpts": confuse.Integer(1),
    },
    "network": {
        "kind": confuse.Choice(["residual", "vgg", "latent_cnn", "mfcc_cnn", "branches"], default="residual"),
        "stem": confuse.Integer(32),
        "stages": confuse.Sequence(int),
        "branches": confuse.Sequence(
            {
                "file": confuse.String(pattern=r"^[\w.-]+\.onnx$"),
                "samples": confuse.Integer(),  # that the teacher hears, at the front end's rate
                "maps": confuse.StrSeq(split=False),  # tensors of its graph: each convolution before its activation
                "widths": confuse.Sequence(int),
                "pools": confuse.Sequence(confuse.Sequence(int)),
                "states": confuse.StrSeq(split=False, default=[]),  # of its recurrent layers, at every time
                "embedding": confuse.Integer(),
                "tags": confuse.Integer(),
            }
        ),
        "features": int,
        "taught": confuse.Sequence(  # teachers whose tags a head learns; their weight in the vector
            {"teacher": confuse.String(pattern=r"^[\w.-]+$"), "tags": confuse.Integer(), "weight": confuse.Number(1.0)}
        ),
        "embedding": int,
        "dropout": confuse.Number(),
    },
    "loss": {
        "genre": confuse.Number(),
        "label_smoothing": confuse.Number(0.0),
        "contrastive": confuse.Number(0.0),
        "temperature": confuse.Number(0.1),
        "same_artist": confuse.Number(1.0),
        "same_genre": confuse.Number(0.0),
        "same_quadrant": confuse.Number(0.0),
        "teacher": confuse.Number(0.0),
        "taught": confuse.Number(0.0),
        "hints": confuse.Number(0.0),  # with schedule.branches_lr: of what the branches said before
        "mood": confuse.Number(0.0),
    },
    "hints": {"clips": confuse.Integer(2000), "steps": confuse.Integer(6000)},
    "teacher": confuse.Optional(str),
    "teachers": confuse.Sequence(
        {
            "file": confuse.String(pattern=r"^[\w.-]+\.onnx$"),
            "rate": confuse.Integer(),
            "samples": confuse.Integer(),
            "hop": confuse.Number(),
            "outputs": confuse.StrSeq(split=False),
        }
    ),
    "vector": {
        "raw": confuse.TypeTemplate(bool, False),
        "whiten": confuse.Number(0.0),
        **{key: confuse.Number(0.0) for key in ("head", "features", "teacher", "genres", "tags", "taught")},
    },
    "augment": {
        "mixup": confuse.Number(0.0),
        "frequency_mask": confuse.Integer(0),
        "time_mask": confuse.Integer(0),
        "tilt": confuse.Number(0.0),
        "gain": confuse.Number(0.0),
        "pitch": confuse.Integer(0),
        "low_pass": confuse.Number(0.0),
    },
    "schedule": {
        "kind": confuse.Choice(["one-cycle", "constant"], default="one-cycle"),
        "pretrain_epochs": confuse.Integer(0),
        "epochs": int,
        "crops_per_epoch": int,
        "batch_clips": int,
        "length_weight": confuse.Number(0.5),
        "max_lr": confuse.Number(),
        "branches_lr": confuse.Number(0.0),  # of the branches, as a share of max_lr; 0: frozen
        "weight_decay": confuse.Number(0.0),
        "ema": confuse.Number(0.0),
        "gradient_clip": confuse.Number(0.0),
        "precision": confuse.Choice(["bf16-mixed", "32-true"]),
        "valid_every": confuse.Integer(1),
        "patience": confuse.Integer(0),
    },
    "trainer": {
        "accelerator": confuse.String(default="auto"),
        "devices": confuse.OneOf([int, str], default="auto"),
        "num_nodes": confuse.Integer(1),
        "strategy": confuse.String(default="auto"),
        "logs": confuse.StrSeq(default=["csv"]),
    },
    "export": {
        "int8": confuse.TypeTemplate(bool, False),
        "least_share": confuse.Number(0.05),  # of all multiplications, for a convolution to be in integers
    },
    "card": {"training_data": str, "licence": str},
}


class RecipeError(Exception):
    """A recipe can't be used; the message says why in one sentence."""


class Recipe(confuse.AttrDict[str, Any]):
    """A checked recipe: ``recipe.network.stem`` and so on."""

    @property
    def front(self) -> FrontEnd:
        """The front end as the value that `musrec_core` uses."""
        return FrontEnd.from_dict({key: value for key, value in self.front_end.items() if value is not None})

    @property
    def audio_rate(self) -> int | None:
        """The sampling rate [Hz] of the audio that `prepare` keeps; None: no teacher of the recipe hears it."""
        if not self.teachers and not self.network.branches:
            return None
        return max([self.front.sample_rate, *(teacher.rate for teacher in self.teachers)])

    def digest(self) -> str:
        """What tells two recipes apart: a hash of every value but where it runs."""
        values = {key: value for key, value in self.items() if key != "trainer"}
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def load_recipe(name: str | Path, overrides: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name : str or Path
        A YAML file, or the bare name of one in ``training/recipes``.
    overrides : dict, optional
        Values that win over the file's, keyed by dotted name: ``{"schedule.epochs": 2}``.

    Raises
    ------
    RecipeError
        The file is missing, is no YAML, or a value is missing or of the wrong kind.
    """
    path = Path(name)
    if not path.suffix:
        path = RECIPES / f"{str(name).replace('-', '_')}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise RecipeError(f"no recipe {name}: give a YAML file or one of {known}")
    config = confuse.Configuration("musrec-training", read=False)
    try:
        config.set_file(str(path), base_for_paths=True)
        for dotted, value in (overrides or {}).items():
            view: Any = config
            for key in dotted.split("."):
                view = view[key]
            view.set(value)
        recipe = Recipe(config.get(_TEMPLATE))
    except confuse.ConfigError as error:
        raise RecipeError(f"recipe {path.name}: {error}") from None
    try:
        _ = recipe.front
    except ValueError as error:
        raise RecipeError(f"recipe {path.name}: {error}") from None
    if problem := _contradiction(recipe):
        raise RecipeError(f"recipe {path.name}: {problem}")
    return recipe


def _contradiction(recipe: Recipe) -> str | None:
    """What two values of the recipe can't both be, or None."""
    if recipe.loss.teacher and not recipe.teacher:
        return "loss.teacher is above 0, but `teacher` names no file"
    if recipe.vector.teacher and not recipe.loss.teacher:
        return "vector.teacher needs loss.teacher above 0"
    if recipe.vector.tags and not recipe.loss.teacher and not recipe.network.branches:
        return "vector.tags needs loss.teacher above 0, or branches"
    if bool(recipe.network.taught) != bool(recipe.loss.taught):
        return "network.taught and loss.taught above 0 need each other"
    if recipe.vector.taught and not recipe.loss.taught:
        return "vector.taught needs loss.taught above 0"
    if recipe.schedule.branches_lr and not recipe.network.branches:
        return "schedule.branches_lr needs network.branches"
    if recipe.vector.head and not recipe.loss.contrastive:
        return "vector.head needs loss.contrastive above 0"
    if recipe.schedule.pretrain_epochs and not recipe.loss.contrastive:
        return "schedule.pretrain_epochs needs loss.contrastive above 0"
    files = [teacher.file for teacher in recipe.teachers]
    if len(set(files)) < len(files):
        return "`teachers` names a file twice"
    for teacher in recipe.teachers:
        if min(teacher.rate, teacher.samples, teacher.hop) <= 0 or not teacher.outputs:
            return f"the teacher {teacher.file} needs rate, samples and hop above 0, and outputs"
    return None
