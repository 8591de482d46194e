"""Recipes: one YAML file says all of a training run. Read and checked by confuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import confuse

from musrec_core.card import FrontEnd

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
                "log_mel": confuse.Optional(str),
                "id_prefix": confuse.String(default=""),
                "fma": confuse.Optional(confuse.OneOf(["small", "medium", "large"])),
                "free_only": confuse.TypeTemplate(bool, False),
                "whole_albums": confuse.TypeTemplate(bool, False),
            }
        ),
        "labels": confuse.MappingValues(confuse.StrSeq(split=False)),
    },
    "front_end": {key: confuse.Number() for key in FrontEnd.__dataclass_fields__},
    "network": {
        "stem": int,
        "stages": confuse.Sequence(int),
        "features": int,
        "embedding": int,
        "dropout": confuse.Number(),
    },
    "loss": {key: confuse.Number() for key in ("genre", "label_smoothing", "contrastive", "temperature", "teacher")},
    "teacher": confuse.Optional(str),
    "vector": {key: confuse.Number(0.0) for key in ("head", "features", "teacher", "genres", "tags")},
    "augment": {
        "mixup": confuse.Number(),
        "frequency_mask": int,
        "time_mask": int,
        "tilt": confuse.Number(),
    },
    "schedule": {
        "epochs": int,
        "crops_per_epoch": int,
        "batch_clips": int,
        "max_lr": confuse.Number(),
        "weight_decay": confuse.Number(),
        "ema": confuse.Number(),
        "gradient_clip": confuse.Number(),
        "precision": confuse.OneOf(["bf16-mixed", "32-true"]),
    },
    "card": {"training_data": str, "licence": str},
}


class RecipeError(Exception):
    """A recipe can't be used; the message says why in one sentence."""


class Recipe(confuse.AttrDict):
    """A checked recipe: ``recipe.network.stem`` and so on."""

    @property
    def front(self) -> FrontEnd:
        """The front end as the value that `musrec_core` uses."""
        return FrontEnd.from_dict(dict(self.front_end))

    @property
    def vocabulary(self) -> list[str]:
        """The genres, sorted: every genre that some label names."""
        return sorted({genre for genres in self.data["labels"].values() for genre in genres})


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
    if recipe.loss.teacher and not recipe.teacher:
        raise RecipeError(f"recipe {path.name}: loss.teacher is above 0, but `teacher` names no file")
    return recipe
