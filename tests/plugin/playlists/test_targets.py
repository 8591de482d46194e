"""Copies of playlists for several servers at once: `musrec.playlist.targets`."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import confuse
import pytest
from beets import logging
from beets.ui import UserError

from beetsplug.musrec.config import DEFAULTS, Settings
from beetsplug.musrec.playlists import targets
from musrec_core.playlist import m3u
from musrec_core.playlist.recipe import parse

from ..conftest import Beet
from .test_refresh import recipe, songs, without

pytestmark = pytest.mark.quick_model

MIX: dict[str, Any] = {"name": "Waltzes", "seeds": "title:Harbour Waltz", "count": 4}


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The folder of the playlists, and beside it those of two targets."""
    for name in ("lists", "nas", "car"):
        (tmp_path / name).mkdir()
    return tmp_path / "lists"


def configure(library: Beet, lists: Path, targets: Any, *mixes: Any, **playlist: Any) -> None:
    library.configure(
        musrec={"playlist": {"dir": str(lists), "targets": targets, **playlist}, "mixes": list(mixes or [MIX])}
    )


def two(library: Beet, lists: Path) -> dict[str, Any]:
    return {
        "nas": {"dir": str(lists.parent / "nas"), "map": {str(library.directory): "/music"}},
        "car": {"dir": str(lists.parent / "car"), "map": {str(library.directory): "M:\\Music"}, "encoding": "latin-1"},
    }


def locations(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]


def test_each_mix_is_written_for_each_target(library: Beet, lists: Path) -> None:
    targets = two(library, lists)
    targets["xspf"] = {"dir": str(lists.parent / "nas"), "output": "xspf"}
    targets["jspf"] = {"dir": str(lists.parent / "nas"), "output": "jspf", "relative_to": str(library.directory)}
    configure(library, lists, targets, MIX, {**MIX, "name": "deep/Rest.m3u"})
    library("mixes")
    nas, car = lists.parent / "nas", lists.parent / "car"
    files = m3u.read(lists / "Waltzes.m3u8")[0]
    assert len(files) == 4
    names = [os.fsdecode(file).removeprefix(f"{library.directory}/") for file in files]
    assert locations(nas / "Waltzes.m3u8") == [f"/music/{name}" for name in names]
    windows = [name.replace("/", "\\") for name in names]
    assert locations(car / "Waltzes.m3u") == [f"M:\\Music\\{name}" for name in windows]
    assert m3u.read(nas / "Waltzes.xspf")[0] == files
    playlist = json.loads((nas / "Waltzes.jspf").read_text("utf-8"))["playlist"]
    assert playlist["title"] == "Waltzes"
    assert all(not each["location"][0].startswith(("/", "file:")) for each in playlist["track"])
    assert {each["title"] for each in playlist["track"]} == {*songs(lists / "Waltzes.m3u8")}
    assert sorted(path.name for path in (nas / "deep").iterdir()) == ["Rest.jspf", "Rest.m3u", "Rest.xspf"]
    assert (car / "deep" / "Rest.m3u").exists()
    before = {path: path.read_bytes() for path in lists.parent.rglob("*.*pf")}
    library("mixes")
    assert {path: path.read_bytes() for path in before} == before


def test_what_was_removed_from_a_copy_is_removed_everywhere(library: Beet, lists: Path) -> None:
    configure(library, lists, two(library, lists))
    library("mixes")
    original, copy, other = lists / "Waltzes.m3u8", lists.parent / "nas/Waltzes.m3u8", lists.parent / "car/Waltzes.m3u"
    gone = songs(copy)[1]
    without(copy, gone)
    copy.write_text(copy.read_text("utf-8").replace("#EXTM3U\n", "#EXTM3U\n# mine\n"), "utf-8")
    said = library("mixes")
    assert said.lines == ["Waltzes: 4 songs, 1 new"]
    assert said.err == f"musrec: taken over from {copy}: 1 removed, 0 added\n"
    for path in (original, copy, other):
        assert gone not in songs(path)
        assert len(songs(path)) == 4
    assert "# mine\n" in copy.read_text("utf-8")
    library("mixes")
    library("similar", "--extend", "Waltzes", "-n", "2")
    for path in (original, copy, other):
        assert gone not in songs(path)
        assert len(songs(path)) == 6


