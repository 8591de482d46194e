"""The front end is librosa's, and loudness does not matter to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pytest
from librosa.filters import mel
from numpy.typing import NDArray

from musrec_core.audio.features import log_mel, windows
from musrec_core.audio.infrasound import without_infrasound
from musrec_core.audio.silence import levels, without_silence
from musrec_core.front_end import OPTIONAL, FrontEnd

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


LEVEL = FrontEnd(normalise="level", level_dbfs=-20, mean_db=-31.5, deviation_db=12.25)
REFLECTED = FrontEnd(pad_mode="reflect")
AT_16_KHZ = FrontEnd(
    sample_rate=16_000, n_fft=512, hop_length=256, n_mels=96, fmax=8_000, pad_mode="reflect", window_frames=1_819,
    normalise="level", level_dbfs=-23, mean_db=-28, deviation_db=14,
)  # fmt: skip

FAINT = 0.03  # deviations by which 32 bits differ where a band is 100 dB below the loudest, which a level keeps


def reference(y: NDArray[np.float32], basis: NDArray[np.float32], front_end: FrontEnd) -> NDArray[np.float32]:
    """By librosa."""
    if front_end.normalise == "level":
        y = y / np.sqrt(np.mean(np.square(y, dtype=np.float64))).astype(np.float32) * 10 ** (front_end.level_dbfs / 20)
    mode: Any = front_end.pad_mode
    stft = librosa.stft(y, n_fft=front_end.n_fft, hop_length=front_end.hop_length, pad_mode=mode)
    power = basis @ np.square(np.abs(stft))
    if front_end.normalise == "level":
        decibels = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)
        return (decibels - front_end.mean_db) / front_end.deviation_db
    decibels = librosa.power_to_db(power, ref=np.max)
    return (decibels - decibels.mean()) / decibels.std()


def basis_of(front_end: FrontEnd, *, htk: bool = False) -> NDArray[np.float32]:
    numbers: dict[str, Any] = {"sr": front_end.sample_rate, "n_fft": front_end.n_fft, "n_mels": front_end.n_mels}
    return mel(**numbers, fmax=front_end.fmax, htk=htk, norm=None if htk else "slaney").astype(np.float32)


FRONT_ENDS = {"clip": FRONT_END, "level": LEVEL, "reflected": REFLECTED, "16 kHz": AT_16_KHZ}


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("seconds", [3, 7.3])
def test_every_kind_of_front_end_equals_librosa(name: str, htk: bool, seconds: float) -> None:
    front_end = FRONT_ENDS[name]
    y = librosa.resample(song("Distorted Rock", seconds), orig_sr=22_050, target_sr=front_end.sample_rate)
    basis = basis_of(front_end, htk=htk)
    ours = log_mel(y, basis, front_end)
    assert ours.shape == (front_end.n_mels, 1 + len(y) // front_end.hop_length)
    np.testing.assert_allclose(ours, reference(y, basis, front_end), atol=1e-4)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_torch_agrees(name: str) -> None:
    """The front end on a GPU gives the network the same."""
    torch = pytest.importorskip("torch")
    front_end = pytest.importorskip("training.model.front_end")
    settings = FRONT_ENDS[name]
    basis = basis_of(settings, htk=name == "16 kHz")
    rate = settings.sample_rate
    clips = [
        librosa.resample(song(style, 4), orig_sr=22_050, target_sr=rate) for style in ("Piano Waltz", "Drum and Bass")
    ]
    clips.append(np.zeros_like(clips[0]))
    found = front_end.LogMel(settings, basis)(torch.from_numpy(np.stack(clips))).numpy()
    for y, ours in zip(clips, found, strict=True):
        theirs = log_mel(y, basis, settings)
        assert np.abs(ours - theirs).mean() < 1e-3
        np.testing.assert_allclose(ours, theirs, atol=FAINT if settings.normalise == "level" else 1e-3)


def test_torchaudio_agrees() -> None:
    transforms = pytest.importorskip("torchaudio.transforms")
    torch = pytest.importorskip("torch")
    y = song("Piano Waltz")
    mel_spectrogram = transforms.MelSpectrogram(
        22_050, n_fft=2_048, hop_length=512, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )
    power = mel_spectrogram(torch.from_numpy(y))
    reference = transforms.AmplitudeToDB(top_db=80.0)(power / power.max())
    reference = (reference - reference.mean()) / reference.std(correction=0)
    np.testing.assert_allclose(log_mel(y, BASIS, FRONT_END), reference.numpy(), atol=1e-3)


@pytest.mark.parametrize("gain", [1e-4, 0.25, 1e6, 1e20])
def test_loudness_does_not_matter_to_a_level_either(gain: float) -> None:
    y = song("Piano Waltz")
    np.testing.assert_allclose(log_mel(y * np.float32(gain), BASIS, LEVEL), log_mel(y, BASIS, LEVEL), atol=FAINT)


def test_a_level_is_that_of_the_samples_that_count() -> None:
    """A pause as long as the music changes nothing of the music's frames."""
    front_end = replace(LEVEL, skip_silent=True)
    y = song("Piano Waltz", 6)
    padded = np.concatenate([y, np.zeros(6 * RATE, np.float32)])
    np.testing.assert_allclose(
        log_mel(padded, BASIS, front_end)[:, :250], log_mel(y, BASIS, front_end)[:, :250], atol=FAINT
    )


