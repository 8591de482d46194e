"""Recordings that a catalogue has more than once: by what is known, by their sound, and in numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.cli import main
from musrec_core.catalogue.duplicates.duplicates import DuplicateOptions, DuplicateReport, find_duplicates
from musrec_core.errors import CatalogueError
from tests import music

from .rows import COLUMNS, DIMENSIONS, rows, unit_vectors

pytestmark = pytest.mark.usefixtures("ray_local")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "tracks.lance")


def near(vector: NDArray[np.float32], distance: float) -> NDArray[np.float32]:
    """A vector at a cosine distance from another."""
    other = np.roll(vector, 1) - (np.roll(vector, 1) @ vector) * vector
    other /= np.linalg.norm(other)
    return np.asarray((1 - distance) * vector + np.sqrt(1 - (1 - distance) ** 2) * other, np.float32)


def made(
    uri: str,
    vectors: Mapping[str, NDArray[np.float32]],
    further: Mapping[str, Sequence[Any]] | None = None,
    paths: Mapping[str, str] | None = None,
) -> Catalogue:
    catalogue = Catalogue.create(uri, COLUMNS, pa.table(dict(further or {})).schema)
    table = rows(list(vectors), list(vectors.values()), further)
    if paths is not None:
        table = table.set_column(1, table.schema.field("path"), [[paths.get(id_) for id_ in vectors]])
    catalogue.merge(table)
    return catalogue


def groups(found: DuplicateReport) -> list[dict[str, str]]:
    return [{track.id: track.verdict for track in tracks} for tracks in found.groups]


def test_names_lengths_and_distance_decide_where_no_file_is_read(uri: str) -> None:
    a, b, c, d = np.eye(DIMENSIONS, dtype=np.float32)[:4]
    vectors = {
        "a1": a, "a2": near(a, 0.02), "a3": near(a, 0.02),  # a3 has another name
        "b1": b, "b2": near(b, 0.15),  # too far off without the files
        "c1": c, "c2": near(c, 0.02),  # too long
        "d1": d, "d2": near(d, 0.002),  # no name
    }  # fmt: skip
    title = ["Blue (2011 Remaster)", "blue", "Red", "Green", "Green", "Long", "Long", "Untold", None]
    length = [100.0, 101.5, 100.0, 90, 90, 50, 80, 60, 60]
    artist = ["The X", "X feat. Y", "X", *["X"] * 6]
    found = find_duplicates(made(uri, vectors, {"title": title, "artist": artist, "length": length}))
    assert groups(found) == [{"a1": "same", "a2": "same"}, {"d1": "unsure", "d2": "unsure"}]
    first, second = found.groups[0]
    assert first.distance == pytest.approx(0, abs=1e-6)
    assert second.distance == pytest.approx(0.02, abs=2e-3)
    assert second.why == "one title and artist, 1.5 s apart in length (a1)"


def test_where_no_track_is_embedded_there_is_nothing_twice(uri: str) -> None:
    assert find_duplicates(made(uri, {}, {"isrc": []})).groups == []


def test_a_length_that_is_known_of_one_alone_tells_nothing_apart(uri: str) -> None:
    vectors = dict.fromkeys(("a", "b"), np.eye(DIMENSIONS, dtype=np.float32)[0])
    known: dict[str, Sequence[Any]] = {"title": ["Blue", "Blue"], "artist": ["Nina", "Nina"], "length": [100.0, None]}
    assert groups(find_duplicates(made(uri, vectors, known))) == [{"a": "unsure", "b": "unsure"}]


def test_one_recording_id_is_one_recording_unless_the_embeddings_say_otherwise(uri: str) -> None:
    a, b, c = np.eye(DIMENSIONS, dtype=np.float32)[:3]
    catalogue = made(
        uri, {"1": a, "2": near(a, 0.1), "3": b, "4": c, "5": c}, {"isrc": ["DE1", "DE1", "DE2", "DE2", None]}
    )
    found = find_duplicates(catalogue)
    assert groups(found)[:2] == [{"1": "same", "2": "same"}, {"3": "unsure", "4": "unsure", "5": "unsure"}]
    assert found.groups[1][0].why == "one recording id, but a distance of 1.00 (4)"


def test_two_tracks_of_one_album_are_two_recordings(uri: str) -> None:
    a, b = np.eye(DIMENSIONS, dtype=np.float32)[:2]
    further: dict[str, list[Any]] = {
        "name": ["Allegro"] * 4, "artist": ["X"] * 4, "seconds": [100] * 4, "album": ["A", "A", "A", "B"],
        "track": ["1/9", "2/9", "3/9", "1/9"],
    }  # fmt: skip
    catalogue = made(uri, {"1": a, "2": a, "3": b, "4": b}, further)
    found = find_duplicates(catalogue, DuplicateOptions(columns={"title": "name", "length": "seconds"}))
    assert groups(found) == [{"3": "same", "4": "same"}]


def test_embeddings_alone_join_only_what_is_as_good_as_identical(uri: str, rng: np.random.Generator) -> None:
    centre = unit_vectors(rng, 1)[0]
    crowd = {f"c{i:03d}": near(centre, 0.0) * 0.9 + 0.2 * unit_vectors(rng, 1)[0] for i in range(300)}
    copy = {"z": crowd["c007"] * 1.0}
    found = find_duplicates(made(uri, {**crowd, **copy}))
    assert groups(found) == [{"c007": "unsure", "z": "unsure"}]


def test_thousands_of_like_tracks_are_one_group_in_linear_time(uri: str, rng: np.random.Generator) -> None:
    n = 1500
    vectors = np.concatenate([np.repeat(unit_vectors(rng, 1), n, axis=0), unit_vectors(rng, 50)])
    ids = {f"t{i:05d}": vector for i, vector in enumerate(vectors)}
    found = find_duplicates(made(uri, ids, {"length": [60.0] * len(ids)}))
    assert [len(tracks) for tracks in found.groups] == [n]
    assert found.pairs <= 3 * n


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A song, copies of it, and another."""
    folder = tmp_path_factory.mktemp("songs it's\N{SPARKLES}")
    styles = list(music.STYLES.values())[:2]
    one, other = (style(14.0, np.random.default_rng(5)) for style in styles)
    shifted = np.concatenate([np.zeros((2, music.RATE), np.float32), one], axis=1)
    files = {
        "flac": music.encode(one, folder / "one.flac"),
        "mp3": music.encode(0.5 * one, folder / "one.mp3", bit_rate=96_000),
        "late": music.encode(shifted, folder / "late.ogg"),
        "other": music.encode(other, folder / "other.flac"),
    }
    (folder / "cut.mp3").write_bytes(files["mp3"].read_bytes()[:2000])
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "link.flac").symlink_to(files["flac"])
    more = {"broken": folder / "empty.mp3", "link": folder / "link.flac", "gone": folder / "gone.mp3"}
    return {id_: str(path) for id_, path in {**files, **more}.items()}


