"""What a manifest asks of a dataset: only what is new, changed, failed or of another model is embedded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.embedding.changes import ChangeFinder, Changes
from musrec_core.catalogue.storage.breaker import CircuitBreaker
from musrec_core.catalogue.storage.file_state import heard_text
from musrec_core.catalogue.storage.local_copies import Limits
from musrec_core.catalogue.storage.storage import Storage
from musrec_core.errors import CatalogueError

from .rows import COLUMNS, rows, unit_vectors
from .servers import file_server

MODEL = COLUMNS.model
YEAR = pa.schema([("year", pa.int64())])
STATE = "size:{} modified:2026-11-26T10:00:00Z"


class Stored:
    """A dataset whose rows a test makes up, and the finder of what a manifest asks of it."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self.folder, self._rng = folder, rng
        self.catalogue = Catalogue.create(str(folder / "tracks.lance"), COLUMNS, YEAR)
        self.storage = Storage(limits=Limits(connect_seconds=1, read_seconds=1, attempts=1, spare_bytes=0))

    def add(self, ids: Sequence[str], years: Sequence[int | None] | None = None, **columns: Any) -> None:
        """Rows of ``/music/ID.flac`` of the year 1990 and 1,000 bytes, but for what ``columns`` say."""
        made = rows(ids, unit_vectors(self._rng, len(ids)), {"year": years or [1990] * len(ids)})
        for name, value in ({"heard": STATE.format(1000)} | columns).items():
            column = pa.array([value] * len(ids) if isinstance(value, str) or value is None else value, pa.string())
            made = made.set_column(made.schema.get_field_index(name), name, column)
        self.catalogue.merge(made)

    def finder(self, further: pa.Schema = YEAR, **options: Any) -> ChangeFinder:
        return ChangeFinder(self.catalogue, MODEL, further, self.storage, **options)

    def compare(self, tracks: Mapping[str, Mapping[str, Any]], **options: Any) -> Changes:
        """``tracks``: id -> columns that differ from what `add` writes by default."""
        return self.finder(**options).compare(batch(tracks))


def batch(tracks: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    made = [
        {"id": id_, "path": f"/music/{id_}.flac", "heard": STATE.format(1000), "year": 1990} | dict(given)
        for id_, given in tracks.items()
    ]
    names = [("id", pa.string()), ("path", pa.string()), ("heard", pa.string()), ("year", pa.int64())]
    return pa.Table.from_pylist(made, pa.schema(names))


def ids(table: pa.Table) -> list[str]:
    found: list[str] = table["id"].to_pylist()
    return found


@pytest.fixture
def stored(tmp_path: Path, rng: np.random.Generator) -> Stored:
    return Stored(tmp_path, rng)


def test_all_is_embedded_into_an_empty_dataset(stored: Stored) -> None:
    found = stored.compare({"a": {}, "b": {}})
    assert (ids(found.embed), len(found.refresh), found.unchanged) == (["a", "b"], 0, 0)


def test_what_is_as_it_was_asks_for_nothing_and_is_not_looked_up(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.add(["a", "b'; --", "c"])
    finder = stored.finder()
    monkeypatch.setattr(Catalogue, "batches", None)
    found = finder.compare(batch({"b'; --": {}, "a": {}}))
    assert (len(found.embed), len(found.refresh), found.unchanged) == (0, 0, 2)


@pytest.mark.parametrize(
    "now",
    [
        {"path": "/music/elsewhere.flac"},
        {"heard": STATE.format(1001)},
        {"heard": "size:1000 modified:2026-11-26T10:00:01Z"},
        {"path": "/music/elsewhere.flac", "year": 1991},
    ],
)
def test_another_path_or_file_is_embedded_again(stored: Stored, now: dict[str, Any]) -> None:
    stored.add(["a", "b"])
    found = stored.compare({"a": now, "b": {}})
    assert (ids(found.embed), len(found.refresh), found.unchanged) == (["a"], 0, 1)
    assert found.embed["path"].to_pylist() == [now.get("path", "/music/a.flac")]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("size:5 modified:2026-11-26T10:00:00Z etag:x", "size:5 modified:2026-11-26T10:00:00Z"),
        ("size:5 modified:2026-11-26T10:00:00Z", "size:5 modified:2026-11-26T10:00:00.730000Z"),
        ("size:5 modified:2026-11-26T10:00:00Z etag:x", "etag:x"),
        ("size:5 etag:x", "size:5 modified:2026-11-26T10:00:00Z etag:x"),
        ("FLAC 312.4 912000 44100", "size:5 modified:2026-11-26T10:00:00Z"),
        ("FLAC 312.4 912000 44100", None),
        (None, "size:5 modified:2026-11-26T10:00:00Z"),
        ("size:5 modified:2026-11-26T10:00:00Z", None),
    ],
)
def test_storages_that_tell_more_or_less_of_one_state_do_not_differ(
    stored: Stored, then: str | None, now: str | None
) -> None:
    stored.add(["a"], heard=then)
    assert stored.compare({"a": {"heard": now}}, check_files=False).unchanged == 1


