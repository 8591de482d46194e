"""What a message advises is tried: it helps, and where nothing helps the message is not there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from .conftest import Beet

pytestmark = pytest.mark.quick_model

ONE = "(SELECT id FROM items WHERE title = 'Harbour Waltz 1')"
LOST = f"DELETE FROM item_attributes WHERE entity_id = {ONE}"
DAMAGED = f"UPDATE item_attributes SET value = 'QUJDREVGRw' WHERE key = 'musrec_embedding' AND entity_id = {ONE}"
ADVICE = re.compile(r"`beet ([^`]+)`")


def said_of(beet: Beet, command: str) -> str:
    said = beet(*shlex.split(command), ok=False)
    assert "Traceback" not in said.err
    return said.out + said.err


@pytest.mark.parametrize(
    ("fault", "command", "complaint"),
    [
        ("DELETE FROM item_attributes", "similar Harbour", "no song is embedded yet"),
        ("DELETE FROM item_attributes", "genreguess --audit", "no song is embedded yet"),
        ("DELETE FROM item_attributes", "genreguess --odd", "no song is embedded yet"),
        ("DELETE FROM item_attributes", "musicmap -o map.html", "a map needs 3 embedded songs"),
        (f"DELETE FROM item_attributes WHERE entity_id <> {ONE}", "similar Harbour", "no other song is embedded yet"),
        ("UPDATE item_attributes SET value = 'x@1' WHERE key = 'musrec_model'", "similar Harbour", "another model"),
        (LOST, "similar Paper", "1 of 10 songs are not embedded yet"),
        (LOST, "musicmap -o map.html", "1 of 10 songs are not"),
        (LOST, "ls similar:Harbour", "its songs are not embedded"),
        (LOST, "similar Paper --unlike Harbour", "no song of --unlike"),
        (LOST, "musrec-report", "for the rest"),
        (DAMAGED, "musrec-report",
         "for the rest"),
        (DAMAGED, "similar Harbour",
         "the seed's embedding is damaged"),
        (DAMAGED,
         "similar Paper --to Harbour", "a stop's embedding is damaged"),
        (f"DELETE FROM item_attributes WHERE key = 'musrec_genres' AND entity_id = {ONE}", "genreguess Harbour",
         "no embedding"),
    ],
)  # fmt: skip
def test_it_helps(fault: str, command: str, complaint: str, library: Beet) -> None:
    library.sql(fault)
    (line,) = [line for line in said_of(library, command).splitlines() if complaint in line]
    advice = ADVICE.search(line)
    assert advice, line
    library(*shlex.split(advice[1]))
    said = library(*shlex.split(command))
    assert complaint not in said.out + said.err


@pytest.fixture
def failed(library: Beet) -> Beet:
    """The library, of which one song is gone, and `beet embed` knows."""
    library.sql(LOST)
    library.sql(f"UPDATE items SET path = CAST('/gone.flac' AS BLOB) WHERE id = {ONE}")
    library("embed")
    return library


def test_nothing_is_advised_about_what_can_not_be_embedded(failed: Beet, tmp_path: Path) -> None:
    for command in ("similar Paper", "similar --hubs", f"musicmap -o {tmp_path}/map.html"):
        assert "embedded" not in failed(*command.split()).err
    assert "Run `beet embed`" not in failed("musrec-report").out
    why = "`beet embed --report`"
    for command in ("similar Harbour", "ls similar:Harbour", "similar Paper --unlike Harbour", "musrec-report"):
        assert why in said_of(failed, command), command
    assert "failed before and did not change (--report says why)" in failed("embed").out
    assert re.search(r"1 +missing +beet ls -p musrec_status:missing", failed("embed", "--report").out)
    failed.sql("DELETE FROM items WHERE title NOT LIKE 'Harbour%'")
    failed.sql("DELETE FROM item_attributes WHERE key <> 'musrec_status'")
    for command in ("similar Harbour", "genreguess --odd", "genreguess --audit", "genreguess --learn"):
        assert f"no song could be embedded: {why}" in failed.error(*command.split())


def test_a_file_that_is_back_is_tried_again(own_files: Beet, tmp_path: Path) -> None:
    path = own_files.paths("title:Harbour")[0]
    own_files.sql(LOST)
    shutil.move(path, tmp_path / "away")
    assert "1 failed" in own_files("embed").out
    assert "it is back" in own_files("embed", "--report").out
    shutil.move(tmp_path / "away", path)  # its time is as it was
    assert own_files("embed").out == "1 embedded, 9 up to date\n"
    assert own_files("embed", "--report").out == "nothing failed\n"


def test_what_timed_out_can_be_tried_again(library: Beet) -> None:
    library.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (1, 'musrec_status', 'timeout @ 5')")
    assert library("embed", "--report").lines[-1] == "`beet embed --retry` tries again what timed out or crashed."


def test_a_moment_of_many(library: Beet, waltz: Path, tmp_path: Path) -> None:
    other = shutil.copy(waltz, tmp_path)
    many = ["similar", "--at", "0:02", "--file", str(waltz), "--file", str(other)]
    assert library.error(*many).endswith("here are 2: name one file")
    assert library(*many[:-2]).out
    assert library.error("similar", "--at", "0:02", "Waltz").endswith("here are 2: add --first")
    assert library("similar", "--at", "0:02", "Waltz", "--first").out
