"""Where a file sounds whose middle is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .decode import decode_from, levels_from
from .infrasound import without_infrasound
from .silence import MIN_LEVEL, levels, sounding

if TYPE_CHECKING:
    from av.container import InputContainer

Floats = NDArray[np.float32]

MAX_SCAN_SECONDS = 2_400.0  # of a file that is decoded whole where its middle is silent; takes a few seconds
MAX_TRIED_CLIPS = 30  # in a longer file whose middle is silent
LOUD_RATIO = 10 ** (-25 / 20)  # of a file's loudest 0.1 s, in amplitude: the sound that a better clip has to hold
MAX_GAP_LEVEL = 10 ** (-45 / 20)  # amplitude of a silent clip's loudest 0.1 s; 168 ordinary clips have -22 dB or more


def is_mostly_silent(y: Floats, sample_rate: int) -> bool:
    """Whether less than half of a clip sounds, or nothing loudly."""
    level = _levels(y, sample_rate)
    return float(level.max(initial=0.0)) < MAX_GAP_LEVEL or float(sounding(level).mean()) < 0.5


def _levels(y: Floats, sample_rate: int) -> Floats:
    """The level of each block, without rumble below hearing."""
    return levels(without_infrasound(y, sample_rate), sample_rate)


def loudest_part(container: InputContainer, stream: Any, y: Floats, seconds: float, sample_rate: int) -> Floats:
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


def elsewhere(
    y: Floats,
    decode_at: Callable[[float], Floats],
    length: float,
    seconds: float,
    sample_rate: int,
) -> Floats:
    """The first clip that is not mostly silent, of `MAX_TRIED_CLIPS` from the middle outwards; else the loudest."""
    middle = (length - seconds) / 2
    found = [y]
    for k in range(1, MAX_TRIED_CLIPS):
        offset = (-1) ** k * ((k + 1) // 2) / (MAX_TRIED_CLIPS // 2 + 1)  # -1 to 1, ever further from the middle
        found.append(decode_at(max(0.0, middle * (1 + offset))))
        if not is_mostly_silent(found[-1], sample_rate):
            return found[-1]
    return max(found, key=lambda clip: float(_levels(clip, sample_rate).max(initial=0.0)))
