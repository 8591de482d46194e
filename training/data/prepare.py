"""Music and labels -> the cache: ``python -m training prepare``. Needs no torch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musrec_core.front_end import SWITCHES

from ..recipe import Recipe, RecipeError
from .audio import FILE, Audio, write_samples
from .cache import SPLITS, Cache, Track, differing, save_cache
from .decoder import Decoder, StoredClip
from .resynthesis import READY
from .sources import Labels, list_tracks, log_mel_tracks


def prepare(recipe: Recipe, music: Path, folder: Path, jobs: int | None = None) -> Cache:
    """Decode every clip of the recipe's sources into ``folder``.

    Files that can't be used are left out and named in ``Cache.left_out``; a track that an earlier source already gave
    as audio is not taken again as log-mel, nor as its resynthesis. Killed and run again, it decodes what is missing. An
    artist in more than one split is a `RecipeError`. Where the recipe has teachers, the clips' audio is kept beside
    their log-mel.
    """
    labels = dict(recipe.data["labels"])
    decoder = Decoder(recipe.front, recipe.audio_rate, folder, jobs)
    tracks: list[Track] = []
    clips: list[StoredClip] = []
    left_out: dict[str, str] = {}
    for source in recipe.data["sources"]:
        taken = {track.id for track in tracks}
        found: Iterable[tuple[Track, StoredClip | str]]
        if source["log_mel"]:
            found = _ready_clips(source, music / source["log_mel"], labels, decoder)
        else:
            wanted, unwanted = list_tracks(source, music, labels)
            left_out |= unwanted
            seconds = source["clip_seconds"] or recipe.data["clip_seconds"]
            found = decoder.decode(wanted, seconds, source["every"])
        for track, outcome in found:
            if isinstance(outcome, str):
                left_out[track.id] = outcome
            elif track.id not in taken:
                tracks.append(track)
                clips.append(outcome)
    tracks, clips = _without_duplicates(tracks, clips, left_out)
    if not tracks:
        raise RecipeError("no clip could be used: " + "; ".join(f"{k}: {v}" for k, v in list(left_out.items())[:3]))
    _require_artists_apart(tracks)
    lengths = np.array([len(clip.mel) for clip in clips], np.int64)
    mapped = {genre for genres in labels.values() for genre in genres}
    vocabulary = sorted(mapped or {genre for track in tracks for genre in track.genres})
    cache = Cache(
        np.concatenate([clip.mel for clip in clips]),
        np.cumsum(lengths) - lengths,
        lengths,
        tracks,
        recipe.front,
        vocabulary,
        left_out,
        _copied_teacher(recipe, music, folder),
        _gathered_audio(clips, folder, recipe.audio_rate),
    )
    save_cache(cache, folder)
    decoder.remove_parts()
    return cache


def _ready_clips(source: Any, path: Path, labels: Labels, decoder: Decoder) -> Iterator[tuple[Track, StoredClip]]:
    """The clips of an npz of log-mel: as they are, or by their sound where another front end or teachers hear it."""
    ready = log_mel_tracks(path, source["id_prefix"], labels)
    other = set(differing(decoder.front_end, READY)) - SWITCHES
    if source["resynthesise"] and (other or decoder.audio_rate):
        return decoder.resynthesise(path, [track for track, _ in ready])
    if other:
        raise RecipeError(f"{path.name} has another {min(other)} than the recipe: set `resynthesise: yes` beside it")
    return ((track, StoredClip(0, mel)) for track, mel in ready)


def _gathered_audio(clips: list[StoredClip], folder: Path, rate: int | None) -> Audio | None:
    """The audio of all clips in one file; never more than one clip of it in memory."""
    if rate is None:
        return None
    (folder / "tracks.json").unlink(missing_ok=True)  # of an earlier run, whose audio goes
    length = np.array([clip.samples for clip in clips], np.int64)
    write_samples(folder / FILE, int(length.sum()), (clip.audio() for clip in clips if clip.samples))
    return Audio(folder / FILE, np.cumsum(length) - length, length, rate)


def _copied_teacher(recipe: Recipe, music: Path, folder: Path) -> Path | None:
    """The teacher's targets, beside the cache: training needs nothing else from the music's folder."""
    if not recipe.teacher:
        return None
    source = music / recipe.teacher
    if not source.is_file():
        raise RecipeError(f"the recipe's teacher {source.name} is not in {source.parent}")
    return Path(shutil.copyfile(source, folder / "teacher.npz"))


def _without_duplicates(
    tracks: list[Track], clips: list[StoredClip], left_out: dict[str, str]
) -> tuple[list[Track], list[StoredClip]]:
    """Keep the first of clips that sound exactly the same; test and valid come before train."""
    first: dict[bytes, Track] = {}
    kept = set()
    for i in sorted(range(len(tracks)), key=lambda i: SPLITS[::-1].index(tracks[i].split)):
        twin = first.setdefault(hashlib.sha256(clips[i].mel.tobytes()).digest(), tracks[i])
        if twin is tracks[i]:
            kept.add(i)
        else:
            left_out[tracks[i].id] = f"exact duplicate of {twin.id}"
    return [tracks[i] for i in sorted(kept)], [clips[i] for i in sorted(kept)]


def _require_artists_apart(tracks: list[Track]) -> None:
    """An artist on both sides of a split would make every figure too good."""
    splits: dict[str, set[str]] = {}
    for track in tracks:
        if track.artist:
            splits.setdefault(track.artist.casefold(), set()).add(track.split)
    if shared := sorted(artist for artist, found in splits.items() if len(found) > 1):
        raise RecipeError(f"{len(shared)} artists are in more than one split, such as {shared[0]}")