def test_a_url_that_is_signed_anew_is_no_other_path(stored: Stored) -> None:
    with file_server() as web:
        signed = web.url + "/song.mp3?X-Amz-Date=20261126&X-Amz-Signature={}"
        stored.add(["a", "b"], path=[signed.format("0f"), f"{web.url}/get?file=1"])
        found = stored.compare({"a": {"path": signed.format("1e")}, "b": {"path": f"{web.url}/get?file=2"}})
    assert ids(found.embed) == ["b"]


def test_another_tag_is_another_file(stored: Stored) -> None:
    stored.add(["a"], heard="size:5 etag:x")
    assert ids(stored.compare({"a": {"heard": "size:5 etag:y"}}).embed) == ["a"]


def test_another_model_and_a_storage_that_failed_are_tried_again_and_a_bad_file_once_it_changed(stored: Stored) -> None:
    stored.add(["old"], model="made-0@00000000")
    stored.add(["fetch"], status="storage")
    stored.add(["bad", "mended"], status="unreadable")
    stored.add(["gone", "back"], status="missing", heard=None)
    found = stored.compare(
        {"old": {}, "fetch": {}, "bad": {}, "mended": {"heard": STATE.format(7)}, "gone": {"heard": None}, "back": {}},
        check_files=False,
    )
    assert ids(found.embed) == ["old", "fetch", "mended", "back"]
    assert found.unchanged == 2


def test_force_embeds_all(stored: Stored) -> None:
    stored.add(["a"])
    assert ids(stored.compare({"a": {}, "b": {}}, force=True).embed) == ["a", "b"]


def test_another_number_of_excerpts_is_embedded_again(stored: Stored) -> None:
    stored.add(["by_card"])
    stored.add(["three"], heard=STATE.format(1000) + " excerpts:3")
    assert ids(stored.compare({"by_card": {}, "three": {}}).embed) == ["three"]
    assert ids(stored.compare({"by_card": {}, "three": {}}, excerpts=3).embed) == ["by_card"]


def test_a_corrected_year_is_refreshed_without_embedding(stored: Stored) -> None:
    stored.add(["a", "b", "c"], [1990, None, 1990])
    found = stored.compare({"a": {"year": 1991}, "b": {"year": None}, "c": {"year": None}})
    assert (len(found.embed), found.refresh.to_pylist()) == (
        0, [{"id": "a", "year": 1991}, {"id": "c", "year": None}]
    )  # fmt: skip
    stored.catalogue.update(found.refresh)
    assert stored.compare({"a": {"year": 1991}, "b": {"year": None}, "c": {"year": None}}).unchanged == 3


def test_a_column_of_another_type_is_made_the_datasets_or_told(stored: Stored) -> None:
    stored.add(["a"])
    text = batch({"a": {}}).set_column(3, "year", pa.array(["1990"]))
    assert stored.finder().compare(text).unchanged == 1
    with pytest.raises(CatalogueError, match=r"^the manifest's column year does not fit .* is int64: .*unknown"):
        stored.finder().compare(text.set_column(3, "year", pa.array(["unknown"])))


