"""XSPF and JSPF: what is written keeps to the specification, and is read again with its recipe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from musrec_core.errors import PlaylistError
from musrec_core.playlist import Entry, Style, Tags, m3u, recipe, xspf
from musrec_core.playlist.entry import Kept
from musrec_core.playlist.recipe import Recipe, mark

STYLE = Style(as_uri=True)
ID = "b9ad642e-b012-41c7-b72a-42cf4911f9ff"
SONG = Entry(b"/m/B\xc3\xb6 #1 & <x>.mp3", "Bö - <It's> & \"so\"", 305.4321,
             tags=Tags("<It's> & \"so\"", "Bö", "Plays]]>", 3, ID))  # fmt: skip
BARE = Entry(b"/m/\xff\n.ogg", "a\x00b\x1b[31m\ud800\ufffe\u2028c", None)
URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-F]{2})*")
MANY = {"link", "meta", "extension"}  # https://www.xspf.org/spec: 4.1.1.2 and 4.1.1.2.14.1.1
PLAYLIST = {"title", "creator", "annotation", "info", "location", "identifier", "image", "date", "license",
            "attribution", "trackList"}  # fmt: skip
TRACK = {"title", "creator", "annotation", "info", "image", "album", "trackNum", "duration"}


def check(content: bytes) -> list[Element]:
    """The tracks of an XSPF document, which has to keep to version 1 of the specification."""
    root = ElementTree.fromstring(content)
    assert root.tag == "{http://xspf.org/ns/0/}playlist"
    assert root.attrib == {"version": "1"}
    names = [child.tag.removeprefix("{http://xspf.org/ns/0/}") for child in root]
    assert names.count("trackList") == 1
    assert {*names} <= PLAYLIST | MANY
    assert all(names.count(name) == 1 for name in {*names} - MANY)
    for meta in root.findall("{*}meta"):
        assert URI.fullmatch(meta.attrib["rel"])
    tracks = [*root.findall("{*}trackList/{*}track")]
    for track in tracks:
        inner = [child.tag.removeprefix("{http://xspf.org/ns/0/}") for child in track]
        assert {*inner} <= TRACK | MANY | {"location", "identifier"}
        assert all(inner.count(name) == 1 for name in {*inner} & TRACK)
        for name in ("location", "identifier"):
            assert all(URI.fullmatch(each.text or "") for each in track.findall(f"{{*}}{name}"))
        for name in ("trackNum", "duration"):
            assert all((each.text or "").isdecimal() and int(each.text or "") for each in track.findall(f"{{*}}{name}"))
    return tracks


def values(track: Element) -> dict[str, str | None]:
    return {child.tag.removeprefix("{http://xspf.org/ns/0/}"): child.text for child in track}


def test_what_is_written() -> None:
    one, two = check(xspf.encode("/lists/Like Bö & co.xspf", [SONG, BARE], STYLE))
    assert values(one) == {
        "location": "file:///m/B%C3%B6%20%231%20%26%20%3Cx%3E.mp3",
        "identifier": f"https://musicbrainz.org/recording/{ID}",
        "title": '<It\'s> & "so"',
        "creator": "Bö",
        "album": "Plays]]>",
        "trackNum": "3",
        "duration": "305432",
    }
    assert values(two) == {"location": "file:///m/%FF%0A.ogg", "title": "a b [31m?? c"}
    content = xspf.encode(b"/lists/Like B\xc3\xb6 & co.xspf", [], STYLE)
    assert check(content) == []
    assert ElementTree.fromstring(content).findtext("{*}title") == "Like Bö & co"


def test_an_id_a_prefix_and_a_recipe_that_xml_forbids() -> None:
    song = Entry(b"/m/a.mp3", "a", tags=Tags("a", recording_id='x"><\x01 \ufffe'))
    style = Style(as_uri=True, prefix=b"http://nas/\x01")
    content = xspf.encode("x.xspf", [song], style, ["#MUSREC:beet similar title:\ufffe".encode()])
    root = ElementTree.fromstring(content)
    assert root.findtext(".//{*}identifier") == "https://musicbrainz.org/recording/x%22%3E%3C%01%20%EF%BF%BE"
    assert (root.findtext(".//{*}location") or "").startswith("http://nas/?")
    assert (root.findtext("{*}meta") or "").strip() == "#MUSREC:beet similar title:?"


def test_jspf_says_the_same() -> None:
    playlist = json.loads(xspf.encode("x.JSPF", [SONG, BARE], STYLE, [b"#MUSREC:beet similar x"]))["playlist"]
    assert playlist == {
        "title": "x",
        "meta": [{xspf.RECIPE: "#MUSREC:beet similar x"}],
        "track": [
            {
                "location": ["file:///m/B%C3%B6%20%231%20%26%20%3Cx%3E.mp3"],
                "identifier": [f"https://musicbrainz.org/recording/{ID}"],
                "title": "<It's> & \"so\"", "creator": "Bö", "album": "Plays]]>", "trackNum": 3, "duration": 305432,
            },
            {"location": ["file:///m/%FF%0A.ogg"], "title": "a b [31m?? c"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["xspf", "jspf"])
def test_a_recipe_is_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"list.{ending}"
    made = Recipe(("similar", "--count", "2", "Bö <&> 'x'"), seeds="a; b", without=("0" * 12,),
                  songs=tuple(("1" * 12, mark(STYLE.location(entry))) for entry in (SONG, BARE)))  # fmt: skip
    path.write_bytes(xspf.encode(path, [SONG, BARE, Kept((b"#EXTINF:1,by - hand",), b"http://radio/x")], STYLE,
                                 made.lines()))  # fmt: skip
    found = recipe.read(path)
    assert found.recipe == made
    assert [entry.location for entry in found.entries] == [
        STYLE.location(SONG), STYLE.location(BARE), b"http://radio/x"
    ]  # fmt: skip
    assert "Bö - <It's>".encode() in found.entries[0].comments[0]
    assert found.entries[2].comments == (b"#EXTINF:-1,by - hand",)
    once = path.read_bytes()
    path.write_bytes(xspf.encode(path, [SONG, BARE, found.entries[2]], STYLE, found.recipe.lines()))
    assert path.read_bytes() == once


@pytest.mark.parametrize("ending", ["xspf", "jspf"])
def test_as_written(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"list.{ending}"
    made = Recipe(("similar", "x"), songs=(("1" * 12, mark(STYLE.location(SONG))),))
    path.write_bytes(xspf.encode(path, [SONG], STYLE, made.lines()))
    assert recipe.read(path).is_as_written()
    text = path.read_text("utf-8")
    for old, new in (("<track>", "<track><image>x</image>"), ("<trackList>", "<annotation>x</annotation><trackList>"),
                     ("</trackList>", "<track><title>y</title></track></trackList>"),
                     ("%20", "%21")) if ending == "xspf" else (
                     ('"trackNum"', '"image": "x", "trackNum"'), ('"track":', '"annotation": "x", "track":'),
                     ("%20", "%21")):  # fmt: skip
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        assert not recipe.read(path).is_as_written(), new


def test_what_other_programs_wrote(tmp_path: Path) -> None:
    for name in ("a b.mp3", "100%25.mp3"):
        (tmp_path / name).touch()
    path = tmp_path / "list.xspf"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-16"?>\n<playlist xmlns="http://xspf.org/ns/0/" version="1">'
        '<meta rel="http://x">y</meta><trackList><track><location> a%20b.mp3\n</location><duration>x</duration></track>'
        f"<track><location>file://{tmp_path}/100%2525.mp3</location></track><track><title>none</title></track>"
        "<track><location>http://radio/x</location></track><track><location>#EXTM3U</location></track>"
        "</trackList><extension application='http://vlc'><x/></extension></playlist>",
        "utf-16",
    )
    assert m3u.read(path) == ([bytes(tmp_path) + b"/a b.mp3", bytes(tmp_path) + b"/100%25.mp3"], [b"http://radio/x"])
    (tmp_path / "list.jspf").write_text(json.dumps({"playlist": {"track": [
        {"identifier": "x"}, {"location": "a%20b.mp3"}, {"location": [], "duration": 5e30}, {"location": ["c.mp3"]}
    ]}}))  # fmt: skip
    assert m3u.read(tmp_path / "list.jspf")[0] == [bytes(tmp_path) + b"/a b.mp3", bytes(tmp_path) + b"/c.mp3"]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><playlist><title>&b;</title></playlist>'


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        ("xspf", ""), ("xspf", "<html/>"), ("xspf", "<playlist>"), ("xspf", "#EXTM3U\n/a.mp3\n"), ("xspf", BOMB),
        ("xspf", "\x00" * 50), ("xspf", '<playlist><title>&#0;</title></playlist>'),
        ("jspf", ""), ("jspf", "[]"), ("jspf", "{}"), ("jspf", '{"playlist": []}'), ("jspf", "[" * 100_000),
        ("jspf", '{"playlist": {"track": 5}}'), ("jspf", '{"playlist": {"track": [7]}}'),
        ("jspf", '{"playlist": {"meta": "x"}}'), ("jspf", '{"playlist": {"meta": [3]}}'),
        ("jspf", '{"playlist": {"track": [{"location": 7}]}}'),
    ],
)  # fmt: skip
def test_what_is_none_is_refused(tmp_path: Path, ending: str, content: str) -> None:
    path = tmp_path / f"list.{ending}"
    path.write_text(content, "utf-8")
    with pytest.raises(PlaylistError, match=r"is not an? [XJ]SPF playlist$"):
        recipe.read(path)


def test_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.xspf").mkdir()
    with pytest.raises(PlaylistError, match="is a folder, not an XSPF playlist"):
        recipe.read(tmp_path / "x.xspf")


def odd(value: Any) -> dict[str, Any]:
    return {"playlist": {"title": value, "track": [{"location": ["a.mp3"], "title": value, "duration": value}]}}


@pytest.mark.parametrize("value", [None, 5, True, [], {}, "x\ny", -3, "9" * 5000])
def test_odd_values_of_others_stop_nothing(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "list.jspf"
    path.write_text(json.dumps(odd(value)))
    assert m3u.read(path)[0] == [bytes(tmp_path) + b"/a.mp3"]
