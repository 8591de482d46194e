"""Other recipes trained on the same cache, so that evaluation compares like with like."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..data.cache import HEARD_AT_ONCE, Cache, differing, load_cache
from ..data.prepare import prepare
from ..export.export import export
from ..fit.fit import fit
from ..recipe import Recipe, load_recipe


def compared_models(
    names: Sequence[str], ours: Recipe, cache: Cache, folder: Path, overrides: dict[str, Any], music: Path
) -> list[Path]:
    """Exported encoders of these recipes; those that ``folder`` lacks are trained first.

    A recipe with another front end than the cache's gets a cache of the same clips, which is prepared once from
    ``music``.

    A recipe's ``crops_per_epoch`` is meant for FMA-small; on a smaller cache an epoch holds a slice of 3 s for every
    slice that there is. Of the overrides, only those of the schedule and of the trainer count.
    """
    found = []
    shared = {key: value for key, value in overrides.items() if key.startswith(("schedule.", "trainer."))}
    shared |= {"card.training_data": ours.card.training_data, "card.licence": ours.card.licence}
    for name in names:
        recipe = load_recipe(name, shared)
        out = folder / recipe.name
        path = out / "export" / f"{recipe.name}.onnx"
        if not path.with_suffix(".json").is_file():
            own = _cache_for(recipe, ours, cache, folder, music)
            slices = int(own.length[own.split("train")].sum()) // recipe.front.window_frames
            crops = min(recipe.schedule.crops_per_epoch, slices)
            fitting = load_recipe(name, shared | {"schedule.crops_per_epoch": crops})
            print(f"training {recipe.name} for the comparison: once, {recipe.schedule.epochs} epochs", file=sys.stderr)
            fit(fitting, own, out)
            export(fitting, own, out)
        found.append(path)
    return found


def _cache_for(recipe: Recipe, ours: Recipe, cache: Cache, folder: Path, music: Path) -> Cache:
    if not differing(recipe.front, cache.front_end):
        return cache
    settings = json.dumps({k: v for k, v in asdict(recipe.front).items() if k not in HEARD_AT_ONCE}, sort_keys=True)
    own = folder / f"cache-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    if (own / "tracks.json").is_file():
        return load_cache(own)
    print(f"preparing the clips for {recipe.name}, whose front end is another: once", file=sys.stderr)
    return prepare(Recipe(recipe | {"data": ours.data, "teacher": None, "teachers": []}), music, own)
