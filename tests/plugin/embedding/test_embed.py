"""``beet embed`` does what import did not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ... import music
from ..conftest import BEET, Beet

pytestmark = pytest.mark.quick_model


def forget(beet: Beet, titles: str = "%") -> None:
    beet.sql("DELETE FROM item_attributes WHERE entity_id IN (SELECT id FROM items WHERE title LIKE ?)", titles)


def test_only_what_is_missing_or_stale(library: Beet) -> None:
    assert library("embed").out == "0 embedded, 10 up to date\n"
    forget(library, "%Waltz%")
    library.sql(
        "UPDATE item_attributes SET value = 'old@00000000' WHERE key = 'musrec_model' AND entity_id IN "
        "(SELECT id FROM items WHERE title LIKE '%Drone%')"
    )
    assert len(library("embed", "-p").lines) == 4
    assert len(library.attributes("musrec_embedding")) == 8  # -p changed nothing
    assert library("embed", "title:Waltz").out == "2 embedded\n"
    assert library("embed").out == "2 embedded, 8 up to date\n"
    assert len(set(library.attributes("musrec_model").values())) == 1


def test_force_embeds_all_with_the_same_result(library: Beet) -> None:
    before = library.attributes("musrec_embedding")
    assert library("embed", "-f", "-j", "2").out == "10 embedded\n"
    assert library.attributes("musrec_embedding") == before


def test_the_report_groups_failures_by_reason(own_files: Beet) -> None:
    assert own_files("embed", "--report").out == "nothing failed\n"
    for title, content in (("Waltz", b""), ("Drone", b""), ("Guitar", b"RIFF\0\0\0\0WAVE")):
        path = Path(own_files("ls", "-p", f"title:{title}").lines[0])
        path.write_bytes(content)
        library_id = own_files("ls", "-f", "$id", f"path:{path}").out.strip()
        own_files.sql("DELETE FROM item_attributes WHERE entity_id = ?", library_id)
    own_files("embed")
    said = own_files("embed", "--report")
    assert said.lines[0] == "3 could not be embedded:"
    rows = [line.split() for line in said.lines[1:-1]]
    assert sum(int(row[0]) for row in rows) == 3
    assert ["beet", "ls", "-p", "musrec_status:unreadable"] in [row[2:] for row in rows]
    for count, reason, *hint in rows:
        assert len(own_files(*hint[1:]).lines) == int(count), reason
    assert own_files("embed", "--report", "title:Waltz").lines[0] == "1 could not be embedded:"
    assert len(own_files.attributes("musrec_embedding")) == 7  # nothing was embedded by it


def test_quiet_says_nothing(library: Beet) -> None:
    forget(library)
    said = library("embed", "-q")
    assert (said.out, said.err) == ("", "")
    assert len(library.attributes("musrec_embedding")) == 10


def test_a_failing_file_is_tried_again_only_when_it_changes(own_files: Beet) -> None:
    path = Path(own_files("ls", "-p", "title:Waltz").lines[0])
    good = path.read_bytes()
    forget(own_files, "%Waltz%")
    path.write_bytes(b"damaged")
    assert own_files("embed").out == "1 embedded, 8 up to date, 1 failed\n"
    again = own_files("embed")
    assert again.out == "0 embedded, 9 up to date, 1 failed before and did not change (--report says why)\n"
    assert again.err == ""
    retried = own_files("embed", "--retry")
    assert retried.out == "0 embedded, 9 up to date, 1 failed\n"
    assert "no-audio" in retried.err
    time.sleep(1.1)  # the status notes whole seconds
    path.write_bytes(good)
    assert own_files("embed").out == "1 embedded, 9 up to date\n"
    assert not own_files.attributes("musrec_status")


def test_a_song_that_fails_later_keeps_its_embedding(own_files: Beet) -> None:
    path = Path(own_files("ls", "-p", "title:Waltz").lines[0])
    path.unlink()
    assert "1 failed" in own_files("embed", "-f").out
    assert len(own_files.attributes("musrec_embedding")) == 10
    assert list(own_files.attributes("musrec_status").values()) == ["missing @ 0"]


def test_errors(library: Beet) -> None:
    assert library.error("embed", "nosuchsong") == "error: no song matches: nosuchsong"
    assert library.error("embed", "-j", "0") == "error: --jobs has to be 1 or more"


def test_an_empty_library(tmp_path: Path) -> None:
    assert Beet(tmp_path / "home", tmp_path)("embed").out == "0 embedded\n"


def multiply(beet: Beet, folder: Path, times: int) -> None:
    """Many songs more, so that there is something to interrupt: links to one file, each an item of its own."""
    folder.mkdir()
    original = Path(beet("ls", "-p", "id:1").lines[0])
    names = [row[1] for row in beet.sql("PRAGMA table_info(items)") if row[1] not in ("id", "path")]
    for n in range(times):
        link = folder / f"{n}{original.suffix}"
        link.symlink_to(original)
        columns = ", ".join(names)
        beet.sql(f"INSERT INTO items (path, {columns}) SELECT ?, {columns} FROM items WHERE id = 1", os.fsencode(link))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_stopping_loses_at_most_the_tracks_in_hand(library: Beet, tmp_path: Path, sign: signal.Signals) -> None:
    forget(library)
    multiply(library, tmp_path / "links", 70)
    stored = "SELECT entity_id FROM item_attributes WHERE key = ?"
    process = subprocess.Popen(
        [BEET, "embed", "-j", "1"],
        env={**os.environ, "BEETSDIR": str(library.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a job in the background inherits SIGINT ignored, and so would the program
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while process.poll() is None and not library.sql(stored, "musrec_embedding"):
        time.sleep(0.05)
    os.killpg(process.pid, sign) if sign == signal.SIGINT else process.kill()
    output, errors = process.communicate(timeout=300)
    assert b"Traceback" not in errors
    assert output.startswith(b"stopped: ") == (sign == signal.SIGINT)
    done = library.sql(stored, "musrec_embedding")
    assert 0 < len(done) < 80
    assert set(done) <= set(library.sql(stored, "musrec_model"))
    assert library("embed").out == f"{80 - len(done)} embedded, {len(done)} up to date\n"


def test_a_better_rip_is_embedded_again_and_a_written_tag_is_not(own_files: Beet) -> None:
    path = Path(own_files("ls", "-p", "title:Waltz").lines[0])
    before = own_files.attributes("musrec_embedding")
    own_files(
        "modify", "-y", "-w", "title:Waltz", "comments=a word or two"
    )  # the file's time changes, its music does not
    own_files("update")
    assert own_files("embed").out == "0 embedded, 10 up to date\n"

    time.sleep(1.1)  # beets compares whole seconds
    song = music.Song("String Drone", "Artist", "Album", path.stem[3:], 1, path.suffix[1:], 3)
    music.encode(music.compose(song, 20), path)
    music.tag(path, song)
    own_files("update")
    assert own_files("embed", "-p").lines != []
    assert own_files("embed").out == "1 embedded, 9 up to date\n"
    after = own_files.attributes("musrec_embedding")
    assert sum(before[id_] != after[id_] for id_ in before) == 1
    assert own_files("embed").out == "0 embedded, 10 up to date\n"
