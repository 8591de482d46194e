"""Which tracks could not be embedded, and why: listed, as JSON, as a table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.cli import main

from .rows import COLUMNS, rows, unit_vectors


@pytest.fixture
def uri(tmp_path: Path, rng: np.random.Generator) -> str:
    catalogue = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS, pa.schema([("year", pa.int64())]))
    catalogue.merge(rows(["a", "b", "\x1b[31mc"], [unit_vectors(rng, 1)[0], None, None], {"year": [1, 2, 3]}))
    return catalogue.uri


def test_failures_are_listed_and_counted(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", uri]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == "unreadable  b  no decoder  /music/b.flac"
    assert "\x1b" not in second
    assert last == "2 tracks without an embedding: unreadable 2"


def test_a_condition_chooses_among_them(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", uri, "--where", "year < 3 or year = 1", "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert row == {"id": "b", "status": "unreadable", "error": "no decoder", "path": "/music/b.flac"}
    assert main(["failures", uri, "--where", "year = 1"]) == 0
    assert capsys.readouterr().out == "0 tracks without an embedding\n"
    assert main(["failures", uri, "--where", "colour = 1"]) == 1
    assert "colour" in capsys.readouterr().err


def test_they_are_written_as_a_table(uri: str, tmp_path: Path) -> None:
    assert main(["failures", uri, "--out", str(tmp_path / "failed.parquet")]) == 0
    table = pq.read_table(tmp_path / "failed.parquet")
    assert table.column_names == ["id", "status", "error", "path"]
    assert table["id"].to_pylist() == ["b", "\x1b[31mc"]
