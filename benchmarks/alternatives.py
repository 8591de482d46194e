"""Processor time of alternatives for each step of a track, compared with the one that is shipped.

``python -m benchmarks --part alternatives``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core import Encoder
from musrec_core.audio import features
from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import log_mel, windows
from musrec_core.audio.samples import mono
from musrec_core.network import OnnxNetwork

from .stages import clip_frames
from .tables import cpu_ms, table

Array = NDArray[Any]
Variants = dict[str, Callable[[], Any]]


def alternatives(paths: list[Path], runs: int, *, markdown: bool = False) -> str:
    """A block of rows a step; the first row of each is what is shipped, and its cost is 1."""
    encoder = Encoder.load(threads=1)
    y = load_clip(paths[0])
    blocks = {
        "mel power": _mel_powers(y, encoder._mel_basis),
        "joining the frames": _joins(list(clip_frames(paths[0]))),
        "network in ONNX Runtime": _sessions(encoder, y),
        "opening WAV": _wav(paths),
        "decoding Opus": _opus(paths),
    }
    rows = []
    for step, jobs in blocks.items():
        took = cpu_ms(jobs, runs)
        shipped = next(iter(took.values()), 0.0)
        rows += [[step, name, ms, f"{ms / shipped:.2f}"] for name, ms in took.items()]
    columns = ["step", "alternative", "processor time [ms]", "relative to the shipped"]
    return table("The first of each step is what is shipped", columns, rows, markdown=markdown)


def _mel_powers(y: Array, basis: Array) -> Variants:
    front_end = Encoder.load().card.front_end
    n_fft, hop = front_end.n_fft, front_end.hop_length
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, n_fft // 2), n_fft)[::hop]
    hann = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    dense = np.ascontiguousarray(np.repeat(basis.T, 2, axis=0))

    def whole() -> Array:
        spectrum = np.fft.rfft(frames * hann)
        return basis @ (np.square(spectrum.real) + np.square(spectrum.imag)).T

    def blocked(multiply: Callable[[Array], Any], dtype: type = np.float32, rfft: Any = np.fft.rfft) -> None:
        for first in range(0, len(frames), features.BLOCK_FRAMES):
            spectrum = rfft((frames[first : first + features.BLOCK_FRAMES] * hann).astype(dtype, copy=False))
            multiply(np.square(spectrum.view(dtype)).astype(np.float32, copy=False))

    def preallocated() -> None:
        windowed = np.empty((features.BLOCK_FRAMES, n_fft), np.float32)
        spectrum: Any = np.empty((features.BLOCK_FRAMES, 1 + n_fft // 2), np.complex64)
        for first in range(0, len(frames), features.BLOCK_FRAMES):
            n = len(frames[first : first + features.BLOCK_FRAMES])
            np.multiply(frames[first : first + n], hann, out=windowed[:n])
            np.fft.rfft(windowed[:n], out=spectrum[:n])
            squares = spectrum[:n].view(np.float32)
            banded(np.square(squares, out=squares))

    slices = list(features._band_slices(basis))

    def banded(squares: Array) -> list[Array]:
        return [squares[:, columns] @ weights for _, columns, weights in slices]

    jobs: Variants = {
        "blocks of frames, filter bank in slices": lambda: features._mel_power(y, basis, front_end),
        "all frames at once, whole filter bank (before)": whole,
        "blocks of frames, whole filter bank": lambda: blocked(lambda squares: squares @ dense),
        "as shipped, with the same arrays for every block": preallocated,
        "as shipped, with FFT in float64": lambda: blocked(banded, np.float64),
    }
    if find_spec("scipy"):
        from scipy.fft import rfft

        jobs["as shipped, with scipy's FFT"] = lambda: blocked(banded, np.float32, rfft)
    return jobs


def _joins(frames: list[Any]) -> Variants:
    import av

    def fifo() -> Array:
        queue = av.AudioFifo()
        for frame in frames:
            frame.pts = None
            queue.write(frame)
        return _mean(queue.read())

    return {
        "each frame's channels summed, sums joined": lambda: mono(
            frames[0].sample_rate, ((frame, 0) for frame in frames)
        ),
        "av.AudioFifo, then the mean (before)": fifo,
        "frame.to_ndarray, joined, then the mean": lambda: np.concatenate([_mean(frame) for frame in frames]),
        "FFmpeg's resampler, rate included": lambda: _ffmpeg(frames),
    }


def _mean(frame: Any) -> Array:
    x = frame.to_ndarray()
    return (x if frame.format.is_planar else x.reshape(-1, frame.layout.nb_channels).T).mean(axis=0, dtype=np.float32)


def _ffmpeg(frames: list[Any]) -> Array:
    import av

    resampler = av.AudioResampler(format="fltp", layout="mono", rate=22_050)
    for frame in frames:
        frame.pts = None
    return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])


def _sessions(encoder: Encoder, y: Array) -> Variants:
    if find_spec("onnxruntime") is None:
        return {}
    import onnxruntime as ort

    network = OnnxNetwork(encoder.card, threads=1)
    w = windows(log_mel(y, encoder._mel_basis, encoder.card.front_end), encoder.card.front_end.window_frames)
    weights = str(encoder.card.folder / encoder.card.weights)

    def session(**changes: Any) -> Callable[[], Any]:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        for name, value in changes.items():
            setattr(options, name, value)
        made = ort.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        return lambda: made.run(None, {"windows": w})

    levels = ort.GraphOptimizationLevel
    return {
        "all windows at once": lambda: network.run(w),
        "five at once": lambda: [network.run(w[n : n + 5]) for n in range(0, len(w), 5)],
        "one by one": lambda: [network.run(w[n : n + 1]) for n in range(len(w))],
        "no memory arena": session(enable_cpu_mem_arena=False),
        "no memory pattern": session(enable_mem_pattern=False),
        "extended graph optimisation": session(graph_optimization_level=levels.ORT_ENABLE_EXTENDED),
        "basic graph optimisation": session(graph_optimization_level=levels.ORT_ENABLE_BASIC),
    }


def _wav(paths: list[Path]) -> Variants:
    variants: dict[str, dict[str, str]] = {
        "as it is": {},
        "looks for DTS in 16 packets only": {"max_probe_packets": "16"},
    }
    wav = [path for path in paths if path.suffix == ".wav"][:1]
    return {name: partial(_open, path, options) for path in wav for name, options in variants.items()}


def _open(path: Path, options: dict[str, str]) -> None:
    import av

    av.open(str(path), options=options).close()


def _opus(paths: list[Path]) -> Variants:
    variants = {"FFmpeg's decoder": "opus", "libopus": "libopus"}
    opus = [path for path in paths if path.suffix == ".opus"][:1]
    return {name: partial(_decode_with, path, codec) for path in opus for name, codec in variants.items()}


def _decode_with(path: Path, codec: str) -> None:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        decoder = av.CodecContext.create(codec, "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.extradata = stream.codec_context.extradata
        left = 30.0
        for packet in container.demux(stream):
            left -= sum(frame.samples / frame.sample_rate for frame in decoder.decode(packet))
            if left <= 0:
                return
