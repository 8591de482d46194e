"""The front end is librosa's, and loudness does not matter to it."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from librosa.filters import mel
from numpy.typing import NDArray

from musrec_core.audio.features import log_mel, windows
from musrec_core.audio.infrasound import without_infrasound
from musrec_core.audio.silence import levels, without_silence
from musrec_core.card import FrontEnd

from ... import music

FRONT_END = FrontEnd()
BASIS = mel(sr=22_050, n_fft=2_048, n_mels=128).astype(np.float32)
RATE = 22_050


def song(style: str, seconds: float = 6) -> NDArray[np.float32]:
    y = music.STYLES[style](seconds, np.random.default_rng(0)).mean(axis=0)
    return librosa.resample(y, orig_sr=music.RATE, target_sr=22_050)


@pytest.mark.parametrize("style", list(music.STYLES))
def test_it_equals_librosa(style: str) -> None:
    y = song(style)
    reference = librosa.feature.melspectrogram(y=y, sr=22_050, n_fft=2_048, hop_length=512, n_mels=128)
    reference = librosa.power_to_db(reference, ref=np.max)
    reference = (reference - reference.mean()) / reference.std()
    ours = log_mel(y, BASIS, FRONT_END)
    assert ours.shape == (128, 1 + len(y) // 512)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, reference, atol=1e-4)


@pytest.mark.parametrize("samples", [3_000, 15_871, 15_872, 16_383, 16_384, 66_149, 66_150, 661_500])
def test_any_length_equals_librosa(samples: int) -> None:
    """One window, odd lengths, and a frame more or less than a block of frames."""
    y = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    reference = librosa.feature.melspectrogram(y=y, sr=22_050, n_fft=2_048, hop_length=512, n_mels=128)
    reference = librosa.power_to_db(reference, ref=np.max)
    np.testing.assert_allclose(
        log_mel(y, BASIS, FRONT_END), (reference - reference.mean()) / reference.std(), atol=1e-4
    )


@pytest.mark.parametrize(("n_fft", "hop", "n_mels"), [(1_024, 256, 40), (2_048, 1_024, 13), (512, 512, 64)])
def test_another_front_end_equals_librosa(n_fft: int, hop: int, n_mels: int) -> None:
    y = song("Nylon Guitar", seconds=4)
    reference = librosa.feature.melspectrogram(y=y, sr=22_050, n_fft=n_fft, hop_length=hop, n_mels=n_mels)
    reference = librosa.power_to_db(reference, ref=np.max)
    basis = mel(sr=22_050, n_fft=n_fft, n_mels=n_mels).astype(np.float32)
    ours = log_mel(y, basis, FrontEnd(n_fft=n_fft, hop_length=hop, n_mels=n_mels))
    np.testing.assert_allclose(ours, (reference - reference.mean()) / reference.std(), atol=1e-4)


def test_a_filter_bank_with_an_empty_band_and_one_that_hears_all() -> None:
    """What another model's card may bring: slices of bands without a bin, and with every bin."""
    y = song("Piano Waltz", seconds=4)
    basis = np.zeros((40, 1_025), np.float32)
    basis[3], basis[35, 100:200] = 1, 0.5
    power = basis @ np.square(np.abs(librosa.stft(y, n_fft=2_048, hop_length=512)))
    reference = librosa.power_to_db(power, ref=np.max)
    ours = log_mel(y, basis, FrontEnd(n_mels=40))
    np.testing.assert_allclose(ours, (reference - reference.mean()) / reference.std(), atol=1e-4)


def test_torchaudio_agrees() -> None:
    """So a GPU front end could feed the same network."""
    torch = pytest.importorskip("torch")
    transforms = pytest.importorskip("torchaudio.transforms")
    y = song("Piano Waltz")
    mel_spectrogram = transforms.MelSpectrogram(
        22_050, n_fft=2_048, hop_length=512, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )
    power = mel_spectrogram(torch.from_numpy(y))
    reference = transforms.AmplitudeToDB(top_db=80.0)(power / power.max())
    reference = (reference - reference.mean()) / reference.std(correction=0)
    np.testing.assert_allclose(log_mel(y, BASIS, FRONT_END), reference.numpy(), atol=1e-3)


def test_loudness_does_not_matter() -> None:
    y = song("Piano Waltz")
    for gain in (1e-4, 0.25, 1e6, 1e20):
        np.testing.assert_allclose(
            log_mel(y * np.float32(gain), BASIS, FRONT_END), log_mel(y, BASIS, FRONT_END), atol=1e-3
        )


def test_silence_and_a_click_stay_finite() -> None:
    click = np.zeros(66_150, np.float32)
    assert np.isfinite(log_mel(click, BASIS, FRONT_END)).all()
    click[30_000] = 1
    assert np.isfinite(log_mel(click, BASIS, FRONT_END)).all()


