"""Copies of a recording are known by their sound; other songs, other mixes and other edits are not taken for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.audio.resampling import resample
from musrec_core.errors import UnusableAudio
from musrec_core.search.fingerprint import (
    SAMPLE_RATE,
    Fingerprint,
    align,
    fingerprint,
    fingerprint_file,
    fingerprint_in_worker,
)
from musrec_core.search.fingerprint import is_copy as same
from tests import music

Samples = NDArray[np.float32]
SECONDS = 20.0


def composed(seed: int, style: str = "Piano Waltz") -> Samples:
    """A song [shape=(2, n)] at 44.1 kHz."""
    return music.STYLES[style](SECONDS, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def song() -> Samples:
    return composed(7)


def of(y: Samples) -> Fingerprint:
    return fingerprint(resample(y.mean(axis=0), music.RATE, SAMPLE_RATE))


def silence(seconds: float) -> Samples:
    return np.zeros((2, round(seconds * music.RATE)), np.float32)


def noise(seconds: float, level: float) -> Samples:
    y = np.random.default_rng(0).standard_normal((2, round(seconds * music.RATE)), np.float32)
    return y * np.float32(level)


def through(ending: str, bit_rate: int) -> Callable[[Samples, Path], Fingerprint]:
    return lambda y, folder: fingerprint_file(music.encode(y, folder / f"copy.{ending}", bit_rate=bit_rate))


COPIES: dict[str, Callable[[Samples, Path], Fingerprint]] = {
    "itself": lambda y, folder: of(y),
    "MP3, 64 kbit/s": through("mp3", 64_000),
    "Opus, 48 kbit/s": through("opus", 48_000),
    "AAC": through("m4a", 96_000),
    "FLAC": through("flac", 0),
    "12 dB softer": lambda y, folder: of(y * np.float32(0.25)),
    "upside down": lambda y, folder: of(-y),
    "16 kHz": lambda y, folder: fingerprint(
        resample(resample(y.mean(axis=0), music.RATE, 16_000), 16_000, SAMPLE_RATE)
    ),
    "start cut": lambda y, folder: of(y[:, round(2.345 * music.RATE) :]),
    "end cut": lambda y, folder: of(y[:, : -3 * music.RATE]),
    "silence before": lambda y, folder: of(np.hstack([silence(3), y])),
    "a long silence after": lambda y, folder: of(np.hstack([y, silence(60)])),
    "hiss after": lambda y, folder: of(np.hstack([y, noise(10, 1e-5)])),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_known(song: Samples, tmp_path: Path, kind: str) -> None:
    original, copy = of(song), COPIES[kind](song, tmp_path)
    assert same(original, copy)
    assert same(copy, original)


def test_where_they_lie_over_each_other(song: Samples) -> None:
    cut = align(of(song), of(song[:, 2 * music.RATE :]))
    assert cut is not None
    assert cut.lag == pytest.approx(2, abs=0.03)
    assert cut.surplus == pytest.approx(2, abs=0.3)
    assert cut.same == 1
    assert cut.errors < 0.05


@pytest.mark.parametrize("style", music.STYLES)
def test_other_songs_of_a_style_are_others(style: str) -> None:
    songs = [of(composed(seed, style)) for seed in range(5)]
    assert not any(same(a, b) for a, b in combinations(songs, 2))


def test_a_piece_played_again_is_another_recording() -> None:
    def played(tempo: float) -> Samples:
        track = music.Track(SECONDS)
        for n in range(int(SECONDS / tempo)):
            track.put(n * tempo, music.piano(45 + (0, 4, 7, 12, 7, 4)[n % 6], 2 * tempo))
        return track.mixed()

    assert same(of(played(0.5)), of(played(0.5)[:, music.RATE :]))
    assert not same(of(played(0.5)), of(played(0.52)))


def test_another_mix_and_another_edit_are_others(song: Samples) -> None:
    original, other = of(song), composed(8, "Distorted Rock")
    half = song.shape[1] // 2
    mix = song.copy()
    mix[:, half:] += other[:, half : song.shape[1]]
    assert not same(original, of(mix))
    assert not same(original, of(np.hstack([song, other[:, : 8 * music.RATE]])))  # longer
    assert not same(original, of(np.hstack([other[:, : 8 * music.RATE], song])))
    assert not same(original, of(np.hstack([song[:, :half], other[:, : 2 * half]])))
    assert not same(original, of(song[:, :half]))


def test_silence_is_like_nothing(song: Samples) -> None:
    quiet = of(silence(10))
    assert not same(quiet, of(song))
    assert not same(quiet, quiet)


def test_a_file_that_cannot_be_heard(tmp_path: Path) -> None:
    outcome = fingerprint_in_worker(str(tmp_path / "gone.mp3"))
    assert isinstance(outcome, UnusableAudio)
    assert outcome.reason == "missing"
