"""beets' own commands that show, send or edit items: what they make of our attributes."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from beetsplug.musrec.attributes import fields
from musrec_core import Card

from ..conftest import Beet

BLOB = re.compile(r"[A-Za-z0-9+/]{60,}")
COMPUTED = [
    "musrec_genre",
    "musrec_confidence",
    *(f"musrec_{genre.key}" for genre in Card.load().genres),
    *(f"musrec_{axis}" for axis in Card.load().mood),
]
OF_WORDS = ["musrec_sounds", *(f"musrec_sound_{key}" for key in fields.word_keys([Card.load()]).values())]


def program(folder: Path, code: str) -> str:
    """A command line that runs some Python."""
    file = folder / "program.py"
    file.write_text(f"import sys\nfrom pathlib import Path\n{code}\n", encoding="utf-8")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(file))}"


# web


def ask_web(beet: Beet, *addresses: str) -> dict[str, Any]:
    """What ``beet web`` answers, without a network."""
    said = beet.after(
        f"""
import json
from beetsplug.web import app
def answer(**options):
    client = app.test_client()
    replies = {{address: client.get(address) for address in {addresses!r}}}
    print(json.dumps({{address: [r.status_code, r.get_data(as_text=True)] for address, r in replies.items()}}))
app.run = answer
""",
        "web",
    )
    assert not BLOB.search(said.out)
    replies = json.loads(said.out.splitlines()[-1])
    assert {status for status, _ in replies.values()} == {200}
    return {address: json.loads(text) for address, (_, text) in replies.items()}


def test_web_sends_items_as_json(library: Beet) -> None:
    library.configure(plugins="musrec web")
    replies = ask_web(
        library, "/item/1", "/item/", "/item/query/musrec_confidence:0..1/musrec_arousal:0..", "/item/1,2",
        "/item/query/musrec_embedding:128-d", "/album/1?expand", "/item/query/musrec_jazz-", "/stats",
    )  # fmt: skip
    item, stored = replies["/item/1"], library.stored()[1]
    assert item["musrec_embedding"] == "128-d"
    assert {key: item[key] for key in stored if key != "musrec_embedding"} == {
        key: value for key, value in stored.items() if key != "musrec_embedding"
    }
    assert len(replies["/item/"]["items"]) == 10
    assert len(replies["/item/query/musrec_confidence:0..1/musrec_arousal:0.."]["results"]) == 10
    assert len(replies["/item/query/musrec_embedding:128-d"]["results"]) == 10
    by_jazz = [int(line) for line in library("ls", "musrec_jazz-", "-f", "$id").lines]
    assert [item["id"] for item in replies["/item/query/musrec_jazz-"]["results"]] == by_jazz
    assert replies["/album/1?expand"]["items"][0]["musrec_embedding"] == "128-d"


def test_web_answers_queries_for_words(library: Beet) -> None:
    library.configure(plugins="musrec web")
    (reply,) = ask_web(library, "/item/query/sounds:calm|4/musrec_distance+").values()
    listed = [int(id_) for id_ in library("ls", "sounds:calm|4", "musrec_distance+", "-f", "$id").lines]
    assert [item["id"] for item in reply["results"]] == listed
    assert len(listed) == 4


def test_web_patches_and_deletes(own_files: Beet) -> None:
    own_files.configure(plugins="musrec web", web={"readonly": False})
    before = own_files.stored()
    own_files.after(
        """
from beetsplug.web import app
def change(**options):
    client = app.test_client()
    whole = client.get("/item/1").get_json()
    for fields in ({"title": "Patched"}, whole | {"title": "Patched whole"}):
        assert client.patch("/item/1", json=fields).status_code == 200
    assert client.delete("/item/2").status_code == 200
