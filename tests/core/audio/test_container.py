"""Files open whatever their tags hold, with every PyAV."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from musrec_core.audio.clip import load_clip
from musrec_core.audio.container import open_input

RATE = 22_050


def wav_with_title(title: bytes) -> bytes:
    """Four seconds of a tone as 16-bit WAV, with a title in its INFO list."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    tone = (9_000 * np.sin(np.arange(4 * RATE) / 20)).astype("<i2").tobytes()
    head = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    parts = (chunk(b"fmt ", head), chunk(b"LIST", b"INFO" + chunk(b"INAM", title)), chunk(b"data", tone))
    return chunk(b"RIFF", b"WAVE" + b"".join(parts))


@pytest.mark.parametrize("title", ["Ça va".encode("latin-1"), b"\xff\xfe\x80", "Ça va".encode(), b""])
def test_a_tag_in_any_encoding_does_not_matter(tmp_path: Path, title: bytes) -> None:
    path = tmp_path / "tagged.wav"
    path.write_bytes(wav_with_title(title))
    assert load_clip(path).shape == (4 * RATE,)
    with open_input(str(path)) as container:
        assert container.duration == 4_000_000  # microseconds