@pytest.mark.parametrize(("frames", "count"), [(130, 1), (131, 2), (260, 2), (1_292, 10), (40, 1)])
def test_windows_cover_the_clip(frames: int, count: int) -> None:
    spectrogram = np.tile(np.arange(frames, dtype=np.float32), (128, 1))
    w = windows(spectrogram, 130)
    assert w.shape == (count, 128, 130)
    assert set(np.unique(w)) == set(range(frames))
    assert count == 1 or np.ptp(np.diff(w[:, 0, 0])) <= 1  # evenly spread


def test_a_front_end_from_a_card_has_every_key() -> None:
    assert FrontEnd.from_dict(FRONT_END.to_dict()) == FRONT_END
    numbers = FRONT_END.to_dict()
    del numbers["hop_length"]
    with pytest.raises(ValueError, match="hop_length"):
        FrontEnd.from_dict(numbers)
    with pytest.raises(ValueError, match="below 1"):
        FrontEnd.from_dict({**FRONT_END.to_dict(), "hop_length": 0})


CLEAN = FrontEnd(remove_dc=True, skip_silent=True)


def test_a_front_ends_switches_may_be_missing() -> None:
    assert "remove_dc" not in FRONT_END.to_dict()
    assert FrontEnd.from_dict(CLEAN.to_dict()) == CLEAN
    with pytest.raises(ValueError, match="true or false"):
        FrontEnd.from_dict({**FRONT_END.to_dict(), "remove_dc": 1})
    with pytest.raises(ValueError, match="exactly the keys"):
        FrontEnd.from_dict({**FRONT_END.to_dict(), "skip": True})


T = np.arange(6 * 22_050) / 22_050
INAUDIBLE = {
    "constant": 0.05 + 0 * T,
    "step": np.where(T < 3, 0, 0.1),
    "drift": 0.2 * T / 6,
    "5 Hz": 0.1 * np.sin(2 * np.pi * 5 * T),
    "15 Hz": 0.1 * np.sin(2 * np.pi * 15 * T),
}


@pytest.mark.parametrize("kind", list(INAUDIBLE))
def test_what_nobody_hears_changes_little(kind: str) -> None:
    y = song("Piano Waltz")[: len(T)]
    y = y / np.abs(y).max() * np.float32(0.5)
    dirty = (y + INAUDIBLE[kind]).astype(np.float32)
    clean = log_mel(y, BASIS, CLEAN)
    changed = np.abs(log_mel(dirty, BASIS, CLEAN) - clean).mean()
    assert changed < 0.08
    assert changed < 0.5 * np.abs(log_mel(dirty, BASIS, FRONT_END) - log_mel(y, BASIS, FRONT_END)).mean()


@pytest.mark.parametrize("style", list(music.STYLES))
def test_an_ordinary_clip_is_left_as_it_is(style: str) -> None:
    y = song(style)
    difference = log_mel(y, BASIS, CLEAN) - log_mel(y, BASIS, FRONT_END)
    assert np.abs(difference).mean() < 0.02  # the lowest band of a frame, mostly


@pytest.mark.parametrize("noise", [0, 3e-5, 1e-4])
def test_silence_in_a_clip_does_not_count(noise: float) -> None:
    y = song("Piano Waltz", 8)
    gap = noise * np.random.default_rng(0).standard_normal(5 * 22_050).astype(np.float32)
    with_gap = log_mel(np.concatenate([y[:88_200], gap, y[88_200:]]), BASIS, CLEAN)
    reference = log_mel(y, BASIS, CLEAN)
    assert abs(with_gap.shape[1] - reference.shape[1]) < 10
    assert np.abs(with_gap[:, :150] - reference[:, :150]).mean() < 0.02


def test_rests_stay_and_so_does_a_clip_with_little_sound() -> None:
    y = song("Piano Waltz", 8)
    rest = np.concatenate([y[:88_200], np.zeros(22_050, np.float32), y[88_200:]])
    assert log_mel(rest, BASIS, CLEAN).shape == log_mel(rest, BASIS, FRONT_END).shape
    click = np.zeros(220_500, np.float32)
    click[100_000:110_000] = 0.5
    assert log_mel(click, BASIS, CLEAN).shape == (128, 431)
    assert np.isfinite(log_mel(click, BASIS, CLEAN)).all()


@pytest.mark.filterwarnings("error")
def test_no_samples_and_less_than_a_block() -> None:
    for samples in (0, 1, 100):
        y = np.ones(samples, np.float32)
        assert len(without_infrasound(y, RATE)) == samples
        assert len(without_silence(y, RATE, 0)) == samples
        assert len(levels(y, RATE)) == 0
