"""Manifests of Parquet, CSV and folders: what they list, and what is wrong with them in one sentence."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq

from musrec_core.catalogue.manifest.manifest import Manifest
from musrec_core.catalogue.schema import dataset_schema
from musrec_core.catalogue.storage.file_state import FileState, heard_text, is_foreign, parse_heard
from musrec_core.catalogue.storage.storage import Storage
from musrec_core.catalogue.string_hashes import RepeatFinder, hash_texts
from musrec_core.errors import CatalogueError

from .rows import COLUMNS
from .servers import fetched, file_server, made_up_s3

UNREADABLE = "SOURCE can't be read: "
ONE = {"id": ["a"], "path": ["a"]}
KNOWN_HASH = 696289747541862058  # of "track-1": it may lie in memory of another machine


def tracks(manifest: Manifest, rows: int = 2) -> list[dict[str, Any]]:
    """All rows, without ``heard``."""
    tables = list(manifest.batches(rows))
    assert all(table.schema == manifest.schema and 0 < len(table) <= rows for table in tables)
    found: list[dict[str, Any]] = pa.concat_tables(tables).drop_columns("heard").to_pylist()
    return found


def heard(manifest: Manifest) -> list[str | None]:
    return [text for table in manifest.batches() for text in table["heard"].to_pylist()]


def parquet(path: Path, columns: Mapping[str, Any]) -> str:
    pq.write_table(pa.table(dict(columns)), path)
    return str(path)


def csv(folder: Path, text: str | bytes, name: str = "music.csv") -> str:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(folder / name)


def refused(source: str | Path, **options: Any) -> str:
    with pytest.raises(CatalogueError) as caught:
        list(Manifest.open(source, **options).batches())
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence.replace(str(source), "SOURCE")


# Parquet.


def test_a_parquet_file_gives_text_ids_and_keeps_its_further_columns(tmp_path: Path) -> None:
    source = parquet(tmp_path / "m.parquet", {
        "track": [1, 2, 3],
        "file": ["a b.mp3", "/music/b.mp3", "s3://bucket/c.mp3"],
        "artist": pa.array(["x", "y", None]).dictionary_encode(),
        "empty": pa.nulls(3),
        "tags": [["a"], [], None],
    })  # fmt: skip
    manifest = Manifest.open(source, id_column="track", path_column="file")
    assert manifest.count == 3
    assert manifest.further == pa.schema(
        [("artist", pa.string()), ("empty", pa.string()), ("tags", pa.list_(pa.string()))]
    )
    found = tracks(manifest)
    assert [(each["id"], each["path"]) for each in found] == [
        ("1", f"{tmp_path}/a b.mp3"), ("2", "/music/b.mp3"), ("3", "s3://bucket/c.mp3")
    ]  # fmt: skip
    assert [each["artist"] for each in found] == ["x", "y", None]
    assert len(dataset_schema(COLUMNS, manifest.further)) == 13


def test_parts_of_parquet_follow_each_other_and_their_columns_are_joined(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    parquet(
        parts / "part-1.parquet", {"id": ["c"], "path": ["3"], "year": pa.array([1990], pa.int32()), "label": ["x"]}
    )
    parquet(parts / "part-0.parquet", {"path": ["1", "2"], "id": ["a", "b"], "year": [1980, 2**40]})
    (parts / "_SUCCESS").touch()
    (parts / "._part-0.parquet").write_bytes(b"no Parquet")
    for source in (parts, f"{parts}/", f"{parts}/part-*.parquet", f"{tmp_path}/**/*.parquet", f"file://{parts}"):
        manifest = Manifest.open(source)
        assert (manifest.count, manifest.further.field("year").type) == (3, pa.int64())
        found = tracks(manifest)
        assert [(each["id"], each["year"], each["label"]) for each in found] == [
            ("a", 1980, None), ("b", 2**40, None), ("c", 1990, "x")
        ]  # fmt: skip


def test_parts_that_do_not_fit_each_other_are_told(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", {"id": ["a"], "path": ["1"], "year": [1990]})
    parquet(tmp_path / "b.parquet", {"id": ["a"], "path": ["1"], "year": ["old"]})
    assert refused(tmp_path).startswith("the files of SOURCE do not fit each other: ")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"id": ["a"]}, "SOURCE has no column path for its paths: its columns are id"),
        ({"ID": ["a"], "path": ["a"]}, "SOURCE has no column id for its ids: its columns are ID, path"),
        ({"id": ["a", None], "path": ["a", "b"]}, "SOURCE, row 2, has no id"),
        ({"id": ["a", "b"], "path": ["a", ""]}, "SOURCE, row 2, has no path"),
        ({"id": pa.nulls(1), "path": ["a"]}, "SOURCE, row 1, has no id"),
        ({"id": [1.0], "path": ["a"]}, "the column id of SOURCE is of type double, and has to be text"),
        (ONE | {"path": [["a"]]}, "the column path of SOURCE is of type list<element: string>, and has to be text"),
        ({"id": [b"\xe9"], "path": ["a"]}, "the column id of SOURCE is no UTF-8"),
        ({"id": pa.array([], pa.string()), "path": pa.array([], pa.string())}, "SOURCE holds no track"),
        (ONE | {"genre": ["x"]}, "SOURCE has a column genre, which the dataset makes itself: rename it"),
        (ONE | {"a.b": ["x"]}, "SOURCE has a column named 'a.b': a dataset's names have no dot, and letters"),
        (
            ONE | {"size": ["1 MB"], "etag": ["x"]},
            "the column size of SOURCE has to hold whole numbers of bytes: rename it",
        ),
        (
            ONE | {"size": [1], "modified": ["May"]},
            "the column modified of SOURCE has to hold times such as 2026-11-26T10:00:00Z, and not 'May'",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(tmp_path: Path, columns: Mapping[str, Any], sentence: str) -> None:
    assert refused(parquet(tmp_path / "m.parquet", columns)) == sentence


def test_ids_that_come_twice_are_told_with_one_of_them_and_their_number(tmp_path: Path) -> None:
    source = parquet(tmp_path / "m.parquet", {"id": ["a", "b", "a", "c", "a"], "path": ["x"] * 5})
    assert refused(source) == (
        "an id may be there once, and SOURCE has 'a' more than once (all in all 2 rows too many)"
    )
    mixed = csv(tmp_path, "id,path\n7,a\n007,b\n 7,c\n")
    assert [each["id"] for each in tracks(Manifest.open(mixed))] == ["7", "007", " 7"]


def test_damaged_and_missing_files_are_told(tmp_path: Path) -> None:
    source = Path(parquet(tmp_path / "m.parquet", {"id": ["a"] * 9, "path": ["x"] * 9}))
    source.write_bytes(source.read_bytes()[:-20])
    assert refused(source).startswith("SOURCE can't be read: ")
    parquet(source, {"id": ["a", "b"], "path": ["/caf\u00e9", "/x"]})
    source.write_bytes(source.read_bytes().replace("\u00e9".encode(), b"\xe9\xe9"))
    assert refused(source).startswith("SOURCE can't be read: ")
    assert refused(tmp_path / "none.parquet") == "there is no SOURCE"
    assert refused(tmp_path / "none") == "there is no SOURCE"
    twice = pa.Table.from_arrays([pa.array(["a"])] * 3, ["id", "path", "id"])
    pq.write_table(twice, source)
    assert refused(source) == "SOURCE has two columns id: rename one"
    assert refused(f"{tmp_path}/none*.parquet") == "no Parquet file is meant by SOURCE"
    (tmp_path / "notes.txt").touch()
    assert refused(tmp_path / "notes.txt") == "SOURCE is no manifest: no .parquet, .csv or .tsv file, and no folder"


# CSV.


@pytest.mark.parametrize("name", ["m.csv", "m.csv.gz", "m.tsv", "m.tsv.gz", "M.CSV"])
def test_csv_keeps_ids_as_they_are_written_and_guesses_other_types(tmp_path: Path, name: str) -> None:
    lines = [
        "id,path,year,gain,live,day,barcode,artist,nothing",
        '007,"a, b.mp3",1985,-1.5,true,2020-02-29,0123,NA,',
        '1e3,"say ""x"".mp3",,2,False,,0456,,',
        '0x10,"line\nfeed.mp3",1990,NaN,true,2020-03-01,9,"A\nB",',
    ]
    text = "\r\n".join(lines) + "\r\n"
    source = csv(tmp_path, text if ".tsv" not in name else text.replace(",", "\t").replace("a\t b", "a, b"), name)
    manifest = Manifest.open(source)
    assert manifest.count == 3
    assert {field.name: str(field.type) for field in manifest.further} == {
        "year": "int64", "gain": "double", "live": "bool", "day": "date32[day]", "barcode": "string",
        "artist": "string", "nothing": "string",
    }  # fmt: skip
    found = tracks(manifest)
    assert [each["id"] for each in found] == ["007", "1e3", "0x10"]
    assert [each["path"] for each in found] == [
        f"{tmp_path}/{end}" for end in ("a, b.mp3", 'say "x".mp3', "line\nfeed.mp3")
    ]
    assert [(each["year"], each["artist"], each["gain"]) for each in found] == [
        (1985, "NA", -1.5), (None, None, 2), (1990, "A\nB", None)
    ]  # fmt: skip


def test_a_mark_of_utf8_at_the_start_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert tracks(Manifest.open(csv(tmp_path, "\ufeffid,path\na,/ü.mp3\n"))) == [{"id": "a", "path": "/ü.mp3"}]


def test_one_late_value_makes_text_of_a_column_and_is_remarked_with_its_line(tmp_path: Path) -> None:
    lines = [f"{n},p,{1900 + n}" for n in range(50)]
    source = csv(tmp_path, "\n".join(["id,path,year", '"x\ny",p,1899', "", *lines, "z,p,unknown", ""]))
    manifest = Manifest.open(source)
    assert manifest.further.field("year").type == pa.string()
    assert manifest.remarks == (f"the column year of {source} is text because of 'unknown' in line 55",)
    sentence = refused(source, types={"year": pa.int64()})
    assert sentence == "'unknown' in SOURCE, line 55, is no int64, as year is"
    assert Manifest.open(source, types={"year": pa.string()}).remarks == ()
    assert refused(source, types={"year": pa.list_(pa.string())}) == (
        "'1899' in SOURCE, line 2, is no list<item: string>, as year is"
    )


def test_numbers_whose_digits_would_be_lost_are_text(tmp_path: Path) -> None:
    manifest = Manifest.open(csv(tmp_path, "id,path,barcode,key,gain\na,b,0123,12345678901234567890,0.5\n"))
    assert [str(field.type) for field in manifest.further] == ["string", "string", "double"]
    assert tracks(manifest)[0]["key"] == "12345678901234567890"


def test_types_are_those_of_all_blocks_and_not_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musrec_core.catalogue.manifest.tables.CSV_BLOCK", 200)
    lines = [f"{n},p,{n if n < 90 else n + 0.5},{'' if n < 90 else n}" for n in range(100)]
    manifest = Manifest.open(csv(tmp_path, "\n".join(["id,path,gain,late", *lines])))
    assert [str(field.type) for field in manifest.further] == ["double", "int64"]
    found = tracks(manifest, rows=7)
    assert [each["gain"] for each in found] == [n if n < 90 else n + 0.5 for n in range(100)]
    assert [each["late"] for each in found] == [None] * 90 + list(range(90, 100))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "SOURCE is empty"),
        ("id,path\n", "SOURCE holds no track"),
        ("id;path\na;b\n", "SOURCE has no column id for its ids: its columns are id;path"),
        ("id,path,id\na,b,c\n", "SOURCE has two columns id: rename one"),
        ("id,path\na,b\n\n,c\n", "SOURCE, line 4, has no id"),
        ('id,path\n"a\nb",x\nc,\n', "SOURCE, line 4, has no path"),
        ('id,path\n"a\n",b\n\na,b,c\n', f"{UNREADABLE}CSV parse error: Expected 2 columns, got 3: a,b,c (line 5)"),
        ('id,path\na,"b\nc,d\n', "a quote in SOURCE, line 2, is never closed"),
        ("id,path\na,b\nc,\xe9\n".encode("latin-1"),
         f"{UNREADABLE}In CSV column #1: CSV conversion error to string: invalid UTF8 data (line 3)"),
        ("id,path\na,b\n".encode("utf-16"), "SOURCE is no UTF-8 but UTF-16: save it as UTF-8"),
        pytest.param(bytes(100), UNREADABLE, id="zeros"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_csv_is_one_sentence(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    assert refused(csv(tmp_path, content)).startswith(sentence)


def test_a_row_that_is_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musrec_core.catalogue.manifest.tables.CSV_BLOCK", 1 << 20)
    told = "SOURCE has a row of more than 1 MiB, or a quote that is never closed"
    assert refused(csv(tmp_path, f"id,path\na,b\nc,{'x' * (4 << 20)}\nd,e\n")) == told
    assert refused(csv(tmp_path, 'id,path\na,"b\n' + "c,d\n" * (1 << 20))) == told


def test_packed_csv_that_is_cut_or_not_packed_is_told(tmp_path: Path) -> None:
    source = Path(csv(tmp_path, "id,path\n" + "".join(f"{n},{n * n}\n" for n in range(9999)), "m.csv.gz"))
    source.write_bytes(source.read_bytes()[:-1000])
    assert refused(source).startswith("SOURCE can't be read: ")
    source.write_bytes(b"id,path\na,b\n")
    assert refused(source).startswith("SOURCE can't be read: ")


# The state of files.


def test_size_with_modified_or_a_tag_are_the_state_of_a_file_and_no_further_columns(tmp_path: Path) -> None:
    base = {"id": ["a", "b"], "path": ["x", "y"]}
    when = datetime(2026, 11, 26, 10, tzinfo=timezone.utc)
    state = Manifest.open(parquet(tmp_path / "m.parquet", base | {"size": [5, None], "modified": [when, None]}))
    assert (heard(state), state.further.names) == (["size:5 modified:2026-11-26T10:00:00Z", None], [])
    fine = pa.array([1_700_000_000_123_456_789, 0], pa.timestamp("ns"))
    nanoseconds = Manifest.open(parquet(tmp_path / "n.parquet", base | {"size": [5, 6], "modified": fine}))
    assert heard(nanoseconds)[0] == "size:5 modified:2023-11-14T22:13:20.123456Z"
    tagged = Manifest.open(parquet(tmp_path / "t.parquet", base | {"etag": ['"0f"', 'W/"1"'], "size": [5, 6]}))
    assert heard(tagged) == ["size:5 etag:0f", "size:6 etag:1"]
    only_size = Manifest.open(parquet(tmp_path / "s.parquet", base | {"size": ["7 inch", "LP"]}))
    assert (heard(only_size), only_size.further.names) == ([None, None], ["size"])
    text = csv(tmp_path, "id,path,size,modified\na,b,5,2026-11-26T12:00:00+02:00\n")
    assert heard(Manifest.open(text)) == ["size:5 modified:2026-11-26T10:00:00Z"]


def test_a_state_comes_back_from_its_text() -> None:
    state = FileState(5, datetime(2026, 11, 26, 10, 0, 0, 123456, timezone.utc), "a:b size c")
    assert parse_heard(heard_text(state, excerpts=3)) == (state, 3)
    assert parse_heard(None) == parse_heard("FLAC 312.4 912000 44100") == (FileState(), None)
    assert parse_heard("FLAC 312.4 912000 44100 excerpts:3") == (FileState(), 3)
    assert is_foreign("FLAC 312.4 912000 44100 excerpts:3")
    assert not is_foreign(heard_text(state))
    assert not is_foreign("")


# Folders of music.


def folder(root: Path, names: Sequence[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_a_folder_of_music_lists_its_audio_files_in_one_order(tmp_path: Path) -> None:
    names = [
        "b/2.FLAC",
        "b/1.mp3",
        "a.opus",
        "b/line\nfeed.ogg",
        "😀/'.wav",
        "b/cover.jpg",
        ".trash/x.mp3",
        "b/._1.mp3",
    ]
    root = folder(tmp_path / "music", names)
    manifest = Manifest.open(root)
    assert manifest.count is None
    expected = ["a.opus", "b/1.mp3", "b/2.FLAC", "b/line\nfeed.ogg", "😀/'.wav"]
    assert tracks(manifest) == [{"id": name, "path": f"{root}/{name}"} for name in expected]
    assert tracks(manifest) == tracks(Manifest.open(f"file://{root}"))
    sizes = [parse_heard(text)[0].size for text in heard(manifest)]
    assert sizes == [len(name.encode()) for name in expected]


def test_links_are_followed_once_and_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path / "music", ["a/1.mp3"])
    folder(tmp_path / "other", ["2.mp3"])
    (root / "a/up").symlink_to(root)
    (root / "self.mp3").symlink_to(root / "self.mp3")
    (root / "gone.mp3").symlink_to(root / "nowhere.mp3")
    (root / "linked").symlink_to(tmp_path / "other")
    (root / "folder.mp3").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe.mp3")
    assert [each["id"] for each in tracks(Manifest.open(root))] == ["gone.mp3", "self.mp3", "a/1.mp3", "linked/2.mp3"]


def test_a_name_that_is_no_utf8_is_a_file_url_and_its_id_is_encoded(tmp_path: Path) -> None:
    root = folder(tmp_path / "music", ["a b.mp3"])
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9 %.mp3")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert tracks(Manifest.open(root))[1] == {
        "id": "caf%E9%20%25.mp3", "path": f"file://{root}/caf%E9%20%25.mp3"
    }  # fmt: skip


def test_a_folder_whose_own_name_is_no_utf8_keeps_its_ids(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        root.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    folder(root, ["a b.mp3"])
    found = tracks(Manifest.open(root))
    assert found == [{"id": "a b.mp3", "path": f"file://{tmp_path}/caf%E9/a%20b.mp3"}]
    assert Storage().state(found[0]["path"]).size == len("a b.mp3")


def test_a_folder_without_music_is_told(tmp_path: Path) -> None:
    folder(tmp_path, ["cover.jpg"])
    assert refused(tmp_path).startswith("SOURCE holds no track: none ends in .aac, ")


def test_a_folder_that_can_not_be_read_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path, ["a/1.mp3", "b/2.mp3"])
    scandir = os.scandir

    def refusing(path: bytes) -> Any:
        if path.endswith(b"/a"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    manifest = Manifest.open(root)
    assert [each["id"] for each in tracks(manifest)] == ["b/2.mp3"]
    assert manifest.unread == [f"{root}/a can't be read: Permission denied"]


# Elsewhere.


def test_a_manifest_by_http_names_files_beside_it(tmp_path: Path) -> None:
    with file_server() as web:
        web.files["/lists/m.csv?key=secret"] = b"id,path\na,one%20two.mp3\nb,/music/b.mp3\n"
        web.files["/lists/m.parquet"] = Path(parquet(tmp_path / "m.parquet", {"id": ["a"], "path": ["x"]})).read_bytes()
        manifest = Manifest.open(f"{web.url}/lists/m.csv?key=secret")
        assert [each["path"] for each in tracks(manifest)] == [f"{web.url}/lists/one%20two.mp3", "/music/b.mp3"]
        assert "secret" not in manifest.source
        assert tracks(Manifest.open(f"{web.url}/lists/m.parquet"))[0]["path"] == f"{web.url}/lists/x"
        web.files["/lists/bad.parquet?key=secret"] = b"no Parquet"
        web.files["/lists/bad.csv?key=secret"] = b"id,path\n"
        for name in ("bad.parquet", "bad.csv"):
            sentence = refused(f"{web.url}/lists/{name}?key=secret")
            assert sentence.startswith(f"{web.url}/lists/{name}?... ")
            assert "secret" not in sentence
        assert "HTTP 403" in refused(f"{web.url}/denied/m.csv")
        assert "HTTP can't list a folder" in refused(f"{web.url}/lists/")
        assert refused(f"{web.url}/none.csv?sign=secret") == f"{web.url}/none.csv?... can't be read: HTTP 404 Not Found"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    part = tmp_path_factory.mktemp("parts") / "part.parquet"
    contents = [
        Path(parquet(part, {"id": [id_], "path": [f"../mp3/{id_}.mp3"], "year": [1990]})).read_bytes() for id_ in "ab"
    ]
    files = {
        "mp3/b/2.mp3": b"22", "mp3/a b?#%20.Flac": b"1", "mp3/.hidden.mp3": b"", "mp3/b/cover.jpg": b"",
        "lists/part-0.parquet": contents[0], "lists/part-1.parquet": contents[1], "lists/_SUCCESS": b"",
        "m.csv": "id,path\na,mp3/b/2.mp3\nb,/music/ü.mp3\n".encode(),
    }  # fmt: skip
    with made_up_s3(files) as options:
        yield options


def test_a_folder_of_music_on_s3_is_listed_with_the_states_of_its_files(s3: dict[str, str]) -> None:
    manifest = Manifest.open("s3://music/mp3/", storage_options=s3)
    assert tracks(manifest) == [
        {"id": "a b?#%20.Flac", "path": "s3://music/mp3/a b?#%20.Flac"},
        {"id": "b/2.mp3", "path": "s3://music/mp3/b/2.mp3"},
    ]
    states = [parse_heard(text)[0] for text in heard(manifest)]
    assert [state.size for state in states] == [1, 2]
    assert all(state.modified for state in states)
    with Storage(s3) as storage:
        assert storage.state("s3://music/mp3/b/2.mp3").is_of(states[1])
        with fetched(storage, "s3://music/mp3/b/2.mp3") as copy:
            assert copy.state.is_of(states[1])


def test_tables_on_s3_name_files_beside_them(s3: dict[str, str]) -> None:
    for source in ("s3://music/lists", "s3://music/lists/*.parquet"):
        manifest = Manifest.open(source, storage_options=s3)
        assert (manifest.count, manifest.further.names) == (2, ["year"])
        assert [each["path"] for each in tracks(manifest)] == ["s3://music/mp3/a.mp3", "s3://music/mp3/b.mp3"]
    listed = Manifest.open("s3://music/m.csv", storage_options=s3)
    assert [each["path"] for each in tracks(listed)] == ["s3://music/mp3/b/2.mp3", "/music/ü.mp3"]


def test_what_is_not_on_s3_is_told(s3: dict[str, str]) -> None:
    for source in ("s3://music/none.csv", "s3://nowhere/m.parquet", "s3://music/none/"):
        assert refused(source, storage_options=s3) == "there is no SOURCE"
    assert refused("s3://music/none*.parquet", storage_options=s3) == "no Parquet file is meant by SOURCE"
    sentence = refused("s3://music/m.csv", storage_options=s3 | {"endpoint_override": "http://127.0.0.1:1"})
    assert sentence.startswith("SOURCE can't be read: ")


# Hashes, and memory.


def test_hashes_depend_on_every_character_and_on_nothing_else(rng: np.random.Generator) -> None:
    texts = ["", "\0", "\0\0", "a", "a\0", "b", "ab", "ba", "x" * 7, "x" * 8, "x" * 9, "y" + "x" * 8, "x" * 10_000, "ü"]
    texts += [f"{n:x}" for n in range(50_000)] + [f"track-{n:012d}" for n in range(50_000)]
    hashes = hash_texts(pa.array(texts))
    assert len(np.unique(hashes)) == len(set(texts))
    order = rng.permutation(len(texts))
    shuffled = pa.chunked_array([pa.array(["?"]), pa.array(["??", *(texts[n] for n in order)]).slice(1)])
    np.testing.assert_array_equal(hash_texts(shuffled)[1:], hashes[order])
    bits = (hashes[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.01
    assert hash_texts(pa.array(["track-1"])).tolist() == [KNOWN_HASH]


def test_equal_hashes_of_different_texts_are_no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "musrec_core.catalogue.string_hashes.hash_texts", lambda texts: np.full(len(texts), 7, np.uint64)
    )
    finder, texts = RepeatFinder(6), pa.chunked_array([["a", "b", "c"]])
    finder.add(texts)
    assert finder.repeated(lambda: [texts]) is None
    finder.add(texts)
    found = finder.repeated(lambda: [texts, texts])
    assert found is not None
    assert found.example == "a"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr("musrec_core.catalogue.manifest.tables.CSV_BLOCK", 1 << 14)
    small, large = (_peaks(tmp_path / f"{count}.{ending}", count) for count in (5_000, 50_000))
    assert large[0] < small[0] + (1 << 20)  # all rows take 2.5 MB
    assert large[1] < small[1] + 45_000 * 8 * 2 + (1 << 20)


def _peaks(source: Path, count: int) -> tuple[int, int]:
    """What Arrow and Python hold at most while a manifest is read [bytes]."""
    columns = {"id": [f"track-{n:09}" for n in range(count)], "path": [f"/music/{n:020}.flac" for n in range(count)]}
    if source.suffix == ".csv":
        source.write_text("id,path\n" + "\n".join(map(",".join, zip(*columns.values(), strict=True))))
    else:
        pq.write_table(pa.table(columns), source, row_group_size=5_000)
    del columns
    before, most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    for _ in Manifest.open(source).batches(1000):
        most = max(most, pa.total_allocated_bytes() - before)
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, traced
