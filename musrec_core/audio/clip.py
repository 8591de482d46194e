"""A file -> a mono clip: which part of the file it is. `decode` decodes little more than that."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableAudio
from .chains import Link, Part, flac_links, ogg_links
from .container import open_input
from .decode import declared_seconds, decode_at_byte, decode_from, levels_from, measured_seconds
from .infrasound import without_infrasound
from .silence import MIN_LEVEL, levels, sounding

if TYPE_CHECKING:
    from av.container import InputContainer

MIN_SECONDS = 3.0  # of a clip
SILENT_PEAK = 1e-4  # amplitude, -80 dB of full scale: the noise of dithering, no music
LIST_FORMATS = {"hls", "applehttp", "dash", "concat", "concatf", "ffmetadata", "image2", "tty"}  # lists of other files
FRAME_STREAMS = {"mp3", "aac", "ac3", "eac3", "dts"}  # no index: FFmpeg reads all that comes before a time
BYTE_SEEK_SECONDS = 1_200.0  # from this length on a moment of such a stream is estimated from its bytes
MAX_SCAN_SECONDS = 2_400.0  # of a file that is decoded whole where its middle is silent; takes a few seconds
MAX_TRIED_CLIPS = 30  # in a longer file whose middle is silent
LOUD_RATIO = 10 ** (-25 / 20)  # of a file's loudest 0.1 s, in amplitude: the sound that a better clip has to hold
MAX_GAP_LEVEL = 10 ** (-45 / 20)  # amplitude of a silent clip's loudest 0.1 s; 168 ordinary clips have -22 dB or more


def load_clip(
    path: str | bytes | os.PathLike[str],
    *,
    seconds: float = 30.0,
    sample_rate: int = 22_050,
    start: float | None = None,
    skip_silent: bool = False,
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
    skip_silent : bool
        Where the middle is mostly silence, take the part of the file in which most sounds.

    Returns
    -------
    y : np.ndarray [shape=(n,)], float32
        Mean of the channels (where they cancel, the louder one), finite, not scaled.

    Raises
    ------
    UnusableAudio
        ``missing``, ``unreadable``, ``no-audio``, ``too-short`` (< 3 s) or ``silent``.
    """
    name = os.fsdecode(path)
    _require_regular_file(name)
    import av

    try:
        y = _clip(name, start, seconds, sample_rate, skip_silent)
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
    if max(y.max(), -y.min()) < SILENT_PEAK or inner.std() < SILENT_PEAK:
        raise UnusableAudio(name, "silent")
    return y


def _first_line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def _clip(name: str, start: float | None, seconds: float, sample_rate: int, skip_silent: bool) -> NDArray[np.float32]:
    with open_input(
        f"file:{os.path.abspath(name)}",  # "file:" keeps a name like "concat:x" a name
        options={"protocol_whitelist": "file"},
    ) as container:
        if container.format.name in LIST_FORMATS:
            raise UnusableAudio(name, "no-audio", f"a {container.format.name} list, not a recording")
        chain = _chain(name, container, seconds)
        if len(chain) < 2:
            stream = _sound_of(name, container)
            if start is None:
                return _decode_middle(container, stream, seconds, sample_rate, skip_silent)
            y = decode_from(container, stream, start, seconds, sample_rate)
        else:
            y = _decode_chain(name, chain, start, seconds, sample_rate, skip_silent)
    if start is not None and y.size < MIN_SECONDS * sample_rate:
        raise UnusableAudio(name, "too-short", f"{y.size / sample_rate:.1f} s from there on")
    return y


def _chain(name: str, container: InputContainer, seconds: float) -> list[Link]:
    if container.format.name == "ogg":
        return ogg_links(name)
    if container.format.name == "flac" and container.duration and container.duration < seconds * 1_000_000:
        return flac_links(name)  # it costs reading the file; a longer first link has a middle to take
    return []


def _sound_of(name: str, container: InputContainer) -> Any:
    stream = container.streams.best("audio")
    if stream is None:
        raise UnusableAudio(name, "no-audio")
    if stream.codec_context is None:
        raise UnusableAudio(name, "unreadable", "its codec is not known")
    stream.codec_context.thread_count = 1  # the workers are the parallelism
    return stream


