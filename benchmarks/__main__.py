"""Where the time of a track goes, on full-length songs of every format.

``python -m benchmarks [FOLDER]``: the songs of FOLDER, or six composed ones of four minutes.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from musrec_core import Encoder, UnusableAudio
from musrec_core.audio import load_clip
from musrec_core.features import log_mel, windows
from tests import music

ENDINGS = (*music.FORMATS, "wav")


def median_ms(job: Callable[[], Any], runs: int) -> float:
    """Median wall time of a call [ms], after one call that does not count."""
    job()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def decode_bare(path: Path, seconds: float = 30.0) -> tuple[list[Any], int]:
    """The floor: seek and decode the clip's frames, and nothing else."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.best("audio")
        assert stream is not None
        assert stream.time_base is not None
        assert container.duration is not None
        stream.codec_context.thread_count = 1
        container.seek(int((container.duration / 1e6 - seconds) / 2 / stream.time_base), stream=stream)
        frames, got = [], 0.0
        for frame in container.decode(stream):
            frames.append(frame)
            got += frame.samples / frame.sample_rate
            if got >= seconds:
                break
    return frames, frames[0].sample_rate


def resample_with_ffmpeg(frames: list[Any]) -> None:
    """PyAV's resampler: to mono, 22,050 Hz, float."""
    import av

    resampler = av.AudioResampler(format="fltp", layout="mono", rate=22_050)
    for frame in frames:
        frame.pts = None
        for part in resampler.resample(frame):
            part.to_ndarray()


def resample_with_soxr(frames: list[Any], rate: int) -> None:
    """Ours: numpy averages the channels, soxr resamples."""
    import av

    from musrec_core.audio import _channels, _mono, _to_rate

    fifo = av.AudioFifo()
    for frame in frames:
        frame.pts = None
        fifo.write(frame)
    joined = fifo.read()
    assert joined is not None
    _to_rate(_mono(_channels(joined)), rate, 22_050)


def compose(folder: Path) -> list[Path]:
    """A four-minute song in each format."""
    song = music.collection(1)[0]
    y = np.tile(music.compose(song, 40), (1, 6))
    return [music.encode(y, folder / f"song.{ending}") for ending in ENDINGS]


def stages(paths: list[Path], runs: int) -> None:
    """One row a file: each step of a track at one thread [ms]."""
    encoder = Encoder.load(threads=1)
    basis, front_end = encoder._mel_basis, encoder.card.front_end
    print(f"{'file':<24}{'decode':>8}{'+ffmpeg':>9}{'+soxr':>8}{'clip':>8}{'log-mel':>9}{'CNN':>8}{'track':>8}   [ms]")
    for path in paths:
        frames, rate = decode_bare(path)
        y = load_clip(path)
        mel = log_mel(y, basis, front_end)
        w = windows(mel, front_end.window_frames)
        row = [
            median_ms(lambda p=path: decode_bare(p), runs),
            median_ms(lambda f=frames: resample_with_ffmpeg(f), runs),
            median_ms(lambda f=frames, r=rate: resample_with_soxr(f, r), runs),
            median_ms(lambda p=path: load_clip(p), runs),
            median_ms(lambda c=y: log_mel(c, basis, front_end), runs),
            median_ms(lambda x=w: encoder.embed_windows(x), runs),
            median_ms(lambda p=path: encoder.embed_file(p), runs),
        ]
        print(
            f"{path.name[-23:]:<24}" + "".join(f"{v:>{n}.0f}" for v, n in zip(row, (8, 9, 8, 8, 9, 8, 8), strict=True))
        )


def throughput(paths: list[Path], tracks: int) -> None:
    """Tracks a second through `embed_files`, the workers' start included and not."""
    encoder = Encoder.load()
    many = [paths[i % len(paths)] for i in range(tracks)]
    print(f"\n{'workers':<10}{'tracks/s':>10}{'with start':>12}")
    for workers in (1, 2):
        start = time.perf_counter()
        times = []
        for _, outcome in encoder.embed_files(many, workers=workers):
            assert not isinstance(outcome, UnusableAudio), outcome
            times.append(time.perf_counter())
        steady = (len(times) - workers) / (times[-1] - times[workers - 1])
        print(f"{workers:<10}{steady:>10.1f}{len(times) / (times[-1] - start):>12.1f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="music to measure (default: composed)")
    parser.add_argument("--runs", type=int, default=7, help="runs a figure; the median counts")
    parser.add_argument("--tracks", type=int, default=60, help="tracks of the throughput table")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; medians of {options.runs}\n"
    )
    from threadpoolctl import threadpool_limits

    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        paths = (
            sorted(p for p in options.folder.rglob("*") if p.is_file())[:12]
            if options.folder
            else compose(Path(scratch))
        )
        stages(paths, options.runs)
        throughput(paths, options.tracks)


if __name__ == "__main__":
    main()
