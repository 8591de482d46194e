"""An open file -> mono samples from a moment on (PyAV, that is FFmpeg)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .downmix import louder_channel
from .resampling import resample
from .samples import Span, loudest_deviation, mono
from .silence import BLOCK_SECONDS

if TYPE_CHECKING:
    from av.container import InputContainer

MAX_RATE = 1_000_000  # above it a header lies; the fastest real converters give 768 kHz
MAX_CHANNELS = 64
PREROLL_SECONDS = 0.2  # MP3's bit reservoir and Opus' convergence need a moment before the first true sample
MAX_APE_SAMPLES = 1 << 22  # of one packet; the highest compression level has 1.2 million


def declared_seconds(container: InputContainer, stream: Any) -> float:
    """The length that the file states; 0 where it states none."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1_000_000
    return 0.0


def _first_seconds(stream: Any) -> float:
    return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0


def measured_seconds(container: InputContainer, stream: Any) -> float:
    """The true length: reads every packet, decodes none."""
    end = 0.0
    seek(container, stream, 0.0)
    for packet in _packets(container, stream):
        if packet.pts is not None and packet.time_base:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end - _first_seconds(stream)


def seek(container: InputContainer, stream: Any, start: float) -> None:
    """Go to a moment [s], or a little before it."""
    import av

    # a format without seeking goes on from where it stands
    with contextlib.suppress(av.FFmpegError, OverflowError, ZeroDivisionError):
        at = max(0.0, start - PREROLL_SECONDS) + _first_seconds(stream)
        container.seek(int(at / stream.time_base), stream=stream, backward=True)


def _packets(container: InputContainer, stream: Any) -> Iterator[Any]:
    import av

    try:
        for packet in container.demux(stream):
            if not packet.is_corrupt and not _is_bomb(container, packet):
                yield packet
    except av.FFmpegError:
        return  # a truncated or damaged tail: what was read before it counts


def _is_bomb(container: InputContainer, packet: Any) -> bool:
    """Whether a packet of Monkey's Audio claims a length that would unpack to gigabytes, which PyAV collects."""
    return container.format.name == "ape" and (packet.duration or 0) > MAX_APE_SAMPLES


def decode_from(
    container: InputContainer, stream: Any, start: float, seconds: float, sample_rate: int
) -> NDArray[np.float32]:
    """Mono samples from ``start`` on, at the rate that is wanted: ``seconds`` of them or what there is."""

    def rewind() -> None:
        seek(container, stream, start)

    y = _mono(container, stream, rewind, start, seconds, sample_rate)
    return y[: round(seconds * sample_rate)]


def decode_at_byte(
    container: InputContainer, stream: Any, part: float, seconds: float, sample_rate: int
) -> NDArray[np.float32]:
    """The clip after this share (0..1) of the bytes: the same share of the time where the bit rate is constant."""
    import av

    def rewind() -> None:
        with contextlib.suppress(av.FFmpegError):
            container.seek(round(container.size * part), unsupported_byte_offset=True)

    y = _mono(container, stream, rewind, 0.0, seconds + PREROLL_SECONDS, sample_rate)
    return y[round(PREROLL_SECONDS * sample_rate) :][: round(seconds * sample_rate)]


def _mono(
    container: InputContainer,
    stream: Any,
    rewind: Callable[[], None],
    start: float,
    seconds: float,
    sample_rate: int,
) -> NDArray[np.float32]:
    """The mean of the channels; where they cancel each other, decoded once more, the louder one."""
    rewind()
    spans = list(_spans(container, stream, start, seconds))
    if spans:
        longest = max(spans, key=lambda span: len(span.y) / span.rate)
        channel = louder_channel(longest.excerpts, longest.rate)
        if channel is not None:
            rewind()
            spans = list(_spans(container, stream, start, seconds, channel)) or spans  # not every format can rewind
    return _resampled(spans, sample_rate)


def levels_from(
    container: InputContainer, stream: Any, seconds: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Start times [s] and levels of blocks of a few frames, of the file's first ``seconds`` [shape=(n,) each]."""
    seek(container, stream, 0.0)
    starts, found, time = [], [], 0.0
    pieces = _pieces(container, stream, 0.0, seconds)
    for (rate, *_), alike in itertools.groupby(pieces, lambda piece: _kind(piece[0])):
        while block := _block(alike, rate):
            starts.append(time)
            found.append(loudest_deviation(block, rate))
            time += sum(frame.samples - skip for frame, skip in block) / rate
    return np.array(starts), np.array(found, np.float32)


def _block(pieces: Iterator[tuple[Any, int]], rate: int) -> list[tuple[Any, int]]:
    """The next pieces that make `BLOCK_SECONDS`."""
    block, samples = [], 0
    while samples < BLOCK_SECONDS * rate and (piece := next(pieces, None)):
        block.append(piece)
        samples += piece[0].samples - piece[1]
    return block


def _resampled(spans: Iterable[Span], sample_rate: int) -> NDArray[np.float32]:
    parts = [resample(span.y, span.rate, sample_rate) for span in spans]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _spans(
    container: InputContainer, stream: Any, start: float, seconds: float, channel: int | None = None
) -> Iterator[Span]:
    """The samples from ``start`` on, ``seconds`` of them: one span, unless rate or channels change midway."""
    pieces = _pieces(container, stream, start, seconds)
    for (rate, *_), alike in itertools.groupby(pieces, lambda piece: _kind(piece[0])):
        yield mono(rate, alike, channel)


def _kind(frame: Any) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _pieces(container: InputContainer, stream: Any, start: float, seconds: float) -> Iterator[tuple[Any, int]]:
    """Frames from ``start`` on, each with how many of its first samples to skip."""
    begin = start + _first_seconds(stream)
    for frame in _frames(container, stream):
        skip = _samples_before(frame, begin) if start > 0 else 0
        if skip < frame.samples:
            yield frame, skip
            seconds -= (frame.samples - skip) / frame.sample_rate
            if seconds <= 0:
                return


def _frames(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Decoded frames; damaged packets and absurd frames are left out."""
    import av

    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if 0 < frame.sample_rate <= MAX_RATE and 0 < frame.layout.nb_channels <= MAX_CHANNELS:
                yield frame


def _samples_before(frame: Any, time: float) -> int:
    """How many of a frame's samples come before a time [s]."""
    return 0 if frame.time is None else max(0, round((time - frame.time) * frame.sample_rate))
