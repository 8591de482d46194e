"""Several files joined into one: all of it counts, not the first alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.audio.chains import Link, Part, flac_links, ogg_links
from musrec_core.audio.clip import load_clip
from musrec_core.errors import UnusableAudio

from ... import music

RATE = 22_050


def tone(frequency: float, seconds: float, channels: int = 1) -> NDArray[np.float32]:
    t = np.arange(int(seconds * 44_100)) / 44_100
    return np.tile(0.5 * np.sin(2 * np.pi * frequency * t), (channels, 1)).astype(np.float32)


def pitch(y: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    return float(np.fft.rfftfreq(len(y), 1 / RATE)[spectrum.argmax()])


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("links")
    sounds = {"jingle": tone(300, 1), "song": tone(600, 50), "stereo": tone(900, 40, 2), "short": tone(500, 4)}
    found = {name: music.encode(y, folder / f"{name}.opus").read_bytes() for name, y in sounds.items()}
    for name in ("jingle", "song"):
        found[f"{name}.flac"] = music.encode(sounds[name], folder / f"{name}.flac").read_bytes()
    return found


def joined(path: Path, *contents: bytes) -> Path:
    path.write_bytes(b"".join(contents))
    return path


def test_a_song_after_a_jingle(parts: dict[str, bytes], tmp_path: Path) -> None:
    y = load_clip(joined(tmp_path / "dump.opus", parts["jingle"], parts["song"]))
    assert len(y) == 30 * RATE
    assert pitch(y[:RATE]) == pytest.approx(600, abs=2)
    assert pitch(y[-RATE:]) == pytest.approx(600, abs=2)


def test_the_clip_goes_on_where_channels_change(parts: dict[str, bytes], tmp_path: Path) -> None:
    path = joined(tmp_path / "dump.opus", parts["song"], parts["stereo"])
    y = load_clip(path)  # 0:30 to 1:00 of 1:30
    assert len(y) == 30 * RATE
    assert pitch(y[: 19 * RATE]) == pytest.approx(600, abs=2)
    assert pitch(y[21 * RATE :]) == pytest.approx(900, abs=2)
    later = load_clip(path, start=70)
    assert pitch(later) == pytest.approx(900, abs=2)
    assert len(later) / RATE == pytest.approx(20, abs=0.1)
    with pytest.raises(UnusableAudio, match="too-short"):
        load_clip(path, start=89)


def test_many_short_links_make_one_clip(parts: dict[str, bytes], tmp_path: Path) -> None:
    """The same link over and over: the same serial number too."""
    path = joined(tmp_path / "dump.opus", *[parts["short"]] * 12)
    assert len(ogg_links(str(path))) == 12
    y = load_clip(path)
    assert len(y) == 30 * RATE
    assert pitch(y) == pytest.approx(500, abs=2)


def test_a_broken_link_costs_only_itself(parts: dict[str, bytes], tmp_path: Path) -> None:
    stereo = parts["stereo"]
    headless = stereo[:100] + bytes(len(stereo) - 100)
    y = load_clip(joined(tmp_path / "dump.opus", parts["jingle"], headless, parts["song"]))
    assert len(y) == 30 * RATE
    assert pitch(y) == pytest.approx(600, abs=2)


def test_flac_after_flac(parts: dict[str, bytes], tmp_path: Path) -> None:
    path = joined(tmp_path / "dump.flac", parts["jingle.flac"], parts["song.flac"])
    assert flac_links(str(path)) == [
        Link(0, len(parts["jingle.flac"])),
        Link(len(parts["jingle.flac"]), os.path.getsize(path)),
    ]
    y = load_clip(path)
    assert len(y) == 30 * RATE
    assert pitch(y[:RATE]) == pytest.approx(600, abs=2)


def test_a_plain_file_is_one_link(parts: dict[str, bytes], tmp_path: Path) -> None:
    path = joined(tmp_path / "song.opus", parts["song"])
    assert ogg_links(str(path)) == [Link(0, len(parts["song"]))]
    assert flac_links(str(path)) == [Link(0, len(parts["song"]))]  # no mark at all


def test_a_part_is_a_file_of_its_own(tmp_path: Path) -> None:
    with Part(str(joined(tmp_path / "file", b"0123456789")), Link(2, 6)) as part:
        assert part.read(3) == b"234"
        assert part.tell() == 3
        assert part.read() == b"5"
        assert part.read(1) == b""
        assert part.seek(-2, os.SEEK_END) == 2
        assert part.read(9) == b"45"
        assert part.seek(1) == 1
        assert part.seek(1, os.SEEK_CUR) == 2
