"""Files as they come from elsewhere: other encodings, tags and albums of songs that a library has."""

from __future__ import annotations

from pathlib import Path

from mediafile import MediaFile

from musrec_core.audio.clip import load_clip
from tests import music


def put(path: Path, y: music.Samples, **tags: str) -> None:
    """A file on an album of its own."""
    music.encode(y, path, bit_rate=64_000)
    media = MediaFile(path)
    media.update({"album": path.parent.name, "albumartist": "Everyone", **tags})
    media.save()


def samples(path: Path) -> music.Samples:
    """What a file holds."""
    return load_clip(path, seconds=60, sample_rate=music.RATE)[None]
