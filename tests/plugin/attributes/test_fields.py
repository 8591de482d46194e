"""The attributes, through beets' own commands."""

from __future__ import annotations

import csv
import json
import re

import pytest

from musrec_core import Card

from ..conftest import Beet

BLOB = re.compile(r"[A-Za-z0-9+/]{60,}")


def test_queries_on_computed_attributes(library: Beet) -> None:
    every = library("ls", "-f", "$title|$musrec_genre|$musrec_confidence").lines
    genre = every[0].split("|")[1]
    key = next(g.key for g in Card.load().genres if g.label == genre)
    expected = [
        line.split("|")[0] for line in every if line.split("|")[1] == genre and float(line.split("|")[2]) >= 0.3
    ]
    found = library("ls", f"musrec_{key}:0.3..", f"musrec_genre:{genre}", "-f", "$title").lines
    assert found == expected
    assert library("ls", "musrec_confidence:1.5..").out == ""
    assert len(library("ls", "musrec_confidence:0..1").lines) == 10


def test_an_item_without_an_embedding_matches_no_range_and_sorts(library: Beet) -> None:
    library.sql("DELETE FROM item_attributes WHERE entity_id = 1")
    assert len(library("ls", "musrec_rock:0..").lines) == 9
    assert len(library("ls", "musrec_rock:..1").lines) == 9
    assert library("ls", "id:1", "-f", "<$musrec_rock$musrec_genre$musrec_confidence>").out == "<>\n"


def test_sorting_by_a_probability(library: Beet) -> None:
    values = [float(line) for line in library("ls", "musrec_rock-", "-f", "$musrec_rock").lines]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1


def test_attributes_print_for_people(library: Beet) -> None:
    said = library("ls", "id:1", "-f", "$musrec_embedding/$musrec_genres/$musrec_model")
    assert re.fullmatch(r"128-d/[a-z& ]+ \d+%(, [a-z& ]+ \d+%)*/[\w.-]+@[0-9a-f]{8}\n", said.out)


def test_no_blob_reaches_the_screen(library: Beet) -> None:
    library.configure(plugins="musrec info export")
    for command in (["info", "-l"], ["export", "-l"], ["export", "-l", "-f", "csv"], ["export", "-l", "-f", "xml"],
                    ["ls"], ["ls", "-a"], ["modify", "-y", "musrec_embedding!"]):  # fmt: skip
        said = library(*command)
        assert not BLOB.search(said.out + said.err), command


def test_info_and_export(library: Beet) -> None:
    library.configure(plugins="musrec info export")
    assert re.search(r"^ *musrec_embedding: 128-d$", library("info", "-l", "id:1").out, re.M)
    (item,) = json.loads(library("export", "-l", "id:1").out)
    assert item["musrec_embedding"] == "128-d"
    assert item["musrec_genre"]
    (row,) = csv.DictReader(library("export", "-l", "-f", "csv", "id:1").out.splitlines())
    assert row["musrec_genres"] == item["musrec_genres"]


def test_modify_deletes_and_embed_makes_anew(library: Beet) -> None:
    library("modify", "-y", "title:Waltz", "musrec_embedding!")
    assert len(library.attributes("musrec_embedding")) == 8
    assert library("embed").out == "2 embedded, 8 up to date\n"


@pytest.mark.parametrize(
    "command",
    [["ls", "id:1"], ["ls", "-f", "$musrec_genre $musrec_embedding", "musrec_rock:0..1"], ["version"], ["help"]],
)
def test_nothing_heavy_is_imported(library: Beet, command: list[str]) -> None:
    def imported() -> set[str]:
        return set(
            library.after("import atexit\natexit.register(lambda: print(*sys.modules))", *command).lines[-1].split()
        )

    modules = imported()
    library.configure(plugins=[])
    ours = modules - imported()  # beets itself imports numpy, if `lap` is there to assign tracks
    assert "beetsplug.musrec" in ours
    heavy = {"av", "librosa", "ncnn", "numpy", "onnxruntime", "scipy", "sklearn", "soxr", "threadpoolctl", "torch"}
    assert not (heavy | {"tqdm", "musrec_core.encoder", "musrec_core.search.index", "musrec_core.workers.pool"}) & ours


@pytest.mark.parametrize(
    "setting", [{"model": 5}, {"workers": "many"}, {"workers": -1}, {"timeout": "long"}, {"timeout": 0}]
)
def test_a_wrong_setting_is_one_sentence(library: Beet, setting: dict[str, object]) -> None:
    library.configure(musrec=setting)
    library("ls")
    said = library("embed", "-f", ok=False)
    assert said.status == 1
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("setting", [{"auto": "x"}, {"genreguess": {"auto": "x"}}])
def test_a_wrong_setting_does_not_stop_beets(library: Beet, setting: dict[str, object]) -> None:
    library.configure(musrec=setting)
    said = library("ls", "id:1")
    assert len(said.lines) == 1
    assert "auto has to be yes or no" in said.err
    assert len(said.err.splitlines()) == 1
