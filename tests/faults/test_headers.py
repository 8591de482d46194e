"""Headers that lie: about lengths, rates, channels, and where things are."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from musrec_core.audio.clip import load_clip

from .. import music
from .conftest import EmbedBytes
from .sample_files import SECONDS, ape, wav

HUGE = 0xFFFFFFFF
SONG = music.piano_waltz(SECONDS, np.random.default_rng(3))[0]
FLOATS = np.ascontiguousarray(SONG[::4])  # 11,025 Hz
INTEGERS = (FLOATS * 20_000).astype("<i2")
BAD = {"unreadable", "no-audio", "too-short", "silent"}


def test_wave_lengths_that_lie_do_not_matter(embed_bytes: EmbedBytes) -> None:
    files = {
        "as it should be.wav": wav(INTEGERS, rate=11_025),
        "riff of 4 GiB.wav": wav(INTEGERS, rate=11_025, riff_size=HUGE),
        "riff of nothing.wav": wav(INTEGERS, rate=11_025, riff_size=0),
        "data of 4 GiB.wav": wav(INTEGERS, rate=11_025, data_size=HUGE),
        "data of 2 GiB.wav": wav(INTEGERS, rate=11_025, data_size=0x7FFFFFFF),
        "all of 4 GiB.wav": wav(INTEGERS, rate=11_025, data_size=HUGE, riff_size=HUGE),
    }
    assert embed_bytes(files) == dict.fromkeys(files, "embedded")


def test_a_wave_of_absurd_numbers_has_an_outcome(embed_bytes: EmbedBytes) -> None:
    files = {f"{rate} Hz.wav": wav(INTEGERS, rate=rate) for rate in (0, 10, 1_000_000_000, 0x7FFFFFFF, HUGE)}
    files["1 Hz.wav"] = wav(INTEGERS[:60], rate=1)  # a minute: to look for music in 18 hours of it takes 10 s
    files |= {f"{n} channels.wav": wav(INTEGERS, rate=11_025, channels=n) for n in (0, 65, 255, 1_024, 65_535)}
    files |= {f"fmt of {n}.wav": wav(INTEGERS, rate=11_025, fmt_size=n) for n in (0, 1, 15, 17, 0x7FFFFFFF, HUGE)}
    files |= {f"block of {n}.wav": wav(INTEGERS, rate=11_025, block=n) for n in (0, 1, 3, 65_535)}
    files["data of nothing.wav"] = wav(INTEGERS, data_size=0)
    found = embed_bytes(files)
    assert found["0 Hz.wav"] in BAD
    assert found["1000000000 Hz.wav"] in BAD
    assert found["0 channels.wav"] in BAD
    assert found["65535 channels.wav"] in BAD


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_samples_that_are_no_sound(embed_bytes: EmbedBytes, dtype: str) -> None:
    song = FLOATS.astype(dtype)
    spoilt, limits = song.copy(), np.finfo(dtype)
    spoilt[::7], spoilt[1::7], spoilt[2::7] = np.nan, np.inf, -np.inf
    found = embed_bytes({
        "some not a number.wav": wav(spoilt, rate=11_025),
        "all not a number.wav": wav(np.full_like(song, np.nan), rate=11_025),
        "all infinite.wav": wav(np.full_like(song, np.inf), rate=11_025),
        "denormal.wav": wav((song * limits.tiny).astype(dtype), rate=11_025),
        "enormous.wav": wav((song * limits.max).astype(dtype), rate=11_025),
        "of 1e30.wav": wav((song * 1e30).astype(dtype), rate=11_025),
        "of 1e9.wav": wav((song * 1e9).astype(dtype), rate=11_025),
        "enormous beside normal.wav": wav(np.where(np.arange(len(song)) == 30_000, limits.max, song), rate=11_025),
    })  # fmt: skip
    assert found["some not a number.wav"] == "embedded"
    assert found["enormous beside normal.wav"] == "embedded"
    assert found["of 1e9.wav"] == "embedded"
    for name in ("all not a number", "all infinite", "denormal", "enormous", "of 1e30"):
        assert found[f"{name}.wav"] == "silent", name


def test_a_damaged_sample_does_not_drown_the_song(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(wav(FLOATS, rate=11_025))
    spoilt = FLOATS.copy()
    spoilt[20_000:60_000:5_000] = [3e38, -3e38, np.inf, -np.inf, np.nan, 1e20, -1e20, 1e38]
    (tmp_path / "spoilt.wav").write_bytes(wav(spoilt, rate=11_025))
    assert np.abs(load_clip(tmp_path / "spoilt.wav")).max() < 1.1 * np.abs(load_clip(tmp_path / "song.wav")).max()


def test_flac_streaminfo_nonsense(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    whole = kinds["flac"]
    assert whole[:4] == b"fLaC"

    def with_info(at: int, content: bytes) -> bytes:
        return whole[: 8 + at] + content + whole[8 + at + len(content) :]

    rate_and_more = int.from_bytes(whole[18:26], "big")  # 20 bits rate, 3 channels, 5 bits, 36 total samples
    files = {
        "0 Hz.flac": with_info(10, (rate_and_more & (1 << 44) - 1).to_bytes(8, "big")),
        "1 MHz.flac": with_info(10, (rate_and_more | 0xFFFFF << 44).to_bytes(8, "big")),
        "8 channels.flac": with_info(10, (rate_and_more | 7 << 41).to_bytes(8, "big")),
        "32 bits.flac": with_info(10, (rate_and_more | 31 << 36).to_bytes(8, "big")),
        "no samples.flac": with_info(10, (rate_and_more & ~((1 << 36) - 1)).to_bytes(8, "big")),
        "all samples of the world.flac": with_info(10, (rate_and_more | (1 << 36) - 1).to_bytes(8, "big")),
        "block of 0.flac": with_info(0, bytes(4)),
        "block of 65535.flac": with_info(0, b"\xff" * 4),
        "all ones.flac": with_info(0, b"\xff" * 34),
        "all zeros.flac": with_info(0, bytes(34)),
        "info of 16 MB.flac": whole[:5] + b"\xff\xff\xff" + whole[8:],
        "nothing but info.flac": whole[:42],
    }
    found = embed_bytes(files)
    assert found["all samples of the world.flac"] == "embedded"
    assert found["no samples.flac"] == "embedded"
    assert found["nothing but info.flac"] in BAD


@pytest.mark.parametrize("ending", ["m4a", "mov", "mp4"])
def test_mp4_atoms_of_any_size(embed_bytes: EmbedBytes, kinds: dict[str, bytes], ending: str) -> None:
    whole = kinds[ending]
    files = {}
    for name in (b"ftyp", b"moov", b"mvhd", b"trak", b"mdhd", b"stsd", b"stts", b"stsz", b"stsc", b"stco", b"mdat"):
        at = whole.find(name) - 4
        assert at >= 0 or ending != "m4a", name
        for size in (0, 1, 7, 0x7FFFFFFF, HUGE):
            files[f"{name.decode()} {size}.{ending}"] = whole[:at] + struct.pack(">I", size) + whole[at + 4 :]
        if name.startswith(b"st"):  # how many rows the table has
            for place in (12, 16):
                count = struct.pack(">I", 0x7FFFFFFF)
                files[f"{name.decode()} rows {place}.{ending}"] = whole[: at + place] + count + whole[at + place + 4 :]
    embed_bytes(files)


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_ogg_pages_of_garbage(embed_bytes: EmbedBytes, kinds: dict[str, bytes], ending: str) -> None:
    whole, files = kinds[ending], {}
    pages = [n for n in range(len(whole)) if whole.startswith(b"OggS", n)]
    for page in (0, 1, len(pages) // 2, len(pages) - 1):
        at = pages[page]
        for place, content in (
            (4, b"\xff"), (5, b"\xff"), (6, b"\xff" * 8), (6, b"\x7f" + b"\xff" * 7), (14, b"\xaa" * 4),
            (18, b"\xff" * 4), (26, b"\xff"), (26, b"\0"), (27, b"\xff" * 30),
        ):  # fmt: skip
            damaged = whole[: at + place] + content + whole[at + place + len(content) :]
            files[f"page {page} at {place} {content[:2].hex()}.{ending}"] = damaged
    files[f"only first pages.{ending}"] = whole[: pages[0]] + whole[pages[0] : pages[1]] * 500
    files[f"only page heads.{ending}"] = b"".join(whole[n : n + 27] for n in pages)
    embed_bytes(files)


def test_an_id3_tag_that_claims_256_mb(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    claims = b"ID3\x04\0\0\x7f\x7f\x7f\x7f"
    frame = b"ID3\x04\0\0\0\0\x0f\x7fAPIC\x7f\x7f\x7f\x7f\0\0"
    found = embed_bytes({
        "tag of 256 MB.mp3": claims + kinds["mp3"],
        "picture of 256 MB.mp3": frame + kinds["mp3"],
        "a thousand tags.mp3": b"ID3\x04\0\0\0\0\0\0" * 1_000 + kinds["mp3"],
        "nothing but a tag.mp3": claims,
        "tag of 256 MB.flac": claims + kinds["flac"],
    })  # fmt: skip
    assert found["nothing but a tag.mp3"] in BAD
    assert found["a thousand tags.mp3"] == "embedded"


def test_an_mp3_that_claims_to_last_for_years(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    whole = kinds["mp3"]
    at = next(n for n in (whole.find(b"Xing"), whole.find(b"Info")) if n >= 0)
    files = {
        "4e9 frames.mp3": whole[: at + 8] + b"\xff" * 8 + whole[at + 16 :],
        "no frames.mp3": whole[: at + 8] + bytes(8) + whole[at + 16 :],
        "a table of chance.mp3": whole[: at + 16] + bytes(range(100, 200)) + whole[at + 116 :],
    }
    assert embed_bytes(files) == dict.fromkeys(files, "embedded")


def test_a_frame_that_claims_16_million_samples(embed_bytes: EmbedBytes, kinds: dict[str, bytes]) -> None:
    whole = kinds["mov"]
    at = whole.rindex(b"alac\0\0\0\0\0\0\x10\0") + 8
    files = {f"{n}.mov": whole[:at] + struct.pack(">I", n) + whole[at + 4 :] for n in (4_096, 1 << 24)}
    found = embed_bytes(files)
    assert found["4096.mov"] == "embedded"
    assert found[f"{1 << 24}.mov"] in BAD


def test_a_small_file_does_not_unpack_to_gigabytes(tmp_path: Path) -> None:
    """Monkey's Audio says how many samples a packet unpacks to, up to 2**31: such packets are not even decoded."""
    (tmp_path / "silent.ape").write_bytes(ape(SECONDS, silent=True))
    (tmp_path / "bomb.ape").write_bytes(ape(SECONDS, silent=True, per_frame=50_000_000))
    code = (
        "import sys, resource, musrec_core\nfrom musrec_core.audio.clip import load_clip\n"
        "for path in sys.argv[1:]:\n"
        "    try: load_clip(path)\n"
        "    except musrec_core.UnusableAudio as error: print(error.reason)\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "silent.ape", tmp_path / "bomb.ape"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert said[0] == "silent"
    assert said[2] in BAD
    assert int(said[3]) < 1.5 * int(said[1])  # the most memory that the process ever had