def unlisted(library: Beet, path: Path) -> list[Path]:
    """The songs that a playlist does not name."""
    listed = m3u.read(path)[0]
    return [file for file in library.paths() if bytes(file) not in listed]


def test_what_was_added_to_the_playlist_is_added_to_its_copies(library: Beet, lists: Path) -> None:
    configure(library, lists, two(library, lists))
    library("mixes")
    original, copy = lists / "Waltzes.m3u8", lists.parent / "nas/Waltzes.m3u8"
    added = unlisted(library, original)[0]
    with original.open("a", encoding="utf-8") as file:
        file.write(f"{added}\n#EXTINF:-1,a radio\nhttp://radio/x\n")
    library("mixes")
    name = str(added).removeprefix(str(library.directory))
    assert locations(copy)[-2:] == [f"/music{name}", "http://radio/x"]
    text = copy.read_text("utf-8")
    copy.write_text(text.replace("#EXTINF:-1,a radio\n", "").replace("http://radio/x\n", ""), "utf-8")
    library("mixes")
    assert "radio" not in original.read_text("utf-8") + copy.read_text("utf-8")
    assert str(added) in original.read_text("utf-8")


def test_what_was_added_to_a_copy_is_added_everywhere(library: Beet, lists: Path) -> None:
    targets = two(library, lists)
    targets["xspf"] = {"dir": str(lists.parent / "nas"), "output": "xspf", "map": {str(library.directory): "Z:\\"}}
    configure(library, lists, targets)
    library("mixes")
    original, nas, car = lists / "Waltzes.m3u8", lists.parent / "nas/Waltzes.m3u8", lists.parent / "car/Waltzes.m3u"
    one, two_, three, *_ = unlisted(library, original)
    names = [str(file).removeprefix(f"{library.directory}/") for file in (one, two_, three)]
    with nas.open("a", encoding="utf-8") as file:
        file.write(f"# for Ana\n/music/{names[0]}\nhttp://radio/x\n")
    with car.open("a", encoding="latin-1") as file:
        file.write("M:\\Music\\" + names[1].replace("/", "\\") + "\n")
    xspf = lists.parent / "nas/Waltzes.xspf"
    track = f"<track><location>file:///Z:/{quote(names[2])}</location></track></trackList>"
    xspf.write_text(xspf.read_text("utf-8").replace("</trackList>", track), "utf-8")
    said = library("similar", "--refresh", "Waltzes")
    assert "your changes are kept: 0 removed, 4 added" in said.err
    assert {str(one), str(two_), str(three), "http://radio/x"} <= {*locations(original)}
    assert "# for Ana\n" in original.read_text("utf-8")
    for path in (nas, car, xspf):
        assert "http://radio/x" in path.read_text("utf-8")
    assert {f"/music/{name}" for name in names} <= {*locations(nas)}
    before = [path.read_bytes() for path in (original, nas, car, xspf)]
    library("mixes")
    assert [path.read_bytes() for path in (original, nas, car, xspf)] == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text + "/music/mine.mp3\n", "was changed by hand"),
        (lambda text: "#EXTM3U\n/music/mine.mp3\n", "was made by another program"),
        (lambda text: text.replace("copy Waltzes", "copy Others"), "is another playlist"),
        (lambda text: text.replace("copy Waltzes", "similar x"), "is another playlist"),
        (lambda text: re.sub("^[^#].*\n", "", text, flags=re.MULTILINE), "was changed by hand"),
        (lambda text: text[:-9], "was changed by hand"),
        (lambda text: re.sub("^/music", "/data", text, flags=re.MULTILINE), "was changed by hand"),
    ],
)
def test_a_copy_that_others_wrote_is_left_alone(library: Beet, lists: Path, change: Any, why: str) -> None:
    configure(library, lists, two(library, lists))
    library("mixes")
    copy, other = lists.parent / "nas/Waltzes.m3u8", lists.parent / "car/Waltzes.m3u"
    changed = change(copy.read_text("utf-8"))
    copy.write_text(changed, "utf-8")
    other.unlink()
    said = library("mixes", ok=False)
    assert said.status == 1
    assert f"the target nas: {copy} {why}" in said.err
    assert "1 copy of playlists could not be written" in said.err
    assert copy.read_text("utf-8") == changed
    assert len(songs(other)) == 4
    library("mixes", "--force")
    assert locations(copy)[0].startswith("/music/")


