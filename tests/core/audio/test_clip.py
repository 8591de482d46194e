"""A file of any kind gives the middle of its sound, or says why not."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.audio.clip import load_clip
from musrec_core.errors import UnusableAudio

from ... import music

RATE = 22_050


def staircase(seconds: float, rate: int = 44_100, channels: int = 1) -> NDArray[np.float32]:
    """A tone that climbs 10 Hz a second from 200 Hz: its pitch tells the time [shape=(channels, n)]."""
    t = np.arange(int(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * np.cumsum(200 + 10 * np.floor(t)) / rate)
    return np.repeat(tone[None].astype(np.float32), channels, axis=0)


def pitch(y: NDArray[np.float32], rate: int = RATE) -> float:
    """The strongest frequency [Hz]."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    return float(np.fft.rfftfreq(len(y), 1 / rate)[spectrum.argmax()])


def reason(path: Path | str | bytes) -> str:
    with pytest.raises(UnusableAudio) as caught:
        load_clip(path)
    return caught.value.reason


@pytest.mark.parametrize("ending", ["mp3", "flac", "opus", "m4a", "ogg", "wav", "wma"])
def test_every_format_gives_the_middle_thirty_seconds(climbing: Callable[[str], Path], ending: str) -> None:
    y = load_clip(climbing(ending))
    assert y.dtype == np.float32
    assert y.shape == (30 * RATE,)
    assert pitch(y[:RATE]) == pytest.approx(200 + 10 * 15, abs=6)  # the clip starts at 0:15
    assert pitch(y[-RATE:]) == pytest.approx(200 + 10 * 44, abs=6)
    assert 0.3 < np.abs(y).max() < 0.7


def test_a_clip_of_another_length_and_rate(tmp_path: Path) -> None:
    path = music.encode(staircase(40), tmp_path / "song.flac")
    y = load_clip(path, seconds=10, sample_rate=16_000)
    assert y.shape == (160_000,)
    assert pitch(y[:16_000], 16_000) == pytest.approx(200 + 10 * 15, abs=3)


