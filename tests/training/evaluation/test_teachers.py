"""Teachers and their ensemble as systems, and the agreement with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.data.cache import Track
from training.data.targets import Targets
from training.evaluation.report import _agreement
from training.evaluation.systems import System
from training.evaluation.teachers import agreement, ensemble_of, heard_by, joined_tags, said_of, taught_systems
from training.recipe import load_recipe

IDS = [f"song-{n}" for n in range(12)]
TRACKS = [Track(id_, id_, "valid", ("Rock",), ("rock",), Path(id_)) for id_ in IDS]


def targets(name: str, tags: Any, ids: list[str] = IDS) -> Targets:
    """Two windows of each clip, which say ``tags`` on average."""
    tags = np.asarray(tags, np.float32)
    both = np.stack([tags - 0.125, tags + 0.125], axis=1).reshape(-1, tags.shape[1]).astype(np.float16)
    windows = {id_: range(2 * n, 2 * n + 2) for n, id_ in enumerate(ids)}
    outputs = {"tags": both, "map": both[:, :, None]}
    mean = {output: column.mean(axis=0, dtype=np.float32) for output, column in outputs.items()}
    starts = np.zeros(len(both), np.float32)
    return Targets(name, 3.0, starts, windows, outputs, mean, mean, {"tags": [], "map": []})


def random_tags(seed: int, count: int = 6) -> Any:
    return np.random.default_rng(seed).integers(0, 8, (len(IDS), count)) / 4


def test_a_clips_windows_are_averaged_and_centred() -> None:
    tags = random_tags(0)
    said = said_of(targets("a", tags), "tags")
    np.testing.assert_allclose(np.stack([said[id_] for id_ in IDS]), tags - tags.mean(axis=0), atol=1e-3)


def test_each_teacher_weighs_the_same_in_the_ensemble() -> None:
    first, second = random_tags(1), 0.01 * random_tags(2, count=20)
    joined = joined_tags([targets("a", first), targets("b", second)])
    assert joined[IDS[0]].shape == (26,)
    a, b = joined[IDS[0]][:6], joined[IDS[0]][6:]
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-3)
    assert np.linalg.norm(b) == pytest.approx(1, abs=1e-3)


def test_a_teacher_that_lacks_a_song_is_left_out_and_named() -> None:
    whole, part = targets("whole", random_tags(1)), targets("part", random_tags(2)[:-1], IDS[:-1])
    systems, left_out = taught_systems([whole, part], [whole, part], TRACKS)
    assert [system.name for system in systems] == ["teacher whole, tags, cosine"]  # maps are no vectors
    assert left_out == dict.fromkeys(
        ["teacher part, tags, cosine", "ensemble of whole and part, cosine"], "has not heard 1 of the songs"
    )


def test_the_ensemble_is_what_is_named_or_the_recipes_or_all(tmp_path: Path) -> None:
    recipe = load_recipe("musrec_1")
    heard = [targets(name, random_tags(1)) for name in ("a", "b", "c")]
    assert [one.teacher for one in ensemble_of(heard, recipe, ["c", "a"])] == ["c", "a"]
    assert [one.teacher for one in ensemble_of(heard, recipe, [])] == ["a", "b", "c"]
    options = [{"file": f"{name}.onnx", "rate": 8000, "samples": 10, "hop": 1, "outputs": ["tags"]} for name in "bx"]
    taught = load_recipe("musrec_1", {"teachers": options})
    assert [one.teacher for one in ensemble_of(heard, taught, [])] == ["b"]
    with pytest.raises(Exception, match="the teacher d has given no tags"):
        ensemble_of(heard, recipe, ["d"])
    assert heard_by(tmp_path) == []


def test_agreement_is_of_pairs_of_other_artists_and_of_each_kind_of_music() -> None:
    theirs = joined_tags([targets("a", random_tags(1))])
    unlabelled = [Track(f"free-{n}", "", "valid", (), (), None, song=str(n // 2), collection="g") for n in range(12)]
    rng = np.random.default_rng(0)
    theirs |= {track.id: rng.standard_normal(6).astype(np.float32) for track in unlabelled}
    same = System("same", {id_: theirs[id_] for id_ in IDS}, "cosine")
    other = System("other", {id_: rng.standard_normal(9).astype(np.float32) for id_ in IDS}, "cosine")
    more = {"same": {track.id: theirs[track.id] for track in unlabelled}}
    found = agreement([*TRACKS, *unlabelled], [same, other], theirs, more)
    assert found["sung"]["pairs"] == 12 * 11 / 2
    assert found["sung"]["correlation"]["same"] == pytest.approx(1)
    assert abs(found["sung"]["correlation"]["other"]) < 0.5
    assert found["instrumental"]["pairs"] == 12 * 11 / 2 - 6  # no two clips of one song
    assert set(found["instrumental"]["correlation"]) == {"same"}  # the other system does not know these clips
    text = _agreement({"with": "teacher a", "kinds": found})
    assert "| same | 1.000 | 1.000 |" in text
    assert "sung music (12 clips, 66 pairs)" in text
