"""Tags in real files of every format: where players look for them, beside what others wrote, and gone again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import beets
import mutagen
import pytest
from beets.library import Item
from mutagen import asf, id3

from beetsplug.musrec.tags.files import TagFile, is_taken
from beetsplug.musrec.tags.writer import TagWriter

from .conftest import Log

Song = Callable[[str], tuple[Path, Item]]
ID3_FRAMES: Any = id3.Frames
new_asf: Any = asf.ASFUnicodeAttribute  # type: ignore[attr-defined]
ID3 = ("TMOO", "TIT1", "TXXX:SOUND", "TCON")
COMMENTS = ("MOOD", "GROUPING", "SOUND", "GENRE")
WHERE = {  # ending -> names of the mood, grouping, a tag of the user's choice, and genres
    **dict.fromkeys(("mp3", "wav", "aiff", "dsf", "id3.mp3"), ID3),
    **dict.fromkeys(("flac", "ogg", "opus", "ape", "wv"), COMMENTS),
    "m4a": ("----:com.apple.iTunes:MOOD", "\xa9grp", "----:com.apple.iTunes:SOUND", "\xa9gen"),
    "wma": ("WM/Mood", "WM/ContentGroupDescription", "SOUND", "WM/Genre"),
}
UNTAGGED = ("aac", "ac3", "au", "caf", "mka", "mkv", "tta", "w64")  # what mediafile does not read
THEIRS = ["chill-out 🌊", "x" * 10_000, "Calm", "say \"no\"; $(rm) 'now'"]
WANTED = {
    "mood": ["calm", "sad"], "grouping": ["piano", "no vocals"], "sound": ["bass", "80s"], "genres": ["Jazz", "Soul"],
}  # fmt: skip


def in_file(path: Path, name: str) -> list[str]:
    """A tag as mutagen reads it."""
    tags: Any = mutagen.File(path).tags or {}
    found = tags.get(name)
    values = getattr(found, "text", found) or []
    plain = [getattr(value, "value", value) for value in ([values] if isinstance(values, str) else list(values))]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in plain]


def put(path: Path, name: str, values: list[str]) -> None:
    """Set a tag as another program would."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if name == "TMOO":
        file.tags.add(ID3_FRAMES["TMOO"](encoding=3, text=values))
    elif name.startswith("----"):
        file[name] = [value.encode() for value in values]
    elif name.startswith("WM/"):
        file[name] = [new_asf(value) for value in values]
    else:
        file[name] = values
    file.save()


def sound(path: Path) -> list[bytes]:
    """The packets of the audio, as they are stored."""
    import av

    if path.suffix == ".ape":  # FFmpeg counts the tags to the last packet
        return [path.read_bytes().partition(b"APETAGEX")[0]]

    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("ending", WHERE)
def test_tags_are_where_players_look_and_what_others_wrote_stays(song: Song, writer: TagWriter, ending: str) -> None:
    path, item = song(ending)
    mood, grouping, own, genres = WHERE[ending]
    put(path, mood, THEIRS)
    heard = sound(path)

    assert writer.write(item, WANTED)
    assert in_file(path, mood) == [*THEIRS, "sad"]  # "calm" is there, in their spelling
    assert in_file(path, grouping) == ["piano; no vocals"]
    assert in_file(path, own) == ["bass", "80s"]
    assert [name for text in in_file(path, genres) for name in text.split("\0")] == ["Jazz", "Soul"]
    assert (item.grouping, item.genres) == ("piano; no vocals", ["Jazz", "Soul"])
    assert sound(path) == heard

    before = path.read_bytes(), path.stat().st_mtime_ns
    assert writer.write(item, WANTED)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    item.write()  # `beet write`
    assert in_file(path, mood) == [*THEIRS, "sad"]
    assert in_file(path, own) == ["bass", "80s"]

    assert writer.write(item, {})
    assert in_file(path, mood) == THEIRS
    assert [in_file(path, name) for name in (grouping, own, genres)] == [[], [], []]
    assert (item.grouping, item.genres) == ("", [])
    assert sound(path) == heard
    assert not [key for key in item if key.startswith("musrec_tag_")]


@pytest.mark.parametrize("ending", UNTAGGED)
def test_a_format_without_tags_costs_one_line(
    song: Song, writer: TagWriter, log: Log, kinds: dict[str, bytes], tmp_path: Path, ending: str
) -> None:
    _, item = song("mp3")
    path = tmp_path / f"other.{ending}"
    path.write_bytes(kinds[ending])
    item.path = os.fsencode(path)
    assert writer.write(item, WANTED) is None
    assert writer.changes(item, WANTED) is None
    assert path.read_bytes() == kinds[ending]
    assert len(log) == 2
    assert log[0].startswith(f"the tags of {path} can't be read: ")
    assert log[0].count(str(path)) == 1


@pytest.mark.parametrize("content", [b"", b"damaged", None], ids=["empty", "damaged", "missing"])
def test_a_file_that_can_not_be_read_costs_one_line(
    song: Song, writer: TagWriter, log: Log, content: bytes | None
) -> None:
    path, item = song("flac")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert writer.write(item, WANTED) is None
    assert len(log) == 1
    assert path.exists() == (content is not None)
    assert not [key for key in item if key.startswith("musrec_tag_")]


@pytest.fixture
def id3v23() -> Iterator[None]:
    """beets is told to write ID3v2.3."""
    beets.config["id3v23"] = True
    yield
    beets.config["id3v23"] = False


@pytest.mark.usefixtures("id3v23")
def test_id3v23_has_no_frame_for_moods(song: Song, writer: TagWriter) -> None:
    path, item = song("mp3")
    put(path, "TMOO", ["tender"])
    for _ in range(2):
        assert writer.write(item, {"mood": ["calm", "sad"]})
        assert in_file(path, "TMOO") == []
        assert in_file(path, "TXXX:MOOD") == ["tender/calm/sad"]  # so it separates values
        item.write()
    assert writer.write(item, {})
    assert in_file(path, "TXXX:MOOD") == ["tender"]


def test_moods_of_id3v23_stay_where_they_are(song: Song, writer: TagWriter) -> None:
    path, item = song("mp3")
    file = mutagen.File(path)
    file.tags.add(ID3_FRAMES["TXXX"](encoding=3, desc="MOOD", text=["tender", "sad"]))
    file.save()
    assert writer.write(item, {"mood": ["calm", "sad"]})
    assert (in_file(path, "TMOO"), in_file(path, "TXXX:MOOD")) == (["calm"], ["tender", "sad"])
    assert writer.write(item, {})
    assert (in_file(path, "TMOO"), in_file(path, "TXXX:MOOD")) == ([], ["tender", "sad"])


def test_an_empty_value_is_left_alone(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    put(path, "MOOD", [""])
    before = path.read_bytes()
    assert writer.write(item, {"mood": []})
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["title", "mood", "genres", "genre", "lyrics", "date", "tracknumber", "album_artist"])
def test_a_tag_of_beets_is_no_tag_for_words(name: str) -> None:
    assert is_taken(name)


@pytest.mark.parametrize("name", ["grouping", "comments", "sound", "musrec", "keywords"])
def test_a_tag_for_words(name: str) -> None:
    assert not is_taken(name)


def test_several_texts_in_a_tag_of_one_are_read_as_beets_reads_them(song: Song) -> None:
    path, _ = song("flac")
    put(path, "GROUPING", ["a", "b"])
    assert TagFile(os.fsencode(path)).values("grouping") == ["a"]
