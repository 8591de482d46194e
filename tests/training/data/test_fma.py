"""FMA-small for real, in miniature: archives of the published layout, served on loopback."""

from __future__ import annotations

import csv
import hashlib
import http.server
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from training.__main__ import main
from training.data.cache import load_cache
from training.data.fetch import CHUNK
from training.data.fma import is_free, read_tracks, select
from training.recipe import RECIPES, RecipeError

from ... import music

STYLE_OF_GENRE = dict(zip(("Electronic", "Folk", "Hip-Hop", "Rock"), music.STYLES, strict=False))


class Archives(http.server.BaseHTTPRequestHandler):
    """A file server with ranges, whose connection breaks once where `break_at` says."""

    folder: Path
    break_at: int | None = None
    asked: list[str]

    def do_GET(self) -> None:
        path = self.folder / self.path.rpartition("/")[2]
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.asked.append(f"{path.name} from {start}")
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = type(self).break_at
        if stop is not None and path.name == "fma_small.zip":
            type(self).break_at = None
            self.wfile.write(content[start:stop])
            self.connection.close()
        else:
            self.wfile.write(content[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``fma_small.zip`` and ``fma_metadata.zip`` with composed songs and a real-shaped ``tracks.csv``."""
    folder = tmp_path_factory.mktemp("published")
    header = [
        ["", "album", "album", "artist", "artist", "set", "set", "track", "track", "track"],
        ["", "comments", "id", "id", "name", "split", "subset", "genre_top", "license", "title"],
        ["track_id", "", "", "", "", "", "", "", "", ""],
    ]
    rows = []
    with zipfile.ZipFile(folder / "fma_small.zip", "w") as archive:
        for g, (genre, style) in enumerate(STYLE_OF_GENRE.items()):
            for k, split in enumerate(["training", "training", "validation", "test"]):
                number = 1000 * g + k + 2
                song = music.Song(style, "x", "y", "z", 1, "mp3", number)
                file = music.encode(music.compose(song, 6), folder / "scratch" / f"{number:06d}.mp3")
                archive.write(file, f"fma_small/{number // 1000:03d}/{number:06d}.mp3")
                licence = "Attribution" if k % 2 else "Attribution-NonCommercial-ShareAlike 3.0 International"
                album = "1" if (g, k) in ((0, 0), (1, 3)) else str(number)  # a compilation over two splits
                rows.append([number, 0, album, 10 * g + k, "Same Name", split, "small", genre, licence, "t"])
        archive.write(folder / "scratch" / "000002.mp3", "fma_small/003/003900.mp3")  # the same sound once more
        rows.append([3900, 0, "9", 77, "Copycat", "training", "small", "Rock", "CC0 1.0 Universal", "t"])
        archive.writestr("fma_small/098/098565.mp3", b"a known bad clip")
        rows.append([98565, 0, "8", 78, "Bad", "training", "small", "Rock", "", "t"])
        archive.writestr("fma_small/004/004444.mp3", b"an unknown bad clip")
        rows.append([4444, 0, "7", 79, "Worse", "training", "small", "Rock", "", "t"])
    rows.append([5555, 0, "6", 80, "Large", "training", "large", "Rock", "", "t"])
    with (folder / "tracks.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([*header, *rows])
    with zipfile.ZipFile(folder / "fma_metadata.zip", "w") as archive:
        archive.write(folder / "tracks.csv", "fma_metadata/tracks.csv")
    return folder


@pytest.fixture
def server(published: Path) -> Iterator[tuple[str, type[Archives]]]:
    handler = type("Handler", (Archives,), {"folder": published, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/fma", handler
        httpd.shutdown()


def recipe_for(server: str, published: Path, folder: Path, **source: bool) -> Path:
    """fma_small.yaml with the loopback server, the tiny archives' checksums and a tiny network."""
    recipe = yaml.safe_load((RECIPES / "fma_small.yaml").read_text())
    recipe["fetch"]["server"] = server
    for archive in recipe["fetch"]["archives"]:
        archive["sha1"] = hashlib.sha1((published / archive["file"]).read_bytes()).hexdigest()
    recipe["data"]["sources"][0].update(source)
    recipe["network"] = {"stem": 8, "stages": [8, 16], "features": 16, "embedding": 16, "dropout": 0.1}
    recipe["schedule"].update(epochs=1, crops_per_epoch=32, batch_clips=8, precision="32-true")
    path = folder / "fma.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.mark.slow
def test_from_an_interrupted_download_to_an_encoder(
    server: tuple[str, type[Archives]], published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], waltz: Path
) -> None:
    address, handler = server
    handler.break_at = 200_000
    recipe, folder = recipe_for(address, published, tmp_path), tmp_path / "fma"
    assert main(["fetch", str(recipe), str(folder)]) == 1
    assert "run it again to go on" in capsys.readouterr().err
    assert 200_000 - CHUNK < (folder / "fma_small.zip.part").stat().st_size <= 200_000
    kept = (folder / "fma_small.zip.part").stat().st_size
    assert main(["fetch", str(recipe), str(folder)]) == 0
    assert handler.asked == ["fma_metadata.zip from 0", "fma_small.zip from 0", f"fma_small.zip from {kept}"]
    assert main(["fetch", str(recipe), str(folder)]) == 0  # all is there: nothing is asked for
    assert len(handler.asked) == 3

    common = ["--recipe", str(recipe), "--music", str(folder), "--out", str(tmp_path / "run")]
    assert main(["prepare", *common]) == 0
    cache = load_cache(tmp_path / "run" / "cache")
    assert {split: len(cache.split(split)) for split in ("train", "valid", "test")} == {
        "train": 8,
        "valid": 4,
        "test": 4,
    }
    assert cache.left_out.pop("fma-098565") == "known to be too short"
    assert cache.left_out.pop("fma-003900") == "exact duplicate of fma-000002"
    assert list(cache.left_out) == ["fma-004444"]
    assert main(["fit", *common]) == 0
    assert main(["export", *common]) == 0

    from musrec_core import Encoder

    track = Encoder.load(tmp_path / "run" / "export" / "fma-small.onnx").embed_file(waltz)
    assert set(track.genres) == {
        "electronic", "experimental", "folk", "hip hop", "instrumental", "international", "pop", "rock",
    }  # fmt: skip


def test_a_damaged_archive_and_a_missing_one(
    server: tuple[str, type[Archives]], published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, folder = recipe_for(server[0], published, tmp_path), tmp_path / "fma"
    folder.mkdir()
    (folder / "fma_metadata.zip").write_bytes(b"not the published file")
    assert main(["fetch", str(recipe), str(folder)]) == 1
    assert "its SHA-1 differs" in capsys.readouterr().err
    recipe.write_text(recipe.read_text().replace("fma_metadata.zip", "nosuch.zip"))
    assert main(["fetch", str(recipe), str(folder)]) == 1
    assert "can't be fetched: HTTPError" in capsys.readouterr().err
    assert main(["fetch", "musrec-1", str(folder)]) == 1
    assert "names no archive" in capsys.readouterr().err


def test_a_disk_that_is_too_small(
    server: tuple[str, type[Archives]], published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    assert main(["fetch", str(recipe_for(server[0], published, tmp_path)), str(tmp_path / "fma")]) == 1
    assert "are needed" in capsys.readouterr().err


@pytest.fixture
def unpacked(published: Path, tmp_path: Path) -> Path:
    (tmp_path / "fma_metadata").mkdir()
    shutil.copy(published / "tracks.csv", tmp_path / "fma_metadata")
    return tmp_path


def test_the_official_split_and_what_is_left_out(unpacked: Path) -> None:
    tracks = read_tracks(unpacked)
    assert len(tracks) == 19
    assert tracks[0].file == unpacked / "fma_small" / "000" / "000002.mp3"
    assert len({track.artist for track in tracks}) == 19  # one name, many artists
    free, left_out = select(tracks, free_only=True)
    assert all(is_free(track.licence) for track in free)
    assert {track.number % 1000 % 2 for track in free if track.number < 3900} == {1}
    assert "NonCommercial" in left_out["2"]
    whole, left_out = select(tracks, whole_albums=True)
    assert left_out["2"] == "its album is also in another split"
    assert 1005 in {track.number for track in whole}  # the test track of that album stays


@pytest.mark.parametrize(("licence", "free"), [
    ("Attribution", True), ("Attribution 3.0 United States", True), ("CC0 1.0 Universal", True),
    ("Attribution-NonCommercial 4.0", False), ("Attribution-Noncommercial-No Derivative Works 3.0", False),
    ("Attribution-ShareAlike", False), ("Attribution-NoDerivatives 4.0", False), ("", False), ("Free Art", False),
])  # fmt: skip
def test_free_licences(licence: str, free: bool) -> None:
    assert is_free(licence) is free


def test_a_metadata_file_of_another_shape(unpacked: Path) -> None:
    path = unpacked / "fma_metadata" / "tracks.csv"
    path.write_text(path.read_text().replace("genre_top", "genre"))
    with pytest.raises(RecipeError, match="lacks the column track genre_top"):
        read_tracks(unpacked)
    path.write_text("x\n")
    with pytest.raises(RecipeError, match="cut short"):
        read_tracks(unpacked)
    path.unlink()
    with pytest.raises(RecipeError, match="is missing"):
        read_tracks(unpacked)
