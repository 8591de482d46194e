"""Composes songs: five clearly different styles, from numpy alone, encoded and tagged as real files.

``python -m tests.music FOLDER`` writes the whole collection.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 44_100
FORMATS = ("mp3", "flac", "opus", "m4a", "ogg")  # of the collection
_CODECS = {  # ending -> (FFmpeg encoder, rate, options)
    "mp3": ("libmp3lame", RATE, {}),
    "flac": ("flac", RATE, {}),
    "opus": ("libopus", 48_000, {}),
    "m4a": ("aac", RATE, {}),
    "ogg": ("vorbis", RATE, {"strict": "experimental"}),
    "wav": ("pcm_s16le", RATE, {}),
    "wma": ("wmav2", RATE, {}),
    "aac": ("aac", RATE, {}),
    "ac3": ("ac3", RATE, {}),
    "aiff": ("pcm_s16be", RATE, {}),
    "au": ("pcm_s16be", RATE, {}),
    "caf": ("pcm_s16le", RATE, {}),
    "mka": ("libopus", 48_000, {}),
    "mov": ("alac", RATE, {}),
    "mp2": ("mp2", RATE, {}),
    "tta": ("tta", RATE, {}),
    "w64": ("pcm_s16le", RATE, {}),
    "wv": ("wavpack", RATE, {}),
}
ALL_FORMATS = tuple(_CODECS)  # that `encode` writes


# Instruments: each gives a note as samples.


def _time(seconds: float) -> Samples:
    return (np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def _pitch(midi: float) -> float:
    return float(440 * 2 ** ((midi - 69) / 12))


def piano(midi: float, seconds: float) -> Samples:
    """Decaying harmonics, a little sharp, as strings are."""
    t, f = _time(seconds), _pitch(midi)
    parts = [np.sin(2 * np.pi * f * n * (1 + 0.0004 * n * n) * t) * np.exp(-t * (1.2 + n)) / n for n in range(1, 8)]
    return np.sum(parts, axis=0).astype(np.float32)


def strings(midi: float, seconds: float, rng: np.random.Generator) -> Samples:
    """Slow detuned saws with vibrato."""
    t = _time(seconds)
    voices = np.zeros_like(t)
    for _ in range(4):
        f = _pitch(midi + rng.normal(0, 0.06))
        phase = f * t + 0.002 * f * np.sin(2 * np.pi * rng.uniform(4, 6) * t) / 5
        voices += sum(np.sin(2 * np.pi * n * phase) / n**1.3 for n in range(1, 9))
    swell = np.minimum(1, np.minimum(t, seconds - t) / (seconds / 4))
    return (voices * swell / 6).astype(np.float32)


def saw_bass(midi: float, seconds: float) -> Samples:
    """A dark saw, as synthesisers play it."""
    t, f = _time(seconds), _pitch(midi)
    return np.sum([np.sin(2 * np.pi * f * n * t) / n for n in range(1, 12)], axis=0).astype(np.float32) * 0.6


def pluck(midi: float, seconds: float) -> Samples:
    """A nylon string: odd harmonics that fade fast."""
    t, f = _time(seconds), _pitch(midi)
    parts = [np.sin(2 * np.pi * f * n * t) * np.exp(-t * 2.5 * n**0.7) / n**0.9 for n in (1, 2, 3, 5, 7)]
    return np.sum(parts, axis=0).astype(np.float32)


def power_chord(midi: float, seconds: float) -> Samples:
    """Root, fifth and octave through a clipping amplifier."""
    t = _time(seconds)
    raw = sum(2 * ((_pitch(midi + step) * t) % 1) - 1 for step in (0, 7, 12))
    return np.tanh(4 * raw).astype(np.float32) * np.exp(-0.8 * t).astype(np.float32)


def kick(seconds: float = 0.25) -> Samples:
    t = _time(seconds)
    return (np.sin(2 * np.pi * (45 * t + 25 * (1 - np.exp(-30 * t)) / 3)) * np.exp(-14 * t)).astype(np.float32) * 1.6


def snare(rng: np.random.Generator, seconds: float = 0.2) -> Samples:
    t = _time(seconds)
    return ((rng.standard_normal(t.size) * 0.6 + np.sin(2 * np.pi * 190 * t)) * np.exp(-22 * t)).astype(np.float32)


def hat(rng: np.random.Generator, seconds: float = 0.06) -> Samples:
    t = _time(seconds)
    return (np.diff(rng.standard_normal(t.size + 1)) * np.exp(-70 * t) * 0.35).astype(np.float32)


class Track:
    """A tape to put notes on."""

    def __init__(self, seconds: float) -> None:
        self.tape = np.zeros(int(seconds * RATE) + 1, np.float32)

    def put(self, at: float, note: Samples, gain: float = 1.0) -> None:
        first = int(at * RATE)
        if first < len(self.tape):
            part = self.tape[first : first + len(note)]
            part += gain * note[: len(part)]

    def mixed(self) -> Samples:
        """As a stereo recording would have it [shape=(2, n)]."""
        y = self.tape / max(float(np.abs(self.tape).max()), 1e-9) * 0.8
        return np.stack([y + 0.2 * np.roll(y, 310), 0.9 * y + 0.2 * np.roll(y, 467)])  # reflections: a little room


# Styles: seconds and chance -> a song.


def drum_and_bass(seconds: float, rng: np.random.Generator) -> Samples:
    song, beat = Track(seconds), 60 / rng.uniform(168, 178)
    root = int(rng.integers(28, 36))
    drums = {"k": kick(), "s": snare(rng), "h": hat(rng)}
    pattern = "k.hhs.h.h.khs.hh"
    for step in range(int(seconds / (beat / 4))):
        at = step * beat / 4
        if (hit := pattern[step % 16]) in drums:
            song.put(at, drums[hit])
        if step % 16 in (0, 3, 6, 11):
            song.put(at, saw_bass(root + int(rng.choice([0, 0, 3, 7, 10])), beat * 0.7), 0.6)
    return song.mixed()


def piano_waltz(seconds: float, rng: np.random.Generator) -> Samples:
    song, beat = Track(seconds), 60 / rng.uniform(84, 112)
    root, chords = int(rng.integers(45, 52)), [(0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16)]
    for bar in range(int(seconds / (3 * beat)) + 1):
        chord, at = chords[int(rng.integers(4))], bar * 3 * beat
        song.put(at, piano(root + chord[0] - 12, 3 * beat), 0.9)
        for n in (1, 2):
            for step in chord:
                song.put(at + n * beat, piano(root + step, beat), 0.3)
        for n in range(3):
            song.put(
                at + n * beat, piano(root + 12 + int(rng.choice(chord)) + int(rng.choice([0, 0, 2])), 1.5 * beat), 0.7
            )
    return song.mixed()


def string_drone(seconds: float, rng: np.random.Generator) -> Samples:
    song, root = Track(seconds), int(rng.integers(36, 44))
    for layer, steps in ((0, (0, 7)), (1, (12, 15, 19)), (2, (24, 26, 31))):
        at = 0.0
        while at < seconds:
            length = float(rng.uniform(5, 9))
            song.put(at, strings(root + int(rng.choice(steps)), length, rng), 0.8 - 0.2 * layer)
            at += length * 0.6
    return song.mixed()


def nylon_guitar(seconds: float, rng: np.random.Generator) -> Samples:
    song, beat = Track(seconds), 60 / rng.uniform(90, 120)
    root = int(rng.integers(50, 56))
    progression = [(0, 7, 12, 16), (-3, 4, 9, 12), (-7, 0, 5, 9), (-5, 2, 7, 11)]
    for step in range(int(seconds / (beat / 2))):
        chord = progression[(step // 8) % 4]
        song.put(step * beat / 2, pluck(root + chord[(0, 2, 1, 3, 2, 1, 3, 2)[step % 8]], 2 * beat), 0.8)
        if step % 8 == 0:
            song.put(step * beat / 2, pluck(root + chord[0] - 12, 3 * beat))
    return song.mixed()


def distorted_rock(seconds: float, rng: np.random.Generator) -> Samples:
    song, beat = Track(seconds), 60 / rng.uniform(120, 150)
    root, drums = int(rng.integers(38, 44)), (kick(), snare(rng), hat(rng))
    riff = [int(rng.choice([0, 0, 3, 5, 7])) for _ in range(8)]
    for step in range(int(seconds / (beat / 2))):
        at = step * beat / 2
        song.put(at, power_chord(root + riff[step % 8], beat * 0.55), 0.5)
        song.put(at, drums[2], 0.8)
        if step % 4 in (0, 2):
            song.put(at, drums[(step % 4) // 2], 1.2)
    return song.mixed()


STYLES: dict[str, Callable[[float, np.random.Generator], Samples]] = {
    "Drum and Bass": drum_and_bass,
    "Piano Waltz": piano_waltz,
    "String Drone": string_drone,
    "Nylon Guitar": nylon_guitar,
    "Distorted Rock": distorted_rock,
}


@dataclass(frozen=True)
class Song:
    """Tags of a composed song, and how it is made."""

    style: str
    artist: str
    album: str
    title: str
    track: int
    ending: str
    seed: int

    @property
    def path(self) -> Path:
        return Path(self.artist) / self.album / f"{self.track:02} {self.title}.{self.ending}"


_ARTISTS = {
    "Drum and Bass": ("Breakneck", "Amen Corner"),
    "Piano Waltz": ("Clara Ivory", "Trois Temps"),
    "String Drone": ("The Long Bow", "Stillwater"),
    "Nylon Guitar": ("Paco Delmar", "Six Silk Strings"),
    "Distorted Rock": ("Rusty Valves", "Fuzzbox Five"),
}
_WORDS = (
    "Morning",
    "Harbour",
    "Second",
    "Paper",
    "Northern",
    "Glass",
    "Slow",
    "Copper",
    "Empty",
    "Tide",
    "Late",
    "Open",
)


def collection(per_style: int = 6) -> list[Song]:
    """Songs of every style, by two artists each, in all the formats."""
    songs = []
    for n, style in enumerate(STYLES):
        for k in range(per_style):
            artist = _ARTISTS[style][k % 2]
            title = f"{_WORDS[(n + 2 * k) % 12]} {style.split()[-1]} {k + 1}"
            songs.append(
                Song(style, artist, f"{artist} Plays", title, k // 2 + 1, FORMATS[(n + k // 2) % 5], 100 * n + k)
            )
    return songs


def compose(song: Song, seconds: float = 36.0) -> Samples:
    """Render a song [shape=(2, n)]."""
    return STYLES[song.style](seconds, np.random.default_rng(song.seed))


def encode(y: Samples, path: Path, *, rate: int = RATE, bit_rate: int = 128_000) -> Path:
    """Write samples [shape=(channels, n)] as the file that the path's ending says, with the FFmpeg inside PyAV."""
    import av

    codec, target_rate, options = _CODECS[path.suffix[1:]]
    layout = "mono" if len(y) == 1 else "stereo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=target_rate, options=options)
        stream.codec_context.layout = layout
        stream.codec_context.bit_rate = bit_rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=target_rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )  # fmt: skip
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def tag(path: Path, song: Song) -> None:
    """Write the song's tags, as beets reads them."""
    from mediafile import MediaFile

    media = MediaFile(path)
    media.title, media.artist, media.album, media.track = song.title, song.artist, song.album, song.track
    media.albumartist = song.artist
    media.save()


def write(song: Song, folder: Path, seconds: float = 36.0) -> Path:
    """Compose, encode and tag one song."""
    path = encode(compose(song, seconds), folder / song.path)
    tag(path, song)
    return path


def main(folder: Path, seconds: float = 36.0) -> None:
    """Write the whole collection."""
    songs = collection()
    for song in songs:
        write(song, folder, seconds)
    print(f"{len(songs)} songs in {len(STYLES)} styles and {len(FORMATS)} formats: {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
