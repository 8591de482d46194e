"""``beet embed --write-tags`` and ``--remove-tags``, and what beets' own commands make of the tags."""

from __future__ import annotations

import json
from pathlib import Path

import mutagen
import pytest
from mediafile import MediaFile

from ..conftest import Beet

WRITE, REMOVE = ("embed", "--write-tags"), ("embed", "--remove-tags")
NOTES = "SELECT COUNT(*) FROM item_attributes WHERE key LIKE 'musrec_tag_%'"


def state(beet: Beet) -> dict[Path, tuple[bytes, int]]:
    """Every file, and when it was written."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in beet.paths()}


@pytest.fixture
def tagged(own_files: Beet) -> Beet:
    """The ten songs with tags of ours."""
    own_files(*WRITE)
    return own_files


def test_written_shown_and_removed(own_files: Beet) -> None:
    before = state(own_files)
    said = own_files(*WRITE, "--pretend")
    assert state(own_files) == before
    assert own_files.sql(NOTES) == [(0,)]
    shown = [line for line in said.lines if line.startswith("  grouping: (none) -> ")]
    assert len(shown) > 5
    assert said.lines[-1] == "10 to be written"

    assert own_files(*WRITE).out == "10 written\n"
    groupings = own_files("ls", "-f", "$grouping").lines
    assert [f"  grouping: (none) -> {words}" for words in groupings if words] == shown
    assert [MediaFile(path).grouping or "" for path in own_files.paths()] == groupings

    after = state(own_files)
    assert own_files(*WRITE).out == "0 written, 10 up to date\n"
    assert own_files("update").out == ""
    assert own_files("write", "-p").out == ""
    assert own_files("embed").out == "0 embedded, 10 up to date\n"
    assert state(own_files) == after

    assert own_files(*REMOVE, "-p").lines[-1] == "10 to be removed"
    assert state(own_files) == after
    assert own_files(*REMOVE, "title:Waltz").out == "2 removed\n"
    assert own_files(*REMOVE).out == "8 removed\n"
    assert own_files(*REMOVE).out == "0 removed\n"
    assert [MediaFile(path).grouping for path in own_files.paths()] == [None] * 10
    assert own_files("ls", "-f", "$grouping").out.strip() == ""
    assert own_files.sql(NOTES) == [(0,)]
    assert own_files("update").out == ""


def test_a_change_of_settings_is_applied(tagged: Beet) -> None:
    path = tagged.paths("title:Waltz")[0]
    assert len((MediaFile(path).grouping or "").split("; ")) > 2
    tagged.configure(musrec={"tags": {"words": "sound", "max_words": 2, "mood": False, "genres": True}})
    assert tagged(*WRITE).out == "10 written\n"
    assert MediaFile(path).grouping is None
    own = tagged("ls", f"path:{path}", "-f", "$musrec_tag_sound").lines[0]
    file = mutagen.File(path)
    assert [str(value) for value in getattr(file.get("TXXX:SOUND"), "text", file.get("SOUND"))] == own.split("; ")
    assert not [key for row in tagged.stored().values() for key in row if key == "musrec_tag_mood"]
    genres = tagged("ls", "-f", "$genres|$musrec_genre|$musrec_confidence").lines
    for line in genres:
        stored, label, p = line.split("|")
        assert stored == (label.title() if float(p) >= 0.5 else "")
    tagged(*REMOVE, "-q")
    assert tagged("ls", "-f", "$genres").out.strip() == ""


def test_what_cannot_be_tagged_is_counted(own_files: Beet) -> None:
    missing, damaged, kept, not_embedded, *_ = own_files.paths()
    missing.unlink()
    damaged.write_bytes(b"damaged")
    own_files("modify", "-y", "-w", f"path:{kept}", "grouping=Mine")
    id_ = own_files("ls", f"path:{not_embedded}", "-f", "$id").out
    own_files.sql("DELETE FROM item_attributes WHERE entity_id = ?", id_)
    said = own_files(*WRITE)
    assert said.out == (
        "7 written, 2 failed, 1 without an embedding (run `beet embed`); grouping kept as it is in 1 song\n"
    )
    assert [line.split(" can't be read: ")[0] for line in said.err.splitlines()] == [
        f"musrec: the tags of {path}" for path in (missing, damaged)
    ]
    assert MediaFile(kept).grouping == "Mine"


def test_what_others_wrote_is_shown_safely(own_files: Beet) -> None:
    path = next(path for path in own_files.paths() if path.suffix == ".flac")
    file = mutagen.File(path)
    file["MOOD"] = ["a\x1b[31m\nb", "y" * 10_000]
    file.save()
    own_files.configure(musrec={"tags": {"threshold": 0.0, "max_words": 1}})
    said = own_files(*WRITE, "-p", f"path:{path}")
    assert any(line.startswith("  mood: a") and len(line) < 1100 for line in said.lines)
    assert "\x1b" not in said.out
    assert [line.split(":")[0] for line in said.lines[1:-1]] == ["  mood", "  grouping"]


def test_a_model_without_words(own_files: Beet) -> None:
    own_files.configure(musrec={"model": "musrec-1"})
    own_files("embed", "-q")
    before = state(own_files)
    assert own_files.error(*WRITE) == (
        "error: the model musrec-1 knows no words: remove `musrec.model` from the configuration, and run `beet embed`"
    )
    assert state(own_files) == before
    own_files.configure(musrec={"model": None})
    own_files("embed", "-q", "title:Waltz")
    assert own_files(*WRITE).out == ("2 written, 8 embedded with a model that knows no words (run `beet embed`)\n")


def test_mistakes_are_one_sentence(library: Beet) -> None:
    assert library.error(*WRITE, "nosuchsong") == "error: no song matches: nosuchsong"
    assert library.error(*WRITE, "--remove-tags") == "error: --write-tags can't be combined with --remove-tags"
    assert library.error(*REMOVE, "-f", "-j", "2") == "error: --remove-tags can't be combined with --force and --jobs"
    library.configure(musrec={"tags": {"mood": False, "words": False}})
    assert library.error(*WRITE) == "error: nothing is to be written: set musrec.tags.mood, words or genres"
    library.configure(musrec={"tags": {"words": "Title"}})
    assert library.error(*WRITE).startswith("error: musrec.tags.words: title is a tag that has a meaning of its own")
    library.configure(musrec={"tags": {"words": "a:b"}})
    assert "configuration error: musrec.tags.words has to be no, or the name" in library(*WRITE, ok=False).err


def test_export_gives_them_by_name(tagged: Beet) -> None:
    tagged.configure(plugins="musrec export")
    (song,) = json.loads(tagged("export", "-l", "-i", "title,grouping,musrec_tag_grouping", "id:1").out)
    assert song["grouping"] == song["musrec_tag_grouping"] == tagged("ls", "id:1", "-f", "$grouping").out.strip()
    (file,) = json.loads(tagged("export", "-i", "grouping", "id:1").out)
    assert file["grouping"] == song["grouping"]


def test_scrub_loses_nothing_of_ours(tagged: Beet) -> None:
    tagged.configure(plugins="musrec scrub", musrec={"tags": {"words": "sound"}})
    tagged(*WRITE)
    path = tagged.paths("title:Waltz")[0]
    words = tagged("ls", f"path:{path}", "-f", "$musrec_tag_sound").lines[0].split("; ")
    tagged("scrub", f"path:{path}")
    file = mutagen.File(path)
    assert [str(value) for value in getattr(file.get("TXXX:SOUND"), "text", file.get("SOUND"))] == words
    assert tagged(*WRITE).out == "0 written, 10 up to date\n"
    assert tagged("update").out == ""


def test_an_attribute_mood_of_the_users_stays_in_the_library(tagged: Beet) -> None:
    tagged("modify", "-y", "-w", "mood=happy", "comments=a word", "title:Waltz")
    tagged("write", "-f")
    for path in tagged.paths("title:Waltz"):
        tags = mutagen.File(path).tags
        assert "happy" not in str(tags.get("TMOO", tags.get("MOOD", "")))
    assert set(tagged("ls", "-f", "$mood", "title:Waltz").lines) == {"happy"}