def test_a_target_that_is_not_there_stops_no_other(library: Beet, lists: Path) -> None:
    targets = two(library, lists)
    configure(library, lists, {"gone": {"dir": str(lists.parent / "gone")}, **targets}, MIX, {**MIX, "name": "Rest"})
    (lists.parent / "car/Waltzes.m3u").mkdir()
    said = library("mixes", ok=False)
    assert (said.status, len(said.lines)) == (1, 2)
    assert said.err.count(f"the target gone: there is no folder {lists.parent / 'gone'}") == 1  # of two playlists
    assert "the target car: " in said.err
    assert "Waltzes.m3u is not a file" in said.err
    assert "3 copies of playlists could not be written" in said.err
    assert sorted(path.name for path in (lists.parent / "nas").iterdir()) == ["Rest.m3u8", "Waltzes.m3u8"]
    configure(library, lists, None)  # removed targets keep their files
    library("mixes")
    assert (lists.parent / "nas/Waltzes.m3u8").exists()


def test_a_disk_that_is_full(library: Beet, lists: Path) -> None:
    configure(library, lists, two(library, lists))
    code = f"""
import os
from musrec_core import _files
plain = _files._sync
def sync(file):
    if {str(lists.parent / "nas")!r} in str(file.name):
        raise OSError(28, "No space left on device")
    plain(file)
_files._sync = sync
"""
    with pytest.raises(AssertionError, match="No space left on device"):
        library.after(code, "mixes")
    assert [*(lists.parent / "nas").iterdir()] == []
    assert len(songs(lists.parent / "car/Waltzes.m3u")) == 4


def test_what_an_encoding_does_not_have_is_told(library: Beet, lists: Path) -> None:
    library("modify", "-y", "--nowrite", "title:Northern Drone", "artist=Привет")
    configure(library, lists, two(library, lists), {"name": "Слова", "seeds": "title:Harbour", "count": 9})
    told = "musrec: the target car: 1 song {}: Привет - Northern Drone 2\n"
    assert library("mixes").err == told.format("written with `?` in the title, for want of characters in latin-1")
    assert "?????? - " in (lists.parent / "car/Слова.m3u").read_text("latin-1")
    assert "Привет - " in (lists.parent / "nas/Слова.m3u8").read_text("utf-8")
    (path,) = library.paths("title:Northern Drone")
    moved = os.fsencode(path.parent / "Дрон.mp3")
    library.sql("UPDATE items SET path = ? WHERE title LIKE 'Northern Drone%'", moved)
    assert library("mixes").err == told.format("left out, because latin-1 can't express the path")
    assert len(songs(lists.parent / "nas/Слова.m3u8")) == 9
    assert len(re.findall("#EXTINF", (lists.parent / "car/Слова.m3u").read_text("latin-1"))) == 8


def test_a_song_in_no_mapped_folder_is_told(library: Beet, lists: Path) -> None:
    targets = [{"name": "nas", "dir": str(lists.parent / "nas"), "map": {"/nowhere": "/music"}}]
    configure(library, lists, targets)
    said = library("mixes")
    assert "the target nas: 4 songs in no folder of `map`, and written with the path that beets knows: " in said.err
    assert "; and 1 more" in said.err
    assert locations(lists.parent / "nas/Waltzes.m3u8") == locations(lists / "Waltzes.m3u8")


def test_similar_writes_copies_of_what_lies_in_the_folder(library: Beet, lists: Path, tmp_path: Path) -> None:
    configure(library, lists, two(library, lists), relative_to=str(library.directory), output="m3u")
    library("similar", "Harbour Waltz", "-n", "2", "-m", "sub/evening")
    copy = lists.parent / "nas/sub/evening.m3u8"
    assert len(locations(copy)) == 3
    assert all(line.startswith("/music/") for line in locations(copy))
    assert recipe(copy) == "beet copy sub/evening.m3u8"
    assert "is a copy for one of musrec.playlist.targets" in library.error("similar", "--refresh", str(copy))
    assert "is a copy for one of musrec" in library.error("similar", "Harbour Waltz", "-m", str(copy))
    copy.write_text(copy.read_text("utf-8").replace(locations(copy)[2] + "\n", ""), "utf-8")
    assert "was changed by hand" in library("similar", "Harbour Waltz", "-n", "2", "-m", "sub/evening", ok=False).err
    library("similar", "--refresh", "sub/evening")
    assert len(locations(copy)) == 3
    library("similar", "Harbour Waltz", "-n", "2", "-m", str(tmp_path / "elsewhere.m3u8"))
    library("similar", "Harbour Waltz", "-n", "2", "-m", "-")
    assert not [*lists.parent.glob("*/elsewhere.*")]


