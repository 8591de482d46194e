"""Robustness: is a changed copy of a song (codec, level, offset, another part ...) still nearest to its original?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from musrec_core.audio.clip import load_clip
from musrec_core.encoder import Encoder, TrackEmbedding
from musrec_core.errors import UnusableAudio
from musrec_core.search.distance import pairwise

from ..data.cache import Track
from ..recipe import RecipeError

Clip = NDArray[np.float32]
RATE = 44_100
LOW_RATE = 16_000
OFFSET = 0.05  # of full scale
MAX_SECONDS = 120.0  # seconds: longer than any labelled clip


def robustness(encoder: Encoder, tracks: Sequence[Track]) -> dict[str, Any]:
    """For each kind of change: where the original stands among all songs, asked with its changed twin.

    Returns
    -------
    figures : dict
        Kind -> ``first`` (share of twins whose nearest is their original), ``median_rank`` (1 is best),
        ``worst_rank``, ``cosine`` (mean similarity to the original), ``songs``.
    """
    files = [track.file for track in tracks if track.file]
    if not files:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        made = [
            (file, kind, path) for n, file in enumerate(files) for kind, path in _changed_copies(file, Path(folder), n)
        ]
        paths = [*files, *(path for _, _, path in made)]
        vectors = {path: _usable(outcome).vector for path, outcome in encoder.embed_files(paths)}
    by_kind: dict[str, dict[Path, NDArray[np.float32]]] = {}
    for file, kind, path in made:
        by_kind.setdefault(kind, {})[file] = vectors[path]
    originals = {file: vectors[file] for file in files}
    other = by_kind.pop("second half")
    figures = {kind: _ranks(twins, originals) for kind, twins in by_kind.items() if kind != "first half"}
    figures["another part (first half, asked among second halves)"] = _ranks(by_kind["first half"], other)
    return figures


def _changed_copies(file: Path, folder: Path, n: int) -> Iterator[tuple[str, Path]]:
    """Changed copies of a file."""
    y = load_clip(file, seconds=MAX_SECONDS, sample_rate=RATE)
    low = load_clip(file, seconds=MAX_SECONDS, sample_rate=LOW_RATE)
    half = len(y) // 2
    changes: dict[str, Callable[[Path], None]] = {
        "MP3 at 64 kbit/s": lambda path: _write(path, y, RATE, "libmp3lame", 64_000),
        "-12 dB": lambda path: _write(path, y * np.float32(10 ** (-12 / 20)), RATE),
        "16 kHz": lambda path: _write(path, low, LOW_RATE),
        "offset of +5 %": lambda path: _write(path, y + np.float32(OFFSET), RATE),
        "one channel inverted": lambda path: _write(path, np.stack([y, -y]), RATE),
        "first half": lambda path: _write(path, y[:half], RATE),
        "second half": lambda path: _write(path, y[half:], RATE),
    }
    for k, (kind, write) in enumerate(changes.items()):
        path = folder / f"{n:05d}-{k}.{'mp3' if kind.startswith('MP3') else 'wav'}"
        write(path)
        yield kind, path


def _write(path: Path, y: Clip, rate: int, codec: str = "pcm_s16le", bit_rate: int | None = None) -> None:
    """Write a clip [shape=(n,) or (2, n)]."""
    layout = "mono" if y.ndim == 1 else "stereo"
    samples = (np.clip(y.T, -1, 1) * 32767).astype(np.int16).reshape(1, -1)  # of a frame: left, right, left, ...
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def _usable(outcome: TrackEmbedding | UnusableAudio) -> TrackEmbedding:
    if isinstance(outcome, UnusableAudio):
        raise RecipeError(f"{outcome.path} can't be evaluated: {outcome}")
    return outcome


def _ranks(twins: dict[Path, NDArray[np.float32]], originals: dict[Path, NDArray[np.float32]]) -> dict[str, float]:
    files = list(twins)
    both = np.stack([*(twins[file] for file in files), *(originals[file] for file in files)])
    n = len(files)
    distances = pairwise(both)[:n, n:]
    own = np.diag(distances)
    rank = 1 + (distances < own[:, None]).sum(axis=1)
    return {
        "first": float((rank == 1).mean()),
        "median_rank": float(np.median(rank)),
        "worst_rank": int(rank.max()),
        "cosine": float((1 - own).mean()),
        "songs": n,
    }
