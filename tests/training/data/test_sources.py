"""Sources of labelled music."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from training.__main__ import main
from training.data.cache import SPLITS, load_cache
from training.data.sources import read_folder, split_of

from ... import music
from ..conftest import recipe_file


def test_a_folder_per_genre(tmp_path: Path, songs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = music.Song("String Drone", "Tagged", "Album", "One", 1, "flac", 7)
    for artist in "abcdefghij":
        folder = tmp_path / "mine" / "Slow Songs" / artist
        folder.mkdir(parents=True)
        music.encode(
            music.compose(music.Song(song.style, artist, "A", "T", 1, "flac", ord(artist)), 4), folder / "1.flac"
        )
    loud = tmp_path / "mine" / "Loud"
    loud.mkdir()
    music.encode(music.compose(song, 4), loud / "tagged.flac")
    music.tag(loud / "tagged.flac", song)
    (loud / "cover.jpg").write_bytes(b"\xff\xd8")
    (loud / ".hidden").write_bytes(b"")
    (tmp_path / "mine" / "licence.txt").write_text("free")

    tracks = read_folder(tmp_path / "mine", {})
    by_artist = {track.artist: track for track in tracks}
    assert len(tracks) == 12
    assert by_artist["a"].genres == ("slow songs",)
    assert by_artist["Tagged"].genres == ("loud",)
    assert len({track.id for track in tracks}) == 12
    assert {track.split for track in tracks} <= set(SPLITS)
    assert all(track.split == split_of(track.artist) for track in tracks if track.artist)

    recipe = yaml.safe_load(recipe_file(tmp_path).read_text())
    recipe["data"] = {"clip_seconds": 30, "sources": [{"folder": "mine"}], "labels": {}}
    recipe["teacher"] = None
    recipe["loss"]["teacher"] = 0
    recipe["vector"] = {"features": 1.0}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    common = ["--recipe", str(tmp_path / "mine.yaml"), "--music", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(["prepare", *common]) == 0
    assert "no-audio" in capsys.readouterr().out  # cover.jpg
    cache = load_cache(tmp_path / "run" / "cache")
    assert cache.vocabulary == ["loud", "slow songs"]
    assert len(cache.tracks) == 11


def test_the_split_of_artists_is_about_eight_to_one_to_one() -> None:
    found = [split_of(f"artist {n}") for n in range(2000)]
    assert found.count("train") == pytest.approx(1600, abs=80)
    assert found.count("valid") == pytest.approx(200, abs=60)
    assert split_of("Björk") == split_of("BJÖRK")
