"""Changed copies of a song."""

from __future__ import annotations

from pathlib import Path

from musrec_core import Encoder
from training.data.cache import load_cache
from training.evaluation.robustness import robustness


def test_a_changed_song_is_still_itself(trained: Path) -> None:

    cache = load_cache(trained / "cache")
    tracks = [cache.tracks[i] for i in cache.split("test")][:6]
    figures = robustness(Encoder.load(trained / "export" / "tiny.onnx"), tracks)
    assert set(figures) >= {"MP3 at 64 kbit/s", "-12 dB", "16 kHz", "offset of +5 %", "one channel inverted"}
    assert figures["-12 dB"]["first"] == 1
    assert figures["one channel inverted"]["cosine"] > 0.999  # the louder channel speaks
    assert figures["-12 dB"]["cosine"] > figures["16 kHz"]["cosine"]
    assert all(f["songs"] == 6 and 1 <= f["median_rank"] <= 6 for f in figures.values())
