"""What lies in a music folder besides music: each thing has an outcome at once, and none blocks."""

from __future__ import annotations

import errno
import io
import os
import shutil
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from musrec_core import UnusableAudio
from musrec_core.audio.clip import load_clip
from musrec_core.workers.pool import WorkerPool

from .. import music
from .conftest import EmbedAll, EmbedBytes
from .sample_files import video

BAD = {"unreadable", "no-audio", "too-short", "silent"}


def test_every_kind_is_embedded(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    found = embed_bytes({f"song.{ending}": content for ending, content in kinds.items()})
    assert found.pop("song.mp4") == "no-audio"  # a video without sound
    assert found.pop("song.ape") in (*BAD, "embedded")  # frames of random bytes
    assert set(found.values()) == {"embedded"}


def test_truncated_at_every_tenth(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    files = {
        f"{10 * tenth:02} percent.{ending}": content[: len(content) * tenth // 10]
        for ending, content in kinds.items()
        for tenth in range(10)
    }
    found = embed_bytes(files)
    assert all(outcome == "unreadable" for name, outcome in found.items() if name.startswith("00"))
    streams = ("mp3", "flac", "opus", "ogg", "wav", "aac", "mka", "wv", "tta")  # what needs no table at the end
    assert all(found[f"90 percent.{ending}"] == "embedded" for ending in streams)


def test_a_wrong_ending_does_not_matter(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    endings = ("mp3", "flac", "opus", "m4a", "ogg", "wav", "wma", "ape", "txt", "jpg")
    songs = ("mp3", "flac", "opus", "m4a", "ogg", "wav", "wma")
    found = embed_bytes({f"{kind} as.{ending}": kinds[kind] for kind in songs for ending in endings})
    assert set(found.values()) == {"embedded"}


def test_what_is_no_music(embed_bytes: EmbedBytes, kinds: dict[str, bytes], waltz: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("song.mp3", kinds["mp3"])
    files = {
        "empty.mp3": b"",
        "one byte.flac": b"f",
        "zeros.mp3": bytes(300_000),
        "archive.mp3": archive.getvalue(),
        "diary.mp3": b"Dear diary, today was a day. " * 3_000,
        "page.ogg": b"<!DOCTYPE html><script>alert(1)</script>" * 200,
        "list.m3u": b"#EXTM3U\n" + os.fsencode(waltz) + b"\n",
        "list.m3u8": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\n" + os.fsencode(waltz) + b"\n#EXT-X-ENDLIST\n",
        "list.pls": b"[playlist]\nFile1=" + os.fsencode(waltz) + b"\n",
        "sheet.cue": b'FILE "a.wav" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
        "joined.mp3": b"ffconcat version 1.0\nfile " + os.fsencode(waltz) + b"\n",
        "stream.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "manifest.mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "subtitles.srt": b"1\n00:00:00,000 --> 00:00:10,000\nhello\n",
        "notes.mid": b"MThd\0\0\0\x06\0\0\0\1\0\x60MTrk\0\0\0\x04\0\xff\x2f\0",
        "module.mod": b"\0" * 1_080 + b"M.K." + bytes(2_000),
        "pickle.mp3": b"cos\nsystem\n(S'touch pwned'\ntR.",
    }
    found = embed_bytes(files)
    assert set(found.values()) <= BAD, {name: outcome for name, outcome in found.items() if outcome not in BAD}


def test_video_with_and_without_sound(embed_all: EmbedAll, tmp_path: Path) -> None:
    y = music.nylon_guitar(8, np.random.default_rng(1))[:1]
    heard = [video(tmp_path / f"heard.{ending}", y, 8) for ending in ("mkv", "mov")]
    mute = [video(tmp_path / f"mute.{ending}", None) for ending in ("mkv", "mov", "mp4", "avi")]
    found = embed_all([*heard, *mute])
    assert found == {path.name: "embedded" for path in heard} | {path.name: "no-audio" for path in mute}


@pytest.mark.parametrize("ending", ["mp3", "m4a"])
def test_cover_art_of_50_mb(ending: str, embed_all: EmbedAll, waltz: Path, tmp_path: Path) -> None:
    from mediafile import Image, MediaFile

    path = music.encode(music.piano_waltz(8, np.random.default_rng(1)), tmp_path / f"covered.{ending}")
    media = MediaFile(path)
    media.images = [Image(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + np.random.default_rng(0).bytes(50_000_000))]
    media.save()
    assert path.stat().st_size > 50_000_000
    assert embed_all([path]) == {path.name: "embedded"}


@pytest.fixture
def odd_folder(tmp_path: Path, waltz: Path) -> Iterator[Path]:
    """A folder with everything that a file system has and that is no file."""
    folder = tmp_path / "odd"
    (folder / "folder.mp3").mkdir(parents=True)
    os.mkfifo(folder / "pipe.mp3")
    (folder / "to itself.mp3").symlink_to("to itself.mp3")
    (folder / "there.mp3").symlink_to("back.mp3")
    (folder / "back.mp3").symlink_to("there.mp3")
    (folder / "dangling.mp3").symlink_to("nowhere.mp3")
    (folder / "to a pipe.mp3").symlink_to("pipe.mp3")
    (folder / "endless.mp3").symlink_to("/dev/zero")
    (folder / "nothing.mp3").symlink_to("/dev/null")
    (folder / "terminal.mp3").symlink_to("/dev/tty")
    (folder / "up.mp3").symlink_to("..")
    (folder / f"good{waltz.suffix}").symlink_to(waltz)
    here = os.getcwd()
    os.chdir(folder)  # a socket's whole path has to be under 108 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.mp3")
        os.chdir(here)
        yield folder


def test_what_is_no_file_does_not_block(odd_folder: Path, waltz: Path, embed_all: EmbedAll) -> None:
    found = embed_all(sorted(odd_folder.iterdir()))
    assert found.pop(f"good{waltz.suffix}") == "embedded"
    assert found.pop("dangling.mp3") == "missing"
    assert set(found.values()) == {"unreadable"}, found


def test_a_device_or_a_kernel_file_that_calls_itself_regular(embed_all: EmbedAll) -> None:
    files = [Path("/proc/self/mem"), Path("/proc/self/pagemap"), Path("/proc/kmsg"), Path("/sys/kernel/uevent_seqnum")]
    here = [path for path in files if path.exists()]
    if not here:
        pytest.skip("no such files here")
    assert set(embed_all(here).values()) == {"unreadable"}


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_no_permission(embed_all: EmbedAll, waltz: Path, tmp_path: Path) -> None:
    locked = tmp_path / f"locked{waltz.suffix}"
    shutil.copy(waltz, locked)
    locked.chmod(0)
    behind = tmp_path / "private" / locked.name
    behind.parent.mkdir()
    behind.parent.chmod(0)
    try:
        assert embed_all([locked]) == {locked.name: "unreadable"}
        assert embed_all([behind]) == {behind.name: "unreadable"}
    finally:
        behind.parent.chmod(0o700)


def test_files_that_vanish_and_change_while_they_wait(pool: WorkerPool, waltz: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{n:02}{waltz.suffix}" for n in range(12)]
    for path in paths:
        shutil.copy(waltz, path)
    found: dict[object, str] = {}
    for k, (path, outcome) in enumerate(pool.map(paths)):
        if not k:  # eight were handed out by now, the first of all has an outcome
            paths[-1].unlink()
            paths[-2].write_bytes(b"replaced by a text")
            paths[-3].unlink()
            paths[-3].mkdir()
        found[path] = outcome.reason if isinstance(outcome, UnusableAudio) else "embedded"
    assert found.pop(paths[-1]) == "missing"
    assert found.pop(paths[-2]) in BAD
    assert found.pop(paths[-3]) == "unreadable"
    assert found == dict.fromkeys(paths[:-3], "embedded")


def test_a_file_that_shrinks_while_it_is_read(waltz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from musrec_core.audio import clip

    path = tmp_path / f"shrinking{waltz.suffix}"
    shutil.copy(waltz, path)
    decode = clip._decode_spread

    def shrink_first(*arguments):  # type: ignore[no-untyped-def]
        os.truncate(path, 100)
        return decode(*arguments)

    monkeypatch.setattr(clip, "_decode_spread", shrink_first)
    try:
        outcome: object = len(load_clip(path)) > 0
    except UnusableAudio as error:  # and nothing else
        outcome = error.reason
    assert outcome in (True, *BAD)


NAMES = [
    b"new\nline", b"carriage\rreturn", b"tab\there", b"quotes ' \" `", "emoji \U0001f3b5 \u202eevil".encode(),
    b"\xff\xfe\xe9", b"\x1b[31mred", b"x" * 250, "é".encode() * 125, b" spaces ", b"-rf", b"%s%n%d", b"a:b",
    b"concat:a|b", b"#EXTM3U", b"http", b"$(id)", b"back\\slash", b"*?[a]", b"~", b"\x01\x7f",
]  # fmt: skip


@pytest.mark.parametrize("place", ["file", "folder"])
def test_any_name(place: str, embed_all: EmbedAll, kinds: dict[str, bytes], tmp_path: Path) -> None:
    base, paths = os.fsencode(tmp_path), []
    for name in NAMES:
        path = os.path.join(base, name + b".mp3") if place == "file" else os.path.join(base, name, b"song.mp3")
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(kinds["mp3"])
        except OSError as error:
            if error.errno != errno.EILSEQ:  # some file systems take only UTF-8
                raise
        else:
            paths.append(path)
    assert len(paths) > len(NAMES) / 2
    found = embed_all(paths)
    assert set(found.values()) == {"embedded"}


def test_a_name_that_no_file_can_have(pool: WorkerPool) -> None:
    deep = "/".join("x" * 5_000)
    found = dict(pool.map(["a\0b.mp3", "x" * 300, deep, ""]))
    reasons = {path: outcome.reason for path, outcome in found.items()}
    assert reasons == {"a\0b.mp3": "unreadable", "x" * 300: "unreadable", deep: "unreadable", "": "missing"}
