"""Whatever is killed, whenever: the library opens, nothing is half-written, the next run does the rest."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from ..conftest import BEET, Beet

pytestmark = [pytest.mark.slow, pytest.mark.quick_model]

TIMES = int(os.environ.get("MUSREC_KILLS", "15"))  # of each kind, and half as often an import: more than 50
STORED = {"musrec_embedding", "musrec_genres", "musrec_mood", "musrec_model", "musrec_heard"}
AT_MOST = 1.5  # seconds until a kill: a run takes about as long
SONGS = 30


@pytest.fixture(scope="module")
def bare(imported: Beet, tmp_path_factory: pytest.TempPathFactory) -> Beet:
    """Thirty songs in the library, none embedded."""
    home = tmp_path_factory.mktemp("bare")
    folder = home / "music"
    for copy in range(SONGS // 10):
        shutil.copytree(imported.directory, folder / str(copy))
    beet = Beet(home, folder, import_={"duplicate_action": "keep"}, musrec={"auto": False, "workers": 2})
    beet("import", str(folder))
    assert beet.sql("SELECT COUNT(*) FROM items") == [(SONGS,)]
    return beet


@pytest.fixture
def beet(bare: Beet, tmp_path: Path) -> Beet:
    copy = Beet(tmp_path / "home", bare.directory, musrec={"auto": False, "workers": 2})
    shutil.copy(bare.home / "library.db", copy.home)
    return copy


def start(beet: Beet, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BEET, *arguments],
        env={**os.environ, "BEETSDIR": str(beet.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a job in the background inherits SIGINT ignored, and so would the program
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def whole(beet: Beet) -> set[int]:
    """The embedded items, after a look at the library's health and at every item's attributes."""
    with closing(sqlite3.connect(beet.home / "library.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT entity_id, key FROM item_attributes WHERE key LIKE 'musrec_%'").fetchall()
    keys: dict[int, set[str]] = {}
    for id_, key in rows:
        keys.setdefault(id_, set()).add(key)
    assert all(found == STORED for found in keys.values()), keys
    return set(keys)


def outcomes(beet: Beet) -> list[tuple[int]]:
    """The items that were embedded, or could not be."""
    return beet.sql("SELECT entity_id FROM item_attributes WHERE key IN ('musrec_model', 'musrec_status')")


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that embed."""
    try:
        return list(psutil.Process(process.pid).children())
    except psutil.NoSuchProcess:
        return []


def kill_all(process: subprocess.Popen[str]) -> None:
    for worker in workers(process):
        worker.kill()


def kill_one(process: subprocess.Popen[str]) -> None:
    for worker in workers(process)[:1]:
        worker.kill()


def test_the_command_is_killed_at_random_moments(beet: Beet) -> None:
    rng = random.Random(1)
    before: set[int] = set()
    cut = 0
    for _ in range(TIMES):
        process = start(beet, "embed", "-q")
        try:
            process.wait(timeout=rng.uniform(0, AT_MOST))
        except subprocess.TimeoutExpired:
            cut += 1
        process.kill()
        process.communicate()
        now = whole(beet)
        assert now >= before
        before = now
        if len(now) == SONGS:
            beet.sql("DELETE FROM item_attributes")
            before = set()
    assert cut
    rest = beet("embed")
    assert rest.lines[0].startswith(f"{SONGS - len(before)} embedded"), rest
    assert len(whole(beet)) == SONGS


def test_nobody_is_left_behind_by_a_killed_command(beet: Beet) -> None:
    process = start(beet, "embed", "-q")
    deadline = time.monotonic() + 300
    while not workers(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=300)
    assert not alive