def test_addresses_of_one_target_are_not_those_of_another(library: Beet, lists: Path) -> None:
    targets = two(library, lists)
    targets["web"] = {"dir": str(lists.parent / "nas"), "extension": "m3u", "uri_format": "http://web/$id"}
    configure(library, lists, targets, uri_format="http://nas/item/$id/file")
    targets["nas"] |= {"dir": str(lists.parent / "car"), "extension": "m3u8"}
    configure(library, lists, targets, uri_format="http://nas/item/$id/file")
    library("mixes")
    library("similar", "--extend", "Waltzes", "-n", "1")  # reads the addresses back
    assert all(re.fullmatch(r"http://nas/item/\d+/file", line) for line in locations(lists / "Waltzes.m3u8"))
    assert all(re.fullmatch(r"http://web/\d+", line) for line in locations(lists.parent / "nas/Waltzes.m3u"))
    copied = locations(lists.parent / "car/Waltzes.m3u8")
    assert len(copied) == 5
    assert all(line.startswith("/music/") for line in copied)


def test_copies_beside_the_playlists(library: Beet, lists: Path) -> None:
    configure(library, lists, {"xspf": {"dir": str(lists), "output": "xspf"}})
    library("mixes")
    assert sorted(path.name for path in lists.iterdir()) == ["Waltzes.m3u8", "Waltzes.xspf"]
    said = library("similar", "Harbour Waltz", "-n", "1", "-m", "x.xspf", ok=False)
    assert said.status == 1
    assert f"the target xspf: {lists}/x.xspf is the playlist itself" in said.err
    assert recipe(lists / "x.xspf").startswith("beet similar")
    library("similar", "Harbour Waltz", "-n", "1", "-m", "x.xspf", "--force", ok=False)
    assert recipe(lists / "x.xspf").startswith("beet similar")


def test_without_recipes_a_mix_is_copied_again_and_again(library: Beet, lists: Path) -> None:
    configure(library, lists, two(library, lists), recipe=False)
    library("mixes")
    library("mixes")
    assert b"MUSREC" not in (lists.parent / "nas/Waltzes.m3u8").read_bytes()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({}, "nas: it has no dir, the folder that its playlists are written to"),
        ({"dir": 5}, "nas: dir has to be a path"),
        ({"dir": "x", "relative_to": ["a"]}, "nas: relative_to has to be a path"),
        ({"dir": "x", "fromat": "m3u"}, "nas: unknown setting fromat; the known ones are dir, encoding, extension"),
        ({"dir": "x", "output": "pls"}, "nas: output has to be m3u, extm3u, xspf or jspf"),
        ({"dir": "x", "urlencode": "maybe"}, "nas: urlencode has to be yes or no"),
        ({"dir": "a\0b"}, "nas: dir has to be a path"),
        ({"dir": "x", "prefix": ["a"]}, "nas: prefix has to be a text"),
        ({"dir": "x", "encoding": "klingon"}, "nas: encoding: klingon is none for M3U; take utf-8, latin-1, cp1252"),
        ({"dir": "x", "encoding": "utf-16"}, "nas: encoding: utf-16 is none for M3U"),
        ({"dir": "x", "encoding": "rot13"}, "nas: encoding: rot13 is none for M3U"),
        ({"dir": "x", "encoding": "utf-8-sig"}, "nas: encoding: utf-8-sig is none for M3U"),
        ({"dir": "x", "encoding": "cp1252", "output": "xspf"}, "nas: encoding: xspf is always utf-8"),
        ({"dir": "x", "extension": "txt"}, "nas: extension has to be m3u or m3u8"),
        ({"dir": "x", "extension": "m3u", "output": "jspf"}, "nas: extension: files of jspf end in .jspf"),
        ({"dir": "x", "map": "y"}, "nas: map has to be a map"),
        ({"dir": "x", "map": {"/a": 5}}, "nas: map has to name folders, and what each is called there"),
        ({"dir": "x", "map": {"music": "/a"}}, "nas: map: music has to be a whole path, as beets knows it"),
        ({"dir": "x", "map": {"/a": "/b"}, "relative_to": "/a"}, "nas: map and relative_to can't be combined"),
    ],
)
def test_mistakes(tmp_path: Path, target: dict[str, Any], error: str) -> None:
    settings = Settings(confuse.RootView([confuse.ConfigSource.of({"musrec": DEFAULTS})])["musrec"]).playlist
    settings = replace(settings, dir=bytes(tmp_path), targets=({"name": "nas", **target},))
    with pytest.raises(UserError, match=f"^musrec.playlist.targets: {re.escape(error)}"):
        targets.parse(settings, logging.getLogger("musrec"))


