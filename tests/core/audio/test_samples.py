"""Frames of every sample format and layout give the same mono sound, joined without a seam."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.audio.samples import mono

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
    y = mono(44_100, [(frame(x[:, :300], sample_format), 0), (frame(x[:, 300:], sample_format), 0)]).y
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, x.mean(axis=0), atol=1e-6)


def test_samples_are_skipped_where_a_piece_says_so() -> None:
    x = np.arange(8)[None] / 16
    y = mono(44_100, [(frame(x[:, :5], "fltp"), 3), (frame(x[:, 5:], "fltp"), 1)]).y
    np.testing.assert_array_equal(y, np.array([3, 4, 6, 7]) / 16)


@pytest.mark.filterwarnings("error")
def test_damaged_samples_become_silence() -> None:
    x = np.array([[0.5, np.nan, np.inf, -np.inf, 1e300, 0.25], [0.5, 0.0, -np.inf, 0.0, 1e300, 0.25]])
    for sample_format in ("dbl", "dblp"):
        np.testing.assert_array_equal(mono(44_100, [(frame(x, sample_format), 0)]).y, [0.5, 0, 0, 0, 0, 0.25])
