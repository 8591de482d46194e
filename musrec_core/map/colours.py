"""Colours of a map: palettes, and the values of a field as indices or positions in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# Found by a search from Okabe and Ito's colours (2008), which are too pale on white: each at least 3:1 from its ground
# (WCAG 1.4.11), no two alike to people without red or without green cones. A test holds them to both.
LIGHT = ("#1353b0", "#ff3926", "#067f59", "#a24c9b", "#607d04", "#1b97dd", "#6e1149")
DARK = ("#4b8fef", "#ff7a2e", "#23d295", "#ff88c7", "#f0e442", "#69e6ff", "#a8444f")
UNLABELLED_LIGHT = {"other": "#868c95", "none": "#b4b9c0"}
UNLABELLED_DARK = {"other": "#7c828c", "none": "#525861"}
SCALE_LIGHT = ("#00204d", "#31446b", "#666870", "#958f78", "#b8a03c")  # cividis, without its ends that meet the ground
SCALE_DARK = ("#4a63a0", "#6d7a9c", "#958f78", "#cab969", "#ffea46")


@dataclass(frozen=True)
class Colouring:
    """What the songs are coloured by.

    Attributes
    ----------
    name : str
        The field.
    labels : tuple of str
        Of text: the most frequent values, the most frequent first. Of numbers: what the two ends of the scale say.
    values : tuple
        For each song: of text, the place in ``labels``, -1 for another value and None for none; of numbers, 0 to 1
        along the scale, or None where it is not known.
    numeric : bool
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    numeric: bool


def by_text(name: str, values: Sequence[str]) -> Colouring:
    """Colour by the most frequent values; an empty one is no value."""
    counts = Counter(value for value in values if value)
    top = [value for value, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: len(LIGHT)]]
    places = {value: place for place, value in enumerate(top)}
    return Colouring(name, tuple(top), tuple(places.get(value, -1) if value else None for value in values), False)


def by_number(
    name: str, values: Sequence[float | None], show: Callable[[float], str] = lambda number: f"{number:g}"
) -> Colouring:
    """Colour along a scale from the 2nd to the 98th percentile, so that one odd year does not flatten the rest."""
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return Colouring(name, ("", ""), (None,) * len(values), True)
    low, high = np.percentile(known, [2, 98], method="nearest")
    shares = np.clip((numbers - low) / (high - low), 0, 1) if high > low else np.where(np.isnan(numbers), np.nan, 0.5)
    rounded = tuple(None if np.isnan(share) else round(float(share), 3) for share in shares)
    return Colouring(name, (show(float(low)), show(float(high))), rounded, True)


def parts(colouring: Colouring) -> Iterator[tuple[int | None, str, int]]:
    """A legend of texts: value, label and number of songs of the frequent ones, then of ``other`` and of ``none``."""
    counts = Counter(colouring.values)
    for place, label in enumerate(colouring.labels):
        yield place, label, counts[place]
    for value, label in ((-1, "other"), (None, "none")):
        if counts[value]:
            yield value, label, counts[value]
