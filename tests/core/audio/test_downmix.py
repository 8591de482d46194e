"""The mean of the channels, and the louder one where they cancel each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core import Encoder
from musrec_core.audio.downmix import louder_channel

from ... import music

RATE = 44_100
Samples = NDArray[np.float32]


def noise(seed: int, n: int = 4 * 16_384) -> Samples:
    """Pink, as music is more than white noise."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, n))
    y = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)))
    return (0.1 * y / y.std()).astype(np.float32)


SONG, OTHER = noise(0), noise(1)


def delayed(samples: int) -> Samples:
    return np.roll(SONG, samples)


BASS = (0.05 * np.sin(np.arange(len(SONG)) * 0.005)).astype(np.float32)
HALF = np.where(np.arange(len(SONG)) < len(SONG) // 2, 1, -1).astype(np.float32)
CANCEL = {
    "inverted": np.stack([SONG, -SONG]),
    "inverted, one softer": np.stack([-0.9 * SONG, SONG]),
    "inverted, with hiss": np.stack([SONG, -SONG]) + 0.001 * np.stack([noise(2), noise(3)]),
    "inverted for a part": np.stack([SONG, SONG * HALF]),
    "inverted, with a constant": np.stack([SONG + 0.3, 0.3 - SONG]),
    "inverted, with a bass in both": np.stack([SONG + BASS, BASS - SONG]),
    "inverted and delayed": np.stack([SONG, -delayed(30)]),
    "inverted surround": np.stack([SONG, SONG, 0 * SONG, BASS, -SONG, -SONG]),
    **{f"delayed by {n}": np.stack([SONG, delayed(n)]) for n in (4, 22, 44, 180, 882)},
}
KEEP = {
    "mono": SONG[None],
    "the same twice": np.stack([SONG, SONG]),
    "wide": np.stack([SONG + 1.5 * OTHER, SONG - 1.5 * OTHER]),
    "independent": np.stack([SONG, OTHER]),
    "one channel": np.stack([SONG, 0 * SONG]),
    "5.1": np.stack([SONG, OTHER, SONG + OTHER, BASS, noise(4), noise(5)]),
    "an echo that one hears": np.stack([SONG, delayed(4_410)]),
    "silence": np.zeros((2, len(SONG)), np.float32),
}


@pytest.mark.parametrize("kind", CANCEL)
def test_where_channels_cancel_the_louder_one_speaks(kind: str) -> None:
    x = CANCEL[kind]
    loud = np.square(x - x.mean(axis=1, keepdims=True)).sum(axis=1)
    channel = louder_channel([x[:, :16_384], x[:, 32_768:49_152]], RATE)
    assert channel is not None
    assert loud[channel] > 0.8 * loud.max()


@pytest.mark.parametrize("kind", KEEP)
def test_ordinary_channels_keep_their_mean(kind: str) -> None:
    x = KEEP[kind].astype(np.float32)
    assert louder_channel([x[:, :16_384], x[:, 32_768:49_152]], RATE) is None


def test_a_recording_too_short_to_tell_keeps_its_mean() -> None:
    assert louder_channel([], RATE) is None
    assert louder_channel([np.stack([SONG, -SONG])[:, :500]], RATE) is None


@pytest.mark.parametrize("ending", ["flac", "mp3", "opus", "wav"])
def test_a_file_with_an_inverted_channel_sounds_as_without(tmp_path: Path, ending: str) -> None:
    y = music.compose(music.Song("Distorted Rock", "a", "b", "c", 1, "flac", 3), 8)[:1]
    plain = music.encode(np.concatenate([y, y]), tmp_path / f"plain.{ending}")
    inverted = music.encode(np.concatenate([-y, y]), tmp_path / f"inverted.{ending}")
    encoder = Encoder.load()
    assert encoder.embed_file(plain).vector @ encoder.embed_file(inverted).vector > 0.99
