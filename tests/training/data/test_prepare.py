"""Preparing: killed and run again; and what it needs to be installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from musrec_core.workers.pool import WorkerPool
from training.data import decoder
from training.data import prepare as preparing
from training.data.cache import load_cache
from training.recipe import load_recipe

from ..conftest import imported, recipe_file


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_prepare_goes_on_where_it_was_killed(labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(recipe_file(tmp_path))
    monkeypatch.setattr(decoder, "PART_CLIPS", 5)
    monkeypatch.setattr(preparing, "_without_duplicates", interrupted)
    with pytest.raises(KeyboardInterrupt):
        preparing.prepare(recipe, labelled, tmp_path / "cache")
    kept = len(list((tmp_path / "cache" / "parts").glob("*.npz")))
    assert kept == 7  # 35 good clips

    monkeypatch.undo()
    asked: list[str] = []

    def nobody_answers(pool: WorkerPool, paths: Iterable[str]) -> Iterator[tuple[str, object]]:
        asked.extend(paths)
        return iter(())

    monkeypatch.setattr(WorkerPool, "map", nobody_answers)
    with pytest.raises(KeyError):  # the broken file alone is asked for again
        preparing.prepare(recipe, labelled, tmp_path / "cache")
    assert [Path(path).name for path in asked] == ["broken.flac"]

    monkeypatch.undo()
    preparing.prepare(recipe, labelled, tmp_path / "cache")
    assert not (tmp_path / "cache" / "parts").exists()
    whole = preparing.prepare(recipe, labelled, tmp_path / "other")
    np.testing.assert_array_equal(load_cache(tmp_path / "cache").frames, whole.frames)


def test_prepare_needs_no_torch(labelled: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path)
    arguments = ["prepare", "--recipe", str(recipe), "--music", str(labelled), "--out", str(tmp_path)]
    code = f"from training.__main__ import main\nif __name__ == '__main__':\n    assert main({arguments}) == 0"
    assert not {"torch", "lightning", "torchaudio"} & imported(code)
