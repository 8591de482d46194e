"""Nothing of others, and nothing that was changed by hand, is written over unasked; nothing leaves its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from beets.ui import UserError

from beetsplug.musrec.commands import report_html
from beetsplug.musrec.overwrite import check_page
from beetsplug.musrec.playlists.file_names import playlist_name
from musrec_core.map import page
from musrec_core.playlist.recipe import Recipe, mark, parse

from ..conftest import Beet


def playlist(*songs: bytes, without: tuple[str, ...] = (), more: bytes = b"") -> bytes:
    """A playlist as it is written."""
    marks = tuple(("0" * 12, mark(song)) for song in songs)
    recipe = Recipe(("similar", "x"), songs=marks, without=without)
    return b"\n".join([b"#EXTM3U", *recipe.lines(), *(b"#EXTINF:1,t\n" + song for song in songs)]) + b"\n" + more


def test_a_playlist_as_it_was_written() -> None:
    whole = playlist(b"/a", b"/b", b"/c")
    assert parse(whole).is_as_written()
    assert not parse(whole.replace(b"#EXTINF:1,t\n/b\n", b"")).is_as_written()
    assert not parse(
        whole.replace(b"/a\n", b"/x\n").replace(b"/b\n", b"/a\n").replace(b"/x\n", b"/b\n")
    ).is_as_written()
    assert not parse(whole + b"/d\n").is_as_written()
    assert not parse(whole + b"/c\n").is_as_written()
    assert not parse(whole + b"# mine\n").is_as_written()
    assert not parse(whole.replace(b"#EXTM3U", b"#EXTM3U\n# mine")).is_as_written()
    assert not parse(whole.replace(b"#EXTINF:1,t\n/b", b"#EXTINF:1,t\n# mine\n/b")).is_as_written()
    assert not parse(playlist(b"/a", without=("1" * 12,))).is_as_written()
    assert not parse(b"/a\n").is_as_written()


def test_similar_writes_over_its_own_alone(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "p.m3u8"
    path.touch()
    one = ("similar", "Harbour Waltz", "-n", "2", "-m", str(path))
    library(*one)
    library("similar", "--first", "title:Rock", "-n", "2", "-m", str(path))
    library("similar", "--refresh", str(path))
    text = path.read_text("utf-8")
    for changed, why in (
        (text + "/m/a.mp3\n", "was changed by hand"),
        ("/m/a.mp3\n", "has no recipe"),
        (re.sub("MUSREC:.*", "MUSREC:beet mixes p", text), "is a mix"),
        (re.sub("MUSREC:.*", "MUSREC:beet 'mixes", text), "has a damaged recipe"),
    ):
        path.write_text(changed, "utf-8")
        error = library.error(*one)
        assert why in error
        assert "add --force to overwrite it" in error
        assert path.read_text("utf-8") == changed
    library(*one, "--force")
    assert parse(path.read_bytes()).is_as_written()
    assert "--force needs --playlist" in library.error("similar", "Harbour Waltz", "--force")


def test_pages_and_pictures(tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    check_page(path, force=False)
    for content in (b"", report_html.as_html(report_html.Page("t", [])).encode(), page.PAGE.read_bytes()):
        path.write_bytes(content)
        check_page(path, force=False)
    for content in (b"<html>mine</html>", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="add --force"):
            check_page(path, force=False)
        check_page(path, force=True)
    with pytest.raises(UserError, match="is not a regular file"):
        check_page(os.devnull, force=True)


def test_a_report_spares_what_is_anothers(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("mine")
    assert "add --force" in library.error("musrec-report", "-o", str(path))
    assert path.read_text() == "mine"
    library("musrec-report", "-o", str(path), "--force")
    library("musrec-report", "-o", str(path))


@pytest.mark.parametrize(
    "replacements", [[], [(re.compile("x"), "/"), (re.compile("y"), ".."), (re.compile("z"), "~")]]
)
@pytest.mark.parametrize(
    "name",
    ["..", "../../x", "/etc/passwd", "~", "~root/x", "a/../../b", "x", "y", "yxy", "z", "zroot", "axyxyxb", "y/y/y",
     "./.", " . ", "a\0b", "..\\..\\b", "CON", "nul.m3u", "aux/com1.txt", "name. . ", "n" * 500, "ü" * 300 + "/ä",
     "Like ..", ""],
)  # fmt: skip
def test_no_name_of_a_mix_leaves_the_folder(name: str, replacements: list[tuple[re.Pattern[str], str]]) -> None:
    lib: Any = SimpleNamespace(replacements=replacements)
    for template in (name, f"folder/{name}.m3u", f"{name}/list"):
        made = playlist_name(lib, template)
        assert not made.startswith(("/", "~"))
        for part in made.split("/") if made else ():
            assert part.strip(" .") == part != ""
            assert not part.startswith("~")
            assert len(part.encode()) <= 210
            assert not re.search(r"[\0\\]", part)
            assert part.partition(".")[0].strip().upper() not in {"CON", "NUL", "AUX", "COM1"}


def test_a_mix_without_seeds_is_told(library: Beet, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    made = {"name": "Made", "seeds": "title:Drone", "count": 1}
    none = [
        {"name": "None", "seeds": "nosuchsong"},
        {"name": "$grouping", "seeds": "title:Drone"},
        {"name": "Unheard", "seeds": "title:Rock"},
        {"name": "Albums", "seeds": "nosuchalbum", "album": True},
    ]
    library("modify", "-y", "--nowrite", "title:Rock", "musrec_embedding!")
    library.configure(musrec={"playlist": {"dir": str(lists)}, "mixes": [*none, made]})
    said = library("mixes", ok=False)
    assert said.status == 1
    assert said.lines == ["Made: 1 songs, 1 new"]
    assert "None: no song matches its seeds: nosuchsong" in said.err
    assert "$grouping: its name is empty for each of its seeds" in said.err
    assert re.search(r"Unheard: none of the \d+ songs that its seeds match is embedded: run `beet embed`", said.err)
    assert "Albums: no album matches its seeds: nosuchalbum" in said.err
    assert "4 of 5 playlists could not be written" in said.err
    assert [path.name for path in lists.iterdir()] == ["Made.m3u8"]


def test_to_standard_output(library: Beet, tmp_path: Path) -> None:
    said = library("similar", "Harbour Waltz", "-n", "2", "-m", "-")
    assert said.lines[0] == "#EXTM3U"
    assert len([line for line in said.lines if not line.startswith("#")]) == 3
    path = tmp_path / "piped.m3u8"
    path.write_text(said.out, "utf-8")
    library("similar", "--refresh", str(path))
    assert path.read_text("utf-8") == said.out
    assert not list(library.home.glob("-*"))


def test_many_seeds_do_not_lead(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "p.m3u8"
    library("similar", "title:Waltz", "-n", "2", "-m", str(path))
    text = path.read_text("utf-8")
    assert len(parse(path.read_bytes()).entries) == 2
    assert "--no-seeds" in text
    library("similar", "--refresh", str(path))
    assert path.read_text("utf-8") == text
    path.write_text(text.replace(" --no-seeds", ""), "utf-8")  # as earlier versions wrote it
    library("similar", "--refresh", str(path))
    assert len(parse(path.read_bytes()).entries) > 3


def test_empty_columns_stop_nothing(library: Beet, tmp_path: Path) -> None:
    columns: tuple[str, ...] = (
        "artist",
        "title",
        "album",
        "mb_trackid",
        "length",
        "format",
        "bitrate",
        "samplerate",
        "genres",
        "bpm",
    )
    columns += ("initial_key", "albumartist", "comp", "album_id", "year", "disc", "track")
    known = {row[1] for row in library.sql("PRAGMA table_info(items)")}
    library.sql(f"UPDATE items SET {', '.join(f'{name} = NULL' for name in columns if name in known)} WHERE id > 1")
    path = tmp_path / "p.m3u8"
    library("similar", "id:1", "-n", "4", "--max-per-artist", "3", "--max-per-album", "3", "-m", str(path))
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-2]) + "\n", "utf-8")
    library("similar", "--refresh", str(path))
    library("similar", "--extend", str(path), "-n", "1")
    library("similar", "id:1", "--length", "1m", "--shuffle", "--order", "smooth", "--mix")
    library("similar", "id:1", "--to", "id:2", "-n", "4", "--mix")
    library("similar", "--hubs", "-n", "3")
    library("musrec-report", "-o", str(tmp_path / "r.html"))
    library("genreguess", "id:2")
    library("genreguess", "--odd")
    library("ls", "similar:id:1")
    library("ls", "similar:id:2")
    assert library("embed", "--report").out == "nothing failed\n"


def test_a_copy_of_what_was_taken_out_stays_out_and_a_namesake_comes(library: Beet, tmp_path: Path) -> None:
    ids = [int(line) for line in library("similar", "id:1", "-n", "3", "-f", "$id").lines]
    gone, copy, other = ids
    library.sql(
        f"UPDATE items SET artist='Sigur', title='Untitled', mb_trackid='' WHERE id IN ({gone}, {copy}, {other})"
    )
    library.sql(f"UPDATE items SET album='Best of', length=(SELECT length FROM items WHERE id={gone}) WHERE id={copy}")
    library.sql(f"UPDATE items SET album='Other', length=99 WHERE id={other}")
    library.sql(
        "UPDATE item_attributes SET value=(SELECT value FROM item_attributes WHERE key='musrec_embedding' AND "
        f"entity_id={gone}) WHERE key='musrec_embedding' AND entity_id={copy}"
    )
    path = tmp_path / "p.m3u8"
    library("similar", "id:1", "-n", "9", "--order", "nearest", "-m", str(path))
    listed = parse(path.read_bytes())
    files = {id_: library.paths(f"id:{id_}")[0] for id_ in ids}
    there = [id_ for id_ in ids if bytes(files[id_]) in {entry.location for entry in listed.entries}]
    assert len(there) == 2  # one of the copies, and the namesake
    assert other in there
    (out,) = set(there) - {other}
    path.write_bytes(path.read_bytes().replace(bytes(files[out]) + b"\n", b""))
    library("similar", "--refresh", str(path))
    entries = {entry.location for entry in parse(path.read_bytes()).entries}
    assert {id_ for id_ in ids if bytes(files[id_]) in entries} == {other}
