"""Resampling is soxr's, librosa's default: the same vectors, no delay, no seam, no alias, at every rate."""

from __future__ import annotations

import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core import Encoder
from musrec_core.audio.resampling import resample

from ... import music

RATE = 22_050
RATES = [8_000, 11_025, 12_000, 16_000, 24_000, 32_000, 37_800, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000]
ODD_RATES = [7_919, 44_056, 44_099, 44_101, 48_001]


def noise(rate: int, seconds: float = 3) -> NDArray[np.float32]:
    return np.random.default_rng(rate).standard_normal(round(seconds * rate)).astype(np.float32)


def tone(frequency: float, rate: int, samples: int) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * frequency * np.arange(samples) / rate).astype(np.float32)


def decibels(part: NDArray[np.float32], whole: NDArray[np.float32]) -> float:
    return float(20 * np.log10(part.std() / whole.std()))


@pytest.mark.parametrize("rate", RATES)
def test_it_equals_soxr(rate: int) -> None:
    y = noise(rate)
    reference = librosa.resample(y, orig_sr=rate, target_sr=RATE, res_type="soxr_hq")
    ours = resample(y, rate, RATE)
    assert ours.dtype == np.float32
    assert ours.shape == reference.shape
    assert decibels(ours - reference, reference) < -45  # where the filter falls, from 10.1 to 11 kHz


@pytest.mark.parametrize("rate", RATES[1:])
def test_what_is_flat_equals_soxr_to_the_last_bits(rate: int) -> None:
    low = librosa.resample(noise(8_000), orig_sr=8_000, target_sr=rate, res_type="soxr_vhq")
    reference = librosa.resample(low, orig_sr=rate, target_sr=RATE, res_type="soxr_vhq")
    inner = slice(500, -500)
    assert decibels((resample(low, rate, RATE) - reference)[inner], reference) < -90


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_comes_through_without_delay_or_seam(rate: int) -> None:
    """Over several blocks, and louder than full scale as much as below it."""
    expected = tone(1_000, RATE, 12 * RATE)
    for gain in (1e-6, 1, 1e9):
        y = resample(np.float32(gain) * tone(1_000, rate, 12 * rate), rate, RATE) / np.float32(gain)
        np.testing.assert_allclose(y[500:-500], expected[500:-500], atol=2e-6)


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate >= 32_000])
def test_what_the_new_rate_has_no_room_for_is_gone(rate: int) -> None:
    for frequency in (11_050, 11_500, 13_000, 15_900):
        y = resample(tone(frequency, rate, 3 * rate), rate, RATE)
        assert np.abs(y[500:-500]).max() < 1e-6, frequency  # -120 dB


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate < RATE])
def test_no_image_appears_above_what_there_was(rate: int) -> None:
    y = resample(noise(rate), rate, RATE)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    above = np.fft.rfftfreq(len(y), 1 / RATE) > rate / 2 + 10
    assert spectrum[above].max() < 1e-5 * spectrum.max()


@pytest.mark.parametrize("rate", ODD_RATES)
def test_an_odd_rate_is_right_to_half_a_cent(rate: int) -> None:
    y = resample(tone(1_000, rate, 30 * rate), rate, RATE)
    assert len(y) == 30 * RATE
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 1 << 22))
    heard = np.fft.rfftfreq(1 << 22, 1 / RATE)[spectrum.argmax()]
    assert abs(1_200 * np.log2(heard / 1_000)) < 0.5
    assert np.abs(y[500:-500]).max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rate", [1, 7, 44_101, 96_000, 768_000, 999_983])
@pytest.mark.parametrize("samples", [0, 1, 2, 95, 4_095, 4_097, 8_001])
def test_any_length_at_any_rate(rate: int, samples: int) -> None:
    y = resample(np.ones(samples, np.float32), rate, min(RATE, 50 * rate))
    assert y.shape == (round(samples * min(RATE, 50 * rate) / rate),)
    assert np.isfinite(y).all()


def test_embedding_needs_no_soxr(waltz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    assert np.linalg.norm(Encoder.load(threads=1).embed_file(waltz).vector) == pytest.approx(1, abs=1e-5)


def test_the_same_rate_costs_nothing() -> None:
    y = noise(RATE)
    assert resample(y, RATE, RATE) is y


@pytest.mark.parametrize("style", list(music.STYLES))
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_embeddings_are_those_of_soxr(style: str, rate: int) -> None:
    """So vectors that are stored stay good: 0.001 would be seen."""
    encoder = Encoder.load(threads=1)
    y = music.STYLES[style](12, np.random.default_rng(1)).mean(axis=0).astype(np.float32)
    y = librosa.resample(y, orig_sr=music.RATE, target_sr=rate, res_type="soxr_vhq")
    soxr = encoder.embed_clip(librosa.resample(y, orig_sr=rate, target_sr=RATE, res_type="soxr_hq")).vector
    assert 1 - float(soxr @ encoder.embed_clip(resample(y, rate, RATE)).vector) < 2e-4