def test_a_file_shorter_than_the_clip_gives_all_of_itself(tmp_path: Path) -> None:
    y = load_clip(music.encode(staircase(7), tmp_path / "song.mp3"))
    assert len(y) / RATE == pytest.approx(7, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_rates_and_sample_formats(tmp_path: Path, rate: int, codec: str) -> None:
    path = write_pcm(tmp_path / "song.wav", staircase(4, rate), rate, codec)
    y = load_clip(path)
    assert len(y) == pytest.approx(4 * RATE, abs=2)
    assert pitch(y[: RATE // 2]) == pytest.approx(200, abs=4)
    assert np.abs(y).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (2, "stereo"), (3, "2.1"), (6, "5.1"), (8, "7.1")])
def test_channels_are_averaged(tmp_path: Path, channels: int, layout: str) -> None:
    y = staircase(4, channels=channels) * np.linspace(0, 1, channels + 1, dtype=np.float32)[1:, None]
    expected = 0.5 * np.mean(np.arange(1, channels + 1) / channels)
    for name, codec in (("packed.wav", "pcm_s16le"), ("planar.m4a", "aac")):
        clip = load_clip(write_pcm(tmp_path / name, y, 44_100, codec, layout))
        loudness = np.sqrt(2) * clip[RATE : 2 * RATE].std()
        assert loudness == pytest.approx(expected, rel=0.25), name  # AAC drops the highs of a bass channel


def write_pcm(path: Path, y: NDArray[np.float32], rate: int, codec: str, layout: str = "mono") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1_024,
        )
        packed = np.ascontiguousarray(y.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def test_a_cover_picture_is_passed_over(tmp_path: Path) -> None:
    from mediafile import Image, MediaFile

    for ending in ("mp3", "flac", "m4a", "opus"):
        path = music.encode(staircase(14, channels=2), tmp_path / f"covered.{ending}")
        media = MediaFile(path)
        media.images = [Image(_png())]
        media.save()
        y = load_clip(path, seconds=10)
        assert pitch(y[:RATE]) == pytest.approx(200 + 10 * 2, abs=6), ending


def _png() -> bytes:
    import io

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = "rgb24"
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_a_video_with_two_sound_tracks_gives_its_sound(tmp_path: Path) -> None:
    path = tmp_path / "concert.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sounds = [container.add_stream("pcm_s16le", rate=44_100, layout="mono") for _ in range(2)]
        for n in range(25 * 8):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), n % 256, np.uint8), format="rgb24")
            frame.pts = n
            container.mux(video.encode(frame))
        for sound in sounds:
            pcm = (staircase(8) * 32767).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 44_100, 0, Fraction(1, 44_100)
            container.mux(sound.encode(heard))
            container.mux(sound.encode(None))
        container.mux(video.encode(None))
    y = load_clip(path, seconds=4)
    assert pitch(y[: RATE // 2]) == pytest.approx(200 + 10 * 2, abs=4)


def test_a_file_without_a_declared_length(tmp_path: Path) -> None:
    """Raw AAC and a WAV cut short by a crashed recorder know nothing of their length."""
    path = tmp_path / "raw.aac"
    m4a = music.encode(staircase(60), tmp_path / "song.m4a")
    with av.open(str(m4a)) as source, av.open(str(path), "w", format="adts") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    y = load_clip(path, seconds=10)
    assert len(y) == 10 * RATE
    assert pitch(y[:RATE]) == pytest.approx(200 + 10 * 25, abs=25)


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = music.encode(staircase(90), tmp_path / "song.flac")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    y = load_clip(path)
    assert len(y) / RATE == pytest.approx(30, abs=1)
    assert 200 < pitch(y[:RATE]) < 200 + 10 * 45


@pytest.mark.parametrize("ending", ["mp3", "flac", "opus", "m4a", "ogg", "wav"])
def test_a_truncated_file_gives_a_clip_or_a_reason(tmp_path: Path, ending: str) -> None:
    whole = music.encode(staircase(20, channels=2), tmp_path / f"song.{ending}").read_bytes()
    for tenth in range(10):
        path = tmp_path / f"cut{tenth}.{ending}"
        path.write_bytes(whole[: len(whole) * tenth // 10])
        try:
            outcome: object = 3 * RATE <= len(load_clip(path)) <= 21 * RATE
        except UnusableAudio as error:
            outcome = error.reason
        assert outcome in (True, "unreadable", "too-short", "no-audio"), tenth


@pytest.mark.parametrize("ending", ["mp3", "flac", "opus", "ogg"])
def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path, ending: str) -> None:
    path = music.encode(staircase(20, channels=2), tmp_path / f"song.{ending}")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = os.urandom(2_000)
    path.write_bytes(content)
    assert len(load_clip(path)) > 10 * RATE


def test_not_a_number_is_silence(tmp_path: Path) -> None:
    y = staircase(5)
    y[0, 44_100:88_200] = np.nan
    y[0, 88_200:90_000] = np.inf
    clip = load_clip(write_float(tmp_path / "song.wav", y))
    assert np.isfinite(clip).all()
    assert np.abs(clip[int(1.2 * RATE) : int(1.8 * RATE)]).max() < 0.01


def write_float(path: Path, y: NDArray[np.float32]) -> Path:
    import struct

    data = y[0].astype("<f4").tobytes()
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, 44_100,
                         176_400, 4, 32, b"data", len(data))  # fmt: skip
    path.write_bytes(header + data)
    return path


def test_what_is_no_music_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("Dear diary, " * 500)
    (tmp_path / "picture.jpg").write_bytes(_png())
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:10,\nhttp://localhost/a.ts\n#EXT-X-ENDLIST\n")
    assert reason(tmp_path / "gone.mp3") == "missing"
    assert reason(tmp_path / "empty.mp3" / "below") == "missing"
    assert reason(tmp_path / "empty.mp3") == "unreadable"
    assert reason(tmp_path / "text.mp3") in ("unreadable", "no-audio")
    assert reason(tmp_path / "picture.jpg") in ("unreadable", "no-audio")
    assert reason(tmp_path / "list.m3u8") in ("unreadable", "no-audio")
    assert reason(tmp_path) == "unreadable"


def test_silence_and_a_constant_are_silent(tmp_path: Path) -> None:
    assert reason(music.encode(np.zeros((1, 6 * 44_100), np.float32), tmp_path / "silent.flac")) == "silent"
    assert reason(write_float(tmp_path / "constant.wav", np.full((1, 6 * 44_100), 0.7, np.float32))) == "silent"


def test_under_three_seconds_is_too_short(tmp_path: Path) -> None:
    assert reason(music.encode(staircase(1), tmp_path / "one.mp3")) == "too-short"
    assert reason(music.encode(staircase(2.8), tmp_path / "almost.flac")) == "too-short"
    assert len(load_clip(music.encode(staircase(3.2), tmp_path / "enough.flac"))) > 3 * RATE


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    assert reason(tmp_path / "pipe.mp3") == "unreadable"


def test_no_permission_is_unreadable(waltz: Path, tmp_path: Path) -> None:
    path = tmp_path / "locked.mp3"
    shutil.copy(waltz, path)
    path.chmod(0)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        if is_root:
            tmp_path.chmod(0o755)
            os.seteuid(65534)
        assert reason(path) in ("unreadable", "missing")
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.parametrize("name", [b"new\nline.flac", b"\xff\xfe\xe9.flac", "emoji 🎵 'quote\".flac".encode(),
                                  b"%d:concat:x.flac", b"-v.flac", b"#1.flac"])  # fmt: skip
def test_any_name_is_a_name(tmp_path: Path, name: bytes) -> None:
    whole = music.encode(staircase(5), tmp_path / "plain.flac")
    path = os.path.join(os.fsencode(tmp_path), name)
    try:
        shutil.copy(os.fsencode(whole), path)
    except OSError as error:
        if error.errno == errno.EILSEQ:
            pytest.skip("this file system takes only UTF-8")
        raise
    assert len(load_clip(path)) == pytest.approx(5 * RATE, abs=100)
    assert len(load_clip(os.fsdecode(path))) == pytest.approx(5 * RATE, abs=100)


def test_a_long_file_costs_no_more_than_its_clip(tmp_path: Path) -> None:
    """What is decoded is counted: little more than the clip."""
    import musrec_core.audio.decode as decoding

    path = music.encode(staircase(150), tmp_path / "mix.mp3")
    decoded = 0.0

    def counting(container, stream):  # type: ignore[no-untyped-def]
        nonlocal decoded
        for frame in frames(container, stream):
            decoded += frame.samples / frame.sample_rate
            yield frame

    frames = decoding._frames
    decoding._frames = counting
    try:
        load_clip(path)
    finally:
        decoding._frames = frames
    assert 30 <= decoded < 31


def with_gap(seconds: float, noise: float, before: float = 40, after: float = 20) -> NDArray[np.float32]:
    """A tone at 300 Hz, a gap of noise, a tone at 800 Hz, at 11,025 Hz [shape=(1, n)]."""
    parts = [np.sin(2 * np.pi * f * np.arange(int(s * 11_025)) / 11_025) / 2 for f, s in ((300, before), (800, after))]
    gap = noise * np.random.default_rng(0).standard_normal(int(seconds * 11_025))
    return np.concatenate([parts[0], gap, parts[1]])[None].astype(np.float32)


@pytest.mark.parametrize("noise", [0, 3e-5, 1e-3, 3e-3])
def test_a_silent_middle_gives_way_to_music(tmp_path: Path, noise: float) -> None:
    """A hidden track after silence, after dithering, or after the noise of a groove or of a tape."""
    path = write_pcm(tmp_path / "hidden.flac", with_gap(120, noise), 11_025, "flac")
    y = load_clip(path, skip_silent=True)
    assert len(y) == 30 * RATE
    assert pitch(y) == pytest.approx(300, abs=1)  # 40 s hold more of it than 20 s
    assert np.abs(y[:RATE]).max() > 0.4
    assert np.abs(y[-RATE:]).max() > 0.4


def test_a_silent_middle_with_a_rumble_under_it(tmp_path: Path) -> None:
    y = with_gap(120, 0)
    y += np.float32(0.1) * np.sin(2 * np.pi * 7 * np.arange(y.shape[1]) / 11_025, dtype=np.float32)
    path = write_pcm(tmp_path / "rumble.flac", y, 11_025, "flac")
    assert pitch(load_clip(path, skip_silent=True)) == pytest.approx(300, abs=1)


def test_a_little_music_in_a_long_file_is_found(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "late.flac", with_gap(500, 0, before=0, after=5), 11_025, "flac")
    y = load_clip(path, skip_silent=True)
    assert (np.abs(y) > 0.1).sum() > 4 * RATE * 0.8


def test_a_moment_in_silence_is_silent(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "hidden.flac", with_gap(120, 0), 11_025, "flac")
    with pytest.raises(UnusableAudio, match="silent"):
        load_clip(path, start=60, skip_silent=True)
    assert reason(path) == "silent"  # without the switch, as it was


def test_a_file_longer_than_what_is_scanned_is_tried_in_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import musrec_core.audio.clip as audio

    monkeypatch.setattr(audio, "MAX_SCAN_SECONDS", 100)
    path = write_pcm(tmp_path / "hidden.flac", with_gap(200, 0, before=60), 11_025, "flac")
    y = load_clip(path, skip_silent=True)
    assert pitch(y) in (pytest.approx(300, abs=1), pytest.approx(800, abs=1))
