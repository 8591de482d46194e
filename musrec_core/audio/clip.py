"""A file -> a mono clip: which parts of the file it is. `decode` decodes little more than that."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableAudio
from .chains import Link, Part, flac_links, ogg_links
from .container import open_input
from .decode import declared_seconds, decode_at_byte, decode_from, measured_seconds
from .elsewhere import MAX_SCAN_SECONDS, elsewhere, is_mostly_silent, loudest_part

if TYPE_CHECKING:
    from av.container import InputContainer

Floats = NDArray[np.float32]

MIN_SECONDS = 3.0  # of a clip
SILENT_PEAK = 1e-4  # amplitude, -80 dB of full scale: the noise of dithering, no music
LIST_FORMATS = {"hls", "applehttp", "dash", "concat", "concatf", "ffmetadata", "image2", "tty"}  # lists of other files
FRAME_STREAMS = {"mp3", "aac", "ac3", "eac3", "dts"}  # no index: FFmpeg reads all that comes before a time
BYTE_SEEK_SECONDS = 1_200.0  # from this length on a moment of such a stream is estimated from its bytes


@dataclass(frozen=True)
class ClipSpec:
    """What is wanted of a file: so many seconds from ``start`` on, or spread over it in ``excerpts`` stretches."""

    seconds: float
    sample_rate: int
    skip_silent: bool
    excerpts: int = 1
    start: float | None = None

    def stretches(self, length: float) -> list[tuple[float, float]]:
        """Start and length [s] of each, in a file of this length: the middles of as many equal parts."""
        if length <= self.seconds:  # 0 where it is not known
            return [(0.0, self.seconds)]
        each, step = self.seconds / self.excerpts, length / self.excerpts
        return [(((2 * k + 1) * step - each) / 2, each) for k in range(self.excerpts)]


def load_clip(
    path: str | bytes | os.PathLike[str],
    *,
    seconds: float = 30.0,
    sample_rate: int = 22_050,
    start: float | None = None,
    skip_silent: bool = False,
) -> Floats:
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
    (y,) = _load(path, ClipSpec(seconds, sample_rate, skip_silent, start=start))
    return y


def load_excerpts(
    path: str | bytes | os.PathLike[str],
    count: int,
    *,
    seconds: float = 30.0,
    sample_rate: int = 22_050,
    skip_silent: bool = False,
) -> list[Floats]:
    """Decode several stretches of a music file, each from the middle of one of as many equal parts of it.

    Parameters
    ----------
    count : int > 0
        How many; with 1, it is what `load_clip` gives.
    seconds : float > 0
        Their length together [s]; a shorter file gives all of itself, in one piece.
    skip_silent : bool
        Where all of them together are mostly silence, take the part of the file in which most sounds, in one piece.

    Returns
    -------
    excerpts : list of np.ndarray [shape=(n,)], float32
        One or more, in the order of the file; the other parameters, and errors, are those of `load_clip`.
    """
    return _load(path, ClipSpec(seconds, sample_rate, skip_silent, excerpts=count))


def _load(path: str | bytes | os.PathLike[str], spec: ClipSpec) -> list[Floats]:
    name = os.fsdecode(path)
    _require_regular_file(name)
    import av

    try:
        found = [y for y in _excerpts(name, spec) if y.size]
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise UnusableAudio(name, "unreadable", _first_line(error)) from None
    _require_sound(name, _joined(found), spec.sample_rate)
    return found


def _joined(excerpts: list[Floats]) -> Floats:
    return excerpts[0] if len(excerpts) == 1 else np.concatenate([np.zeros(0, np.float32), *excerpts])


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


def _require_sound(name: str, y: Floats, sample_rate: int) -> None:
    if not y.size:
        raise UnusableAudio(name, "unreadable", "no sample could be decoded")
    if y.size < MIN_SECONDS * sample_rate:
        raise UnusableAudio(name, "too-short", f"{y.size / sample_rate:.1f} s")
    inner = y[sample_rate // 10 : -sample_rate // 10]  # resampling rings at the ends of a constant
    if max(y.max(), -y.min()) < SILENT_PEAK or inner.std() < SILENT_PEAK:
        raise UnusableAudio(name, "silent")


def _first_line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def _excerpts(name: str, spec: ClipSpec) -> list[Floats]:
    with open_input(
        f"file:{os.path.abspath(name)}",  # "file:" keeps a name like "concat:x" a name
        options={"protocol_whitelist": "file"},
    ) as container:
        if container.format.name in LIST_FORMATS:
            raise UnusableAudio(name, "no-audio", f"a {container.format.name} list, not a recording")
        chain = _chain(name, container, spec.seconds)
        if len(chain) < 2:
            stream = _sound_of(name, container)
            if spec.start is None:
                return _decode_spread(container, stream, spec)
            y = decode_from(container, stream, spec.start, spec.seconds, spec.sample_rate)
        elif spec.start is None:
            return _decode_chain(name, chain, spec)
        else:
            y = _decode_links(name, chain, _link_lengths(name, chain), spec.start, spec.seconds, spec.sample_rate)
    if y.size < MIN_SECONDS * spec.sample_rate:
        raise UnusableAudio(name, "too-short", f"{y.size / spec.sample_rate:.1f} s from there on")
    return [y]


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


def _decode_spread(container: InputContainer, stream: Any, spec: ClipSpec) -> list[Floats]:
    length, rate = declared_seconds(container, stream), spec.sample_rate

    def decode_at(start: float, seconds: float) -> Floats:
        if length > BYTE_SEEK_SECONDS and container.format.name in FRAME_STREAMS:
            y = decode_at_byte(container, stream, start / length, seconds, rate)
            if y.size >= 0.95 * seconds * rate:
                return y
        return decode_from(container, stream, start, seconds, rate)

    found = [decode_at(*stretch) for stretch in spec.stretches(length)]
    full = sum(y.size for y in found) >= 0.95 * spec.seconds * rate
    if full != bool(length) and (full or length > spec.seconds):  # no header at all, or it promised more than there is
        measured = measured_seconds(container, stream)
        if not full or measured > spec.seconds * 1.5:
            length = measured
            found = [decode_from(container, stream, *stretch, rate) for stretch in spec.stretches(length)]
    y = _joined(found)
    if spec.skip_silent and is_mostly_silent(y, rate):
        if length <= MAX_SCAN_SECONDS:
            return [loudest_part(container, stream, y, spec.seconds, rate)]
        return [elsewhere(y, lambda start: decode_at(start, spec.seconds), length, spec.seconds, rate)]
    return found


def _decode_chain(name: str, chain: list[Link], spec: ClipSpec) -> list[Floats]:
    lengths = _link_lengths(name, chain)

    def decode_at(begin: float, seconds: float = spec.seconds) -> Floats:
        return _decode_links(name, chain, lengths, begin, seconds, spec.sample_rate)

    found = [decode_at(*stretch) for stretch in spec.stretches(sum(lengths))]
    y = _joined(found)
    if spec.skip_silent and is_mostly_silent(y, spec.sample_rate):
        return [elsewhere(y, decode_at, sum(lengths), spec.seconds, spec.sample_rate)]
    return found


def _decode_links(
    name: str, chain: list[Link], lengths: list[float], begin: float, seconds: float, sample_rate: int
) -> Floats:
    parts, wanted = [np.zeros(0, np.float32)], round(seconds * sample_rate)
    for link, length in zip(chain, lengths, strict=True):
        if begin < length and wanted > 0:
            parts.append(_decode_link(name, link, begin, wanted / sample_rate, sample_rate)[:wanted])
            wanted -= len(parts[-1])
        begin = max(0.0, begin - length)
    return np.concatenate(parts)


def _link_lengths(name: str, chain: list[Link]) -> list[float]:
    return [_link_seconds(name, link) for link in chain]


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


def _decode_link(name: str, link: Link, start: float, seconds: float, sample_rate: int) -> Floats:
    with Part(name, link) as part, open_input(part) as container:
        return decode_from(container, _sound_of(name, container), start, seconds, sample_rate)
