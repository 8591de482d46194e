"""The file that keeps what was heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beetsplug.musrec.radio.listening import Heard, Memory, Song
from beetsplug.musrec.radio.memory import ALWAYS_KEPT, TOMORROW, MemoryFile

NOW, PERIOD = 1e9, 3600.0
A, B, C = (Song(key, id_) for id_, key in enumerate("abc", 1))


@pytest.fixture
def file(tmp_path: Path) -> MemoryFile:
    return MemoryFile(str(tmp_path / "memory"), "localhost:6600", PERIOD)


def test_what_is_saved_is_loaded(file: MemoryFile) -> None:
    memory = Memory([Heard(A, NOW - 60), Heard(B, NOW - 30, True)], {C: NOW - 5}, [B])
    file.save(memory, NOW)
    assert file.load(NOW) == memory
    assert [each.song.id for each in file.load(NOW).heard] == [1, 2]


def test_what_has_not_changed_is_not_written_again(file: MemoryFile) -> None:
    memory = Memory([Heard(A, NOW - 60)])
    file.save(memory, NOW)
    before = Path(file.path).stat()
    file.save(memory, NOW + 1)
    assert Path(file.path).stat() == before
    memory.heard.append(Heard(B, NOW))
    file.save(memory, NOW + 1)
    assert file.load(NOW + 1) == memory


def test_without_a_file_nothing_was_heard(file: MemoryFile) -> None:
    assert file.load(NOW) == Memory()


def test_players_keep_apart_what_they_played(file: MemoryFile) -> None:
    other = MemoryFile(file.path, "nas:6600", PERIOD)
    file.save(Memory([Heard(A, NOW)]), NOW)
    other.save(Memory([Heard(B, NOW)]), NOW)
    assert [each.song for each in file.load(NOW).heard] == [A]
    assert [each.song for each in other.load(NOW).heard] == [B]


def test_what_is_too_long_ago_is_forgotten(file: MemoryFile) -> None:
    old = [Heard(Song(f"old{n}", n), NOW - 2 * PERIOD + n) for n in range(ALWAYS_KEPT)]
    new = [Heard(Song(f"new{n}", n), NOW - 60 + n) for n in range(5)]
    memory = Memory([*old, *new], {A: NOW - 2 * PERIOD, B: NOW - 5})
    file.save(memory, NOW)
    assert memory.heard == [*old[5:], *new]
    assert file.load(NOW).removed == {B: NOW - 5}
    many = Memory([Heard(Song(f"new{n}", n), NOW) for n in range(3 * ALWAYS_KEPT)])
    file.save(many, NOW)
    assert len(file.load(NOW).heard) == 3 * ALWAYS_KEPT


def test_a_time_far_ahead_is_a_mistake(file: MemoryFile) -> None:
    file.save(Memory([Heard(A, NOW + 2 * TOMORROW), Heard(B, NOW + 60)], {A: NOW + 2 * TOMORROW}), NOW)
    loaded = file.load(NOW)
    assert ([each.song for each in loaded.heard], loaded.removed) == ([B], {})


PLAYER: dict[str, Any] = {"heard": [["a", 1, NOW, False]], "removed": [], "appended": []}


DAMAGED: list[Any] = [
    [], {}, {**PLAYER, "heard": None}, {**PLAYER, "heard": [["a", 1]]}, {**PLAYER, "heard": [["a", "x", 1, 0]]},
    {**PLAYER, "removed": [["a", 1, "yesterday"]]}, {**PLAYER, "removed": [["a", 1, float("nan")]]},
    {**PLAYER, "appended": [1]},
]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "", "nonsense", "[]", "{}", "[" * 100_000, '{"version": 2, "players": {}}', '{"version": 1}',
        *(json.dumps({"version": 1, "players": {"localhost:6600": player}}) for player in DAMAGED),
    ],
)  # fmt: skip
def test_a_damaged_file_is_an_error_and_is_replaced(file: MemoryFile, content: str) -> None:
    Path(file.path).write_text(content)
    with pytest.raises(ValueError, match=r"^(it is damaged|it is of another version|a part of it is missing)$"):
        file.load(NOW)
    file.save(Memory([Heard(A, NOW)]), NOW)
    assert [each.song for each in file.load(NOW).heard] == [A]


def test_a_full_disk_leaves_the_old_file(file: MemoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.save(Memory([Heard(A, NOW)]), NOW)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.save(Memory([Heard(B, NOW)]), NOW)
    assert [each.song for each in file.load(NOW).heard] == [A]
    assert [path.name for path in Path(file.path).parent.iterdir()] == ["memory"]
