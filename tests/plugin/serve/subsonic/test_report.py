"""What `--match` prints of songs that are not matched."""

from __future__ import annotations

from typing import Any

import pytest
from beets import logging
from beets.library import Library
from beets.ui import UserError

from beetsplug.musrec.config import SubsonicSettings
from beetsplug.musrec.serve.subsonic import song_map
from beetsplug.musrec.serve.subsonic.report import SHOWN, report

from .fake_server import PASSWORD, SONGS, USER, FakeServer, item_of, song

LOG = logging.getLogger("beets.musrec")


def lines(lib: Library, server: FakeServer, **changes: Any) -> tuple[list[str], bool]:
    settings = {"url": server.url, "user": USER, "password": PASSWORD, "paths": {}, **changes}
    found, is_complete = report(lib, SubsonicSettings(**settings), LOG)
    assert all(len(line) <= 80 for line in found)
    return found, is_complete


def test_where_all_is_matched_two_lines_say_so(lib: Library, server: FakeServer) -> None:
    host = server.url.removeprefix("http://")
    said = [f"{host}: {SONGS} songs, {SONGS} matched", f"the library: {SONGS} songs, {SONGS} matched"]
    assert lines(lib, server) == (said, True)


def test_each_reason_is_counted_and_shown_with_both_sides(lib: Library, server: FakeServer) -> None:
    server.songs = [
        {**song(1), "id": "a"},
        {**song(1), "id": "b"},
        {**song(2), "album": "Live"},
        {**song(3), "path": "s3.flac", "title": "Another", "duration": 5},
        song(50),
        *map(song, range(4, SONGS)),
    ]
    said, is_complete = lines(lib, server)
    assert not is_complete
    text = "\n".join(said)
    assert f"9 songs, {SONGS - 4} matched" in text
    for count, reason in [
        (2, "that may be several of the library's, or share one"),
        (1, "with the MusicBrainz id or the file of one with other tags"),
        (1, "that differ from their namesakes in album, place or length"),
        (1, "without a namesake in the library"),
        (1, "that may be several of the server's, or share one"),
        (1, "without a namesake on the server"),
    ]:
        assert f"{count:6} {reason}" in said
    assert "  Artist - Title 2 (Live, 1-03, 3:02)\n    ? Artist - Title 2 (Album 0, 1-03, 3:02)" in text
    assert "  Artist - Another (Album 0, 1-04, 0:05)\n    ? Artist - Title 3 (Album 0, 1-04, 3:03)" in text
    assert "  Artist - Title 50 (Album 12, 1-03, 3:50)" in said


def test_long_lists_and_names_are_cut_and_what_a_terminal_would_obey_is_not_printed(
    lib: Library, server: FakeServer
) -> None:
    names = ["\x1b[31mred", "line\nbreak", "\u202ereversed", "A" * 100]
    server.songs += [song(100 + n, title=f"{names[n % 4]} {n:03}") for n in range(SHOWN + 5)]
    said, _ = lines(lib, server)
    assert "  and 5 more" in said
    assert not {"\x1b", "\n", "\u202e"} & set("".join(said))
    assert any(line.endswith("\N{HORIZONTAL ELLIPSIS}") for line in said)


def test_wide_characters_count_as_two_columns(lib: Library, server: FakeServer) -> None:
    server.songs.append(song(50, title="音" * 50))
    (line,) = [line for line in lines(lib, server)[0] if "音" in line]
    assert line == f"  Artist - {'音' * 34}\N{HORIZONTAL ELLIPSIS}"


def test_paths_that_lead_nowhere_are_pointed_out(lib: Library, server: FakeServer) -> None:
    server.songs.append(song(50))
    hint = "No path of the server is a file of the library: see musrec.serve.subsonic.paths"
    assert hint in lines(lib, server)[0]
    server.songs[0]["path"] = "s0.flac"
    assert hint not in lines(lib, server)[0]


def test_the_server_is_read_anew_and_the_result_is_kept(lib: Library, server: FakeServer) -> None:
    lines(lib, server)
    lib.add(item_of(song(20)))
    server.songs.append(song(20))
    assert lines(lib, server)[0][0].endswith(f"{SONGS + 1} songs, {SONGS + 1} matched")
    kept = song_map.load(lib, f"{server.url} {USER}", {})
    assert kept is not None
    assert kept.items["s20"] == SONGS + 1


def test_what_is_wrong_is_one_sentence(lib: Library, server: FakeServer) -> None:
    with pytest.raises(UserError, match="refuses the login"):
        lines(lib, server, password="wrong")