def test_local_files_are_looked_at_and_a_vanished_one_keeps_its_embedding(stored: Stored, tmp_path: Path) -> None:
    paths = {id_: tmp_path / f"{id_}.mp3" for id_ in ("same", "changed", "vanished")}
    for path in paths.values():
        path.write_bytes(b"1234")
    heard = [heard_text(stored.storage.state(str(path))) for path in paths.values()]
    stored.add(list(paths), heard=heard, path=[str(path) for path in paths.values()])
    paths["changed"].write_bytes(b"12345")
    os.unlink(paths["vanished"])
    tracks = {id_: {"path": str(path), "heard": None} for id_, path in paths.items()}
    found = stored.compare(tracks)
    assert (ids(found.embed), found.unchanged, found.missing, found.unreachable) == (["changed"], 2, 1, 0)
    assert stored.compare(tracks, check_files=False).unchanged == 3


def test_a_server_that_fails_for_some_keeps_their_embeddings(stored: Stored) -> None:
    with file_server() as web:
        stored.add(["a", "b"], path=[f"{web.url}/song.mp3", f"{web.url}/status/500"], heard="size:5")
        found = stored.compare({
            "a": {"path": f"{web.url}/song.mp3", "heard": None},
            "b": {"path": f"{web.url}/status/500", "heard": None},
        })  # fmt: skip
    assert (len(found.embed), found.unchanged, found.unreachable) == (0, 2, 1)


def test_a_storage_that_fails_as_a_whole_is_told_before_anything_is_embedded(stored: Stored) -> None:
    dead = {str(n): {"path": f"http://127.0.0.1:1/{n}.mp3", "heard": None} for n in range(500)}
    with pytest.raises(CatalogueError, match=r"^http://127\.0\.0\.1:1 can't be read: "):
        stored.compare(dead)


def test_a_storage_that_fails_for_many_in_a_row_ends_the_job() -> None:
    breaker = CircuitBreaker(3)
    breaker.record("s3://b/2", "storage", "refused")
    for _ in range(5):
        breaker.record("s3://a/1", "storage", "refused")
        breaker.record("s3://a/2", "storage", "refused")
        breaker.record("s3://a/3", "unreadable")
        breaker.record("/local/file", "storage", "permission denied")
    breaker.record("s3://a/1", "storage")
    breaker.record("s3://a/1", "storage")
    with pytest.raises(CatalogueError, match=r"^s3://a failed for 3 files in a row, .* kept, .*: refused$"):
        breaker.record("s3://a/1", "storage", "refused")


ODD = ["007", "it's", 'say "x"', "nul\0", "line\nfeed", "x" * 10_000, "😀", "%_", "\\"]


def test_rows_that_the_manifest_has_no_more_are_counted_and_deleted_when_asked(stored: Stored) -> None:
    stored.add(["kept", *ODD])
    finder = stored.finder()
    finder.compare(batch({"kept": {}, "new": {}}))
    stored.add(["new"])  # by the job itself
    assert finder.gone == len(ODD)
    assert len(stored.catalogue) == len(ODD) + 2
    with pytest.raises(CatalogueError, match=r"not read whole: /music/x can't be read"):
        finder.prune(["/music/x can't be read: Permission denied"])
    assert finder.prune() == len(ODD)
    left = pa.Table.from_batches(stored.catalogue.batches(["id"]))
    assert sorted(ids(left)) == ["kept", "new"]


def test_odd_ids_are_found_again(stored: Stored) -> None:
    stored.add(ODD)
    found = stored.compare({id_: {"year": 2000} for id_ in ODD})
    assert ids(found.refresh) == ODD


def test_a_manifest_of_other_tracks_prunes_nothing(stored: Stored) -> None:
    stored.add(["a"])
    finder = stored.finder()
    finder.compare(batch({"b": {}}))
    with pytest.raises(CatalogueError, match="no track in common"):
        finder.prune()
    assert len(stored.catalogue) == 1
