"""A map -> a self-contained HTML page, or a PNG picture."""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._text import one_line
from . import colours
from .colours import Colouring

PAGE = Path(__file__).with_name("page.html")
FIGURE_INCHES, FIGURE_DPI = (10, 8), 150


@dataclass(frozen=True)
class Song:
    """What the page shows of one song.

    Attributes
    ----------
    id : int
        beets' own.
    path : bytes
        As the file system has it; absolute.
    title, artist, album, genre, year : str
        Empty where they are not known.
    seconds : float
        Length [s]; 0 where it is not known.
    words : sequence of int
        For how it sounds: positions in the page's list of words.
    """

    id: int
    path: bytes
    title: str
    artist: str
    album: str
    genre: str
    year: str
    seconds: float
    words: Sequence[int] = ()


def html(
    songs: Sequence[Song],
    places: NDArray[np.float32],
    colourings: Sequence[Colouring],
    *,
    paths: bool = True,
    words: Sequence[str] = (),
) -> bytes:
    """The page, with plotly.js inside: searchable, coloured, with a lasso. No tag's content is read as HTML or script.

    Parameters
    ----------
    songs : sequence of Song
    places : array [shape=(n, 2)]
        From `projection.project`.
    colourings : sequence of Colouring
        What it can be coloured by, the first to begin with.
    paths : bool
        Whether the page holds the files' paths. Without them it offers no playlist.
    words : sequence of str
        Those that `Song.words` means.
    """
    from plotly.offline import get_plotlyjs

    before, _, rest = PAGE.read_text(encoding="utf-8").partition("@SONGS@")
    between, _, after = rest.partition("@PLOTLY@")
    data = _data(songs, places, colourings, paths=paths, words=words)
    return "".join([before, data, between, get_plotlyjs(), after]).encode()


def _data(
    songs: Sequence[Song],
    places: NDArray[np.float32],
    colourings: Sequence[Colouring],
    *,
    paths: bool,
    words: Sequence[str],
) -> str:
    """JSON that can stand in a script element: ASCII alone, and no ``<``."""
    data: dict[str, Any] = {
        "x": [round(float(x), 4) for x in places[:, 0]],
        "y": [round(float(y), 4) for y in places[:, 1]],
        "id": [song.id for song in songs],
        # bytes that are no UTF-8 become lone surrogates
        "path": [os.fsdecode(song.path or b"") for song in songs] if paths else None,
        "seconds": [round(song.seconds) for song in songs],
        **{
            name: [one_line(getattr(song, name)) for song in songs]
            for name in ("title", "artist", "album", "genre", "year")
        },
        "words": [one_line(word) for word in words],
        "sounds": [list(song.words) for song in songs] if words else None,
        "colourings": [
            {
                "name": by.name,
                "labels": [one_line(label) for label in by.labels],
                "values": by.values,
                "numeric": by.numeric,
            }
            for by in colourings
        ],
        "palette": {
            "light": {"text": colours.LIGHT, "numbers": colours.SCALE_LIGHT, **colours.UNLABELLED_LIGHT},
            "dark": {"text": colours.DARK, "numbers": colours.SCALE_DARK, **colours.UNLABELLED_DARK},
        },
    }
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def png(places: NDArray[np.float32], colouring: Colouring) -> bytes:
    """The picture: every song a dot on white, and what the colours mean."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    out = io.BytesIO()
    with mpl.rc_context({"text.parse_math": False, "font.size": 9}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the font has no such letter: a box stands there
        figure = Figure(figsize=FIGURE_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_aspect("equal")
        axes.set_axis_off()
        size = float(np.clip(900 / np.sqrt(len(places)), 3, 50))
        (_draw_numbers if colouring.numeric else _draw_texts)(figure, axes, places, colouring, size)
        figure.savefig(out, dpi=FIGURE_DPI, facecolor="white", metadata={"Software": "beets-musrec"})
    return out.getvalue()


def _draw_texts(figure: Any, axes: Any, places: NDArray[np.float32], by: Colouring, size: float) -> None:
    unlabelled = colours.UNLABELLED_LIGHT
    colour_of: dict[Any, str] = {None: unlabelled["none"], -1: unlabelled["other"]}
    colour_of.update(enumerate(colours.LIGHT))
    axes.scatter(*places.T, s=size, c=[colour_of[value] for value in by.values], linewidths=0, alpha=0.85)
    handles = [
        axes.scatter([], [], s=40, color=colour_of[value], label=f"{_short(label)}  {count:,}", linewidths=0)
        for value, label, count in colours.parts(by)
    ]
    figure.legend(handles=handles, title=_short(by.name), loc="outside right upper", frameon=False, alignment="left")


def _draw_numbers(figure: Any, axes: Any, places: NDArray[np.float32], by: Colouring, size: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("scale", colours.SCALE_LIGHT)
    scale.set_bad(colours.UNLABELLED_LIGHT["none"])
    values = np.array(by.values, np.float64)  # None becomes NaN
    dots = axes.scatter(*places.T, s=size, c=values, cmap=scale, vmin=0, vmax=1, linewidths=0, plotnonfinite=True)
    bar = figure.colorbar(dots, ax=axes, shrink=0.4, ticks=[0, 1])
    bar.ax.set_yticklabels([_short(label) for label in by.labels])
    bar.ax.set_title(_short(by.name))


def _short(label: str) -> str:
    text = one_line(label)
    return text if len(text) <= 32 else f"{text[:31]}…"
