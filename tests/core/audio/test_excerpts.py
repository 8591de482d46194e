"""A clip of several excerpts: where they lie, how they are decoded, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
from librosa.filters import mel
from numpy.typing import NDArray

from musrec_core import Encoder, UnusableAudio
from musrec_core.audio.clip import ClipSpec, load_clip, load_excerpts
from musrec_core.audio.features import log_mel, log_mel_each, windows, windows_each
from musrec_core.front_end import FrontEnd

from ... import music
from .test_clip import RATE, pitch, staircase, with_gap, write_pcm

BASIS = mel(sr=22_050, n_fft=2_048, n_mels=128).astype(np.float32)


@pytest.mark.parametrize(("length", "count", "starts"), [
    (0, 3, [0]),
    (30, 3, [0]),
    (90, 1, [30]),
    (90, 3, [10, 40, 70]),
    (30.3, 3, [0.05, 10.15, 20.25]),
    (300, 10, [13.5 + 30 * k for k in range(10)]),
])  # fmt: skip
def test_they_are_the_middles_of_equal_parts(length: float, count: int, starts: list[float]) -> None:
    stretches = ClipSpec(30, RATE, False, count).stretches(length)
    assert [start for start, _ in stretches] == pytest.approx(starts)
    assert sum(seconds for _, seconds in stretches) == pytest.approx(30)


@pytest.mark.parametrize("ending", ["mp3", "flac", "opus", "m4a", "ogg", "wav", "wma", "aac"])
def test_every_format_gives_three_excerpts(climbing: Callable[[str], Path], ending: str) -> None:
    excerpts = load_excerpts(climbing(ending), 3, seconds=9)
    assert len(excerpts) == 3
    for y, start in zip(excerpts, (8.5, 28.5, 48.5), strict=True):
        assert y.shape == (3 * RATE,)
        inside = y[int(0.6 * RATE) : int(1.4 * RATE)]  # one step of the staircase
        assert pitch(inside) == pytest.approx(200 + 10 * (start + 0.5), abs=3)


def test_one_excerpt_is_the_clip(tmp_path: Path) -> None:
    path = music.encode(staircase(41), tmp_path / "song.mp3")
    (y,) = load_excerpts(path, 1, seconds=7)
    np.testing.assert_array_equal(y, load_clip(path, seconds=7))


def test_a_short_song_is_heard_whole(tmp_path: Path) -> None:
    (y,) = load_excerpts(music.encode(staircase(12), tmp_path / "song.flac"), 3)
    assert len(y) == 12 * RATE


def test_a_file_without_a_length_is_measured(tmp_path: Path) -> None:
    """As a recorder leaves it that was switched off."""
    path = music.encode(staircase(60), tmp_path / "song.wav")
    content = bytearray(path.read_bytes())
    data = content.index(b"data")
    content[4:8] = content[data + 4 : data + 8] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    excerpts = load_excerpts(path, 3, seconds=9)
    assert [pitch(y[int(0.6 * RATE) : int(1.4 * RATE)]) for y in excerpts] == pytest.approx([290, 490, 690], abs=3)


def test_a_silent_excerpt_does_not_count(tmp_path: Path) -> None:
    """Music, a gap, music: the second of three excerpts is silent."""
    path = write_pcm(tmp_path / "gap.flac", with_gap(20, 0, before=20, after=20), 11_025, "flac")
    excerpts = load_excerpts(path, 3, seconds=12, skip_silent=True)
    assert [len(y) for y in excerpts] == [4 * RATE] * 3
    front_end = FrontEnd(skip_silent=True)
    assert [S.shape[1] for S in log_mel_each(excerpts, BASIS, front_end)] == [1 + 4 * RATE // 512] * 2


def test_where_most_of_them_is_silent_one_stretch_with_music_is_taken(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "hidden.flac", with_gap(200, 0, before=4, after=60), 11_025, "flac")
    excerpts = load_excerpts(path, 5, seconds=30, skip_silent=True)
    assert [len(y) for y in excerpts] == [30 * RATE]
    assert pitch(excerpts[0]) == pytest.approx(800, abs=1)


def test_a_silent_file_is_silent(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "silence.flac", np.zeros((1, 60 * 11_025), np.float32), 11_025, "flac")
    for skip_silent in (False, True):
        with pytest.raises(UnusableAudio, match="silent"):
            load_excerpts(path, 3, skip_silent=skip_silent)


def noise(seconds: float, seed: int, gain: float = 1.0) -> NDArray[np.float32]:
    return np.float32(gain) * np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def test_they_are_standardised_together() -> None:
    """A soft excerpt stays softer than a loud one, and no frame holds the end of one and the start of the next."""
    front_end = FrontEnd()
    loud, soft = noise(4, 0), noise(4, 1, gain=0.1)
    a, b = log_mel_each([loud, soft], BASIS, front_end)
    power = librosa.feature.melspectrogram(y=loud, sr=RATE)
    decibels = librosa.power_to_db(power, top_db=None).std()  # of one deviation of `a`
    assert (a.mean() - b.mean()) / a.std() * decibels == pytest.approx(20, abs=0.3)
    together = np.concatenate([a, b], axis=1)
    assert together.mean() == pytest.approx(0, abs=1e-4)
    assert together.std() == pytest.approx(1, abs=1e-4)
    alone = log_mel(loud, BASIS, front_end)
    np.testing.assert_allclose((a - a.mean()) / a.std(), alone, atol=1e-3)  # its last frames, too


@pytest.mark.parametrize(("frames", "window", "count"), [
    ([430, 430, 430], 130, 12),
    ([430, 40, 430], 130, 8),
    ([430, 430, 430], 1_290, 1),
    ([430, 430, 430], 1_819, 1),
    ([1_292], 130, 10),
])  # fmt: skip
def test_windows_do_not_cross_a_seam_unless_they_have_to(frames: list[int], window: int, count: int) -> None:
    spectrograms = [np.full((8, n), k, np.float32) for k, n in enumerate(frames)]
    found = windows_each(spectrograms, window)
    assert found.shape == (count, 8, window)
    if window == 130:
        assert (np.ptp(found, axis=(1, 2)) == 0).all()
    else:  # all of them, one after the other
        np.testing.assert_array_equal(found[0, 0, :1_290], np.repeat([0, 1, 2], 430))


def test_one_spectrogram_has_the_windows_that_it_had() -> None:
    spectrogram = noise(3, 0)[:7_000].reshape(10, 700)
    np.testing.assert_array_equal(windows_each([spectrogram], 130), windows(spectrogram, 130))


def test_an_encoder_hears_as_many_as_it_is_told(tmp_path: Path) -> None:
    path = music.encode(staircase(90), tmp_path / "song.flac")
    encoder = Encoder.load(threads=1)
    middle, three = encoder.embed_file(path), encoder.embed_file(path, excerpts=3)
    np.testing.assert_array_equal(encoder.embed_file(path, excerpts=1).vector, middle.vector)
    front = encoder.card.front_end
    thirds = load_excerpts(path, 3, seconds=front.clip_seconds, sample_rate=front.sample_rate, skip_silent=True)
    np.testing.assert_array_equal(three.vector, encoder.embed_excerpts(thirds).vector)
    assert 0.1 < middle.vector @ three.vector < 0.9999
    start = (90 - front.clip_seconds) / 2
    np.testing.assert_array_equal(encoder.embed_file(path, start=start, excerpts=3).vector, middle.vector)
