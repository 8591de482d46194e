"""Values as places in a palette whose colours everybody can tell apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from musrec_core.map import colours


def test_frequent_texts_then_other_then_none() -> None:
    values = ["b"] * 3 + ["a"] * 3 + [*"cdefgh", ""]
    by = colours.by_text("genres", values)
    assert by.labels == ("a", "b", "c", "d", "e", "f", "g")
    assert by.values == (1, 1, 1, 0, 0, 0, 2, 3, 4, 5, 6, -1, None)
    assert list(colours.parts(by))[-2:] == [(-1, "other", 1), (None, "none", 1)]


def test_one_odd_year_does_not_flatten_the_scale() -> None:
    by = colours.by_number("year", [*range(1960, 2020), 1, None])
    assert by.labels == ("1960", "2018")
    assert by.values[0] == 0
    assert by.values[58] == 1
    assert by.values[-2:] == (0, None)


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_any_numbers_have_a_place_on_the_scale(values: list[float | None]) -> None:
    by = colours.by_number("x", values)
    assert [value is None for value in by.values] == [value is None for value in values]
    assert all(0 <= value <= 1 for value in by.values if value is not None)


# Colours. Contrast: WCAG 2. Sight without red or green cones: Viénot, Brettel and Mollon (1999).

GROUNDS = {"light": "#ffffff", "dark": "#14171b"}
SIGHTS = {
    "all cones": np.eye(3),
    "no red cones": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "no green cones": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}


def linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    bright, dim = sorted((float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089], 0.0089, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("theme", "palette"), [
    ("light", [*colours.LIGHT, colours.UNLABELLED_LIGHT["other"]]),
    ("dark", [*colours.DARK, colours.UNLABELLED_DARK["other"]]),
])  # fmt: skip
def test_colours_stand_out_and_differ_for_everybody(theme: str, palette: list[str]) -> None:
    assert {
        colour: contrast(colour, GROUNDS[theme]) for colour in palette if contrast(colour, GROUNDS[theme]) < 3
    } == {}
    for sight, matrix in SIGHTS.items():
        seen = {colour: lab(matrix @ linear(colour)) for colour in palette}
        alike = [
            (a, b, round(float(np.linalg.norm(seen[a] - seen[b])), 1)) for a, b in itertools.combinations(palette, 2)
        ]
        assert [pair for pair in alike if pair[2] < 18] == [], sight


@pytest.mark.parametrize(("theme", "scale"), [("light", colours.SCALE_LIGHT), ("dark", colours.SCALE_DARK)])
def test_the_scale_stands_out_and_gets_lighter(theme: str, scale: tuple[str, ...]) -> None:
    assert min(contrast(colour, GROUNDS[theme]) for colour in scale) >= 2.5
    lightness = [float(lab(linear(colour))[0]) for colour in scale]
    assert lightness == sorted(lightness)
