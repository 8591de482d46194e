"""How well an import recognises a song that the library has already: ``python -m benchmarks.copies --music DIR``.

DIR holds ``tracks.csv`` (id, file, artist, title) and the files. Each song is imported into a library of all the
others, which holds no copy of it: every warning is a false alarm. Then some songs are copied, and looked for.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beetsplug.musrec.templates import SAME_RECORDING
from musrec_core import Encoder, TrackEmbedding
from musrec_core.audio.clip import load_clip
from musrec_core.search.copies import MOST_COMPARED
from musrec_core.search.distance import paired, pairwise
from musrec_core.search.fingerprint import Fingerprint, align, fingerprint_file
from musrec_core.search.recordings import plain_artist, plain_title
from tests.music import encode

from .hubs import Row, embed
from .tables import table

VALUES = (0.005, 0.01, 0.02, 0.05, 0.1)  # of import_similar
RATE = 44_100
WHOLE = 120.0  # seconds: longer than any labelled clip
RANDOM_PAIRS = 10_000  # pairs of different songs, picked at random, whose fingerprints are compared too
Clip = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two songs, how far apart their embeddings lie, and what their fingerprints say."""

    a: str
    b: str
    distance: float
    errors: float
    is_copy: bool
    nearer: int = 0  # of a copy: how many songs lie nearer than its original


def compare(a: str, b: str, distance: float, prints: dict[str, Fingerprint]) -> Pair:
    found = align(prints[a], prints[b])
    return Pair(a, b, distance, found.errors if found else 1.0, found is not None and found.is_copy)


# Different songs.


def one_title(a: Row, b: Row) -> bool:
    """Whether two rows are labelled as the same song, so that finding them is right."""
    names = [(plain_artist(row["artist"]), plain_title(row["title"])) for row in (a, b)]
    return names[0] == names[1] and all(names[0])


def near_pairs(rows: list[Row], vectors: dict[str, Clip], prints: dict[str, Fingerprint]) -> list[Pair]:
    """All pairs of different songs within the largest value, the nearest first."""
    distances = pairwise(np.stack([vectors[row["id"]] for row in rows]))
    near = np.argwhere(np.triu(distances <= max(VALUES), 1))
    pairs = [(rows[i], rows[j], float(distances[i, j])) for i, j in near if not one_title(rows[i], rows[j])]
    return sorted((compare(a["id"], b["id"], d, prints) for a, b, d in pairs), key=lambda pair: pair.distance)


def other_pairs(rows: list[Row], prints: dict[str, Fingerprint]) -> dict[str, list[Pair]]:
    """Every two different songs of one artist, and of two artists at random, however far apart."""
    by_artist: dict[str, list[Row]] = {}
    for row in rows:
        by_artist.setdefault(plain_artist(row["artist"]), []).append(row)
    by_artist.pop("", None)
    own = [(a, b) for songs in by_artist.values() for a, b in combinations(songs, 2) if not one_title(a, b)]
    drawn = np.random.default_rng(0).integers(len(rows), size=(RANDOM_PAIRS, 2))
    random_pairs = [(rows[i], rows[j]) for i, j in drawn if rows[i]["artist"] != rows[j]["artist"]]
    return {
        name: [compare(a["id"], b["id"], np.nan, prints) for a, b in pairs]
        for name, pairs in (("of one artist", own), ("of two artists", random_pairs))
    }


# Copies.


def write_wav(path: Path, y: Clip, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(y, -1, 1) * 32_767).astype("<i2").tobytes())
    return path


def silence(seconds: float) -> Clip:
    return np.zeros(round(seconds * RATE), np.float32)


KINDS: dict[str, Callable[[Path, Clip, Path], Path]] = {  # the song's file, its samples, where the copy goes
    "MP3, 128 kbit/s": lambda file, y, to: encode(y[None], to.with_suffix(".mp3"), bit_rate=128_000),
    "MP3, 64 kbit/s": lambda file, y, to: encode(y[None], to.with_suffix(".mp3"), bit_rate=64_000),
    "Opus, 48 kbit/s": lambda file, y, to: encode(y[None], to.with_suffix(".opus"), bit_rate=48_000),
    "AAC, 96 kbit/s": lambda file, y, to: encode(y[None], to.with_suffix(".m4a"), bit_rate=96_000),
    "12 dB softer": lambda file, y, to: write_wav(to, y * np.float32(0.25), RATE),
    "48 kHz": lambda file, y, to: write_wav(to, load_clip(file, seconds=WHOLE, sample_rate=48_000), 48_000),
    "16 kHz": lambda file, y, to: write_wav(to, load_clip(file, seconds=WHOLE, sample_rate=16_000), 16_000),
    "first 1 s cut": lambda file, y, to: write_wav(to, y[RATE:], RATE),
    "first 3 s cut": lambda file, y, to: write_wav(to, y[3 * RATE :], RATE),
    "1 s of silence before": lambda file, y, to: write_wav(to, np.concatenate([silence(1), y]), RATE),
    "3 s of silence before": lambda file, y, to: write_wav(to, np.concatenate([silence(3), y]), RATE),
    "20 s of silence after": lambda file, y, to: write_wav(to, np.concatenate([y, silence(20)]), RATE),
    "first 1.3 s cut, MP3, 64 kbit/s, 12 dB softer": lambda file, y, to: encode(
        y[None, round(1.3 * RATE) :] * np.float32(0.25), to.with_suffix(".mp3"), bit_rate=64_000
    ),
}


