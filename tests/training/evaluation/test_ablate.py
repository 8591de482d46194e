"""Ablation studies."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from training.__main__ import main
from training.evaluation.ablate import table

from ..conftest import recipe_file


def test_an_ablation_goes_on_and_gives_a_table(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {
        "seeds": [1, 2],
        "base": {"schedule.epochs": 1, "schedule.crops_per_epoch": 32},
        "variants": {"base": None, "no mixup": {"augment.mixup": 0}},
        "vectors": {"genres": {"genres": 1.0}},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    common = ["ablate", "--recipe", str(recipe_file(tmp_path)), "--cache", str(trained / "cache"), "--out",
              str(tmp_path / "out"), "--plan", str(tmp_path / "plan.yaml")]  # fmt: skip
    assert main(common) == 0
    first = capsys.readouterr().out
    assert [line.split(" | ")[:3] for line in first.splitlines()[2:]] == [
        ["| base", "its own", "2"], ["| base", "genres", "2"], ["| no mixup", "its own", "2"]]  # fmt: skip
    trained_before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("encoder.pt")}
    assert len(trained_before) == 4
    assert main(common) == 0
    assert capsys.readouterr().out == first
    assert all(path.stat().st_mtime_ns == when for path, when in trained_before.items())


def test_the_table_shows_mean_and_deviation_over_seeds() -> None:
    rows = [{"variant": "a", "vector": "its own", "mAP": value} for value in (0.4, 0.6)]
    assert "| a | its own | 2 | 0.500 ± 0.100 |" in table(rows)
