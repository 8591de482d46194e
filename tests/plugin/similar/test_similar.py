"""``beet similar`` names the nearest songs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ... import music
from ..conftest import Beet

LINE = re.compile(r"\d\.\d{3}  \S.* - \S.*")


def test_the_nearest_song_is_of_the_same_style(library: Beet) -> None:
    for style in music.STYLES:
        word = style.split()[-1]
        said = library("similar", "--first", f"title:{word}")
        assert len(said.lines) == 5
        assert all(LINE.fullmatch(line) for line in said.lines), said.out
        assert word in said.lines[0], said.out
        distances = [float(line.split()[0]) for line in said.lines]
        assert distances == sorted(distances)


def test_the_mode_of_the_averaged_latent_top_two_by_cosine(library: Beet) -> None:
    said = library("similar", "--space", "embedding", "--metric", "cosine", "-n", "2", "--first", "title:Drone")
    assert len(said.lines) == 2
    assert "Drone" in said.lines[0]


def test_the_mode_of_genre_probabilities_top_five_by_euclid(library: Beet) -> None:
    said = library("similar", "--space", "genre", "--metric", "euclidean", "-n", "5", "--first", "title:Rock",
                   "-f", "$id $musrec_distance")  # fmt: skip
    assert len(said.lines) == 5
    seed = library("ls", "title:Rock", "-f", "$id").lines[0]

    def probabilities(id_: str) -> dict[str, float]:
        (text,) = library("ls", f"id:{id_}", "-f", "$musrec_rock $musrec_pop").lines
        rock, pop = map(float, text.split())
        return {"rock": rock, "pop": pop}

    a = probabilities(seed)
    for line in said.lines:  # the distance is at least that of any two of the coordinates
        id_, distance = line.split()
        b = probabilities(id_)
        assert float(distance) >= ((a["rock"] - b["rock"]) ** 2 + (a["pop"] - b["pop"]) ** 2) ** 0.5 - 0.02


def test_many_matches_are_all_seeds_and_it_says_so(library: Beet) -> None:
    said = library("similar", "title:Waltz", "-n", "20")
    assert "2 songs match: using them all as seeds" in said.err
    assert len(said.lines) == 8
    assert "Waltz" not in said.out
    first = library("similar", "--first", "title:Waltz", "-n", "20")
    assert "songs match" not in first.err
    assert len(first.lines) == 9
    assert "Waltz" in first.lines[0]


def test_formats_and_paths(library: Beet) -> None:
    said = library("similar", "--first", "title:Waltz", "-n", "1", "-f", "<$title> $musrec_distance $musrec_genre")
    assert re.fullmatch(r"<.*Waltz \d> \d\.\d{3} [a-z& ]+\n", said.out)
    (path,) = library("similar", "--first", "title:Waltz", "-n", "1", "-p").lines
    assert Path(path).is_file()


def test_an_album_as_the_seed(library: Beet) -> None:
    said = library("similar", "-a", "Clara Ivory", "-n", "1")
    assert "Waltz" in said.out
    both = library("similar", "-a", "title:Waltz", "-n", "9")
    first = library("similar", "-a", "--first", "title:Waltz", "-n", "9")
    assert ("Waltz" in both.out, "Waltz" in first.out) == (False, True)
    assert library.error("similar", "-a", "nosuchalbum") == "error: no album matches: nosuchalbum"


def test_choosing_only_from_a_query(library: Beet) -> None:
    said = library("similar", "--first", "title:Waltz", "--in", "title:Rock , title:Drone", "-n", "20")
    assert len(said.lines) == 4
    assert all("Rock" in line or "Drone" in line for line in said.lines)
    assert "no song matches --in" in library.error("similar", "title:Waltz", "--in", "title:nosuchsong")


def test_caps(library: Beet) -> None:
    library.sql("UPDATE items SET artist = 'One Artist', album_id = 1 WHERE title NOT LIKE '%Waltz%'")
    said = library("similar", "title:Waltz", "-n", "20", "--max-per-artist", "3")
    assert len(said.lines) == 3
    assert len(library("similar", "title:Waltz", "-n", "20", "--max-per-album", "2").lines) == 2
    library.configure(musrec={"similar": {"max_per_artist": 1, "count": 20}})
    assert len(library("similar", "title:Waltz").lines) == 1
    assert len(library("similar", "title:Waltz", "--max-per-artist", "0").lines) == 8


def test_a_seed_that_is_not_embedded_is_embedded_on_the_spot(library: Beet) -> None:
    library.sql("DELETE FROM item_attributes WHERE entity_id = (SELECT MIN(id) FROM items WHERE title LIKE '%Waltz%')")
    assert "Waltz" in library("similar", "--first", "title:Waltz", "-n", "1").out
    assert len(library.attributes("musrec_embedding")) == 10


def test_a_file_outside_the_library(library: Beet, tmp_path: Path, waltz: Path) -> None:
    copy = tmp_path / "downloads" / "who is this?.flac"
    copy.parent.mkdir()
    music.encode(music.compose(music.Song("Piano Waltz", "?", "?", "?", 1, "flac", 77), 12), copy)
    said = library("similar", "--file", str(copy), "-n", "2")
    assert all("Waltz" in line for line in said.lines)
    assert len(library("ls").lines) == 10
    assert len(library("similar", "--file", str(copy), "--space", "genre", "title:Rock").lines) == 5
    (tmp_path / "bad.mp3").write_text("no music")
    error = library.error("similar", "--file", str(tmp_path / "bad.mp3"))
    assert re.fullmatch(r"error: .*bad\.mp3 can't be a seed: unreadable \(.*\)", error)


def test_a_copy_of_a_song_is_recognised(library: Beet, tmp_path: Path, waltz: Path) -> None:
    """Who is this? The song that you have; but a playlist does not hold it beside its own file."""
    copy, other = tmp_path / f"from a friend{waltz.suffix}", library.paths("title:Drone")[0]
    shutil.copy(waltz, copy)
    (tmp_path / "phone.m3u").write_text(f"{copy}\n")
    title = waltz.stem[3:]
    for seeds in (["--file", str(copy)], ["--from-playlist", str(tmp_path / "phone.m3u")]):
        assert library("similar", *seeds, "-n", "1", "-f", "$musrec_distance $title").lines == [f"0.000 {title}"]
    near = library("similar", "--file", str(copy), "--at", "0:02", "-n", "1").out
    assert title in near
    both = library("similar", "--file", str(copy), "--file", str(other), "-n", "20", "-f", "$title").lines
    assert title in both  # `other` is of the library, and so a seed
    assert len(both) == 9
    library("similar", "--file", str(copy), "-n", "20", "-m", str(tmp_path / "like.m3u"))
    assert title not in (tmp_path / "like.m3u").read_text().partition("from a friend")[2]


def test_a_file_of_the_library_does_not_find_itself(library: Beet, waltz: Path) -> None:
    said = library("similar", "--file", str(waltz), "-n", "20", "-f", "$title")
    assert len(said.lines) == 9
    assert waltz.stem[3:] not in said.lines


def test_mistakes_are_one_sentence(library: Beet) -> None:
    assert library.error("similar") == 'error: name a song, as in: beet similar "The Scientist"'
    assert library.error("similar", "nosuchsong") == "error: no song matches: nosuchsong"
    assert library.error("similar", "-n", "0", "x") == "error: --count has to be 1 or more"
    assert library.error("similar", "--max-per-artist", "-1", "x") == "error: --max-per-artist has to be 0 or more"
    library.configure(musrec={"similar": {"space": "tempo"}})
    said = library("similar", "x", ok=False)
    assert "musrec.similar.space has to be embedding or genre" in said.err
    assert "Traceback" not in said.err


def test_nothing_embedded_but_the_seed(library: Beet) -> None:
    (kept,) = [row[0] for row in library.sql("SELECT MIN(id) FROM items WHERE title LIKE '%Waltz%'")]
    library.sql("DELETE FROM item_attributes WHERE entity_id != ?", kept)
    assert library.error("similar", "--first", "Waltz") == "error: no other song is embedded yet: run `beet embed`"
    library.sql("DELETE FROM item_attributes")
    assert library.error("similar", "--first", "Waltz") == "error: no song is embedded yet: run `beet embed`"
    assert not library.attributes("musrec_embedding")


def test_a_stale_model_is_one_sentence(library: Beet) -> None:
    library.sql("UPDATE item_attributes SET value = 'old@00000000' WHERE key = 'musrec_model'")
    error = library.error("similar", "--first", "Waltz")
    assert re.fullmatch(r"error: the library's embeddings are from another model, not \S+: run `beet embed`", error)


def test_what_is_not_embedded_is_counted(library: Beet) -> None:
    library.sql("DELETE FROM item_attributes WHERE entity_id IN (SELECT id FROM items WHERE title LIKE '%Rock%')")
    said = library("similar", "--first", "Waltz", "-n", "20")
    assert "2 of 10 songs are not embedded yet and can't be found: run `beet embed`" in said.err
    assert len(said.lines) == 7


def test_damaged_attributes_do_not_stop_it(library: Beet) -> None:
    ids = [row[0] for row in library.sql("SELECT id FROM items WHERE title NOT LIKE '%Waltz%'")]
    for id_, value in zip(ids, ("", "!!!", "QUJD", None, "A" * 344), strict=False):
        library.sql("UPDATE item_attributes SET value = ? WHERE key = 'musrec_embedding' AND entity_id = ?", value, id_)
    said = library("similar", "--first", "Waltz", "-n", "20")
    assert 4 <= len(said.lines) <= 5
    library.sql(
        "UPDATE item_attributes SET value = 'rock:1e9 : :: pop' WHERE key = 'musrec_genres' AND entity_id = ?", ids[0]
    )
    assert len(library("similar", "--first", "Waltz", "-n", "20", "--space", "genre").lines) == 8
    library("ls", "musrec_rock:0.1..")


def test_a_seed_that_can_not_be_embedded(own_files: Beet) -> None:
    own_files.sql(
        "DELETE FROM item_attributes WHERE entity_id = (SELECT MIN(id) FROM items WHERE title LIKE '%Waltz%')"
    )
    Path(own_files("ls", "-p", "title:Waltz").lines[0]).write_bytes(b"")
    assert "no seed could be embedded" in own_files.error("similar", "--first", "title:Waltz")
    assert len(own_files("similar", "title:Waltz").lines) == 5  # the other one still serves


# Playlists.


def entries(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines() if not line.startswith(b"#")]


def test_a_playlist_has_the_seed_first_and_then_the_songs(library: Beet, tmp_path: Path) -> None:
    said = library("similar", "--first", "title:Waltz", "-n", "3", "-m", "party.m3u8", "-p", cwd=tmp_path)
    seed = library("ls", "-p", "title:Waltz").lines[0]
    lines = (tmp_path / "party.m3u8").read_text("utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    lines = [line for line in lines if not line.startswith("#MUSREC")]
    assert lines[1].startswith("#EXTINF:12,")
    assert lines[2::2] == [seed, *said.lines]
    assert all(Path(line).is_file() for line in lines[2::2])
    assert "wrote 4 songs to" in said.err


def test_playlist_dir_and_relative_to(library: Beet, tmp_path: Path) -> None:
    target = tmp_path / "lists"
    library.configure(musrec={"playlist": {"dir": str(target), "relative_to": str(library.directory)}})
    library("similar", "--first", "title:Waltz", "-n", "2", "-m", "party")
    found = entries(target / "party.m3u8")
    assert len(found) == 3
    assert all(not line.startswith(b"/") and (library.directory / line.decode()).is_file() for line in found)
    library("similar", "--first", "title:Waltz", "-m", str(tmp_path / "here.m3u"))
    assert len(entries(tmp_path / "here.m3u")) == 6


def test_a_playlist_has_smartplaylists_options(library: Beet, tmp_path: Path) -> None:
    smart = {"relative_to": str(library.directory), "urlencode": True, "prefix": "http://nas/music/", "output": "m3u"}
    smart["recipe"] = False
    library.configure(musrec={"playlist": smart})
    library("similar", "--first", "title:Waltz", "-n", "2", "-m", str(tmp_path / "web.m3u"))
    lines = (tmp_path / "web.m3u").read_text().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("http://nas/music/") and " " not in line for line in lines)
    library.configure(musrec={"playlist": smart | {"output": "extm3u", "uri_format": "http://nas:8337/item/$id/file"}})
    said = library("similar", "--first", "title:Waltz", "-n", "2", "-f", "$id", "-m", str(tmp_path / "ids.m3u"))
    served = [line for line in (tmp_path / "ids.m3u").read_text().splitlines() if not line.startswith("#")]
    assert served[1:] == [f"http://nas:8337/item/{id_}/file" for id_ in said.lines]
    library.configure(musrec={"playlist": {"output": "pls"}})
    assert "output" in library("similar", "Waltz", "-m", str(tmp_path / "x.m3u"), ok=False).err


def test_a_playlist_that_can_not_be_written(library: Beet, tmp_path: Path) -> None:
    (tmp_path / "folder.m3u8").mkdir()
    (tmp_path / "file").touch()
    assert "is a folder" in library.error("similar", "Waltz", "-m", str(tmp_path / "folder"))
    assert "can't be written" in library.error("similar", "Waltz", "-m", str(tmp_path / "file" / "x.m3u8"))


def test_evil_tags_and_paths(own_files: Beet, tmp_path: Path) -> None:
    (old,) = [Path(p) for p in own_files("ls", "-p", "title:Rock").lines[:1]]
    new = old.with_name("new\nline" + old.suffix)
    shutil.move(old, new)
    own_files.sql("UPDATE items SET title = ? WHERE title LIKE '%Waltz%'", "Waltz\n/etc/passwd\n\x1b[31mred")
    own_files("update", "-M", ok=False)
    own_files.sql("UPDATE items SET title = ? WHERE title LIKE '%Waltz%'", "Waltz\n/etc/passwd\n\x1b[31mred")
    own_files("similar", "--first", "Drone", "-n", "20", "-m", str(tmp_path / "evil.m3u8"))
    assert b"/etc/passwd" not in entries(tmp_path / "evil.m3u8")
    assert all(Path(line.decode()).is_file() for line in entries(tmp_path / "evil.m3u8"))


def test_songs_that_the_configuration_excludes_are_no_answers(library: Beet) -> None:
    def answers(**settings: object) -> set[str]:
        library.configure(musrec=settings)
        return set(library("similar", "--first", "Waltz", "-n", "9", "-f", "$title").lines)

    everything = answers()
    assert len(everything) == 9
    drones = {title for title in everything if "Drone" in title}
    assert drones
    assert answers(exclude="title:Drone") == everything - drones
    basses = {title for title in everything if "Bass" in title}
    assert answers(exclude="title:Drone , title:Bass") == everything - drones - basses
    assert answers(exclude="length:1..") == set()
    library.configure(musrec={"exclude": "year:abc"})
    assert "invalid query in musrec.exclude: 'year:abc': 'abc' is not" in library.error("similar", "--first", "Waltz")
    library.configure(musrec={"exclude": "length:1.."})
    assert library("similar", "--first", "title:Drone", "-n", "2", "-f", "$title").out == ""  # still a seed


def test_songs_without_tags_are_known_by_their_files(library: Beet, tmp_path: Path) -> None:
    library.sql("UPDATE items SET title = '', artist = '', albumartist = '', album_id = NULL")
    stems = {path.stem for path in library.paths()}
    said = library("similar", "id:1", "-n", "9", "-m", str(tmp_path / "bare.m3u8"))
    assert {line.partition(" - ")[2] for line in said.lines} < stems
    assert {*re.findall(r"#EXTINF:12,(.*)", (tmp_path / "bare.m3u8").read_text("utf-8"))} == stems
    assert library("genreguess", "id:1").lines[0].strip(" -") in stems