app.run = change
""",
        "web",
    )
    assert own_files("ls", "id:1", "-f", "$title").out == "Patched whole\n"
    del before[2]
    assert own_files.stored() == before


# export, info, fields, stats, ls


def test_export_in_every_format(library: Beet) -> None:
    library.configure(plugins="musrec export")
    every = ["export", "-l", "-i", ",".join(["id", "title", "musrec_embedding", "musrec_genres", *COMPUTED])]
    rows = json.loads(library(*every, "-f", "json").out)
    assert len(rows) == 10
    assert {row["musrec_embedding"] for row in rows} == {"128-d"}
    assert set(COMPUTED) <= set(rows[0])
    assert all(re.fullmatch(r"[01]\.\d\d", row["musrec_rock"]) for row in rows)
    assert [json.loads(line) for line in library(*every, "-f", "jsonlines").lines] == rows
    assert list(csv.DictReader(library(*every, "-f", "csv").lines)) == rows
    tracks = ElementTree.fromstring(library(*every, "-f", "xml").out).iter("track")
    assert [{field.tag: field.text or "" for field in track} for track in tracks] == rows
    found = json.loads(library("export", "-l", "-i", "title", "musrec_rock:0.5..").out)
    assert [row["title"] for row in found] == library("ls", "-f", "$title", "musrec_rock:0.5..").lines


def test_export_of_everything_and_of_albums(library: Beet) -> None:
    library.configure(plugins="musrec export")
    everything = library("export", "-l").out
    assert not BLOB.search(everything)
    assert all(set(library.stored()[1]) <= set(row) for row in json.loads(everything))
    assert "musrec" not in library("export", "-a").out
    assert "musrec" not in library("export").out  # the files' tags


def test_info_with_all_fields(library: Beet) -> None:
    library.configure(plugins="musrec info")
    said = library("info", "-l", "id:1").out
    assert not BLOB.search(said)
    shown = dict(line.strip().split(":", 1) for line in said.splitlines() if re.match(r" *musrec_\w+: ", line))
    assert set(shown) == {*library.stored()[1], *COMPUTED, *OF_WORDS, "musrec_distance", "musrec_nearness"}
    assert not shown["musrec_distance"].strip()  # without a `similar:` query
    assert shown["musrec_embedding"] == " 128-d"
    assert "musrec_genre: [various]" in library("info", "-l", "-s").out
    assert "musrec_embedding: 128-d" in library("info", "-l", "-s").out
    assert "musrec_rock" in library("info", "-l", "-k", "id:1").out
    assert "musrec" not in library("info", *map(str, library.paths("id:1"))).out


def test_fields_names_every_attribute(library: Beet) -> None:
    known = {line.strip() for line in library("fields").lines}
    assert {*library.stored()[1], *COMPUTED, *OF_WORDS} <= known
    assert {"musrec_sound_piano", "musrec_sound_female_vocals", "musrec_sound_rnb", "musrec_sound_80s"} <= known


def test_ls_prints_all_computed_attributes(library: Beet) -> None:
    template = "|".join(f"${name}" for name in COMPUTED)
    rows = [line.split("|") for line in library("ls", "-f", template).lines]
    assert len(rows) == 10
    assert all(re.fullmatch(r"[01]\.\d\d", value) for row in rows for value in row[1:])
    assert all(abs(sum(map(float, row[2:-2])) - 1) < 0.1 for row in rows)


@pytest.mark.parametrize("name", ["musrec_rock", "musrec_hip_hop", "musrec_arousal", "musrec_confidence"])
def test_ranges_and_sorting(library: Beet, name: str) -> None:
    every = dict(line.split() for line in library("ls", "-f", f"$id ${name}").lines)
    middle = sorted(map(float, every.values()))[5]
    found = set(library("ls", f"{name}:{middle + 0.005}..", "-f", "$id").lines)
    assert found == {id_ for id_, value in every.items() if float(value) > middle}
    for direction in "+-":
        values = [float(line) for line in library("ls", f"{name}{direction}", "-f", f"${name}").lines]
        assert values == sorted(values, reverse=direction == "-")


def test_album_queries_and_stats_take_no_notice(library: Beet) -> None:
    bare = Beet(library.home.parent / "bare", library.directory, plugins="")
    (bare.home / "library.db").write_bytes((library.home / "library.db").read_bytes())
    for command in (["ls", "-a"], ["ls"], ["stats"], ["ls", "-a", "-f", "$album $musrec_genre"], ["ls", "Waltz"]):
        assert library(*command).out == bare(*command).out, command
    library("ls", "-a", "musrec_rock:0.5..")
    library("ls", "-a", "musrec_rock-")


# edit


EDIT_TITLE = "file = Path(sys.argv[1]); file.write_text(file.read_text().replace('title: ', 'title: Edited '))"


@pytest.fixture
def editing(own_files: Beet, tmp_path: Path) -> Beet:
    own_files.configure(plugins="musrec edit")
    return own_files


def edit(beet: Beet, code: str, *arguments: str) -> str:
    """Run ``beet edit``, with a program in the place of the editor; what it was given to edit."""
    seen = beet.home / "seen.yaml"
    editor = program(beet.home, f"Path({str(seen)!r}).write_bytes(Path(sys.argv[1]).read_bytes())\n{code}")
    beet.after(
        f"import os, builtins\nos.environ['VISUAL'] = os.environ['EDITOR'] = {editor!r}\n"
        "from beets import ui\nui.input_options = lambda *_, **__: 'a'",
        "edit",
        *arguments,
    )
    return seen.read_text(encoding="utf-8")


def test_edit_that_changes_nothing(editing: Beet) -> None:
    before = editing.stored()
    text = edit(editing, "", "--all")
    assert text.count("musrec_embedding: 128-d\n") == 10
    assert not BLOB.search(text)
    assert editing.stored() == before


def test_edit_of_all_fields_keeps_ours(editing: Beet) -> None:
    """beets assigns every field again, as it was shown; ours must not become what they look like."""
    before, genres = editing.stored(), editing("ls", "-f", "$musrec_genre").lines
    editing.configure(plugins="musrec edit", paths={"default": "$musrec_genre/$title"}, import_={"move": True})
    edit(editing, EDIT_TITLE, "--all")
    assert len(editing("ls", "title:Edited").lines) == 10
    assert editing.stored() == before
    assert [path.parent.name for path in editing.paths()] == genres
    assert editing("embed").out == "0 embedded, 10 up to date\n"


def test_edit_of_ours(editing: Beet) -> None:
    before = editing.stored()
    change = "file.write_text(file.read_text().replace('musrec_model: ', 'musrec_model: my-'))"
    edit(editing, f"file = Path(sys.argv[1])\n{change}", "-f", "musrec_model", "-f", "musrec_embedding", "id:1")
    after = editing.stored()
    assert after[1] == before[1] | {"musrec_model": f"my-{before[1]['musrec_model']}"}
    assert len(editing("embed", "-p").lines) == 1


# play, smartplaylist, random, and what other plugins make of an item


def test_play_by_mood(library: Beet, tmp_path: Path) -> None:
    heard = tmp_path / "heard.m3u"
    player = program(tmp_path, f"Path({str(heard)!r}).write_bytes(Path(sys.argv[-1]).read_bytes())")
    library.configure(plugins="musrec play", play={"command": player, "warning_threshold": 0})
    library("play", "-y", "musrec_arousal:0.01..", "musrec_arousal-")
    expected = library("ls", "-p", "musrec_arousal:0.01..", "musrec_arousal-").lines
    assert heard.read_text(encoding="utf-8").splitlines() == expected != []


def test_smart_playlists_of_computed_attributes(own_files: Beet, tmp_path: Path) -> None:
    lists = [
        {"name": "sure.m3u", "query": "musrec_confidence:0.4.."},
        {"name": "$musrec_genre.m3u", "query": "musrec_genre::."},
    ]
    settings = {"playlist_dir": str(tmp_path / "lists"), "playlists": lists, "auto": True, "output": "m3u"}
    own_files.configure(plugins="musrec smartplaylist", smartplaylist=settings)
    own_files("splupdate")
    sure = (tmp_path / "lists" / "sure.m3u").read_text(encoding="utf-8").splitlines()
    assert sure == own_files("ls", "-p", "musrec_confidence:0.4..").lines != []
    genres = set(own_files("ls", "-f", "$musrec_genre.m3u").lines)
    assert {file.name for file in (tmp_path / "lists").iterdir()} == {"sure.m3u", *genres}
    other = own_files("ls", "-p", "musrec_confidence:..0.39").lines[0]
    own_files("modify", "-y", f"path:{other}", "musrec_genres=rock 90%")
    own_files("splupdate", "sure.m3u")
    assert other in (tmp_path / "lists" / "sure.m3u").read_text(encoding="utf-8").splitlines()


def test_an_item_is_plain_json(library: Beet) -> None:
    """As programs beside beets serialise items: all keys, computed ones too."""
    said = library.after(
        """
import json, pickle, copy
from beets import plugins
def listen(lib):
    item = lib.get_item(1)
    print(json.dumps({key: item[key] for key in item.keys(computed=True) if key.startswith("musrec_")}))
    vector = item["musrec_embedding"]
    assert pickle.loads(pickle.dumps(vector)) == copy.deepcopy(vector) == vector == "128-d"
    assert copy.copy(vector).stored == vector.stored
send = plugins.send
def sending(event, **arguments):
    if event == "library_opened":
        listen(**arguments)
    return send(event, **arguments)
plugins.send = sending
""",
        "version",
    )
    item = json.loads(said.lines[0])
    assert set(item) == {*library.stored()[1], *COMPUTED, *OF_WORDS, "musrec_distance", "musrec_nearness"}
    assert item["musrec_distance"] is None  # without a `similar:` query
    assert item["musrec_embedding"] == "128-d"
    assert isinstance(item["musrec_rock"], float)
