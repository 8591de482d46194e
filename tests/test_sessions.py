"""The terminal sessions in the documents are what the commands print, on the library of `make demo`.

``demo_library.json`` is that library as rows: composing and embedding its 30 songs anew takes half a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from beetsplug.musrec.attributes import fields
from musrec_core import Encoder, attribute_text

from . import music
from .sessions import PAGES, SONGS, make_library, played, session


@pytest.mark.skipif(sys.platform != "linux", reason="the sessions use GNU programs")
@pytest.mark.parametrize("page", PAGES)
def test_a_session_prints_what_the_page_says(page: str, tmp_path: Path) -> None:
    make_library(tmp_path)
    steps, printed = session(page), played(page, tmp_path)
    assert printed
    for n, lines in printed.items():
        assert lines == [line for line in steps[n].printed if line], steps[n].command


def test_the_library_is_still_what_the_demo_embeds(tmp_path: Path) -> None:
    """One of its songs, composed and embedded anew."""
    song = music.collection()[0]
    (stored,) = (row for row in SONGS if row["title"] == song.title)
    track = Encoder.load().embed_file(music.write(song, tmp_path))
    (vector,) = attribute_text.decode_vectors([stored[fields.EMBEDDING]], len(track.vector))
    assert float(np.dot(vector, track.vector)) > 0.999
    assert stored[fields.MODEL] == track.model
