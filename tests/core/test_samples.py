"""Frames of every sample format and layout give the same mono sound, joined without a seam."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.samples import mono

FORMATS = {"u8": 128, "s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


def frame(x: NDArray[np.float64], sample_format: str) -> av.AudioFrame:
    """A frame with these samples [shape=(channels, n)], at 44,100 Hz."""
    name = sample_format.removesuffix("p")
    dtype = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}[name]
    scaled = x * FORMATS[name] + (128 if name == "u8" else 0)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(x)]
    y = scaled.astype(dtype) if sample_format.endswith("p") else scaled.astype(dtype).T.reshape(1, -1)
    made = av.AudioFrame.from_ndarray(np.ascontiguousarray(y), format=sample_format, layout=layout)
    made.sample_rate = 44_100
    return made


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("sample_format", [name + planar for name in FORMATS for planar in ("", "p")])
def test_every_sample_format_gives_the_mean_of_the_channels(sample_format: str, channels: int) -> None:
    x = np.random.default_rng(0).integers(-100, 100, (channels, 700)) / 128  # exact in eight bits
    y = mono([(frame(x[:, :300], sample_format), 0), (frame(x[:, 300:], sample_format), 0)])
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, x.mean(axis=0), atol=1e-6)


def test_samples_are_skipped_where_a_piece_says_so() -> None:
    x = np.arange(8)[None] / 16
    y = mono([(frame(x[:, :5], "fltp"), 3), (frame(x[:, 5:], "fltp"), 1)])
    np.testing.assert_array_equal(y, np.array([3, 4, 6, 7]) / 16)


@pytest.mark.filterwarnings("error")
def test_damaged_samples_become_silence() -> None:
    x = np.array([[0.5, np.nan, np.inf, -np.inf, 1e300, 0.25], [0.5, 0.0, -np.inf, 0.0, 1e300, 0.25]])
    for sample_format in ("dbl", "dblp"):
        np.testing.assert_array_equal(mono([(frame(x, sample_format), 0)]), [0.5, 0, 0, 0, 0, 0.25])


def frames(x: NDArray[np.float64], sample_format: str = "fltp") -> list[tuple[av.AudioFrame, int]]:
    return [(frame(x[:, k : k + 1_000], sample_format), 0) for k in range(0, x.shape[1], 1_000)]


SONG = np.random.default_rng(0).normal(0, 0.1, 60_000)


@pytest.mark.parametrize("sample_format", ["flt", "fltp", "dblp"])
@pytest.mark.parametrize("factor", [-1, -0.9])
def test_where_channels_cancel_the_louder_one_speaks(sample_format: str, factor: float) -> None:
    y = mono(frames(np.stack([factor * SONG, SONG]), sample_format))
    np.testing.assert_allclose(np.abs(y), np.abs(SONG), atol=1e-5)


def test_hiss_does_not_take_the_place_of_what_cancels() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.001, (2, len(SONG)))
    y = mono(frames(np.stack([SONG, -SONG]) + hiss))
    assert abs(np.corrcoef(y, SONG)[0, 1]) > 0.99


def test_channels_that_cancel_in_a_part_of_the_file() -> None:
    sign = np.where(np.arange(len(SONG)) < 30_000, 1, -1)
    y = mono(frames(np.stack([SONG, SONG * sign])))
    for part in (slice(0, 20_000), slice(45_000, 60_000)):
        np.testing.assert_allclose(np.abs(y[part]), np.abs(SONG[part]), atol=1e-5)


def test_an_inverted_surround_and_a_bass_that_is_left() -> None:
    bass = 0.05 * np.sin(np.arange(len(SONG)) * 0.005)
    x = np.stack([SONG, SONG, 0 * SONG, bass, -SONG, -SONG])
    y = mono(frames(x))
    assert abs(np.corrcoef(y, SONG)[0, 1]) > 0.9


@pytest.mark.parametrize("kind", ["wide", "independent", "one channel", "quieter inverted"])
def test_other_stereo_keeps_its_mean(kind: str) -> None:
    other = np.random.default_rng(2).normal(0, 0.1, len(SONG))
    x = {
        "wide": np.stack([SONG + 2 * other, SONG - 2 * other]),
        "independent": np.stack([SONG, other]),
        "one channel": np.stack([SONG, 0 * SONG]),
        "quieter inverted": np.stack([SONG, -0.3 * SONG]),
    }[kind]
    np.testing.assert_allclose(mono(frames(x)), x.mean(axis=0), atol=1e-6)


def test_a_constant_in_both_channels_hides_nothing() -> None:
    y = mono(frames(np.stack([SONG + 0.3, 0.3 - SONG])))
    assert abs(np.corrcoef(y, SONG)[0, 1]) > 0.99
