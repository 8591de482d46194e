"""Music and labels -> the cache: ``python -m training prepare``. Needs no torch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import log_mel
from musrec_core.card import FrontEnd
from musrec_core.errors import UnusableAudio
from musrec_core.workers.pool import WorkerPool

from ..recipe import Recipe, RecipeError
from .cache import SPLITS, Cache, Track, quantise_cache, save_cache
from .sources import list_tracks, log_mel_tracks

LogMel = NDArray[np.uint8]  # [shape=(t, n_mels)]
PART_CLIPS = 64  # clips that a kill may cost


def mel_filter_bank(front_end: FrontEnd) -> NDArray[np.float32]:
    """librosa's Slaney filter bank [shape=(n_mels, 1 + n_fft // 2)]; it is exported with the model."""
    from librosa.filters import mel

    basis: NDArray[np.float32] = mel(
        sr=front_end.sample_rate,
        n_fft=front_end.n_fft,
        n_mels=front_end.n_mels,
        fmin=front_end.fmin,
        fmax=front_end.fmax,
    )
    return basis.astype(np.float32)


def prepare(recipe: Recipe, music: Path, folder: Path, jobs: int | None = None) -> Cache:
    """Decode every clip of the recipe's sources into ``folder``.

    Files that can't be used are left out and named in ``Cache.left_out``; a track that an earlier source already gave
    as audio is not taken again as log-mel. Killed and run again, it decodes what is missing. An artist in more than
    one split is a `RecipeError`.
    """
    labels = dict(recipe.data["labels"])
    decoder = Decoder(recipe.data["clip_seconds"], recipe.front, folder, jobs)
    tracks: list[Track] = []
    mels: list[LogMel] = []
    left_out: dict[str, str] = {}
    for source in recipe.data["sources"]:
        taken = {track.id for track in tracks}
        found: Iterable[tuple[Track, LogMel | str]]
        if source["log_mel"]:
            found = log_mel_tracks(music / source["log_mel"], source["id_prefix"], labels)
        else:
            wanted, unwanted = list_tracks(source, music, labels)
            left_out |= unwanted
            found = decoder.decode(wanted)
        for track, outcome in found:
            if isinstance(outcome, str):
                left_out[track.id] = outcome
            elif track.id not in taken:
                tracks.append(track)
                mels.append(outcome)
    tracks, mels = _without_duplicates(tracks, mels, left_out)
    if not tracks:
        raise RecipeError("no clip could be used: " + "; ".join(f"{k}: {v}" for k, v in list(left_out.items())[:3]))
    _require_artists_apart(tracks)
    lengths = np.array([len(mel) for mel in mels], np.int64)
    mapped = {genre for genres in labels.values() for genre in genres}
    vocabulary = sorted(mapped or {genre for track in tracks for genre in track.genres})
    teacher = _copied_teacher(recipe, music, folder)
    cache = Cache(
        np.concatenate(mels), np.cumsum(lengths) - lengths, lengths, tracks, recipe.front, vocabulary, left_out, teacher
    )
    save_cache(cache, folder)
    decoder.remove_parts()
    return cache


