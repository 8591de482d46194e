"""Only what is ours is changed: known by what the library notes, whatever others write, and whenever we are stopped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest
from beets.library import Item, Library
from mediafile import MediaFile, UnreadableFileError

from beetsplug.musrec.tags.changes import Change
from beetsplug.musrec.tags.writer import TagWriter

from .conftest import Log

Song = Callable[[str], tuple[Path, Item]]
WORDS = {"grouping": ["piano", "slow"], "mood": ["calm"]}


def grouping(path: Path) -> str | None:
    value: str | None = MediaFile(path).grouping
    return value


def moods(path: Path) -> list[str]:
    return list(mutagen.File(path).get("MOOD", []))


def notes(item: Item) -> dict[str, str]:
    return {key: item[key] for key in item if key.startswith("musrec_tag_")}


def edit(path: Path, **tags: list[str]) -> None:
    """Set tags as another program would."""
    file = mutagen.File(path)
    for name, values in tags.items():
        file[name] = values
    file.save()


def stored(lib: Library) -> Item:
    (item,) = lib.items()
    return item


def test_a_grouping_in_the_file_is_the_users(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    edit(path, GROUPING=["My set"])
    found = writer.write(item, WORDS)
    assert found is not None
    assert [change.name for change in found if change.is_users] == ["grouping"]
    assert grouping(path) == "My set"
    assert item.grouping == ""  # beets has not read it
    assert notes(item) == {"musrec_tag_mood": "calm"}
    assert writer.write(item, {})
    assert (grouping(path), moods(path)) == ("My set", [])


def test_a_grouping_in_the_library_is_the_users(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    item.grouping = "My set"
    item.store()
    tries: list[dict[str, list[str]]] = [WORDS, {}, {"grouping": []}]
    for wanted in tries:
        assert writer.write(item, wanted)
        assert item.grouping == "My set"
        assert grouping(path) is None
    assert notes(item) == {}


def test_a_grouping_that_the_user_corrects_is_his(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    writer.write(item, WORDS)
    edit(path, GROUPING=["piano"])
    item.read()  # `beet update`
    assert writer.write(item, {**WORDS, "grouping": ["organ"]})
    assert grouping(path) == item.grouping == "piano"
    assert writer.write(item, {})
    assert grouping(path) == item.grouping == "piano"


def test_ours_follow_the_model_and_the_settings(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    edit(path, MOOD=["mine"])
    writer.write(item, {**WORDS, "sound": ["bass"]})
    writer.write(item, {"mood": ["sad"], "grouping": ["organ"]})
    assert (moods(path), grouping(path), item.grouping) == (["mine", "sad"], "organ", "organ")
    assert "SOUND" not in mutagen.File(path)
    assert notes(item) == {"musrec_tag_mood": "sad", "musrec_tag_grouping": "organ"}


def test_what_others_add_later_stays(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    writer.write(item, WORDS)
    edit(path, MOOD=["first", "calm", "last"])
    writer.write(item, {"mood": ["sad", "LAST"]})
    assert moods(path) == ["first", "last", "sad"]
    assert notes(item)["musrec_tag_mood"] == "sad"
    writer.write(item, {})
    assert moods(path) == ["first", "last"]


def test_the_order_in_which_others_put_the_values_stays(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    writer.write(item, {"mood": ["calm", "sad"]})
    edit(path, MOOD=["sad", "mine", "calm"])
    before = path.read_bytes()
    assert writer.write(item, {"mood": ["calm", "sad"]})
    assert path.read_bytes() == before
    assert notes(item) == {"musrec_tag_mood": "calm; sad"}


def test_nothing_else_of_the_file_or_the_library_changes(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    item.title, item["mood"] = "In the library alone", "the user's own attribute"
    item.store()
    before = dict(mutagen.File(path).tags or {})
    writer.write(item, WORDS)
    after = dict(mutagen.File(path).tags)
    new = {name: after[name] for name in after.keys() - before.keys()}
    assert new == {"mood": ["calm"], "grouping": ["piano; slow"]}
    assert (item.title, item["mood"]) == ("In the library alone", "the user's own attribute")
    item.write()
    assert moods(path) == ["calm"]  # not the attribute


def test_beets_has_nothing_to_update(song: Song, writer: TagWriter, lib: Library) -> None:
    path, item = song("flac")
    os.utime(path, (10, 10))
    item.mtime = 10
    item.store()
    writer.write(item, WORDS)
    assert stored(lib).mtime == item.current_mtime() > 10


def test_what_beets_has_yet_to_read_is_not_hidden_from_it(song: Song, writer: TagWriter, lib: Library) -> None:
    path, item = song("flac")
    item.mtime = 10
    item.store()
    edit(path, TITLE=["Changed by another program"])
    writer.write(item, WORDS)
    assert stored(lib).mtime == 10


def test_a_failed_song_is_not_tried_again_for_its_tags(song: Song, writer: TagWriter) -> None:
    _, item = song("flac")
    item["musrec_status"] = "timeout @ 10"
    item.store()
    writer.write(item, WORDS)
    assert item["musrec_status"] == f"timeout @ {item.current_mtime()}"


def test_a_disk_that_is_full_changes_nothing(
    song: Song, writer: TagWriter, log: Log, lib: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, item = song("flac")
    writer.write(item, WORDS)
    before = path.read_bytes(), dict(stored(lib))

    def full(media: MediaFile) -> None:
        raise UnreadableFileError(str(path), f"[Errno 28] No space left on device: '{path}'")

    with monkeypatch.context() as patch:
        patch.setattr(MediaFile, "save", full)
        assert writer.write(item, {"mood": ["sad"], "grouping": ["organ"]}) is None
    assert log == [f"the tags of {path} can't be written: [Errno 28] No space left on device"]
    assert (path.read_bytes(), dict(stored(lib))) == before


class Killed(BaseException):
    """Nothing runs after it."""


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
def test_killed_while_a_file_is_written(
    song: Song, writer: TagWriter, lib: Library, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    path, item = song("flac")
    edit(path, MOOD=["mine"])
    writer.write(item, WORDS)
    save = MediaFile.save

    def killed(media: MediaFile) -> None:
        if written:
            save(media)
        raise Killed

    new = {"mood": ["sad"], "grouping": ["organ"]}
    with monkeypatch.context() as patch:
        patch.setattr(MediaFile, "save", killed)
        with pytest.raises(Killed):
            writer.write(item, new)

    assert writer.write(stored(lib), new)
    assert (moods(path), grouping(path), stored(lib).grouping) == (["mine", "sad"], "organ", "organ")
    assert notes(stored(lib)) == {"musrec_tag_mood": "sad", "musrec_tag_grouping": "organ"}
    assert writer.write(stored(lib), {})
    assert (moods(path), grouping(path)) == (["mine"], None)


def test_killed_and_then_removed(song: Song, writer: TagWriter, lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    path, item = song("flac")
    save = MediaFile.save

    def killed(media: MediaFile) -> None:
        save(media)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(MediaFile, "save", killed)
        with pytest.raises(Killed):
            writer.write(item, WORDS)
    assert writer.write(stored(lib), {})
    assert (moods(path), grouping(path), notes(stored(lib))) == ([], None, {})


def test_what_beets_takes_away_is_put_back(song: Song, writer: TagWriter) -> None:
    path, item = song("flac")
    writer.write(item, {**WORDS, "sound": ["bass", "80s"]})
    file = mutagen.File(path)
    file.delete()  # as scrub does
    edit(path, MOOD=["mine"], SOUND=["bass"])
    writer.restore(item)
    assert moods(path) == ["mine", "calm"]
    assert mutagen.File(path)["SOUND"] == ["bass", "80s"]
    assert grouping(path) is None  # beets writes it
    assert item.mtime == item.current_mtime()
    before = path.stat().st_mtime_ns
    writer.restore(item)
    assert path.stat().st_mtime_ns == before


def test_changes_are_told_and_nothing_is_done(song: Song, writer: TagWriter, lib: Library) -> None:
    path, item = song("flac")
    edit(path, MOOD=["mine"])
    before = path.read_bytes(), dict(stored(lib))
    assert writer.changes(item, WORDS) == [
        Change("grouping", [], ["piano", "slow"], ["piano", "slow"]),
        Change("mood", ["mine"], ["mine", "calm"], ["calm"]),
    ]
    assert (path.read_bytes(), dict(stored(lib))) == before
