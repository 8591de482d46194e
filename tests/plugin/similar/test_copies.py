"""`beet similar --copies`: what the library holds twice, the best copy first, and nothing is deleted."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import beets.logging
import numpy as np
import pytest
from beets.library import Item, Library
from mediafile import MediaFile

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.config import EmbeddingSettings
from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.vectors import VectorStore
from beetsplug.musrec.similar import copies as copies_module
from beetsplug.musrec.similar import copy_list
from beetsplug.musrec.similar.copies import Copies, CopyFinder
from musrec_core import attribute_text
from musrec_core.card import Card
from musrec_core.errors import UnusableAudio
from musrec_core.search.fingerprint import Fingerprint, fingerprint
from tests import music

from ..conftest import Beet
from ..incoming import put, samples
from .test_effects import defaults

# The program, with real files.


def ids(beet: Beet, folder: Path) -> dict[str, int]:
    """A song's id by its file, seen from a folder."""
    lines = beet("ls", "-f", "$id $path").lines
    return {os.path.relpath(path, folder): int(id_) for id_, _, path in (line.partition(" ") for line in lines)}


def test_what_the_library_holds_twice(library: Beet, tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    songs = {path.stem[3:]: path for path in library.paths()}
    flac = next(path for path in songs.values() if path.suffix == ".flac")
    others = [path for path in songs.values() if path.suffix in (".opus", ".m4a", ".ogg")]
    put(folder / "1 Best Of" / "cut.mp3", samples(flac)[:, music.RATE :] * np.float32(0.25), title="Track 07")
    (folder / "2 Backup").mkdir()
    shutil.copy(others[0], folder / "2 Backup")
    (folder / "3 Links").mkdir()
    os.link(others[1], folder / "3 Links" / f"hard{others[1].suffix}")
    live = music.STYLES["Piano Waltz"](36.0, np.random.default_rng(77))
    old = MediaFile(flac)
    put(folder / "4 Live" / "live.mp3", live[None] if live.ndim == 1 else live, title=old.title, artist=old.artist)
    library.configure(import_={"duplicate_action": "keep"})
    library("import", "-A", str(folder))
    id_of = ids(library, folder)
    before = sorted(path.stat().st_size for path in (*songs.values(), *folder.rglob("*.*")))

    said = library("similar", "--copies")
    groups = [group.splitlines() for group in said.out.strip().split("\n\n")]
    assert len(groups) == 3, said
    (best_of,) = [group for group in groups if "1 Best Of" in said.out and any("Track 07" in line for line in group)]
    assert "(FLAC, " in best_of[0]
    assert f"{old.artist} - " in best_of[0]
    assert best_of[1].startswith("Everyone - 1 Best Of - Track 07  (MP3, 64kbps, 0:3") or "Track 07" in best_of[1]
    assert best_of[2:] == [f"# beet remove -d id:{id_of['1 Best Of/cut.mp3']}"]
    hints = {group[-1] for group in groups}
    linked = {id_of[f"3 Links/hard{others[1].suffix}"], id_of[os.path.relpath(others[1], folder)]}
    assert hints & {f"# beet remove id:{id_}" for id_ in linked}  # the file is still needed
    assert not hints & {f"# beet remove -d id:{id_}" for id_ in linked}
    assert "4 Live" not in said.out
    assert "musrec: 3 recordings more than once: 3 songs beside the best" in said.err

    paths = library("similar", "--copies", "-p", "title:Track 07")
    assert paths.lines == [str(flac), str(folder / "1 Best Of" / "cut.mp3")]
    assert library("similar", "--copies", "title:07", "-f", "$title").lines[1] == "Track 07"
    assert "no recording is in the library more than once" in library("similar", "--copies", "album:Live").err
    assert before == sorted(path.stat().st_size for path in (*songs.values(), *folder.rglob("*.*")))
    assert ids(library, folder) == id_of
    assert library.error("similar", "--copies", "-n", "3") == "error: --copies can't be combined with --count"
    assert "no song matches: nosuch" in library.error("similar", "--copies", "nosuch")


# In this process, with files that are made up.


SETTINGS: EmbeddingSettings = defaults(EmbeddingSettings)
LOG = beets.logging.getLogger("beets.musrec")


class Sounds:
    """Stands in for the workers: a file's sound is the first letter of its name, and ``?`` can't be read."""

    heard: list[str] = []  # noqa: RUF012, emptied by each test
    stops_after = 1_000

    def __init__(self, timeout: float, workers: int) -> None:
        pass

    def of(self, paths: Iterable[bytes]) -> Iterator[tuple[bytes, Fingerprint | UnusableAudio]]:
        for path in paths:
            if len(self.heard) >= self.stops_after:
                raise KeyboardInterrupt
            name = Path(os.fsdecode(path)).name
            self.heard.append(name)
            yield path, UnusableAudio(name, "unreadable", "damaged") if "?" in name else sound(name[0])

    def close(self) -> None:
        pass


def sound(letter: str) -> Fingerprint:
    return fingerprint(np.random.default_rng(ord(letter)).standard_normal(5_000 * 20).astype(np.float32))


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(copies_module, "FileFingerprints", Sounds)
    monkeypatch.setattr(Sounds, "heard", [])
    monkeypatch.setattr(Sounds, "stops_after", 1_000)
    library = Library(str(tmp_path / "library.db"), str(tmp_path))
    yield library
    library._close()


def add(lib: Library, name: str, direction: int, *, tilt: float = 0.0, file: bool = True, **tags: Any) -> int:
    """A song whose file has a name, and whose embedding points in a direction."""
    path = Path(os.fsdecode(lib.directory)) / name
    if file and not path.exists():
        path.write_text(name, encoding="utf-8")
    item = Item(path=os.fsencode(path), **{"title": name, "artist": "x", "length": 200.0, "format": "MP3", **tags})
    lib.add(item)
    vector = np.zeros(128, np.float32)
    vector[direction], vector[127] = 1.0, tilt
    item[fields.EMBEDDING] = attribute_text.encode_vector(vector / np.linalg.norm(vector))
    item[fields.MODEL] = Card.load().model_id
    item.store()
    assert item.id is not None
    return item.id


def finder(exclude: str = "") -> CopyFinder:
    return CopyFinder(SETTINGS, exclude, VectorStore(Models([Card.load()]), False, LOG), LOG)


def ids_of(found: list[Copies]) -> list[list[int | None]]:
    return [[item.id for item in copies.items] for copies in found]


def test_the_best_copy_comes_first(lib: Library) -> None:
    poor = add(lib, "a1", 0, bitrate=64_000)
    good = add(lib, "a2", 0, bitrate=320_000)
    best = add(lib, "a3", 0, format="FLAC", bitrate=200_000)
    same = add(lib, "a4", 0, bitrate=320_000)
    add(lib, "b1", 0, bitrate=320_000)  # another sound
    add(lib, "a5", 1)  # far away
    (copies,) = finder().find(lib, [])
    assert ids_of([copies]) == [[best, good, same, poor]]
    assert copies.commands() == [f"beet remove -d id:{good} , id:{same} , id:{poor}"]
    assert not copies.unsure


def test_entries_of_one_file_keep_the_file(lib: Library) -> None:
    names = ("a1", "a2", "a3")
    first = add(lib, "a1", 0)
    folder = Path(os.fsdecode(lib.directory))
    os.link(folder / "a1", folder / "a2")
    (folder / "a3").symlink_to(folder / "a1")
    linked = [add(lib, name, 0) for name in names[1:]]
    other = add(lib, "a4", 0)
    (copies,) = finder().find(lib, [])
    assert ids_of([copies]) == [[first, linked[0], other, linked[1]]]
    assert copies.commands() == [f"beet remove -d id:{other}", f"beet remove id:{linked[0]} , id:{linked[1]}"]
    assert sorted(Sounds.heard) == ["a1", "a2", "a3", "a4"]


def test_where_a_file_can_not_be_read_the_tags_decide(lib: Library, caplog: pytest.LogCaptureFixture) -> None:
    gone = add(lib, "?1", 0, title="Yellow", format="FLAC", file=False)
    there = add(lib, "a1", 0, title="Yellow (Live)")
    add(lib, "a2", 1, title="Sparks")
    add(lib, "?2", 1, title="Shiver")
    found = finder().find(lib, [])
    assert ids_of(found) == [[there, gone]]
    assert "damaged" in found[0].unsure
    assert found[0].commands() == [f"beet remove id:{gone}"]
    with caplog.at_level(logging.INFO, "beets"):
        lines = list(copy_list.lines(found, None, LOG))
    assert lines[0].startswith("# may be copies; the files could not be compared: ")
    assert lines[1].startswith("x -  - Yellow (Live)  (MP3, ")
    assert lines[3:] == [f"# beet remove id:{gone}"]
    told = [each.getMessage() for each in caplog.records if each.name == LOG.name and each.levelno >= logging.INFO]
    assert told == ["1 recording more than once: 1 song beside the best"]


def test_no_command_deletes_a_file_that_may_be_another(lib: Library) -> None:
    damaged = add(lib, "?1", 0, title="Yellow", format="FLAC")
    there = add(lib, "a1", 0, title="Yellow")
    (copies,) = finder().find(lib, [])
    assert ids_of([copies]) == [[there, damaged]]
    assert "/?1: " in copies.unsure
    assert copies.commands() == []


def test_a_recording_id_counts_without_a_file_or_an_embedding(lib: Library) -> None:
    one = add(lib, "a1", 0, mb_trackid="r1")
    gone = add(lib, "b1", 0, mb_trackid="r1", file=False, format="FLAC")
    unheard = add(lib, "d1", 0, mb_trackid="r1", format="FLAC")
    item = lib.get_item(unheard)
    assert item is not None
    item[fields.STATUS] = "unreadable @ 1"
    item.store()
    add(lib, "c1", 9)
    (copies,) = finder().find(lib, [])
    assert ids_of([copies])[0][0] == one  # the others may be damaged
    assert copies.commands() == [f"beet remove -d id:{unheard}", f"beet remove id:{gone}"]
    assert not Sounds.heard


@pytest.mark.parametrize("other", [(5, 200.0), (0, 100.0)], ids=["sound", "length"])
def test_a_recording_id_that_may_be_wrong_deletes_nothing(lib: Library, other: tuple[int, float]) -> None:
    one = add(lib, "a1", 0, mb_trackid="r1", length=200.0)
    two = add(lib, "b1", other[0], mb_trackid="r1", length=other[1])
    (copies,) = finder().find(lib, [])
    assert ids_of([copies]) == [[one, two]]
    assert copies.unsure == "their MusicBrainz recording is the same, but their sound or length is not"
    assert copies.commands() == []


def test_a_link_comes_after_its_file(lib: Library) -> None:
    folder = Path(os.fsdecode(lib.directory))
    (folder / "a1").symlink_to(folder / "a2")
    (folder / "a2").write_text("a2", encoding="utf-8")
    link, file = add(lib, "a1", 0), add(lib, "a2", 0)
    (copies,) = finder().find(lib, [])
    assert ids_of([copies]) == [[file, link]]
    assert copies.commands() == [f"beet remove id:{link}"]


def test_a_query_finds_whole_groups_and_listens_to_little_else(lib: Library) -> None:
    chain = [add(lib, f"a{n}", 0, tilt=0.25 * n, title=f"a{n}") for n in range(4)]  # each near the next one only
    others = [add(lib, f"b{n}", 3) for n in range(2)]
    assert ids_of(finder().find(lib, [f"id:{chain[0]}"])) == [chain]
    assert not {"b0", "b1"} & set(Sounds.heard)
    assert ids_of(finder().find(lib, [])) == [chain, others]
    assert ids_of(finder(f"id:{others[0]}").find(lib, [])) == [chain]  # `musrec.exclude`
    assert finder().find(lib, [f"id:{add(lib, 'd1', 9)}"]) == []


def test_ctrl_c_lists_what_was_found(
    lib: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [[add(lib, f"{letter}{n}", direction) for n in range(2)] for direction, letter in enumerate("abc")]
    monkeypatch.setattr(Sounds, "stops_after", 4)
    with caplog.at_level(logging.WARNING, "beets"):
        found = ids_of(finder().find(lib, []))
    assert len(found) == 2
    assert all(each in pairs for each in found)
    assert "stopped: these are the copies that were found so far" in caplog.messages


def test_hostile_names_are_one_line(lib: Library) -> None:
    title = 'it\'s "$(rm -rf)" \n\x1b[31m\U0001f600' + "x" * 10_000
    names: dict[str, Any] = {"title": title, "artist": "-d ; %title{x}", "album": "a\rb"}
    first, second = add(lib, "a1", 0, **names), add(lib, "a2", 0, **names)
    lines = list(copy_list.lines(finder().find(lib, []), None, LOG))
    assert lines[2:] == [f"# beet remove -d id:{second}"]
    assert first < second
    assert all(not {"\n", "\r", "\x1b"} & set(line) for line in lines)
    assert list(copy_list.lines([], None, LOG)) == []