def test_a_window_as_long_as_the_clip_does_not_keep_its_silence() -> None:
    front_end = replace(AT_16_KHZ, skip_silent=True)
    y = np.concatenate([np.zeros(16_000 * 9), np.random.default_rng(0).standard_normal(16_000 * 20)]).astype(np.float32)
    ours = log_mel(y, basis_of(front_end), front_end)
    assert ours.shape[1] == pytest.approx(20 * 16_000 / 256, abs=30)
    assert windows(ours, 1_819).shape == (1, 96, 1_819)


def test_loudness_does_not_matter() -> None:
    y = song("Piano Waltz")
    for gain in (1e-4, 0.25, 1e6, 1e20):
        np.testing.assert_allclose(
            log_mel(y * np.float32(gain), BASIS, FRONT_END), log_mel(y, BASIS, FRONT_END), atol=1e-3
        )


def test_silence_and_a_click_stay_finite() -> None:
    for front_end in (FRONT_END, LEVEL, REFLECTED):
        click = np.zeros(66_150, np.float32)
        assert np.isfinite(log_mel(click, BASIS, front_end)).all()
        click[30_000] = 1
        assert np.isfinite(log_mel(click, BASIS, front_end)).all()


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
    with pytest.raises(ValueError, match=r"has to have the keys .*, and may have"):
        FrontEnd.from_dict({**FRONT_END.to_dict(), "skip": True})


@pytest.mark.parametrize("front_end", [LEVEL, REFLECTED, AT_16_KHZ, FrontEnd(excerpts=3)])
def test_what_format_2_can_say_survives_the_card(front_end: FrontEnd) -> None:
    assert FrontEnd.from_dict(front_end.to_dict()) == front_end
    assert (front_end.format, FRONT_END.format, CLEAN.format) == (2, 1, 1)
    assert set(FRONT_END.to_dict()) == set(FrontEnd.__dataclass_fields__) - OPTIONAL


def test_a_level_needs_no_floor_below_the_maximum() -> None:
    numbers = {key: value for key, value in LEVEL.to_dict().items() if key != "top_db"}
    assert FrontEnd.from_dict(numbers) == LEVEL


@pytest.mark.parametrize(("changes", "message"), [
    ({"normalise": "song"}, "normalise has to be clip or level"),
    ({"pad_mode": "edge"}, "pad_mode has to be constant or reflect"),
    ({"normalise": "level"}, "level needs the keys deviation_db, level_dbfs, mean_db"),
    ({"normalise": ["level"]}, "normalise has to be"),
    ({"mean_db": -30}, "has to have the keys"),
    ({"excerpts": 0}, "below 1"),
    ({"excerpts": 31}, "shorter than a second"),
    ({"normalise": "level", "level_dbfs": -20, "mean_db": -30, "deviation_db": 0}, "deviation_db"),
    ({"normalise": "level", "level_dbfs": "loud", "mean_db": -30, "deviation_db": 10}, "could not convert"),
    ({"normalise": "level", "level_dbfs": float("inf"), "mean_db": -30, "deviation_db": 10}, "level_dbfs"),
])  # fmt: skip
def test_a_wrong_key_of_format_2_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrontEnd.from_dict({**FRONT_END.to_dict(), **changes})


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
        assert len(without_silence([y], RATE, 0)[0]) == samples
        assert len(levels(y, RATE)) == 0
