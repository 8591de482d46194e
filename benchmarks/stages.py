"""Where the time of a track goes, step by step, at one thread: ``python -m benchmarks --part stages``."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from musrec_core import Encoder
from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import log_mel, windows

from .tables import cpu_ms, table


def clip_frames(path: Path, seconds: float = 30.0) -> Iterator[Any]:
    """Seek to the clip and decode its frames."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.best("audio")
        assert stream is not None
        assert stream.time_base is not None
        stream.codec_context.thread_count = 1
        start = max(0.0, ((container.duration or 0) / 1e6 - seconds) / 2)
        container.seek(int(start / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            yield frame
            seconds -= frame.samples / frame.sample_rate
            if seconds <= 0:
                break


def decode_bare(path: Path) -> None:
    """The lower limit: decode the clip's frames, and nothing else."""
    for _ in clip_frames(path):
        pass


def stages(paths: list[Path], runs: int, *, markdown: bool = False) -> str:
    """One row a file: bare decoding, the steps, the whole track, and the whole over bare decoding."""
    encoder = Encoder.load(threads=1)
    front_end = encoder.card.front_end
    rows = []
    for path in paths:
        hear = partial(load_clip, path, seconds=front_end.clip_seconds, sample_rate=front_end.sample_rate)
        y = hear()
        w = windows(log_mel(y, encoder._mel_basis, front_end), front_end.window_frames)
        jobs: dict[str, Callable[[], Any]] = {
            "bare decode": partial(decode_bare, path),
            "clip": hear,
            "log-mel": partial(log_mel, y, encoder._mel_basis, front_end),
            "network": partial(encoder.embed_windows, w),
            "track": partial(encoder.embed_file, path),
        }
        took = cpu_ms(jobs, runs)
        rows.append([*took.values(), took["track"] / took["bare decode"]])
    mean = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    mean[-1] = mean[-2] / mean[0]
    share = [100 * value / mean[4] for value in mean[:5]]
    named = [[path.name, *row] for path, row in zip(paths, rows, strict=True)]
    return table(
        "Where the time goes: processor time of a track and of its steps [ms], each the median of its own runs",
        ["file", "bare decode", "clip", "log-mel", "network", "track", "track / bare"],
        [*named, ["mean", *mean], ["share of the track [%]", *share, None]],
        markdown=markdown,
    )