def _decode_middle(
    container: InputContainer, stream: Any, seconds: float, sample_rate: int, skip_silent: bool = False
) -> NDArray[np.float32]:
    length = declared_seconds(container, stream)

    def decode_at(start: float) -> NDArray[np.float32]:
        if length > BYTE_SEEK_SECONDS and container.format.name in FRAME_STREAMS:
            y = decode_at_byte(container, stream, start / length, seconds, sample_rate)
            if y.size >= 0.95 * seconds * sample_rate:
                return y
        return decode_from(container, stream, start, seconds, sample_rate)

    start = max(0.0, (length - seconds) / 2)
    y = decode_at(start)
    full = y.size >= 0.95 * seconds * sample_rate
    if full != bool(length) and (full or start > 0):  # no header at all, or it promised more than there is
        measured = measured_seconds(container, stream)
        if not full or measured > seconds * 1.5:
            length = measured
            y = decode_from(container, stream, max(0.0, (length - seconds) / 2), seconds, sample_rate)
    if skip_silent and _is_mostly_silent(y, sample_rate):
        if length <= MAX_SCAN_SECONDS:
            y = _loudest_part(container, stream, y, seconds, sample_rate)
        else:
            y = _elsewhere(y, decode_at, length, seconds, sample_rate)
    return y


def _is_mostly_silent(y: NDArray[np.float32], sample_rate: int) -> bool:
    level = _levels(y, sample_rate)
    return float(level.max(initial=0.0)) < MAX_GAP_LEVEL or float(sounding(level).mean()) < 0.5


def _levels(y: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """The level of each block, without rumble below hearing."""
    return levels(without_infrasound(y, sample_rate), sample_rate)


def _loudest_part(
    container: InputContainer, stream: Any, y: NDArray[np.float32], seconds: float, sample_rate: int
) -> NDArray[np.float32]:
    """The clip that holds most sound, of several the one next to the middle; decodes the file."""
    starts, level = levels_from(container, stream, MAX_SCAN_SECONDS)
    if len(starts) < 2 or starts[-1] < seconds:
        return y
    steps = np.diff(starts, append=starts[-1])
    sound = np.concatenate([[0.0], np.cumsum(steps * (level > max(MIN_LEVEL, float(level.max()) * LOUD_RATIO)))])
    stops = np.searchsorted(starts, starts + seconds)
    gained = sound[stops] - sound[:-1]
    best = np.flatnonzero(gained >= gained.max() - 0.1)
    start = starts[best[np.abs(starts[best] + seconds / 2 - starts[-1] / 2).argmin()]]
    found = decode_from(container, stream, float(min(start, max(0.0, starts[-1] - seconds))), seconds, sample_rate)
    return found if found.size else y  # a format without seeking


def _elsewhere(
    y: NDArray[np.float32],
    decode_at: Callable[[float], NDArray[np.float32]],
    length: float,
    seconds: float,
    sample_rate: int,
) -> NDArray[np.float32]:
    """The first clip that is not mostly silent, of `MAX_TRIED_CLIPS` from the middle outwards; else the loudest."""
    middle = (length - seconds) / 2
    found = [y]
    for k in range(1, MAX_TRIED_CLIPS):
        offset = (-1) ** k * ((k + 1) // 2) / (MAX_TRIED_CLIPS // 2 + 1)  # -1 to 1, ever further from the middle
        found.append(decode_at(max(0.0, middle * (1 + offset))))
        if not _is_mostly_silent(found[-1], sample_rate):
            return found[-1]
    return max(found, key=lambda clip: float(_levels(clip, sample_rate).max(initial=0.0)))


def _decode_chain(
    name: str, chain: list[Link], start: float | None, seconds: float, sample_rate: int, skip_silent: bool
) -> NDArray[np.float32]:
    lengths = [_link_seconds(name, link) for link in chain]

    def decode_at(begin: float) -> NDArray[np.float32]:
        parts, wanted = [np.zeros(0, np.float32)], round(seconds * sample_rate)
        for link, length in zip(chain, lengths, strict=True):
            if begin < length and wanted > 0:
                parts.append(_decode_link(name, link, begin, wanted / sample_rate, sample_rate)[:wanted])
                wanted -= len(parts[-1])
            begin = max(0.0, begin - length)
        return np.concatenate(parts)

    if start is not None:
        return decode_at(start)
    y = decode_at(max(0.0, (sum(lengths) - seconds) / 2))
    if skip_silent and _is_mostly_silent(y, sample_rate):
        y = _elsewhere(y, decode_at, sum(lengths), seconds, sample_rate)
    return y


def _link_seconds(name: str, link: Link) -> float:
    """How long a link is; 0 for one that can't be read, or holds no sound."""
    import av

    with Part(name, link) as part:
        try:
            with open_input(part) as container:
                stream = container.streams.best("audio")
                if stream is None or stream.codec_context is None:
                    return 0.0
                return declared_seconds(container, stream) or measured_seconds(container, stream)
        except (av.FFmpegError, ValueError):
            return 0.0


def _decode_link(name: str, link: Link, start: float, seconds: float, sample_rate: int) -> NDArray[np.float32]:
    with Part(name, link) as part, open_input(part) as container:
        return decode_from(container, _sound_of(name, container), start, seconds, sample_rate)
