"""What `benchmarks.throughput` compares: this plugin, bare decoding, librosa with PyTorch, bliss-audio and pymusly.

Each is a function of a path, and runs in the same worker processes, one thread each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .stages import decode_bare


def musrec(path: str) -> None:
    """What `Encoder.embed_files` does in a worker."""
    from musrec_core import UnusableAudio
    from musrec_core.workers.pool import embed_in_worker

    outcome = embed_in_worker(path)
    if isinstance(outcome, UnusableAudio):
        raise outcome


def decode_clip(path: str) -> None:
    """The lower limit: seek and decode the same clip."""
    decode_bare(Path(path))


def librosa_clip(path: str) -> None:
    """librosa loads the 30 seconds in the middle, and the same network runs in PyTorch."""
    import librosa

    length = librosa.get_duration(path=path)
    y, _ = librosa.load(path, sr=22_050, offset=max(0.0, (length - 30) / 2), duration=30.0)
    _librosa_network(y)


def librosa_file(path: str) -> None:
    """``librosa.load(path)`` as most scripts have it, and the same network in PyTorch on the middle."""
    import librosa

    y, _ = librosa.load(path, sr=22_050)
    middle = max(0, (len(y) - 30 * 22_050) // 2)
    _librosa_network(y[middle : middle + 30 * 22_050])


def _librosa_network(y: np.ndarray) -> None:
    import librosa
    import torch

    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=22_050, n_mels=128), ref=np.max)
    mel = (mel - mel.mean()) / mel.std()
    count = max(1, mel.shape[1] // 130)
    windows = np.stack(np.split(mel[:, : 130 * count], count, axis=1)).astype(np.float32)
    with torch.inference_mode(), one_thread():
        _network()(torch.from_numpy(windows))


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch with one thread, as each worker has; afterwards as it was, for whoever else runs in this process."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache
def _network() -> Any:
    """The shape of musrec-1, the same for every contender, untrained: only its time counts here."""
    from training.model.encoder import new_encoder
    from training.recipe import load_recipe

    return new_encoder(load_recipe("musrec_1"), 16).eval()


def bliss(path: str) -> None:
    """bliss-audio: decodes all of the file with its own FFmpeg, 23 features."""
    from bliss_audio import Song

    assert len(Song(path).analysis)


def musly(path: str) -> None:
    """pymusly's timbre features. Its wheel has no decoder and calls an ffmpeg program: PyAV decodes the file for it."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=22_050)
    with av.open(path) as container:
        container.streams.audio[0].codec_context.thread_count = 1
        parts = [p.to_ndarray()[0] for f in container.decode(audio=0) for p in resampler.resample(f)]
    parts += [p.to_ndarray()[0] for p in resampler.resample(None)]
    _jukebox().track_from_audiodata(np.concatenate(parts).tolist())


@lru_cache
def _jukebox() -> Any:
    from pymusly import MuslyJukebox

    return MuslyJukebox(method="timbre", decoder="none")


MUSREC = "beets-musrec"
DECODING = "bare decoding of the clip"
LIBROSA = "librosa (the file) + PyTorch"
CONTENDERS = {
    MUSREC: musrec,
    DECODING: decode_clip,
    "librosa (the clip) + PyTorch": librosa_clip,
    LIBROSA: librosa_file,
    "bliss-audio (the file)": bliss,
    "pymusly (the file)": musly,
}
REQUIREMENTS = {
    "librosa (the clip) + PyTorch": ("librosa", "torch", "lightning"),
    LIBROSA: ("librosa", "torch", "lightning"),
    "bliss-audio (the file)": ("bliss_audio",),
    "pymusly (the file)": ("pymusly",),
}


def missing(name: str) -> str:
    """What a contender needs and this environment lacks, as an argument of ``pip install``; empty if it can run."""
    return " ".join(m.replace("_", "-") for m in REQUIREMENTS.get(name, ()) if find_spec(m) is None)
