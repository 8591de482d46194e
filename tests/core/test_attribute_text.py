"""The text forms of what beets stores."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core import attribute_text


@pytest.mark.parametrize("excerpts", [None, 3])
def test_the_properties_of_a_file_are_told_from_other_texts(excerpts: int | None) -> None:
    text = attribute_text.file_properties("DSD Stream File", 200.04, 900_000, 44_100, excerpts=excerpts)
    assert text == f"DSD Stream File 200.0 900000 44100{' excerpts:3' if excerpts else ''}"
    assert attribute_text.is_file_properties(text)
    assert attribute_text.excerpts_of(text) == excerpts
    assert attribute_text.is_file_properties(attribute_text.file_properties("", 0.0, 0, 0))


@pytest.mark.parametrize("text", [None, "", "MP3", "size:12 modified:2026-01-01T00:00:00Z", "MP3 1.0 2", "MP3 x 2 3"])
def test_another_text_is_none_of_them(text: str | None) -> None:
    assert not attribute_text.is_file_properties(text)


def test_pairs_keep_their_order_and_genres_are_sorted() -> None:
    assert attribute_text.format_pairs({"valence": 0.25, "arousal": 0.75}) == "valence:0.2500 arousal:0.7500"
    genres = {"pop": 0.1, "hip hop": 0.8, "rock": 0.1}
    assert attribute_text.format_genres(genres) == "hip hop:0.8000 pop:0.1000 rock:0.1000"
    assert attribute_text.parse_pairs(attribute_text.format_genres(genres)) == genres


def test_a_damaged_vector_is_nan_and_the_others_stand() -> None:
    vector = np.array([0.5, -0.0, 6e-8, 1.0], np.float32)
    text = attribute_text.encode_vector(vector)
    assert len(text) == attribute_text.text_length(4)
    found = attribute_text.decode_vectors([text, None, "AAAA", text[:-2], "\0"], 4)
    assert attribute_text.encode_vector(found[0]) == text
    assert np.isnan(found[1:]).all()
