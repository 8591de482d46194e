"""A mix of ten hours costs what a song costs: what is read of it is counted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from musrec_core.audio.clip import load_clip

from .. import music
from .sample_files import wav

RATE = 22_050
TEN_HOURS = 36_000  # [s]

pytestmark = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what a process reads")


@pytest.fixture(scope="module")
def minute() -> music.Samples:
    """[shape=(1, n)]"""
    return music.nylon_guitar(60, np.random.default_rng(1))[:1]


def bytes_read(path: Path) -> int:
    """How much of a file the clip's decoding reads."""

    def counter() -> int:
        return next(int(line.split()[1]) for line in Path("/proc/self/io").read_text().splitlines() if "rchar" in line)

    before = counter()
    assert len(load_clip(path)) == 30 * RATE
    return counter() - before


def frames_of(path: Path, bit_rate: int, y: music.Samples) -> bytes:
    """A stream's frames, with no header before them."""
    import av

    with av.open(str(music.encode(y, path, bit_rate=bit_rate))) as container:
        return b"".join(bytes(packet) for packet in container.demux(audio=0))


@pytest.mark.parametrize("ending", ["mp3", "aac", "ac3", "mp2"])
def test_streams_without_a_header(ending: str, minute: music.Samples, tmp_path: Path) -> None:
    frames = music.encode(minute, tmp_path / f"song.{ending}", bit_rate=32_000)
    content = frames.read_bytes() if ending == "aac" else frames_of(frames, 32_000, minute)
    mix = tmp_path / f"mix.{ending}"
    mix.write_bytes(content * (TEN_HOURS // 60))
    assert mix.stat().st_size > 100_000_000
    assert bytes_read(mix) < 1.5 * bytes_read(frames) + 200_000
    mix.unlink()


def test_a_variable_bit_rate_without_a_header(minute: music.Samples, tmp_path: Path) -> None:
    calm, busy = (frames_of(tmp_path / f"{rate}.mp3", rate, minute) for rate in (32_000, 160_000))
    mix = tmp_path / "mix.mp3"
    mix.write_bytes((calm * 7 + busy * 2 + calm) * 30)
    assert bytes_read(mix) < 3_000_000
    mix.unlink()


@pytest.mark.parametrize("ending", ["opus", "ogg", "m4a", "flac", "wma", "mka"])
def test_containers(ending: str, minute: music.Samples, tmp_path: Path) -> None:
    """One hour: to write ten takes longer than all other tests."""
    song = music.encode(np.repeat(minute, 2, axis=0), tmp_path / f"song.{ending}", bit_rate=32_000)
    mix = repeated(song, tmp_path / f"mix.{ending}", 60)
    of_the_song, of_the_mix = bytes_read(song), bytes_read(mix)
    table = 4 * 3_600 * 50 if ending == "m4a" else 0  # an MP4 tells the size of each of its packets
    assert of_the_mix < 1.5 * of_the_song + 200_000 + table
    mix.unlink()


def repeated(song: Path, mix: Path, times: int) -> Path:
    """The same packets over and over."""
    import av

    with av.open(str(song)) as source, av.open(str(mix), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        packets = [packet for packet in source.demux(audio=0) if packet.dts is not None]
        contents = [(bytes(packet), packet.pts - packets[0].pts, packet.duration) for packet in packets]
        span = contents[-1][1] + contents[-1][2]
        for n in range(times):
            for content, pts, duration in contents:
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.duration = stream, packets[0].time_base, duration
                packet.pts = packet.dts = pts + n * span
                target.mux(packet)
    return mix


def test_a_wave_of_ten_hours(minute: music.Samples, tmp_path: Path) -> None:
    samples = (minute[0] * 32_767).astype("<i2")
    size = 2 * music.RATE * TEN_HOURS
    mix = tmp_path / "mix.wav"
    with mix.open("wb") as file:  # 3.2 GB of which the disk holds a minute
        file.write(wav(samples[:0], data_size=size, riff_size=36 + size))
        file.seek(size // 2 - samples.nbytes // 2 & ~1)
        file.write(samples.tobytes())
        file.truncate(size + 44)
    assert bytes_read(mix) < 4_000_000
    mix.unlink()


def test_the_clip_of_a_long_stream_is_from_its_middle(minute: music.Samples, tmp_path: Path) -> None:
    """Found by bytes and by time: the same place."""
    calm = frames_of(tmp_path / "calm.mp3", 32_000, minute)
    loud = frames_of(tmp_path / "loud.mp3", 32_000, np.tile(minute[:, : music.RATE], 60))
    mix = tmp_path / "mix.mp3"
    mix.write_bytes(calm * 30 + loud + calm * 30)  # the odd minute is in the middle of 61
    y = load_clip(mix)
    second = y.reshape(30, RATE)
    alike = [float(np.corrcoef(second[5], second[k])[0, 1]) for k in range(6, 29)]
    assert min(alike) > 0.9  # every second is the same only in that minute
    assert len(y) == 30 * RATE
    assert os.path.getsize(mix) > 10_000_000
