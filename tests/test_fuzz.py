"""Whatever others wrote, what parses it answers or says no in one sentence: property-based."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from beetsplug.musrec.attributes import types
from beetsplug.musrec.attributes.types import EmbeddingType
from musrec_core import Card, ModelError, attribute_text
from musrec_core._text import one_line, printable
from musrec_core.card import SHIPPED
from musrec_core.encoder import _mel_basis
from musrec_core.errors import PlaylistError
from musrec_core.playlist import Tags, recipe, xspf
from musrec_core.playlist.m3u import Entry, Style, encode, read
from musrec_core.playlist.reading import names_playlist
from training.recipe import RECIPES, RecipeError, load_recipe

MANY = settings(max_examples=150)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@MANY
@given(st.lists(st.none() | st.text() | st.binary(max_size=300).map(lambda b: b.decode("latin-1")), max_size=5))
def test_any_text_as_a_vector(texts: list[str | None]) -> None:
    vectors = attribute_text.decode_vectors(texts, 16)
    assert vectors.shape == (len(texts), 16)


@given(st.lists(st.floats(-1, 1, width=16), min_size=8, max_size=8))
def test_a_vector_survives_its_text(values: list[float]) -> None:
    vector = np.array(values, np.float32)
    np.testing.assert_array_equal(attribute_text.decode_vectors([attribute_text.encode_vector(vector)], 8)[0], vector)


@MANY
@given(st.text())
def test_any_text_as_genres(text: str) -> None:
    found = attribute_text.parse_pairs(text)
    assert all(isinstance(label, str) and isinstance(p, float) for label, p in found.items())
    for kind in (EmbeddingType(), types.GenresType(), types.MoodType()):
        assert "\n" not in kind.format(text) or "\n" in text


LABELS = st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1).map(lambda s: " ".join(s.split())).filter(bool)


@given(st.dictionaries(LABELS, st.integers(0, 10_000).map(lambda n: n / 10_000), max_size=6))
def test_genres_survive_their_text(genres: dict[str, float]) -> None:
    assert attribute_text.parse_pairs(attribute_text.format_genres(genres)) == pytest.approx(genres)


@MANY
@given(st.data())
def test_any_card(tmp_path: Path, data: st.DataObject) -> None:
    stored: dict[str, Any] = json.loads(SHIPPED.read_text())
    target: Any = stored
    while isinstance(target, dict) and target:
        key = data.draw(st.sampled_from(sorted(target)))
        if not isinstance(target[key], dict) or data.draw(st.booleans()):
            target[key] = data.draw(JSON)
            break
        target = target[key]
    path = tmp_path / "musrec-1.json"
    path.write_text(json.dumps(stored))
    try:
        outcome = str(Card.load(path).folder)
    except ModelError as error:  # and nothing else
        outcome = str(error)
    assert outcome.strip()
    assert len(outcome.splitlines()) == 1


@MANY
@given(st.binary(max_size=400))
def test_any_bytes_as_a_card(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ModelError):
        Card.load(tmp_path / "x.json")


NPY = b"\x93NUMPY\x01\0\x76\0{'descr': '<f4', "


@MANY
@given(st.binary(max_size=300), st.sampled_from([b"", NPY, b"PK\x03\x04", b"\x80\x04"]))
def test_any_bytes_as_a_filter_bank(content: bytes, start: bytes) -> None:
    with pytest.raises(ModelError):
        _mel_basis(start + content, Card.load())


@MANY
@given(st.text())
def test_any_text_prints_on_one_line(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in shown)
    assert one_line(text) == " ".join(shown.split())
    assert all(a == b for a, b in zip(text, shown, strict=True) if b != " ")


@MANY
@given(st.data())
def test_any_recipe(tmp_path: Path, data: st.DataObject) -> None:
    recipe: dict[str, Any] = yaml.safe_load((RECIPES / "musrec_1.yaml").read_text())
    section = data.draw(st.sampled_from(sorted(recipe)))
    if isinstance(recipe[section], dict) and data.draw(st.booleans()):
        recipe[section][data.draw(st.sampled_from(sorted(recipe[section])))] = data.draw(JSON)
    else:
        recipe[section] = data.draw(JSON)
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(recipe))
    try:
        outcome = load_recipe(path).name
    except RecipeError as error:  # and nothing else
        outcome = str(error)
    assert outcome.strip()


@MANY
@given(st.lists(st.tuples(st.binary(max_size=40), st.text(max_size=40)), max_size=5))
def test_no_tag_adds_a_line_to_a_playlist(songs: list[tuple[bytes, str]]) -> None:
    entries = [Entry(b"/m/" + path.replace(b"\0", b""), title, 10.0) for path, title in songs]
    entries = [entry for entry in entries if Style().can_hold(entry)]
    lines = encode(entries).splitlines()
    assert lines[0] == b"#EXTM3U"
    assert len(lines) == 1 + 2 * len(entries)
    assert all(line.startswith(b"#EXTINF:10,") for line in lines[1::2])


@MANY
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.sampled_from([b"/m", b"/m/a", b"/", b"/other"]))
def test_the_paths_of_a_playlist_lead_to_the_songs(names: list[bytes], base: bytes) -> None:
    """A player that reads the file line by line, trims the lines and passes over comments finds every song."""
    paths = [b"/m/" + name.translate(bytes.maketrans(b"\0\n\r", b"0nr")) + b".mp3" for name in names]
    lines = encode([Entry(path, "x") for path in paths], Style(relative_to=base)).split(b"\n")
    found = [line for line in lines if line and not line.startswith(b"#")]
    assert all(line == line.strip() for line in found)
    assert [os.path.normpath(os.path.join(base, line)) for line in found] == [os.path.normpath(path) for path in paths]


@MANY
@given(st.binary(max_size=300))
def test_any_bytes_as_a_playlist(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "list.m3u8"
    path.write_bytes(content)
    try:
        files, others = read(path)
        message = path.name
    except PlaylistError as error:  # and nothing else
        files, others, message = [], [], str(error)
    assert path.name in message
    assert [file for file in files if not os.path.isabs(file) or b"\n" in file.replace(b"%0A", b"")] == []
    assert [other for other in others if b":" not in other and not names_playlist(other)] == []


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.binary(min_size=1, max_size=20).map(lambda name: b"/m/" + name.replace(b"\0", b"0")),
        st.text(),
        st.none() | st.floats(0, 1e6),
        tags=st.none() | st.builds(Tags, st.text(), st.text(), st.text(), st.integers(-3, 10**6), st.uuids().map(str)),
    ),
    max_size=4,
)
PREFIXES = st.sampled_from([b"/m", b"/", b"/other"])


@MANY
@given(ENTRIES, st.sampled_from(["xspf", "jspf"]), st.none() | PREFIXES)
def test_any_songs_as_xspf(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], ending: str, base: bytes | None
) -> None:
    """The songs are those that were written, and nothing but the recipe is a comment."""
    path = tmp_path_factory.mktemp("any") / f"list.{ending}"
    style = Style(relative_to=base, as_uri=True)
    path.write_bytes(xspf.encode(path, entries, style, [b"#MUSREC:beet similar x"]))
    found = recipe.read(path)
    assert [entry.location for entry in found.entries] == [style.location(entry) for entry in entries]
    assert found.recipe is not None
    assert found.recipe.words == ("similar", "x")
    assert (found.head, found.tail) == ((), ())


@MANY
@given(JSON, st.sampled_from(["xspf", "jspf"]))
def test_any_structure_as_xspf(tmp_path_factory: pytest.TempPathFactory, value: Any, ending: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"list.{ending}"
    names = ["track", "meta", "title", "location", "duration", "creator"]
    playlist = {names[n % 6]: each for n, each in enumerate(value.values() if isinstance(value, dict) else [value])}
    content = {"playlist": {**playlist, "track": [playlist, value]} if isinstance(value, list) else playlist}
    if ending == "jspf":
        path.write_text(json.dumps(content), "utf-8")
    else:
        root = ElementTree.Element("playlist")
        for name, text in playlist.items():
            ElementTree.SubElement(ElementTree.SubElement(root, "trackList"), name).text = ascii(text)
        path.write_bytes(ElementTree.tostring(root))
    try:
        files, message = read(path)[0], path.name
    except PlaylistError as error:  # and nothing else
        files, message = [], str(error)
    assert path.name in message
    assert all(os.path.isabs(file) for file in files)
