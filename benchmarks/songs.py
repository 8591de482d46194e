"""The music that the benchmarks run on: the user's, or composed."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from tests import music

ENDINGS = (*music.FORMATS, "wav")


def songs(folder: Path | None, scratch: Path, *, seconds: float = 240.0) -> list[Path]:
    """Up to twelve files of a folder, or a composed song in each format."""
    if folder is None:
        return compose(scratch, seconds=seconds)
    return sorted(p for p in folder.rglob("*") if p.is_file())[:12]


def compose(folder: Path, *, seconds: float = 240.0) -> list[Path]:
    """The same song in each format; 40 seconds of music, repeated."""
    y = music.compose(music.collection(1)[0], min(seconds, 40.0))
    y = np.tile(y, (1, int(np.ceil(seconds / 40))))
    return [music.encode(y, folder / f"song.{ending}") for ending in ENDINGS]


def surround(path: Path, *, seconds: float = 36.0, rate: int = 96_000, channels: int = 6) -> Path:
    """A master of many channels and a high rate: what takes the most memory."""
    noise = np.random.default_rng(0).integers(-8_000, 8_000, (int(seconds * rate), channels), dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(noise.astype("<i2").tobytes())
    return path
