"""The benchmark of searching still runs, on next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import search
from musrec_core import attribute_text
from musrec_core.search.knn import hnsw_available


def test_whole_processes_and_the_file_of_a_large_library(tmp_path: Path) -> None:
    rows = search.processes([60], 1, tmp_path)
    assert rows[0][0] == 60
    assert all(float(str(figure)) > 0 for figure in rows[0])
    search.picture(rows, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


def test_the_index_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "ASKED", 10)
    ((size, *figures),) = search.indexes([200], tmp_path)
    assert size == 200
    assert len(figures) == 3 + 2 * hnsw_available()
    if hnsw_available():
        assert float(str(figures[-1])) >= 0.97


def test_made_up_vectors_are_what_a_library_holds() -> None:
    index = search.made_up(50)
    (decoded,) = attribute_text.decode_vectors([attribute_text.encode_vector(index.vectors[3])], 128)
    assert abs(decoded - index.vectors[3]).max() < 1e-3
