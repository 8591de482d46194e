"""A playlist knows its recipe: `beet similar --refresh` and `--extend`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..conftest import Beet


def songs(path: Path) -> list[str]:
    """The titles, in the playlist's order."""
    return re.findall(r"#EXTINF:-?\d+,.* - (.*)", path.read_text("utf-8"))


def recipe(path: Path) -> str:
    """The command that a playlist holds."""
    return "".join(re.findall("^#MUSREC:(.*)$", path.read_text("utf-8"), re.M))


def without(path: Path, title: str) -> None:
    """Take a song out, as somebody with an editor does."""
    text = path.read_text("utf-8")
    shorter = re.sub(rf"#EXTINF:.* - {re.escape(title)}\n.*\n", "", text)
    assert shorter != text
    path.write_text(shorter, "utf-8")


def add(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text('utf-8')}#EXTINF:12,by - hand\n{line}\n", "utf-8")


@pytest.fixture
def waltzes(library: Beet, tmp_path: Path) -> Path:
    """Four songs near a waltz, which comes first."""
    path = tmp_path / "waltzes.m3u8"
    library("similar", "Harbour Waltz", "-n", "4", "-m", str(path))
    assert len(songs(path)) == 5
    return path


def test_the_recipe_stands_in_the_file(library: Beet, waltzes: Path) -> None:
    assert recipe(waltzes) == "beet similar --count 4 'Harbour Waltz'"
    lines = waltzes.read_text("utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    assert re.fullmatch(r"#MUSREC-MODEL:musrec-2@[0-9a-f]{8}", lines[2])
    assert re.fullmatch(r"#MUSREC-SEEDS:\S.* - Harbour Waltz \d", lines[3])
    library.configure(musrec={"playlist": {"recipe": False}})
    library("similar", "Harbour Waltz", "-n", "4", "-m", str(waltzes))
    assert "MUSREC" not in waltzes.read_text("utf-8")
    assert "has no recipe" in library.error("similar", "--refresh", str(waltzes))


def test_made_anew_it_is_the_same_until_the_library_changes(library: Beet, waltzes: Path) -> None:
    before = waltzes.read_bytes()
    said = library("similar", "--refresh", str(waltzes), "-f", "$title")
    assert waltzes.read_bytes() == before
    assert sorted(said.lines) == sorted(songs(waltzes)[1:])
    assert "5 songs, 0 new" in said.err
    library("modify", "-y", "--nowrite", f"title:{songs(waltzes)[1]}", "musrec_embedding!")
    said = library("similar", "--refresh", str(waltzes))
    assert waltzes.read_bytes() != before
    assert "5 songs, 1 new" in said.err
    assert len(songs(waltzes)) == 5


def test_what_was_taken_out_by_hand_stays_out(library: Beet, waltzes: Path) -> None:
    _, first, second, *_ = songs(waltzes)
    without(waltzes, first)
    said = library("similar", "--refresh", str(waltzes))
    assert "your changes are kept: 1 removed, 0 added" in said.err
    assert first not in songs(waltzes)
    assert len(songs(waltzes)) == 5
    without(waltzes, second)
    library("similar", "--extend", str(waltzes), "-n", "20")
    assert len(songs(waltzes)) == 8  # of ten
    assert not {first, second} & {*songs(waltzes)}
    library("similar", "--refresh", str(waltzes), "-n", "20")
    assert len(songs(waltzes)) == 8
    assert not {first, second} & {*songs(waltzes)}


def test_a_seed_that_was_taken_out_stays_out_and_is_still_the_seed(library: Beet, waltzes: Path) -> None:
    seed, *others = songs(waltzes)
    without(waltzes, seed)
    library("similar", "--refresh", str(waltzes))
    assert songs(waltzes) == others
    add(waltzes, str(library.paths(f"title:{seed}")[0]))  # and put back, elsewhere
    library("similar", "--refresh", str(waltzes))
    assert songs(waltzes) == [*others, "hand"]


def test_what_was_added_by_hand_stays_and_is_no_answer(library: Beet, waltzes: Path) -> None:
    titles = dict(zip(library("ls", "-f", "$title").lines, library.paths(), strict=True))
    added = next(title for title in titles if title not in songs(waltzes))
    add(waltzes, str(titles[added]))
    add(waltzes, "http://radio.example/stream")
    library("similar", "--refresh", str(waltzes), "-n", "20")
    lines = waltzes.read_text("utf-8").splitlines()
    assert lines[-4:] == [
        "#EXTINF:12,by - hand", str(titles[added]), "#EXTINF:12,by - hand", "http://radio.example/stream"
    ]  # fmt: skip
    assert lines.count(str(titles[added])) == 1
    assert len(songs(waltzes)) == 11


def test_what_was_put_back_by_hand_comes_again(library: Beet, waltzes: Path) -> None:
    _, first, *_ = songs(waltzes)
    without(waltzes, first)
    library("similar", "--refresh", str(waltzes))
    assert "#MUSREC-WITHOUT" in waltzes.read_text("utf-8")
    add(waltzes, str(library.paths(f"title:{first}")[0]))
    said = library("similar", "--refresh", str(waltzes))
    assert "your changes are kept: 0 removed, 1 added" in said.err
    assert "#MUSREC-WITHOUT" not in waltzes.read_text("utf-8")


def test_it_is_continued(library: Beet, waltzes: Path) -> None:
    before = waltzes.read_text("utf-8").splitlines()
    said = library("similar", "--extend", str(waltzes), "-n", "2", "-f", "$title")
    assert "added 2 songs to" in said.err
    after = waltzes.read_text("utf-8").splitlines()
    assert [line for line in after if not line.startswith("#MUSREC")][: 1 + 2 * 5] == [
        line for line in before if not line.startswith("#MUSREC")
    ]
    assert songs(waltzes)[5:] == said.lines
    assert len({*songs(waltzes)}) == 7
    assert recipe(waltzes) == "beet similar --count 6 'Harbour Waltz'"
    once = sorted(songs(waltzes))
    library("similar", "--refresh", str(waltzes))
    assert sorted(songs(waltzes)) == once  # as many as it was continued to


def test_the_caps_hold_over_the_whole_list(library: Beet, tmp_path: Path) -> None:
    library("modify", "-y", "--nowrite", "^title:Harbour Waltz", "artist=One")
    path = tmp_path / "one.m3u8"
    library("similar", "Harbour Waltz", "-n", "2", "--max-per-artist", "3", "-m", str(path))
    said = library("similar", "--extend", str(path), "-n", "5")
    assert len(said.lines) == 1
    assert len(songs(path)) == 4


def test_the_seeds_may_be_answers(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "with.m3u8"
    library("similar", "title:Waltz", "--with-seeds", "-n", "3", "-m", str(path))
    assert len(songs(path)) == 3
    assert sum("Waltz" in title for title in songs(path)) == 2
    before = path.read_bytes()
    library("similar", "--refresh", str(path))
    assert path.read_bytes() == before
    library("similar", "--refresh", str(path), "--no-seeds")
    assert not any("Waltz" in title for title in songs(path))
    assert "--with-seeds and --no-seeds can't be combined" in library.error(
        "similar", "Waltz", "--with-seeds", "--no-seeds"
    )
    assert "every embedded song is a seed" in library.error("similar", "id:1..")


def test_by_length(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "minute.m3u8"
    library("similar", "Harbour Waltz", "--length", "40s", "--no-seeds", "-m", str(path))
    assert len(songs(path)) == 3  # of 12 s
    assert "Harbour Waltz" not in songs(path)[0]
    library("similar", "--extend", str(path), "--length", "30s")
    assert len(songs(path)) == 5
    assert recipe(path) == "beet similar --length 64s --no-seeds 'Harbour Waltz'"
    library("similar", "--refresh", str(path), "-n", "2")
    assert recipe(path) == "beet similar --no-seeds --count 2 'Harbour Waltz'" or len(songs(path)) == 2


def test_chance_is_repeated_or_drawn_anew(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "drawn.m3u8"
    said = library("similar", "Harbour Waltz", "-n", "2", "--shuffle", "-m", str(path))
    (seed,) = re.findall(r"--seed (\d+)", said.err)
    assert f"--seed {seed} " in recipe(path)
    before = path.read_bytes()
    library("similar", "--refresh", str(path))
    assert path.read_bytes() == before
    library("similar", "--refresh", str(path), "--seed", "0")  # 0 is a number like another
    assert "--seed 0 " in recipe(path)
    said = library("similar", "--refresh", str(path), "--shuffle")
    (other,) = re.findall(r"--seed (\d+)", said.err)
    assert f"--seed {other} " in recipe(path)


def test_every_option_comes_back(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "all.m3u8"
    (tmp_path / "mine.m3u").write_bytes(bytes(library.paths("title:Drone")[0]) + b"\n")
    options = ["--first", "--unlike", "title:Rock", "--more", "jazz:0.3", "--less", "pop", "--space", "genre",
               "--metric", "cosine", "--in", "title:a , title:o", "--weigh", "rating:0.1", "--max-per-artist", "2",
               "--max-per-album", "3", "--variety", "0.2", "--duplicates", "--count", "3", "--order", "smooth", "--mix",
               "--no-seeds"]  # fmt: skip
    library("similar", "title:Waltz", *options, "--from-playlist", "mine.m3u", "-m", str(path), cwd=tmp_path)
    first = recipe(path)
    for word in [*options, str(tmp_path / "mine.m3u"), "title:Waltz"]:
        assert word in first
    before = path.read_bytes()
    library("similar", "--refresh", str(path), cwd=library.home)
    assert path.read_bytes() == before
    library("similar", "--refresh", str(path), "--less", "rock", "--max-per-album", "0")
    assert "--less pop --less rock" in recipe(path)
    assert "--max-per-album 0" in recipe(path)


def test_a_query_that_begins_with_a_dash(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "dash.m3u8"
    library("similar", "-m", str(path), "--", "-title:Rock", "title:Harbour Waltz")
    before = path.read_bytes()
    library("similar", "--refresh", str(path))
    assert path.read_bytes() == before


def test_a_journey_is_made_anew_and_has_an_end(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "way.m3u8"
    library("similar", "Harbour Waltz", "--to", "title:Rock", "-n", "5", "-m", str(path))
    titles = songs(path)
    assert len(titles) == 5
    without(path, titles[2])
    library("similar", "--refresh", str(path))
    assert titles[2] not in songs(path)
    assert len(songs(path)) == 5
    assert "a journey can't be extended" in library.error("similar", "--extend", str(path))


def test_a_journey_whose_recipe_an_earlier_version_wrote(library: Beet, tmp_path: Path) -> None:
    """It took `--no-seeds` with `--to`, to no effect; today's command line refuses that, its recipes stay readable."""
    path = tmp_path / "way.m3u8"
    path.write_text("#EXTM3U\n#MUSREC:beet similar --count 4 --to title:Rock --no-seeds 'Harbour Waltz'\n")
    library("similar", "--refresh", str(path))
    assert len(songs(path)) == 4
    assert recipe(path) == "beet similar --count 4 --to title:Rock 'Harbour Waltz'"
    for option in (["--no-seeds"], ["--variety", "0.5"]):
        error = library.error("similar", "--refresh", str(path), *option)
        assert error == f"error: --to can't be combined with {option[0]}"


def test_songs_are_known_again_when_they_move(own_files: Beet, tmp_path: Path) -> None:
    path = tmp_path / "waltzes.m3u8"
    own_files("similar", "Harbour Waltz", "-n", "4", "-m", str(path))
    _, first, *others = songs(path)
    without(path, first)
    own_files.configure(paths={"default": "moved/$title"})
    own_files("move")
    own_files("similar", "--refresh", str(path))
    assert first not in songs(path)
    assert {*others} < {*songs(path)}
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all("/moved/" in line for line in lines)
    assert len(lines) == 5


def test_paths_that_a_program_changed_are_not_taken_for_taken_out(library: Beet, waltzes: Path) -> None:
    text = waltzes.read_text("utf-8")
    waltzes.write_text(text.replace(str(library.directory), "/mnt/music"), "utf-8")
    assert "use --refresh first" in library.error("similar", "--extend", str(waltzes))
    said = library("similar", "--refresh", str(waltzes))
    assert "songs that you removed are not recognised" in said.err
    assert waltzes.read_text("utf-8") == text


def test_many_at_once(library: Beet, waltzes: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.m3u").write_text("/m/a.mp3\n")
    other = tmp_path / "other.m3u8"
    library("similar", "title:Rock", "--first", "-n", "2", "-m", str(other))
    before = other.read_bytes()
    without(waltzes, songs(waltzes)[1])
    said = library("similar", *("--refresh", str(waltzes)), *("--refresh", str(tmp_path / "plain.m3u")),
                   *("--refresh", str(other)), ok=False)  # fmt: skip
    assert said.status == 1
    assert "1 of 3 playlists could not be refreshed" in said.err
    assert "plain.m3u has no recipe" in said.err
    assert len(songs(waltzes)) == 5
    assert other.read_bytes() == before
    assert (tmp_path / "plain.m3u").read_text() == "/m/a.mp3\n"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("beet similar --frobnicate x", "is damaged: no such option: --frobnicate"),
        ("beet similar -m /tmp/elsewhere.m3u x", "is damaged: no such option: -m"),
        ("beet similar 'x", "is damaged: No closing quotation"),
        ("beet remove -d x", "is for another command: remove"),
        ("beet mixes 'Like this'", "no mix in the configuration makes Like this any more"),
        ("beet similar nosuchsong", "no song matches: nosuchsong"),
        ("beet similar --count 0 Waltz", "--count has to be 1 or more"),
    ],
)
def test_a_recipe_that_somebody_wrote(library: Beet, tmp_path: Path, command: str, error: str) -> None:
    path = tmp_path / "evil.m3u"
    content = f"#EXTM3U\n#MUSREC:{command}\n/m/a.mp3\n"
    path.write_text(content)
    assert error in library.error("similar", "--refresh", str(path))
    assert path.read_text() == content
    assert not Path("/tmp/elsewhere.m3u").exists()


def test_a_playlist_that_is_not_there(library: Beet) -> None:
    assert "there is no playlist nosuch" in library.error("similar", "--refresh", "nosuch")


def test_in_the_folder_of_playlists_by_name(library: Beet, tmp_path: Path) -> None:
    library.configure(musrec={"playlist": {"dir": str(tmp_path / "lists")}})
    library("similar", "Harbour Waltz", "-n", "2", "-m", "waltz")
    said = library("similar", "--extend", "waltz", "-n", "1")
    assert "added 1 song to" in said.err
    assert len(songs(tmp_path / "lists" / "waltz.m3u8")) == 4


def test_no_song_is_left(library: Beet, waltzes: Path) -> None:
    before = waltzes.read_bytes()
    assert "left as it is" in library.error("similar", "--refresh", str(waltzes), "--in", "title:Harbour Waltz")
    assert waltzes.read_bytes() == before
    said = library("similar", "--extend", str(waltzes), "--in", "title:Harbour Waltz")
    assert "no other song is left to choose from" in said.err
    assert waltzes.read_bytes() == before
