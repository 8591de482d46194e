"""Small sound files of every kind, made by code: what the tests then damage."""

from __future__ import annotations

import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import music

SECONDS = 6.0


def every_kind(seconds: float = SECONDS) -> dict[str, bytes]:
    """Ending -> a whole file: each format that FFmpeg here can write, and some that only code of ours can."""
    stereo = music.distorted_rock(seconds, np.random.default_rng(5))
    y = stereo[:1]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for ending in music.ALL_FORMATS:
            channels = 2 if ending == "ogg" else 1  # FFmpeg's Vorbis encoder knows only stereo
            path = music.encode(stereo[:channels], Path(folder) / f"song.{ending}", bit_rate=48_000)
            found[ending] = path.read_bytes()
        found["mkv"] = video(Path(folder) / "concert.mkv", y).read_bytes()
        found["mp4"] = video(Path(folder) / "silent.mp4", None).read_bytes()
        found["id3.mp3"] = _tagged(Path(folder) / "song.mp3")
        for ending in ("mp3", "flac", "m4a", "opus", "wma"):  # longer than the clip: these are sought in
            path = music.encode(np.tile(y, 7), Path(folder) / f"long.{ending}", bit_rate=32_000)
            found[f"long.{ending}"] = path.read_bytes()
    found["float.wav"] = wav(np.ascontiguousarray(y[0, ::4]), rate=11_025)
    found["dsf"] = dsf(seconds)
    found["ape"] = ape(seconds)
    return found


def _tagged(path: Path) -> bytes:
    music.tag(path, music.collection(1)[0])
    return path.read_bytes()


def video(path: Path, sound: NDArray[np.float32] | None, seconds: float = SECONDS) -> Path:
    """A grey picture that moves a little, with mono sound [shape=(1, n)] or without."""
    import av

    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=5)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        stream = None if sound is None else container.add_stream("pcm_s16le", rate=music.RATE, layout="mono")
        for n in range(int(5 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 4 * n % 256, np.uint8), format="rgb24")
            frame.pts = n
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if stream is not None and sound is not None:
            heard = av.AudioFrame.from_ndarray((sound * 32_767).astype(np.int16), format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = music.RATE, 0, Fraction(1, music.RATE)
            container.mux([*stream.encode(heard), *stream.encode(None)])
    return path


def wav(
    y: NDArray[np.floating] | NDArray[np.integer],
    *,
    rate: int = music.RATE,
    channels: int = 1,
    riff_size: int | None = None,
    fmt_size: int = 16,
    data_size: int | None = None,
    block: int | None = None,
) -> bytes:
    """A RIFF WAVE file whose header says whatever one wants of its samples."""
    tag = 3 if np.issubdtype(y.dtype, np.floating) else 1
    width, content = y.dtype.itemsize, y.tobytes()
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width & 0xFFFFFFFF,
                      (channels * width if block is None else block) & 0xFFFF, 8 * width)  # fmt: skip
    return b"".join((
        b"RIFF", struct.pack("<I", 36 + len(content) if riff_size is None else riff_size), b"WAVE",
        b"fmt ", struct.pack("<I", fmt_size), fmt,
        b"data", struct.pack("<I", len(content) if data_size is None else data_size), content,
    ))  # fmt: skip


def dsf(seconds: float) -> bytes:
    """A DSD stream file of noise: one bit a sample at 2.8 MHz."""
    rate, block = 2_822_400, 4_096
    blocks = int(seconds * rate / 8 / block)
    samples = np.random.default_rng(1).integers(0, 256, blocks * block, np.uint8).tobytes()
    fmt = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 1, 1, rate, 1, blocks * block * 8, block, 0)
    data = struct.pack("<4sQ", b"data", 12 + len(samples)) + samples
    return struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(fmt) + len(data), 0) + fmt + data


def ape(seconds: float, *, per_frame: int = 73_728, silent: bool = False) -> bytes:
    """A Monkey's Audio header, with frames of random bytes, or that say to be silence: nothing here encodes it."""
    rate, size = music.RATE, 40_000
    frames = max(1, round(seconds * rate / min(per_frame, 73_728)))
    body = np.random.default_rng(2).integers(0, 256, frames * size, np.uint8).tobytes()
    if silent:
        body = struct.pack("<II", 0x80000000, 3).ljust(size, b"\0") * frames  # no checksum; both channels are silent
    seek = b"".join(struct.pack("<I", 52 + 24 + 4 * frames + n * size) for n in range(frames))
    descriptor = struct.pack("<4sHHIIIIIII16s", b"MAC ", 3_990, 0, 52, 24, len(seek), 0, len(body), 0, 0, bytes(16))
    header = struct.pack("<HHIIIHHI", 2_000, 0, per_frame, 73_728, frames, 16, 1, rate)
    return descriptor + header + seek + body