def copies(
    music: Path, rows: Sequence[Row], vectors: dict[str, Clip], prints: dict[str, Fingerprint]
) -> Iterator[tuple[str, Pair]]:
    """Kind, and what is made of the copy and its original."""
    encoder, everything = Encoder.load(threads=1), np.stack(list(vectors.values()))
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            y = load_clip(music / row["file"], seconds=WHOLE, sample_rate=RATE)
            for kind, write in KINDS.items():
                path = write(music / row["file"], y, Path(folder) / "copy.wav")
                track: TrackEmbedding = encoder.embed_file(path)
                distance = float(paired(track.vector, vectors[row["id"]]))
                pair = compare(row["id"], "copy", distance, prints | {"copy": fingerprint_file(path)})
                yield kind, replace(pair, nearer=int((paired(everything, track.vector) < distance - 1e-6).sum()))


# The tables.


def alarms(pairs: list[Pair], value: float) -> float:
    """How many songs get a warning at a value of ``import_similar``."""
    return len({song for pair in pairs if pair.distance <= value for song in (pair.a, pair.b)})


def report(rows: list[Row], near: list[Pair], made: list[tuple[str, Pair]], *, markdown: bool) -> str:
    warned = [pair for pair in near if pair.is_copy]
    share = 1000 / len(rows)
    by_value = [
        [f"{value}", share * alarms(near, value), share * alarms(warned, value),
         100 * np.mean([pair.distance <= value for _, pair in made]),
         100 * np.mean([pair.distance <= value and pair.is_copy for _, pair in made])]
        for value in VALUES
    ]  # fmt: skip
    by_kind = []
    for kind in KINDS:
        pairs = [pair for other, pair in made if other == kind]
        distances = [pair.distance for pair in pairs]
        by_kind.append([kind, f"{np.median(distances):.4f}", f"{max(distances):.4f}",
                        f"{max(pair.errors for pair in pairs):.2f}", 100 * np.mean([pair.is_copy for pair in pairs]),
                        *(100 * np.mean([pair.distance <= value and pair.is_copy for pair in pairs])
                          for value in VALUES[1:4])])  # fmt: skip
    return "\n".join([
        table(f"False alarms in 1,000 imports ({len(rows):,} songs), and copies found ({len(made):,}) [%]",
              ["import_similar", "alarms: distance alone", "with fingerprint", "found: distance alone",
               "with fingerprint"], by_value, markdown=markdown),
        table("Copies: distance and bit errors; found by the fingerprint, and at a value of import_similar [%]",
              ["copy", "median", "largest", "most bit errors", "fingerprint",
               *(f"at {value}" for value in VALUES[1:4])], by_kind, markdown=markdown),
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copies", description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=60, help="songs that are copied")
    parser.add_argument("--store", type=Path, default=Path("copies.npz"), help="where vectors are kept between runs")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    with (options.music / "tracks.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["file"]]
    vectors = embed(options.music, rows, options.store)
    rows = [row for row in rows if row["id"] in vectors]
    prints = {row["id"]: fingerprint_file(options.music / row["file"]) for row in rows}
    near = near_pairs(rows, vectors, prints)
    picked = np.random.default_rng(0).choice(len(rows), min(options.copies, len(rows)), replace=False)
    made = list(copies(options.music, [rows[i] for i in sorted(picked)], vectors, prints))
    print(report(rows, near, made, markdown=options.markdown))
    within = [pair.nearer < MOST_COMPARED for _, pair in made if pair.distance <= SAME_RECORDING]
    print(f"{np.mean(within):.1%} of the copies within {SAME_RECORDING} are among the {MOST_COMPARED} nearest songs")
    for name, pairs in other_pairs(rows, prints).items():
        errors, copies_found = [pair.errors for pair in pairs], sum(pair.is_copy for pair in pairs)
        print(f"{len(pairs):,} pairs {name}: {copies_found} taken for copies; bit errors {min(errors):.2f} and more")
    known = {row["id"]: f"{row['artist']} - {row['title']} ({row['id']})" for row in rows}
    for pair in (pair for pair in near if pair.is_copy):
        both = f"{known[pair.a]} / {known[pair.b]}"
        print(f"taken for a copy: {both}: distance {pair.distance:.4f}, bit errors {pair.errors:.2f}")


if __name__ == "__main__":
    main()
