"""The front end is librosa's, and loudness does not matter to it."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from librosa.filters import mel
from numpy.typing import NDArray

from musrec_core.card import FrontEnd
from musrec_core.features import log_mel, windows

from .. import music

FRONT_END = FrontEnd()
BASIS = mel(sr=22_050, n_fft=2_048, n_mels=128).astype(np.float32)


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
    if frames >= 130:
        steps = np.diff(w[:, 0, 0])
        assert (np.abs(steps - steps.mean()) <= 1).all() if count > 1 else True


def test_a_front_end_from_a_card_has_every_key() -> None:
    assert FrontEnd.from_dict(FRONT_END.to_dict()) == FRONT_END
    numbers = FRONT_END.to_dict()
    del numbers["hop_length"]
    with pytest.raises(ValueError, match="hop_length"):
        FrontEnd.from_dict(numbers)
    with pytest.raises(ValueError, match="below 1"):
        FrontEnd.from_dict({**FRONT_END.to_dict(), "hop_length": 0})
