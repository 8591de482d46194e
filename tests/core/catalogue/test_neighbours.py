"""Every track's neighbours as a table: exact ones are those of `knn`, the others' recall is measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from numpy.typing import NDArray

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.cli import main
from musrec_core.catalogue.cluster.tasks import in_parallel
from musrec_core.catalogue.meter import Meter
from musrec_core.catalogue.neighbours import cells, selection
from musrec_core.catalogue.neighbours.nearest import NOBODY, Found
from musrec_core.catalogue.neighbours.neighbours import NeighbourOptions, write_neighbours
from musrec_core.catalogue.neighbours.out_folder import OutFolder
from musrec_core.catalogue.neighbours.table import NeighbourTable
from musrec_core.errors import CatalogueError
from musrec_core.search.index import VectorIndex
from musrec_core.search.knn import neighbourhoods

from .rows import COLUMNS, DIMENSIONS, rows, unit_vectors
from .servers import made_up_s3

K = 5
Neighbours = dict[str, list[tuple[str, float]]]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "tracks.lance")


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "table")


def made(uri: str, vectors: NDArray[np.float32], further: Mapping[str, list[str | None]] | None = None) -> list[str]:
    """A dataset whose ids do not lie in their order."""
    ids = [f"t{i * 7919 % 10007:05d}" for i in range(len(vectors))]
    columns = pa.table(dict(further or {})).schema
    catalogue = Catalogue.create(uri, COLUMNS, columns)
    half = len(ids) // 2
    for part in (slice(0, half), slice(half, None)):
        catalogue.merge(rows(ids[part], vectors[part], {name: x[part] for name, x in (further or {}).items()}))
    return ids


def clustered(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    centres = unit_vectors(rng, 40)
    x = centres[rng.integers(len(centres), size=n)] + 0.5 * unit_vectors(rng, n)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def table_of(out: str) -> Neighbours:
    found: Neighbours = {}
    table = pq.read_table(out)
    for id_, rank, neighbour, distance in zip(*(table[n].to_pylist() for n in table.column_names), strict=True):
        found.setdefault(id_, []).append((neighbour, distance))
        assert rank == len(found[id_])
    return found


def true_neighbours(ids: list[str], vectors: NDArray[np.float32], k: int) -> Neighbours:
    order = np.argsort(ids)
    index = VectorIndex(np.arange(len(ids)), vectors.astype(np.float16).astype(np.float32)[order])
    found = neighbourhoods(index, k, seeds=np.arange(len(ids)))
    name = np.array(ids)[order].tolist()
    return {
        name[seed]: [(name[i], d) for i, d in zip(row, distances, strict=True)]
        for seed, row, distances in zip(
            found.seeds.tolist(), found.rows.tolist(), found.distances.tolist(), strict=True
        )
    }


@pytest.fixture
def many_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BLOCK_ROWS", 120)
    monkeypatch.setattr(cells, "PART_TRACKS", 400)


@pytest.mark.usefixtures("ray_local", "many_shards")
def test_exact_neighbours_are_those_of_the_core_in_many_shards(uri: str, out: str, rng: np.random.Generator) -> None:
    vectors = unit_vectors(rng, 500)
    vectors[100:110] = vectors[100]  # twins, more than are wanted
    ids = made(uri, vectors)
    summary = write_neighbours(Catalogue.open(uri), out, NeighbourOptions(K))
    assert (summary.tracks, summary.exact, summary.recall) == (500, True, 1.0)
    assert summary.parts > 3
    assert table_of(out) == true_neighbours(ids, vectors, K)


@pytest.mark.usefixtures("ray_local")
def test_tracks_without_a_vector_or_of_another_model_or_kind_are_no_neighbours(
    uri: str, out: str, rng: np.random.Generator
) -> None:
    vectors = unit_vectors(rng, 4)
    catalogue = Catalogue.create(uri, COLUMNS, pa.schema([("year", pa.int64())]))
    nan = np.full(DIMENSIONS, np.nan, np.float32)
    catalogue.merge(rows(["a", "b", "failed", "nan"], [vectors[0], vectors[1], None, nan], {"year": [1] * 4}))
    older = rows(["old"], vectors[2:3], {"year": [1]})
    catalogue.merge(older.set_column(older.schema.get_field_index("model"), older.schema.field("model"), [["old-1@0"]]))
    catalogue.merge(rows(["late"], vectors[3:], {"year": [2]}))
    summary = write_neighbours(catalogue, out, NeighbourOptions(K, where="year = 1"))
    assert (summary.tracks, summary.unusable) == (2, 1)
    assert {id_: [n for n, _ in near] for id_, near in table_of(out).items()} == {"a": ["b"], "b": ["a"]}


@pytest.mark.usefixtures("ray_local")
@pytest.mark.parametrize("n", [0, 1])
def test_a_dataset_without_neighbours_gives_an_empty_table(uri: str, out: str, n: int) -> None:
    made(uri, np.eye(DIMENSIONS, dtype=np.float32)[:n])
    assert write_neighbours(Catalogue.open(uri), out).tracks == n
    assert Path(out, "_SUCCESS").exists()
    assert not n or pq.read_table(out).num_rows == 0


@pytest.mark.usefixtures("ray_local", "many_shards")
def test_cells_find_most_neighbours_and_the_recall_that_is_told_is_theirs(
    uri: str, out: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "FEWEST_PROBES", 2)
    vectors = clustered(rng, 2000)
    ids = made(uri, vectors)
    summary = write_neighbours(Catalogue.open(uri), out, NeighbourOptions(10, exact=False, recall=0.9, lists=True))
    table = pq.read_table(out)
    found = dict(zip(table["id"].to_pylist(), table["neighbours"].to_pylist(), strict=True))
    assert sorted(found) == sorted(ids)
    assert len(table) == 2000
    truth = true_neighbours(ids, vectors, 10)
    hits = [len({n for n, _ in truth[id_]} & set(near)) / 10 for id_, near in found.items()]
    assert all(id_ not in near and len(set(near)) == len(near) for id_, near in found.items())
    assert summary.probes < summary.cells
    assert np.mean(hits) > 0.85
    assert summary.recall_low - 0.02 <= np.mean(hits) <= summary.recall_high + 0.02


@pytest.mark.usefixtures("ray_local", "many_shards")
def test_a_cell_of_very_many_like_tracks_is_cut_up(
    uri: str, out: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "MOST_IN_CELL", 50)
    vectors = clustered(rng, 800)
    vectors[:400] = vectors[0]
    ids = made(uri, vectors)
    write_neighbours(Catalogue.open(uri), out, NeighbourOptions(K, exact=False))
    found = table_of(out)
    assert all(len(found[id_]) == K and found[id_][-1][1] < 1e-6 for id_ in ids[:400])
    assert sorted(found) == sorted(ids)


class Stopping(Meter):
    """Ctrl-C after the first part."""

    def update(self, done: int) -> None:
        raise KeyboardInterrupt


@pytest.mark.usefixtures("ray_local", "many_shards")
@pytest.mark.parametrize("exact", [True, False])
def test_what_was_interrupted_goes_on_and_gives_the_same(
    tmp_path: Path, uri: str, rng: np.random.Generator, exact: bool
) -> None:
    made(uri, clustered(rng, 1000))
    whole, broken, options = tmp_path / "whole", tmp_path / "broken", NeighbourOptions(K, exact=exact)
    summary = write_neighbours(Catalogue.open(uri), str(whole), options)
    with pytest.raises(KeyboardInterrupt):
        write_neighbours(Catalogue.open(uri), str(broken), options, meter=Stopping(), workers=1)
    parts = {p.name: p.stat().st_mtime_ns for p in broken.glob("part-*")}
    assert 0 < len(parts) < summary.parts
    assert not (broken / "_SUCCESS").exists()
    assert write_neighbours(Catalogue.open(uri), str(broken), options) == summary
    assert parts.items() <= {p.name: p.stat().st_mtime_ns for p in broken.glob("part-*")}.items()
    for part in whole.glob("part-*"):
        assert part.read_bytes() == (broken / part.name).read_bytes()


@pytest.mark.usefixtures("ray_local")
def test_a_table_of_another_request_is_kept_unless_it_may_be_overwritten(
    uri: str, out: str, rng: np.random.Generator
) -> None:
    vectors = unit_vectors(rng, 30)
    ids = made(uri, vectors)
    catalogue = Catalogue.open(uri)
    write_neighbours(catalogue, out, NeighbourOptions(K))
    before = table_of(out)
    with pytest.raises(CatalogueError, match=r"another request \(k 5, not 3\): name another folder"):
        write_neighbours(catalogue, out, NeighbourOptions(3))
    catalogue.merge(rows([ids[0]], unit_vectors(rng, 1)))
    with pytest.raises(CatalogueError, match=r"another request \(version \d+, not \d+\)"):
        write_neighbours(Catalogue.open(uri), out, NeighbourOptions(K))
    assert table_of(out) == before
    write_neighbours(Catalogue.open(uri), out, NeighbourOptions(3), overwrite=True)
    assert {len(near) for near in table_of(out).values()} == {3}


@pytest.mark.usefixtures("ray_local", "many_shards")
@pytest.mark.parametrize("exact", [True, False])
def test_one_artist_is_named_as_often_as_wanted_and_others_take_the_places(
    uri: str, out: str, rng: np.random.Generator, exact: bool
) -> None:
    vectors = clustered(rng, 600)
    artists: list[str | None] = [None if i % 50 == 0 else "A" if i % 4 else f"B{i % 7}" for i in range(600)]
    ids = made(uri, vectors, {"artist": artists})
    options = NeighbourOptions(8, exact=exact, recall=1.0, max_per="artist", most_per=2)
    write_neighbours(Catalogue.open(uri), out, options)
    by_id = dict(zip(ids, artists, strict=True))
    expected = {}
    for id_, near in true_neighbours(ids, vectors, 599).items():
        kept: list[str] = []
        for n, _ in near:
            if by_id[n] is None or sum(by_id[n] == by_id[other] for other in kept) < 2:
                kept.append(n)
        expected[id_] = kept[:8]
    found = {id_: [n for n, _ in near] for id_, near in table_of(out).items()}
    agree = np.mean([found[id_] == near for id_, near in expected.items()])
    assert agree == 1.0 if exact else agree > 0.95


@pytest.mark.usefixtures("ray_local", "many_shards")
@pytest.mark.parametrize("name", ["_SUCCESS", "_cells.npz"])
def test_a_damaged_table_is_told(uri: str, out: str, rng: np.random.Generator, name: str) -> None:
    made(uri, unit_vectors(rng, 500))
    options = NeighbourOptions(K, exact=False)
    write_neighbours(Catalogue.open(uri), out, options)
    Path(out, "_SUCCESS").unlink()
    Path(out, name).write_bytes(b"PK nonsense")
    with pytest.raises(CatalogueError, match=rf"{name} in .* is damaged: delete the folder"):
        write_neighbours(Catalogue.open(uri), out, options)


def _fail(_: int) -> None:
    raise CatalogueError("the disk is full")


@pytest.mark.usefixtures("ray_local")
def test_what_a_task_raises_is_raised_here() -> None:
    with pytest.raises(CatalogueError, match=r"^the disk is full$"):
        list(in_parallel(range(5), ray.remote(_fail).remote, 2))


def test_a_table_on_s3_is_kept_gone_on_with_and_overwritten() -> None:
    with made_up_s3({}) as options:
        table = NeighbourTable(OutFolder.at("s3://music/tables/it's new/", options))
        table.prepare({"k": 2}, overwrite=False)
        found = Found(np.array([[1, 2], [0, NOBODY]]), np.array([[0.25, 0.5], [0.25, np.inf]], np.float32))
        table.write_part(7, pa.array(["a", "b", "c"], pa.large_string()), np.array([0, 1]), found)
        table.prepare({"k": 2}, overwrite=False)
        assert table.parts() == {7}
        assert [near.tolist() for near in table.distances_of(["b", "a"], [7, 7])] == [[0.25], [0.25, 0.5]]
        with pytest.raises(CatalogueError, match=r"it's new holds neighbours of another request \(k 2, not 3\)"):
            table.prepare({"k": 3}, overwrite=False)
        table.prepare({"k": 3}, overwrite=True)
        assert table.folder.names() == {"_request.json"}
        with pytest.raises(CatalogueError, match=r"^s3://nowhere/x can't be (read|written): "):
            NeighbourTable(OutFolder.at("s3://nowhere/x", options)).prepare({"k": 2}, overwrite=False)


@pytest.mark.usefixtures("ray_local")
def test_mistakes_are_told_in_one_sentence(
    tmp_path: Path, uri: str, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    made(uri, unit_vectors(rng, 10))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    out = str(tmp_path / "out")
    for words, sentence in (
        (["--out", out, "--k", "0"], "has to be 1 to 1,000, and 0 is not"),
        (["--out", out, "--k", "1000000000"], "has to be 1 to 1,000, and 1000000000 is not"),
        (["--out", out, "--recall", "nan"], "the recall has to be"),
        (["--out", out, "--workers", "0"], "--workers has to be 1 or more"),
        (["--out", out, "--max-per", "artist"], "--max-per takes a column and a number"),
        (["--out", out, "--max-per", "artist=00"], "--max-per takes a column and a number"),
        (["--out", out, "--max-per", "singer=2"], "has no column singer"),
        (["--out", out, "--max-per", "genres=2"], "the column genres holds several values a track"),
        (["--out", out, "--max-per", "vector=2"], "the column vector holds several values a track"),
        (["--out", out, "--storage-option", "=x"], "--storage-option takes KEY=VALUE, and not '=x'"),
        (["--out", out, "--where", "1 = 1) OR (1 = 1"], "can't be used"),
        (["--out", str(tmp_path / "file")], "is a file: name a folder"),
        (["--out", str(tmp_path / "file" / "below")], "can't be"),
        (["--out", str(tmp_path / "mine")], "holds something else: name a new or an empty folder"),
        (["--out", str(tmp_path / "mine"), "--overwrite"], "holds something else"),
        (["--out", "ftps://host/x"], "is no storage"),
    ):
        assert main(["neighbours", uri, *words]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("error: "), said
        assert sentence in said
    assert not Path(out).exists()
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("ray_local")
def test_the_command_says_what_it_wrote(
    uri: str, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    made(uri, unit_vectors(rng, 30))
    out = str(tmp_path / "ünï \n'quoted' \N{SPARKLES}")
    assert main(["neighbours", f"{uri}/", "-k", "3", "--max-per", "id=1", "--out", out]) == 0
    assert capsys.readouterr().out.startswith("30 tracks, up to 3 neighbours each, in 1 part: ")
    assert len(table_of(out)) == 30


@pytest.mark.usefixtures("ray_local")
def test_a_dataset_is_read_from_where_the_user_is_though_tasks_run_elsewhere(
    tmp_path: Path, uri: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(uri, unit_vectors(rng, 10))
    monkeypatch.chdir(tmp_path)
    assert main(["neighbours", "tracks.lance", "-k", "3", "--out", "table"]) == 0
    assert len(table_of("table")) == 10
    assert main(["duplicates", "./tracks.lance", "--out", "report.csv"]) == 0
    assert Path("report.csv").exists()