class Decoder:
    """Decodes in worker processes, and keeps what it has in files of `PART_CLIPS` clips until the cache is complete."""

    def __init__(self, seconds: float, front_end: FrontEnd, folder: Path, jobs: int | None) -> None:
        self.parts = folder / "parts"
        self.parts.mkdir(parents=True, exist_ok=True)
        self.jobs = jobs
        basis = self.parts / "mel.npy"
        np.save(basis, mel_filter_bank(front_end))
        self.job = partial(decode, seconds, front_end, basis)
        self.setting = f"{seconds} {front_end}"

    def decode(self, tracks: list[Track]) -> Iterator[tuple[Track, LogMel | str]]:
        """Each track with its log-mel, or why there is none; in the order of ``tracks``."""
        outcomes: dict[str, LogMel | str] = dict(self._kept())
        keys = {track.id: self._key(track) for track in tracks}
        waiting = {str(track.file): keys[track.id] for track in tracks if keys[track.id] not in outcomes}
        fresh: dict[str, LogMel] = {}
        with WorkerPool(None, workers=self.jobs, job=self.job) as pool:
            for path, outcome in tqdm(pool.map(waiting), total=len(waiting), unit="clip", disable=None, delay=1):
                if isinstance(outcome, UnusableAudio):
                    outcomes[waiting[path]] = str(outcome)
                    continue
                outcomes[waiting[path]] = fresh[waiting[path]] = outcome
                if len(fresh) == PART_CLIPS:
                    self._keep(fresh)
                    fresh = {}
        for track in tracks:
            yield track, outcomes[keys[track.id]]

    def remove_parts(self) -> None:
        """Remove the parts: the cache has them all."""
        shutil.rmtree(self.parts)

    def _key(self, track: Track) -> str:
        """What has to be the same for an earlier run's clip to serve."""
        assert track.file is not None
        try:
            stat = track.file.stat()
            version = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            version = "missing"
        return hashlib.sha256(f"{track.file} {version} {self.setting}".encode("utf-8", "surrogateescape")).hexdigest()

    def _kept(self) -> Iterator[tuple[str, LogMel]]:
        for path in sorted(self.parts.glob("*.npz")):
            with np.load(path, allow_pickle=False) as part:
                yield from part.items()

    def _keep(self, fresh: dict[str, LogMel]) -> None:
        path = self.parts / f"{len(list(self.parts.glob('*.npz'))):06d}.npz"
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as handle:
            np.savez(handle, **fresh)  # type: ignore[arg-type]
        unfinished.replace(path)


@lru_cache(maxsize=1)
def _basis(path: Path) -> NDArray[np.float32]:
    basis: NDArray[np.float32] = np.load(path)
    return basis


def decode(seconds: float, front_end: FrontEnd, basis: Path, path: str) -> LogMel | UnusableAudio:
    """A worker's job: a file -> its cached log-mel, or why there is none."""
    try:
        y = load_clip(path, seconds=seconds, sample_rate=front_end.sample_rate, skip_silent=front_end.skip_silent)
    except UnusableAudio as error:
        return error
    return np.ascontiguousarray(quantise_cache(log_mel(y, _basis(basis), front_end)).T)


def _copied_teacher(recipe: Recipe, music: Path, folder: Path) -> Path | None:
    """The teacher's targets, beside the cache: training needs nothing else from the music's folder."""
    if not recipe.teacher:
        return None
    source = music / recipe.teacher
    if not source.is_file():
        raise RecipeError(f"the recipe's teacher {source.name} is not in {source.parent}")
    return Path(shutil.copyfile(source, folder / "teacher.npz"))


def _without_duplicates(
    tracks: list[Track], mels: list[LogMel], left_out: dict[str, str]
) -> tuple[list[Track], list[LogMel]]:
    """Keep the first of clips that sound exactly the same; test and valid come before train."""
    first: dict[bytes, Track] = {}
    kept = set()
    for i in sorted(range(len(tracks)), key=lambda i: SPLITS[::-1].index(tracks[i].split)):
        twin = first.setdefault(hashlib.sha256(mels[i].tobytes()).digest(), tracks[i])
        if twin is tracks[i]:
            kept.add(i)
        else:
            left_out[tracks[i].id] = f"exact duplicate of {twin.id}"
    return [tracks[i] for i in sorted(kept)], [mels[i] for i in sorted(kept)]


def _require_artists_apart(tracks: list[Track]) -> None:
    """An artist on both sides of a split would make every figure too good."""
    splits: dict[str, set[str]] = {}
    for track in tracks:
        if track.artist:
            splits.setdefault(track.artist.casefold(), set()).add(track.split)
    if shared := sorted(artist for artist, found in splits.items() if len(found) > 1):
        raise RecipeError(f"{len(shared)} artists are in more than one split, such as {shared[0]}")
