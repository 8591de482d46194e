"""`beet radio` with a real MPD and its client."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beetsplug.musrec.radio.address import Address
from beetsplug.musrec.radio.player import Player

from ...programs import needs
from ..conftest import Beet, Completed
from .conftest import Daemon, RunningRadio, free_port, heard, memory, running_daemon

pytestmark = [pytest.mark.quick_model, needs("mpd", "mpc")]

ODD = "Ünïcode #1 100% [x] & 'y' \"z\" %20"
Start = Callable[..., RunningRadio]


def artists(queue: list[str]) -> list[str]:
    return [file.split("/")[0] for file in queue]


def named(library: Beet, *query: str) -> list[str]:
    """What MPD calls some songs."""
    return [str(path.relative_to(library.directory)) for path in library.paths(*query)]


def once(beet: Beet, daemon: Daemon, *arguments: str) -> Completed:
    return beet("radio", "--once", *arguments, MPD_HOST=daemon.host, MPD_PORT=str(daemon.port or 6600))


def refused(beet: Beet, daemon: Daemon, *arguments: str) -> str:
    return beet.error("radio", *arguments, MPD_HOST=daemon.host, MPD_PORT=str(daemon.port or 6600))


# Once.


def test_once_fills_the_queue_with_similar_songs_and_ends(library: Beet, daemon: Daemon) -> None:
    (seed,) = named(library, "Harbour Waltz")
    before = hashlib.sha256((library.home / "library.db").read_bytes()).hexdigest()
    daemon.mpc("add", seed)
    said = once(library, daemon)
    assert said.err.count("appended") == 3
    nearest = library("similar", "Harbour Waltz", "-n", "9", "-p").lines
    queue = [str(library.directory / file) for file in daemon.queue]
    assert queue[1] == nearest[0]
    assert set(queue[2:]) <= set(nearest)
    assert len(set(queue)) == 4
    assert len(set(artists(daemon.queue))) == 4
    assert daemon.client.status()["state"] == "stop"
    assert once(library, daemon).err == ""  # it is full
    assert hashlib.sha256((library.home / "library.db").read_bytes()).hexdigest() == before


def test_the_options_the_excluded_songs_and_what_was_played_elsewhere(library: Beet, daemon: Daemon) -> None:
    library.configure(
        musrec={
            "exclude": "title:drone",
            "radio": {"ahead": 9, "options": {"in": "title::'Waltz|Guitar|Drone'"}},
        }
    )
    library.sql(
        "INSERT INTO item_attributes (entity_id, key, value) SELECT id, 'last_played', ? FROM items WHERE title LIKE ?",
        str(time.time() - 3600), "Glass Guitar%",
    )  # fmt: skip
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    once(library, daemon)
    assert [Path(file).stem for file in daemon.queue] == ["01 Harbour Waltz 1", "01 Paper Waltz 2", "01 Paper Guitar 1"]


def test_copies_count_as_the_same_song(library: Beet, daemon: Daemon) -> None:
    library.sql("UPDATE items SET mb_trackid = 'one' WHERE title LIKE '%Waltz%' OR title LIKE '%Drone%'")
    library.configure(musrec={"radio": {"ahead": 9}})
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    once(library, daemon)
    assert len(daemon.queue) == 7  # six others, and none of the three copies of the seed


def test_what_is_not_in_beets_is_passed_over(library: Beet, daemon: Daemon, tmp_path: Path) -> None:
    daemon.mpc("add", "http://127.0.0.1:9/stream.mp3")
    said = refused(library, daemon, "--once")
    assert "no song of the queue is in beets: play one that is, add --start QUERY, or set musrec.radio" in said
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    once(library, daemon)
    assert len(daemon.queue) == 4


# What the user says is wrong.


def test_settings_that_are_wrong_are_one_sentence(library: Beet, daemon: Daemon) -> None:
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    for settings, sentence in [
        ({"not_within": "soon"}, "musrec.radio.not_within has to be a time such as 12h, 30d, 4w, 6m (months) or 1y"),
        ({"options": {"count": 3}}, "musrec.radio.options: unknown option count; the known ones are"),
        ({"options": {"variety": 7}}, "musrec.radio.options: --variety has to be between 0 and 1"),
        ({"options": {"in": "title:nothing"}}, "no song matches --in: title:nothing"),
    ]:
        library.configure(musrec={"radio": settings})
        assert sentence in refused(library, daemon, "--once")
    library.configure()
    assert "takes no arguments" in refused(library, daemon, "Waltz")
    assert "--start is empty" in refused(library, daemon, "--start", " ")


def test_without_python_mpd2(library: Beet) -> None:
    program = "import sys\nsys.modules['mpd'] = None\nfrom beets.ui import main\nmain(['radio'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "BEETSDIR": str(library.home)}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: the radio needs python-mpd2: pip install 'beets-musrec[mpd]'\n"


def test_the_host_is_no_secret_that_is_shown(library: Beet) -> None:
    library.configure(musrec={"radio": {"host": "pass@nas"}})
    assert "pass@nas" not in library("config").out


def test_an_mpd_that_is_not_there_is_one_sentence(library: Beet, tmp_path: Path) -> None:
    said = library.error("radio", MPD_HOST=str(tmp_path / "socket"))
    assert said == f"error: MPD at {tmp_path / 'socket'} can't be reached: No such file or directory"
    assert "MPD at 127.0.0.1:1 can't be reached: Connection refused" in library.error(
        "radio", MPD_HOST="secret@127.0.0.1", MPD_PORT="1"
    )


def test_passwords(library: Beet, songs: Path) -> None:
    port = free_port()
    abstract = f"@musrec-{port}"  # of Linux alone
    more = [f'bind_to_address "{abstract}"'] if sys.platform == "linux" else []
    passwords = ['password "open@read,add,control,admin"', 'password "look@read"', 'default_permissions ""']
    with Daemon(songs, *passwords, *more, port=port) as daemon:
        daemon.client.password("open")
        daemon.update()
        daemon.client.add(named(library, "Harbour Waltz")[0])
        for host, sentence in [
            ("127.0.0.1", f"MPD at 127.0.0.1:{port} does not allow status: set MPD_HOST to PASSWORD@HOST"),
            ("look@127.0.0.1", f"MPD at 127.0.0.1:{port} does not allow addid: set MPD_HOST to PASSWORD@HOST"),
            ("wrong@127.0.0.1", f"MPD at 127.0.0.1:{port} refuses the password"),
        ]:
            assert sentence in library.error("radio", "--once", MPD_HOST=host, MPD_PORT=str(port))
        library.configure(musrec={"radio": {"host": "open@127.0.0.1", "port": port}})
        library("radio", "--once", MPD_HOST="nowhere.invalid")
        assert len(daemon.queue) == 4  # beets' folder stands in for MPD's, which tells it nobody over TCP
        if more:
            daemon.client.delete((1,))
            library.configure()
            library("radio", "--once", MPD_HOST=f"open@{abstract}")
            assert len(daemon.queue) == 4


def test_a_full_queue_is_one_sentence(library: Beet, songs: Path) -> None:
    with Daemon(songs, 'max_playlist_length "2"') as daemon:
        daemon.update()
        daemon.mpc("add", named(library, "Harbour Waltz")[0])
        assert "MPD's queue is full: max_playlist_length in mpd.conf limits it" in refused(library, daemon, "--once")
        assert len(daemon.queue) == 2


def test_to_wait_without_a_change(daemon: Daemon) -> None:
    player = Player(Address(daemon.host))
    player.connect()
    assert player.wait(0.05) == []
    daemon.mpc("random", "on")
    assert player.wait(60) == ["options"]
    assert player.look().random
    player.close()


# --start and --to.


def test_start_begins_to_play_and_clears_nothing(library: Beet, daemon: Daemon) -> None:
    (there,) = named(library, "Harbour Waltz")
    (wanted,) = named(library, "Paper Waltz")
    daemon.mpc("add", there)
    once(library, daemon, "--start", "Paper Waltz")
    assert daemon.queue[:2] == [there, wanted]
    assert len(daemon.queue) == 5
    assert daemon.client.status()["state"] == "play"
    assert daemon.client.currentsong()["file"] == wanted
    once(library, daemon, "--start", "Harbour Waltz")  # it plays, so that goes on
    assert daemon.client.currentsong()["file"] == wanted
    assert len(daemon.queue) == 6
    assert daemon.queue[5] == there
    once(library, daemon, "--start", "Harbour Waltz")  # it is to come already
    assert len(daemon.queue) == 6
    daemon.mpc("pause")
    once(library, daemon, "--start", "Second Bass")
    assert len(daemon.queue) == 7
    assert daemon.client.status()["state"] == "pause"
    assert "no song matches: nothing" in refused(library, daemon, "--start", "nothing")


def test_to_leads_to_a_song(library: Beet, daemon: Daemon) -> None:
    assert "--to needs a song of beets in the queue" in refused(library, daemon, "--to", "Drone")
    assert "no song matches: nothing" in refused(library, daemon, "--start", "Waltz", "--to", "nothing")
    assert daemon.queue == []
    (goal,) = named(library, "Second Drone")
    once(library, daemon, "--start", "Harbour Waltz", "--to", "Second Drone")
    assert daemon.queue[0] == named(library, "Harbour Waltz")[0]
    assert goal in daemon.queue
    assert 4 <= len(daemon.queue) == len(set(daemon.queue))
    assert daemon.queue[-1] == goal
    assert "the queue ends with" in refused(library, daemon, "--to", "Second Drone")


def test_a_journey_keeps_to_the_same_songs(library: Beet, daemon: Daemon) -> None:
    played = library("ls", "-f", "$id", "^title:waltz", "^title:rock").lines
    for id_ in played:
        library.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, 'last_played', ?)",
                    int(id_), str(time.time() - 60))  # fmt: skip
    library.configure(musrec={"exclude": "title:waltz"})
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    once(library, daemon, "--to", "Second Drone")  # it is asked for, though it was played
    assert daemon.queue[-1] == named(library, "Second Drone")[0]
    assert set(daemon.queue[1:-1]) <= set(named(library, "title:rock"))


# Following.


def test_what_was_heard_does_not_come_again_within_the_time(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 1}})
    waltz, other = named(library, "title:waltz")
    daemon.mpc("add", waltz)
    daemon.mpc("play")
    running = radio(library, daemon)
    running.says("filling the queue")
    assert running.end() == 0
    daemon.client.clear()
    daemon.mpc("add", other)
    library.configure(musrec={"radio": {"ahead": 9, "options": {"in": "title:waltz"}}})
    said = once(library, daemon)
    assert (daemon.queue, said.err) == ([other], "musrec: no other song is left to choose from\n")
    file = library.home / "library.db.musrec-radio"
    stored = json.loads(file.read_text())
    for each in stored["players"][daemon.host]["heard"]:
        each[2] -= 12.1 * 3600
    file.write_text(json.dumps(stored))
    once(library, daemon)
    assert daemon.queue == [other, waltz]


def test_it_follows_what_is_skipped_removed_and_added(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 2}})
    (first,) = named(library, "Harbour Waltz")
    daemon.mpc("add", first)
    daemon.mpc("play")
    running = radio(library, daemon)
    daemon.has(3)
    running.says("filling the queue")
    removed = daemon.queue[2]
    daemon.mpc("del", "3")
    daemon.until(lambda: len(daemon.queue) == 3 and removed not in daemon.queue)
    daemon.mpc("next")
    daemon.has(4)
    (added,) = [file for file in named(library, "Rock") if file not in daemon.queue][:1]
    daemon.mpc("add", added)
    daemon.mpc("next")
    heard(library, daemon, 3)
    daemon.mpc("next")
    daemon.has(6)
    assert removed not in daemon.queue
    assert len(set(daemon.queue)) == 6
    assert running.end() == 0
    kept = memory(library, daemon)
    assert [skipped for *_, skipped in kept["heard"]] == [True, True, True, False]
    assert len(kept["removed"]) == 1
    assert len(kept["appended"]) == 4  # neither the first nor the one that was added by hand
    once(library, daemon)
    assert removed not in daemon.queue


def test_modes_stops_and_an_empty_queue(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 2}})
    running = radio(library, daemon)
    running.says("waiting for the first song")
    running.says("filling the queue")
    daemon.client.consume(1)
    daemon.client.random(1)
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    assert len(daemon.queue) == 1  # it is stopped
    daemon.mpc("play")
    daemon.has(3)
    daemon.mpc("next")
    daemon.until(lambda: len(daemon.queue) == 3 and named(library, "Harbour Waltz")[0] not in daemon.queue)
    daemon.client.stop()
    daemon.client.clear()
    daemon.mpc("add", named(library, "Paper Waltz")[0])
    daemon.client.consume(0)
    daemon.mpc("play")
    daemon.has(3)
    assert running.end(signal.SIGINT) == 0
    assert memory(library, daemon)["removed"] == []


def test_a_queue_that_ran_out_goes_on_when_the_library_has_more(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 1, "options": {"in": "title:waltz"}}})
    for file in named(library, "title:waltz"):
        daemon.mpc("add", file)
    daemon.mpc("play", "2")
    running = radio(library, daemon)
    running.says("no other song is left to choose from")
    running.says("filling the queue")
    daemon.client.seekcur(11.5)
    daemon.until(lambda: daemon.client.status()["state"] == "stop")
    library.sql("UPDATE items SET title = 'New Waltz' WHERE title LIKE 'Second Drone%'")
    daemon.mpc("repeat", "on")  # something happens
    daemon.until(lambda: daemon.client.status()["state"] == "play")
    assert [daemon.client.currentsong()["file"]] == named(library, "title:new waltz") == daemon.queue[2:]
    running.says("appended")
    assert running.lines.count("musrec: no other song is left to choose from\n") == 1
    assert running.end() == 0


@pytest.mark.slow
def test_skipped_songs_steer_as_unlike_does(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 1}})
    seed, skipped, first = next(found for found in steered(library))
    for title in (skipped, seed):
        daemon.mpc("add", named(library, title)[0])
    daemon.mpc("play")
    running = radio(library, daemon)
    running.says("filling the queue")
    daemon.mpc("next")
    daemon.has(3)
    assert daemon.queue[2:] == named(library, first)
    assert running.end() == 0


def steered(library: Beet) -> Iterator[tuple[str, str, str]]:
    """Seeds, songs that are unlike, and the nearest song then, where without these it is another one."""
    titles = library("ls", "-f", "$title").lines
    for seed in titles:
        nearest = library("similar", seed, "-n", "9", "-f", "$title").lines
        for skipped in nearest[1:]:
            first = library("similar", seed, "-n", "1", "-f", "$title", "--unlike", skipped).lines[0]
            if first != nearest[0]:
                yield seed, skipped, first


def test_a_second_radio_refuses(library: Beet, daemon: Daemon, radio: Start) -> None:
    radio(library, daemon).says("filling the queue")
    said = refused(library, daemon, "--once")
    assert said == f"error: another `beet radio` fills the queue of MPD at {daemon.host}: end that one first"


def test_mpd_may_end_and_come_back(library: Beet, songs: Path, radio: Start) -> None:
    with running_daemon(songs) as daemon:
        daemon.mpc("add", named(library, "Harbour Waltz")[0])
        daemon.mpc("play")
        running = radio(library, daemon)
        running.says("filling the queue")
        daemon.stop()
        running.says("lost the connection to MPD")
        daemon.start()
        running.says("connected to MPD")
        assert len(daemon.queue) == 4
        daemon.mpc("next")
        daemon.has(5)
        daemon.kill()
        running.says("lost the connection to MPD")
        daemon.start()
        running.says("connected to MPD")
        assert running.end() == 0
        assert memory(library, daemon)["removed"] == []


def test_the_library_may_change_and_be_away(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 1}})
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    daemon.mpc("play")
    running = radio(library, daemon)
    daemon.has(2)
    away = library.home / "away.db"
    (library.home / "library.db").rename(away)
    daemon.mpc("next")
    running.says("is not there: the queue is filled again when it is back")
    left = "SELECT id FROM items WHERE title NOT LIKE '%Waltz%'"
    away.write_bytes(away.read_bytes())
    away.rename(library.home / "library.db")
    library.sql(f"DELETE FROM items WHERE id IN ({left}) AND title NOT LIKE 'Second Drone%'")
    daemon.client.seekcur(2)
    daemon.until(lambda: len(daemon.queue) == 3)
    assert set(daemon.queue) <= set(named(library))
    assert running.end() == 0
    assert len([line for line in running.lines if "is not there" in line]) == 1


def test_a_damaged_library_is_waited_for(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 1}})
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    daemon.mpc("play")
    running = radio(library, daemon)
    running.says("filling the queue")
    whole = (library.home / "library.db").read_bytes()
    (library.home / "library.db").write_bytes(b"no database" * 10_000)
    daemon.mpc("next")
    running.says("can't be read: file is not a database: the queue is filled again when it is back")
    (library.home / "library.db").write_bytes(whole)
    daemon.client.seekcur(2)
    daemon.has(3)
    assert running.end() == 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
def test_a_killed_radio_goes_on_where_it_was(library: Beet, daemon: Daemon, radio: Start) -> None:
    library.configure(musrec={"radio": {"ahead": 2}})
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    daemon.mpc("play")
    running = radio(library, daemon)
    running.says("filling the queue")
    daemon.mpc("next")
    daemon.has(4)
    heard(library, daemon, 2)
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    removed = daemon.queue[2]
    daemon.mpc("del", "3")
    again = radio(library, daemon)
    again.says("filling the queue")
    assert len(daemon.queue) == 4
    assert removed not in daemon.queue
    assert again.end() == 0
    assert [skipped for *_, skipped in memory(library, daemon)["heard"]] == [True, False]


def test_what_was_heard_can_not_be_kept(library: Beet, daemon: Daemon, radio: Start) -> None:
    (library.home / "library.db.musrec-radio").mkdir()
    daemon.mpc("add", named(library, "Harbour Waltz")[0])
    daemon.mpc("play")
    running = radio(library, daemon)
    running.says("library.db.musrec-radio can't be read")
    running.says("can't be kept in")
    running.says("filling the queue")
    daemon.mpc("next")
    daemon.has(5)
    assert running.end() == 0
    assert len([line for line in running.lines if "can't be kept" in line]) == 1


# Files.


@pytest.fixture
def odd(own_files: Beet) -> Beet:
    """Songs of its own, in folders whose names are hard to pass on."""
    own_files.configure(paths={"default": f"{ODD}/$artist/$title"}, replace={"$^": "_"})
    own_files("move")
    return own_files


def test_songs_that_mpd_does_not_know_are_left_out(odd: Beet, tmp_path: Path) -> None:
    known = odd.paths("title:waltz") + odd.paths("title:drone")
    for path in known:
        copy = tmp_path / "some" / path.relative_to(odd.directory)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    odd.configure(musrec={"radio": {"ahead": 9, "music_directory": str(odd.directory)}})
    with running_daemon(tmp_path / "some") as daemon:
        said = once(odd, daemon, "--start", "Harbour Waltz")
        assert sorted(odd.directory / file for file in daemon.queue) == sorted(known)
        assert said.err.count("MPD does not know") == 1
        assert "run `mpc update`" in said.err
        sentence = refused(odd, daemon, "--start", "Paper Guitar", "--once")
        assert "MPD does not know the 1 song of --start" in sentence


def test_songs_that_mpd_learns_of_are_appended(odd: Beet, radio: Start, tmp_path: Path) -> None:
    files = odd.paths("title:waltz")
    copies = [tmp_path / "some" / path.relative_to(odd.directory) for path in files]
    odd.configure(musrec={"radio": {"ahead": 1, "music_directory": str(odd.directory)}})
    for copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(files[0], copies[0])
    with running_daemon(tmp_path / "some") as daemon:
        daemon.client.add(str(copies[0].relative_to(tmp_path / "some")))
        daemon.mpc("play")
        running = radio(odd, daemon)
        running.says("filling the queue")
        shutil.copy(files[1], copies[1])
        daemon.mpc("update")
        daemon.has(2)
        assert running.end() == 0
        assert len([line for line in running.lines if "does not know" in line]) == 1


def test_files_outside_mpds_folder_are_played_over_a_socket(odd: Beet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with running_daemon(tmp_path / "empty") as daemon:
        once(odd, daemon, "--start", "Harbour Waltz")
        assert len(daemon.queue) == 4
        assert set(daemon.queue) <= {str(path) for path in odd.paths()}
        assert daemon.client.status()["state"] == "play"
        daemon.mpc("crop")
        once(odd, daemon)  # and are recognised
        assert len(daemon.queue) == 4


def test_links_and_decomposed_names(odd: Beet, tmp_path: Path) -> None:
    composed = odd.directory / ODD
    composed.rename(odd.directory / unicodedata.normalize("NFD", ODD))
    (tmp_path / "link").symlink_to(odd.directory)
    odd.configure(musrec={"radio": {"ahead": 9}})
    with running_daemon(tmp_path / "link") as daemon:
        once(odd, daemon, "--start", "Harbour Waltz")
        assert len(daemon.queue) == 10
        assert {file.split("/")[0] for file in daemon.queue} == {unicodedata.normalize("NFD", ODD)}
        daemon.mpc("del", "10")
        said = once(odd, daemon)
        assert "no other song is left" in said.err
        assert len(daemon.queue) == 9  # the ninth of nine is to come, and the one that was removed stays away
