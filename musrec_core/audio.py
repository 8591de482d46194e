"""A file -> a mono clip, decoding little more than the clip (PyAV, that is FFmpeg; soxr resamples)."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import UnusableAudio
from .samples import Span, mono, to_rate

if TYPE_CHECKING:
    from av.container import InputContainer

MIN_SECONDS = 3.0
SILENCE = 1e-4  # -80 dB of full scale: the noise of dithering, no music
MAX_RATE = 1_000_000  # above it a header lies; the fastest real converters give 768 kHz
MAX_CHANNELS = 64
PREROLL_SECONDS = 0.2  # MP3's bit reservoir and Opus' convergence need a moment before the first true sample
NOT_AUDIO = {"hls", "applehttp", "dash", "concat", "concatf", "ffmetadata", "image2", "tty"}  # lists of other files
FRAME_STREAMS = {"mp3", "aac", "ac3", "eac3", "dts"}  # no index: FFmpeg reads all that comes before a time
APE_SAMPLES = 1 << 22  # of one packet; the highest compression level has 1.2 million
LONG_SECONDS = 1_200.0  # from here on a place in such a stream is estimated


def load_clip(
    path: str | bytes | os.PathLike[str],
    *,
    seconds: float = 30.0,
    sample_rate: int = 22_050,
    start: float | None = None,
) -> NDArray[np.float32]:
    """Decode the middle of a music file, or what follows a moment in it, as a mono clip.

    Parameters
    ----------
    path : str, bytes or PathLike
        Any file that FFmpeg reads: audio, or video with sound.
    seconds : float > 0
        Length of the clip [s], cut from the middle; a shorter file gives all of itself.
    sample_rate : int > 0
        Target rate [Hz].
    start : float >= 0, optional
        Where the clip starts [s]; fewer than 3 s after it are ``too-short``.

    Returns
    -------
    y : np.ndarray [shape=(n,)], float32
        Mean of the channels, finite, not scaled.

    Raises
    ------
    UnusableAudio
        ``missing``, ``unreadable``, ``no-audio``, ``too-short`` (< 3 s) or ``silent``.
    """
    name = os.fsdecode(path)
    _require_regular_file(name)
    import av

    try:
        with av.open(
            f"file:{os.path.abspath(name)}",  # "file:" keeps a name like "concat:x" a name
            metadata_errors="ignore",
            options={"protocol_whitelist": "file"},
        ) as container:
            if container.format.name in NOT_AUDIO:
                raise UnusableAudio(name, "no-audio", f"a {container.format.name} list, not a recording")
            y = _decode(name, container, start, seconds, sample_rate)
    except PermissionError as error:
        raise UnusableAudio(name, "unreadable", _first_line(error)) from None
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise UnusableAudio(name, "unreadable", _first_line(error)) from None
    return _require_sound(name, y, sample_rate)


def _require_regular_file(name: str) -> None:
    try:
        status = os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        raise UnusableAudio(name, "missing") from None
    except (OSError, ValueError) as error:
        raise UnusableAudio(name, "unreadable", _first_line(error)) from None
    if not stat.S_ISREG(status.st_mode):
        raise UnusableAudio(name, "unreadable", "not a regular file")  # opening a FIFO would hang
    if not status.st_size:
        raise UnusableAudio(name, "unreadable", "empty file")


def _require_sound(name: str, y: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    if not y.size:
        raise UnusableAudio(name, "unreadable", "no sample could be decoded")
    if y.size < MIN_SECONDS * sample_rate:
        raise UnusableAudio(name, "too-short", f"{y.size / sample_rate:.1f} s")
    inner = y[sample_rate // 10 : -sample_rate // 10]  # resampling rings at the ends of a constant
    if max(y.max(), -y.min()) < SILENCE or inner.std() < SILENCE:
        raise UnusableAudio(name, "silent")
    return y


def _first_line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def _decode(
    name: str, container: InputContainer, start: float | None, seconds: float, sample_rate: int
) -> NDArray[np.float32]:
    stream = container.streams.best("audio")
    if stream is None:
        raise UnusableAudio(name, "no-audio")
    if stream.codec_context is None:
        raise UnusableAudio(name, "unreadable", "its codec is not known")
    stream.codec_context.thread_count = 1  # the workers are the parallelism
    if start is None:
        return _decode_middle(container, stream, seconds, sample_rate)
    y = _decode_from(container, stream, start, seconds, sample_rate)
    if y.size < MIN_SECONDS * sample_rate:
        raise UnusableAudio(name, "too-short", f"{y.size / sample_rate:.1f} s from there on")
    return y


def _decode_middle(container: InputContainer, stream: Any, seconds: float, sample_rate: int) -> NDArray[np.float32]:
    length = _declared_seconds(container, stream)
    start = max(0.0, (length - seconds) / 2) if length else 0.0
    if length > LONG_SECONDS and container.format.name in FRAME_STREAMS:
        y = _decode_at_byte(container, stream, start / length, seconds, sample_rate)
        if y.size >= 0.95 * seconds * sample_rate:
            return y
    y = _decode_from(container, stream, start, seconds, sample_rate)
    if start > 0 and y.size < 0.95 * seconds * sample_rate:  # the header promised more than there is
        length = _measured_seconds(container, stream)
        start = max(0.0, (length - seconds) / 2)
        y = _decode_from(container, stream, start, seconds, sample_rate)
    elif not length and y.size >= 0.95 * seconds * sample_rate:  # no header at all: look how long it is
        length = _measured_seconds(container, stream)
        if length > seconds * 1.5:
            y = _decode_from(container, stream, (length - seconds) / 2, seconds, sample_rate)
    return y


def _declared_seconds(container: InputContainer, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1_000_000
    return 0.0


def _first_seconds(stream: Any) -> float:
    return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0


def _measured_seconds(container: InputContainer, stream: Any) -> float:
    """The true length: reads every packet, decodes none."""
    end = 0.0
    _seek(container, stream, 0.0)
    for packet in _packets(container, stream):
        if packet.pts is not None and packet.time_base:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end - _first_seconds(stream)


def _seek(container: InputContainer, stream: Any, start: float) -> None:
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
    return container.format.name == "ape" and (packet.duration or 0) > APE_SAMPLES


def _decode_from(
    container: InputContainer, stream: Any, start: float, seconds: float, sample_rate: int
) -> NDArray[np.float32]:
    _seek(container, stream, start)
    return _resampled(_spans(container, stream, start, seconds), sample_rate)[: round(seconds * sample_rate)]


def _decode_at_byte(
    container: InputContainer, stream: Any, part: float, seconds: float, sample_rate: int
) -> NDArray[np.float32]:
    """The clip that starts after this part (0..1) of the bytes: of the time too, where the bit rate is constant."""
    import av

    with contextlib.suppress(av.FFmpegError):
        container.seek(round(container.size * part), unsupported_byte_offset=True)
    y = _resampled(_spans(container, stream, 0.0, seconds + PREROLL_SECONDS), sample_rate)
    return y[round(PREROLL_SECONDS * sample_rate) :][: round(seconds * sample_rate)]


def _resampled(spans: Iterator[Span], sample_rate: int) -> NDArray[np.float32]:
    parts = [to_rate(span.y, span.rate, sample_rate) for span in spans]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _spans(container: InputContainer, stream: Any, start: float, seconds: float) -> Iterator[Span]:
    """The samples from ``start`` on, ``seconds`` of them: one span, unless rate or channels change midway."""
    pieces = _pieces(container, stream, start, seconds)
    for (rate, *_), alike in itertools.groupby(pieces, lambda piece: _kind(piece[0])):
        yield Span(rate, mono(alike))


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
