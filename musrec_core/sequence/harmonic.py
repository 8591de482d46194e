"""Harmonic mixing: how well songs go together by tempo and key."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_TEMPO_OCTAVES = 0.25  # between two tempos (19 %): a larger difference counts as this one
MAX_KEY_STEPS = 6.0  # on the Camelot wheel: the largest difference counts as this one

_NAMED = re.compile(r"([A-G])\s*([#♯b♭]?)\s*(m|min|minor|maj|major|)", re.IGNORECASE)
_WHEEL = re.compile(r"(\d{1,2})\s*([ABDM])", re.IGNORECASE)
_PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def camelot(key: str) -> tuple[int, int] | None:
    """A key's place on the Camelot wheel: the hour (1 to 12) and 0 for minor, 1 for major.

    Parameters
    ----------
    key : str
        As in ``Am``, ``F#``, ``Bb minor``, Camelot's ``8A``, Open Key's ``1m``.

    Returns
    -------
    place : (int, int), or None
        None if it is not a key.
    """
    text = key.strip()
    if found := _WHEEL.fullmatch(text):
        hour, ring = int(found[1]), found[2].upper()
        if not 1 <= hour <= 12:
            return None
        if ring in "AB":
            return hour, int(ring == "B")
        return (hour + 6) % 12 + 1, int(ring == "D")  # Open Key's 1 is Camelot's 8
    if not (found := _NAMED.fullmatch(text)):
        return None
    pitch = _PITCHES[found[1].upper()] + (found[2] in ("#", "♯")) - (found[2] in ("b", "♭", "B"))
    major = found[3] == "" or found[3].lower().startswith("maj")
    if found[3] == "M":
        major = True
    fifths = (pitch + (0 if major else 3)) * 7 % 12  # of the relative major, from C
    return (fifths + 7) % 12 + 1, int(major)


def key_distance(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Steps on the Camelot wheel: hours apart the short way round, and one more between minor and major."""
    apart = abs(a[0] - b[0])
    return min(apart, 12 - apart) + (a[1] != b[1])


def mismatch(tempos: Sequence[float | None], keys: Sequence[str | None]) -> NDArray[np.float64]:
    """How badly each pair of songs goes together, 0 to 1 [shape=(n, n)].

    The mean of tempo (octaves apart, where double and half count as equal) and key (steps on the Camelot wheel), each
    squared. Where one of a pair is not known, it counts as the mean of the known pairs, or nothing if there are none.

    Parameters
    ----------
    tempos : sequence of float or None
        Beats a minute; 0 and None are not known.
    keys : sequence of str or None
    """
    return (_filled(_tempo(tempos)) + _filled(_key(keys))) / 2


def _tempo(tempos: Sequence[float | None]) -> NDArray[np.float64]:
    octaves = np.array([np.log2(tempo) if tempo and tempo > 0 else np.nan for tempo in tempos])
    apart = np.abs(octaves[:, None] - octaves) % 1
    return np.minimum(np.minimum(apart, 1 - apart) / MAX_TEMPO_OCTAVES, 1) ** 2


def _key(keys: Sequence[str | None]) -> NDArray[np.float64]:
    places = [camelot(key) if key else None for key in keys]
    hours = np.array([place[0] if place else np.nan for place in places])
    rings = np.array([place[1] if place else np.nan for place in places])
    apart = np.abs(hours[:, None] - hours)
    steps = np.minimum(apart, 12 - apart) + np.abs(rings[:, None] - rings)
    return np.minimum(steps / MAX_KEY_STEPS, 1) ** 2


def _filled(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(costs) & ~np.eye(len(costs), dtype=bool)
    found: NDArray[np.float64] = np.where(np.isfinite(costs), costs, costs[known].mean() if known.any() else 0.0)
    np.fill_diagonal(found, 0)
    return found
