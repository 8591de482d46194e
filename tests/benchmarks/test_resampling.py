"""The ways to the model's rate, and what they do to embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.resampling import composed, distances, recorded, rows
from musrec_core import Encoder
from tests import music


def test_every_way_is_compared(short: list[Path]) -> None:
    encoder = Encoder.load(threads=1)
    (rate, y), *_ = recorded(short[0].parent, 2)
    for compared in (44_100, 48_000):
        found = {row[1]: row for row in rows(encoder, compared, [(rate, y)], 1)}
        assert {"soxr, HQ", "numpy (shipped)", "FFmpeg, its default", "FFmpeg, a steeper filter"} <= found.keys()
        assert ("none: longer spectra" in found) == (compared == 48_000)  # three times the rate of the encoder
    assert distances(encoder, rate, [y])["soxr, HQ"][0] < 1e-6


def test_without_a_folder_a_clip_of_each_style_is_composed() -> None:
    clips = composed(2)
    assert len(clips) == len(music.STYLES)
    assert all(len(y) == pytest.approx(2 * rate, rel=0.5) for rate, y in clips)
