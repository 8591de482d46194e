"""Ways to 22,050 Hz: what each costs, and how far its embeddings are from those of soxr, with which the model was made.

``python -m benchmarks.resampling [FOLDER]``: 30 s of each file, at each rate. Needs soxr, which librosa brings along.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from musrec_core import Encoder
from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import log_mel, windows
from musrec_core.audio.resampling import resample
from tests import music

from .songs import ENDINGS
from .tables import cpu_ms, machine, table

Array = NDArray[Any]
LogMel = Callable[[Array], Array]
Signal = tuple[int, Array]  # rate, samples
RATES = (44_100, 48_000, 88_200, 96_000)
STEEP = "filter_size=128:phase_shift=10:cutoff=0.96:filter_type=kaiser:kaiser_beta=10"
FRAME_SAMPLES = 4_096


def ways(encoder: Encoder, rate: int) -> Mapping[str, LogMel]:
    """Name -> samples at ``rate`` -> log-mel, the reference first."""
    target = encoder.card.front_end.sample_rate
    resamplers: dict[str, LogMel] = {
        "soxr, HQ": partial(_soxr, rate=rate, target=target),
        "numpy (shipped)": lambda y: resample(y, rate, target),
        "FFmpeg, its default": partial(_ffmpeg, rate=rate, target=target),
        "FFmpeg, a steeper filter": partial(_ffmpeg, rate=rate, target=target, options=STEEP),
    }
    found: dict[str, LogMel] = {name: partial(_log_mel_of, encoder, way) for name, way in resamplers.items()}
    if rate % target == 0:
        found["none: longer spectra"] = partial(_longer_spectra, encoder, rate // target)
    return found


def _log_mel_of(encoder: Encoder, way: LogMel, y: Array) -> Array:
    return log_mel(way(y), encoder._mel_basis, encoder.card.front_end)


def _soxr(y: Array, rate: int, target: int, quality: str = "HQ") -> Array:
    import soxr

    return np.asarray(soxr.resample(y, rate, target, quality=quality), np.float32)


def _ffmpeg(y: Array, rate: int, target: int, options: str = "") -> Array:
    import av

    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono", time_base=Fraction(1, rate))
    resampler = graph.add("aresample", f"{target}:{options}" if options else str(target))
    sink = graph.add("abuffersink")
    source.link_to(resampler)
    resampler.link_to(sink)
    graph.configure()
    parts: list[Array] = []
    for first in range(0, len(y), FRAME_SAMPLES):
        frame = av.AudioFrame.from_ndarray(y[None, first : first + FRAME_SAMPLES], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        source.push(frame)
        parts += _pulled(sink)
    source.push(None)
    return np.concatenate([*parts, *_pulled(sink)])[: round(len(y) * target / rate)]


def _pulled(sink: Any) -> Iterator[Array]:
    import av

    while True:
        try:
            yield sink.pull().to_ndarray()[0]
        except (av.BlockingIOError, av.EOFError):
            return


def _longer_spectra(encoder: Encoder, factor: int, y: Array) -> Array:
    """The same bins of the original signal, without those above the model's."""
    front_end = encoder.card.front_end
    longer = dataclasses.replace(
        front_end,
        sample_rate=front_end.sample_rate * factor,
        n_fft=front_end.n_fft * factor,
        hop_length=front_end.hop_length * factor,
    )
    basis = np.zeros((front_end.n_mels, 1 + longer.n_fft // 2), np.float32)
    basis[:, : encoder._mel_basis.shape[1]] = encoder._mel_basis
    return log_mel(y, basis, longer)


def distances(encoder: Encoder, rate: int, clips: list[Array]) -> dict[str, list[float]]:
    """Cosine distances of each way's embeddings from the reference's."""
    found: dict[str, list[float]] = {}
    for y in clips:
        vectors = {
            name: encoder.embed_windows(windows(way(y), encoder.card.front_end.window_frames)).vector
            for name, way in ways(encoder, rate).items()
        }
        reference = next(iter(vectors.values())).astype(np.float64)
        for name, vector in vectors.items():
            found.setdefault(name, []).append(max(0.0, 1 - float(reference @ vector)))
    return found


def rows(encoder: Encoder, rate: int, signals: list[Signal], runs: int) -> list[list[object]]:
    """One for each way: rate, name, processor time with the log-mel [ms], mean and greatest distance."""
    # a signal of another rate comes through soxr's best quality
    clips = [y if original == rate else _soxr(y, original, rate, "VHQ") for original, y in signals]
    took = cpu_ms({name: partial(way, clips[0]) for name, way in ways(encoder, rate).items()}, runs)
    far = distances(encoder, rate, clips)
    return [
        [f"{rate:,}", name, took[name], f"{statistics.mean(far[name]):.6f}", f"{max(far[name]):.6f}"] for name in took
    ]


def composed(seconds: float = 30.0) -> list[Signal]:
    """A clip in each style."""
    styles = music.STYLES.values()
    return [(music.RATE, compose(seconds, np.random.default_rng(0)).mean(axis=0)) for compose in styles]


def recorded(folder: Path, files: int) -> list[Signal]:
    """Clips of a folder's files, evenly spread, at the rates that they have."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.removeprefix(".") in ENDINGS)
    chosen = sorted({round(n) for n in np.linspace(0, len(paths) - 1, files)})
    return [_at_its_own_rate(paths[n]) for n in chosen]


def _at_its_own_rate(path: Path) -> Signal:
    import av

    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
    return rate, load_clip(path, sample_rate=rate)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resampling", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="music to measure (default: composed)")
    parser.add_argument("--files", type=int, default=50, help="of the folder, evenly spread")
    parser.add_argument("--runs", type=int, default=7, help="runs a figure; the median counts")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args(arguments)
    with threadpool_limits(1):
        signals = recorded(options.folder, options.files) if options.folder else composed()
        encoder = Encoder.load(threads=1)
        found = [row for rate in RATES for row in rows(encoder, rate, signals, options.runs)]
    print(machine() + "\n")
    columns = ["rate [Hz]", "resampler", "with the log-mel [ms]", "mean distance", "greatest"]
    title = f"Processor time, and distances of {len(signals)} embeddings from those with soxr"
    print(table(title, columns, found, markdown=options.markdown))


if __name__ == "__main__":
    main(sys.argv[1:])