def test_the_sound_of_the_files_decides_where_they_are_read(
    uri: str, songs: dict[str, str], rng: np.random.Generator
) -> None:
    a = unit_vectors(rng, 1)[0]
    vectors = {id_: near(a, 0.001 * i) for i, id_ in enumerate(["flac", "link", "mp3", "late", "other"])}
    catalogue = made(uri, vectors, paths=songs)
    found = find_duplicates(catalogue, DuplicateOptions(verify=True))
    assert groups(found) == [{"flac": "same", "late": "same", "link": "same", "mp3": "same"}]
    assert "one file (flac)" in [track.why for track in found.groups[0]]


def test_files_that_can_not_be_read_leave_it_unsure(uri: str, songs: dict[str, str], rng: np.random.Generator) -> None:
    a, b, c = np.eye(DIMENSIONS, dtype=np.float32)[:3]
    vectors = {"flac": a, "gone": near(a, 0.001), "mp3": b, "broken": near(b, 0.001), "no path": c, "late": c}
    found = find_duplicates(made(uri, vectors, paths=songs), DuplicateOptions(verify=True))
    assert groups(found) == [
        {"broken": "unsure", "mp3": "unsure"},
        {"flac": "unsure", "gone": "unsure"},
        {"late": "unsure", "no path": "unsure"},
    ]
    assert found.unreadable == 3
    assert "could not be compared: missing" in found.groups[1][0].why


def test_the_report_is_the_same_in_all_forms(
    uri: str, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    a = unit_vectors(rng, 1)[0]
    ids = ["007", '=cmd "x",\n\N{SPARKLES}', "b" * 10_000]
    made(uri, dict.fromkeys(ids, a), {"title": ["T"] * 3, "artist": ["A"] * 3, "length": [60] * 3})
    for name in ("r.csv", "r.parquet", "new folder/r.jsonl"):
        assert main(["duplicates", uri, "--out", str(tmp_path / name)]) == 0
    assert "1 recording is there more than once, 2 tracks beside the first" in capsys.readouterr().out
    with open(tmp_path / "r.csv", newline="", encoding="utf-8") as file:
        from_csv = list(csv.DictReader(file))
    from_parquet = pq.read_table(tmp_path / "r.parquet").to_pylist()
    from_lines = [json.loads(line) for line in (tmp_path / "new folder" / "r.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in from_csv] == [row["id"] for row in from_parquet] == [r["id"] for r in from_lines]
    assert sorted(row["id"] for row in from_csv) == sorted(ids)
    assert {row["verdict"] for row in from_lines} == {"same"}


def test_mistakes_are_told_in_one_sentence(uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(uri, dict.fromkeys("ab", np.eye(DIMENSIONS, dtype=np.float32)[0]), {"length": ["1:30", "1:31"]})
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.csv").mkdir()
    for words, sentence in (
        (["--out", str(tmp_path / "report.txt")], "has to end in .csv, .parquet or .jsonl"),
        (["--out", str(tmp_path / "folder.csv")], "is a folder: name a file"),
        (["--out", str(tmp_path / "file" / "r.csv")], "is a file, and no folder"),
        (["--distance", "nan"], "the distance has to be 0 to 0.2"),
        (["--distance", "-1"], "the distance has to be 0 to 0.2"),
        (["--column", "title"], "--column takes KIND=NAME, and not 'title'"),
        (["--column", "singer=length"], "singer is nothing that a column tells"),
        (["--column", "title=nope"], "has no column nope"),
        (["--column", "length=length"], "the column length holds no numbers"),
        (["--where", "x = "], "can't be used"),
        (["--workers", "-1"], "--workers has to be 1 or more"),
    ):
        assert main(["duplicates", uri, *words]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("error: ")
        assert sentence in said
    assert main(["duplicates", uri]) == 0
    assert "unsure  0.000  a  /music/a.flac" in capsys.readouterr().out


def test_a_distance_beyond_the_measured_ones_is_refused() -> None:
    with pytest.raises(CatalogueError, match="no copy that was measured was farther off"):
        DuplicateOptions(distance=0.5)