def test_mistakes_of_all(library: Beet, lists: Path) -> None:
    def said() -> str:
        done = library("mixes", ok=False)
        assert "Traceback" not in done.err
        assert done.status == 1
        return done.err

    for wrong, which in (
        (5, ""), ([{"name": "nas", "dir": "x"}, {"dir": "y"}], ": the entry number 2 is no such map"),
        ({"nas": {"dir": "x"}, "car": 5}, ": car is no such map"),
    ):  # fmt: skip
        configure(library, lists, wrong)
        sentence = "musrec.playlist.targets has to be a map of targets by name, each with a `dir`, or a list of them"
        assert f"{sentence} with a `name` each{which}\n" in said()
    folder = str(lists.parent / "nas")
    configure(library, lists, [{"name": "a", "dir": folder}, {"name": "b", "dir": folder + "/../nas"}])
    assert "musrec.playlist.targets: b writes the same files as a: give it another `dir`" in said()
    assert "musrec.playlist.targets: b writes" in library.error("similar", "Harbour Waltz", "-m", "x")
    assert [*lists.iterdir()] == []
    assert library("similar", "Harbour Waltz").lines  # the mistake is nobody else's
    configure(library, lists, {"a": {"dir": str(lists)}})
    assert "musrec.playlist.targets: a writes the same files as musrec.playlist: give it another `dir`" in said()
    configure(library, lists, [{"name": "a", "dir": folder}, {"name": "a", "dir": str(lists.parent)}])
    assert "musrec.playlist.targets: two targets have the name a" in said()
    library.configure(musrec={"playlist": {"targets": {"a": {"dir": folder}}}})
    assert "musrec.playlist.targets: set `musrec.playlist.dir`" in library.error("similar", "Harbour", "-m", "x")


def test_xspf_by_its_ending(library: Beet, tmp_path: Path) -> None:
    for ending in ("xspf", "jspf"):
        path = tmp_path / f"list.{ending}"
        library("similar", "Harbour Waltz", "-n", "3", "-m", str(path))
        files = m3u.read(path)[0]
        assert len(files) == 4
        text = path.read_text("utf-8")
        location = re.findall(r"file:///[^<\"]*", text)[1]
        path.write_text(text.replace(location, "http://radio/x"), "utf-8")
        assert "was changed by hand" in library.error("similar", "Harbour Waltz", "-m", str(path))
        said = library("similar", "--refresh", str(path))
        assert "your changes are kept: 1 removed, 1 added" in said.err
        now, others = m3u.read(path)
        assert (len(now), others) == (4, [b"http://radio/x"])
        assert files[1] not in now
        assert library("similar", "--from-playlist", str(path), "-n", "1").lines
        library("similar", "--extend", str(path), "-n", "1")
        assert len(m3u.read(path)[0]) == 5


def test_the_copy_of_a_mix_names_it(library: Beet, lists: Path) -> None:
    configure(library, lists, two(library, lists), {**MIX, "name": "Für 100% #1 'you'"})
    library("mixes")
    (copy,) = (lists.parent / "nas").iterdir()
    found = parse(copy.read_bytes()).recipe
    assert found is not None
    assert found.words == ("copy", "F%C3%BCr%20100%25%20%231%20%27you%27.m3u8")
    library("mixes")


def test_after_an_import(own_files: Beet, lists: Path) -> None:
    targets = {**two(own_files, lists), "gone": {"dir": str(lists.parent / "gone")}}
    own_files.configure(
        musrec={"playlist": {"dir": str(lists), "targets": targets}, "mixes": [MIX], "mixes_on_import": True}
    )
    said = own_files("import", str(own_files.directory), "-I")
    assert said.err.count("the target gone: there is no folder") == 1
    assert all(line.startswith("/music/") for line in locations(lists.parent / "nas/Waltzes.m3u8"))
    assert (lists.parent / "car/Waltzes.m3u").exists()