@pytest.mark.parametrize("kill", [kill_one, kill_all])
def test_workers_are_killed_at_random_moments(beet: Beet, kill: Callable[[subprocess.Popen[str]], None]) -> None:
    rng = random.Random(2)
    kills, before = 0, -1
    for _ in range(max(1, TIMES // 4)):
        process = start(beet, "embed")
        timer = threading.Timer(300, process.kill)  # a hang would be a failure, not an endless test
        timer.start()
        while process.poll() is None and kills < TIMES:
            time.sleep(rng.uniform(0.05, 0.3))  # all songs together take half a second
            if (now := len(outcomes(beet))) == before:
                continue  # on a slow machine: workers that never end a file are given up, and rightly
            before = now
            kills += bool(workers(process))
            kill(process)
        out, _ = process.communicate()
        timer.cancel()
        assert process.returncode == 0, out
        assert "Traceback" not in out, out
        stored = beet.sql("SELECT value FROM item_attributes WHERE key = 'musrec_status'")  # titles stand there thrice
        statuses = Counter(value.partition(" @ ")[0] for (value,) in stored)
        assert set(statuses) <= {"crashed"}, statuses
        assert out.count("no embedding for") == statuses.total() <= kills * 2
        beet("embed", "--retry", "-q")
        assert len(whole(beet)) == SONGS
        beet.sql("DELETE FROM item_attributes")
    assert kills


def test_an_import_is_killed_at_random_moments(bare: Beet, tmp_path: Path) -> None:
    rng = random.Random(3)
    beet = Beet(
        tmp_path / "home",
        bare.directory,
        import_={"incremental": True, "duplicate_action": "keep"},
        musrec={"workers": 2},
    )
    for _ in range(max(1, TIMES // 2)):
        process = start(beet, "import", "-q", str(bare.directory))
        try:
            process.wait(timeout=rng.uniform(0.5, AT_MOST))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        if (beet.home / "library.db").exists() and beet("ls").lines:
            whole(beet)
    beet("import", "-q", "-I", str(bare.directory))
    beet("embed", "-q")
    assert len(whole(beet)) == beet.sql("SELECT COUNT(*) FROM items")[0][0] >= SONGS


def embedding(process: subprocess.Popen[str], beet: Beet, least: int = 2) -> None:
    """Wait until the command has stored something."""
    deadline = time.monotonic() + 300
    while len(beet.attributes("musrec_model")) < least:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_answers_with_one_line(beet: Beet) -> None:
    process = start(beet, "embed", "-j", "1")
    embedding(process, beet)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and its workers
    out, _ = process.communicate(timeout=300)
    assert out == "stopped: what was embedded is stored, run `beet embed` again for the rest\n"
    assert 0 < len(whole(beet)) < SONGS


def test_two_at_once_on_one_library(beet: Beet) -> None:
    both = [start(beet, "embed"), start(beet, "embed")]
    for process in both:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        assert "locked" not in out
        assert " embedded" in out
    assert len(whole(beet)) == SONGS


def test_another_program_that_holds_the_library_is_waited_for(beet: Beet) -> None:
    """Longer than the five seconds that beets itself waits, as `beet update` may."""
    with closing(sqlite3.connect(beet.home / "library.db", isolation_level=None)) as other:
        process = start(beet, "embed")
        embedding(process, beet, 1)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(6.5)
        other.execute("ROLLBACK")
    out, _ = process.communicate(timeout=300)
    assert out == f"{SONGS} embedded\n"
    assert len(whole(beet)) == SONGS


def test_a_full_disk_is_one_sentence(beet: Beet) -> None:
    """The largest file that the command may write stands for the disk."""
    size = (beet.home / "library.db").stat().st_size
    process = subprocess.run(
        ["bash", "-c", f'trap "" XFSZ; ulimit -f {size // 1024 + 4}; exec "{BEET}" embed'],
        env={**os.environ, "BEETSDIR": str(beet.home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: the library can't be written: ")
    assert len(whole(beet)) < SONGS
    beet("embed", "-q")
    assert len(whole(beet)) == SONGS


def test_a_library_that_may_only_be_read(beet: Beet) -> None:
    beet("embed", "-q")
    beet.sql("DELETE FROM item_attributes WHERE entity_id = (SELECT id FROM items WHERE title LIKE '%Drone%' LIMIT 1)")
    file = beet.home / "library.db"
    drop = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("root may write what is read-only, and setpriv is not here")
    file.chmod(0o444)
    beet.home.chmod(0o555)
    try:
        said = {
            command: subprocess.run(
                [*drop, BEET, *command.split()],
                env={**os.environ, "BEETSDIR": str(beet.home)},
                capture_output=True, text=True, timeout=300, check=False,
            )
            for command in ("similar --first Waltz", "embed")
        }  # fmt: skip
    finally:
        beet.home.chmod(0o755)
    assert len(said["similar --first Waltz"].stdout.splitlines()) == 5
    refused = said["embed"]
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "readonly" in refused.stderr
    assert len(whole(beet)) == SONGS - 1
