"""Ways to hear a whole song, compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musrec_core.audio.clip import load_excerpts
from musrec_core.card import Card
from training.__main__ import main
from training.evaluation.excerpts import excerpts, ranks_of_twins, spread

from ... import music

CARD = Card.load(None)
MODEL = CARD.folder / CARD.weights


def test_pieces_are_those_that_a_files_excerpts_are_of(tmp_path: Path) -> None:
    sweep = np.sin(np.linspace(0, 300, 30 * 8_000) ** 2 / 40)
    y = (sweep * 0.5).astype(np.float32)  # each moment has its own pitch
    music.encode(y[None], tmp_path / "song.wav", rate=8_000)
    for count in (1, 3):
        ours = spread(y, count, 9 * 8_000)
        theirs = load_excerpts(tmp_path / "song.wav", count, seconds=9, sample_rate=8_000)
        for mine, other in zip(ours, theirs, strict=True):
            assert len(mine) == 9 * 8_000 // count
            assert np.corrcoef(mine[:70_000], other[: min(len(mine), 70_000)])[0, 1] > 0.9
    (middle,) = spread(y, 1, 8_000)
    np.testing.assert_array_equal(middle, y[len(y) // 2 - 4_000 : len(y) // 2 + 4_000])
    assert len(spread(y, 10, len(y))) == 1  # all of a short song


def test_a_twins_rank() -> None:
    answers = np.eye(3, dtype=np.float32)
    asked = np.array([[1, 0, 0], [0.9, 0.5, 0.1], [0.1, 0.5, 0.9]], np.float32)
    assert ranks_of_twins(asked, answers).tolist() == [1, 2, 1]


def test_the_comparison_of_whole_songs(tmp_path: Path) -> None:
    styles = list(music.STYLES)[:2]
    for n, style in enumerate(styles):
        for k in range(5):
            song = music.Song(style, f"Composer {n}", "Album", f"{k}", k + 1, "flac", 10 * n + k)
            file = tmp_path / "songs" / f"package-{n}" / f"{k}.flac"
            music.encode(music.compose(song, 13), file)
            music.tag(file, song)
    music.encode(music.compose(song, 4), tmp_path / "songs" / "package-0" / "jingle.flac")
    text = excerpts(MODEL, tmp_path / "songs", (1, 2), 1, least_seconds=12)
    assert text.startswith("10 songs of 12 s or more, 0.0 h")
    header, _, one, two = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
    assert header[0] == "excerpts"
    assert header[-1] == "composer: mAP (10 songs)"
    assert (one[0], two[0]) == ("1", "2")
    assert float(one[1].split()[0]) > 0.3  # of ten; chance finds one
    assert float(one[header.index("composer: mAP (10 songs)")]) > 0.6  # two styles


def test_too_few_songs_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "songs").mkdir()
    assert main(["excerpts", str(MODEL), str(tmp_path / "songs")]) == 1
    assert "has 0 songs of 90 s or more" in capsys.readouterr().err
