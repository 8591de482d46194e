"""Files -> their clips, decoded in worker processes: log-mel and, where the recipe has teachers, audio. Resumes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import MIN_SOUND_SECONDS, log_mel
from musrec_core.audio.infrasound import without_infrasound
from musrec_core.audio.resampling import resample
from musrec_core.audio.silence import without_silence
from musrec_core.errors import UnusableAudio
from musrec_core.front_end import FrontEnd
from musrec_core.workers.pool import Job, WorkerPool

from ..recipe import RecipeError
from .audio import Samples, to_int16
from .cache import Track, dequantise_cache, quantise_cache
from .resynthesis import READY, resynthesise

LogMel = NDArray[np.uint8]  # [shape=(t, n_mels)]
PART_CLIPS = 64  # clips that a kill may cost
SONG_CLIPS = 200  # at most, of one file: a format without seeking would give its beginning for ever
FILE_TIMEOUT = 300.0  # seconds; a long song is opened once a clip


def mel_filter_bank(front_end: FrontEnd) -> NDArray[np.float32]:
    """librosa's filter bank [shape=(n_mels, 1 + n_fft // 2)]; it is exported with the model."""
    from librosa.filters import mel

    basis: NDArray[np.float32] = mel(
        sr=front_end.sample_rate,
        n_fft=front_end.n_fft,
        n_mels=front_end.n_mels,
        fmin=front_end.fmin,
        fmax=front_end.fmax,
        htk=front_end.mel_scale == "htk",
        norm=None if front_end.mel_scale == "htk" else "slaney",
    )
    return basis.astype(np.float32)


@dataclass(frozen=True)
class Plan:
    """What to take of a file.

    Attributes
    ----------
    seconds : float
        Length of a clip [s].
    every : float
        Clips begin at 0 and every so many seconds; 0: one clip from the middle.
    front_end : FrontEnd
    audio_rate : int, optional
        Keep the audio too, at this rate [Hz].
    """

    seconds: float
    every: float
    front_end: FrontEnd
    audio_rate: int | None = None


@dataclass(frozen=True)
class Clip:
    """A clip as a worker decodes it; ``number`` counts the clips of a song from its beginning."""

    number: int
    mel: LogMel
    audio: Samples | None


@dataclass(frozen=True)
class StoredClip:
    """A clip whose audio, if there is any, waits in a part: its samples, and the part's member that holds them."""

    number: int
    mel: LogMel
    samples: int = 0
    part: Path | None = None
    member: str = ""

    def audio(self) -> Samples:
        """Read the samples."""
        assert self.part is not None
        with np.load(self.part, allow_pickle=False) as part:
            samples: Samples = part[self.member]
        return samples


class Decoder:
    """Decodes in worker processes, and keeps what it has in files of `PART_CLIPS` clips until the cache is complete."""

    def __init__(self, front_end: FrontEnd, audio_rate: int | None, folder: Path, jobs: int | None) -> None:
        self.front_end, self.audio_rate, self.jobs = front_end, audio_rate, jobs
        self.parts = folder / "parts"
        self.parts.mkdir(parents=True, exist_ok=True)
        self.basis = self.parts / "mel.npy"
        np.save(self.basis, mel_filter_bank(front_end))

    def decode(
        self, tracks: list[Track], seconds: float, every: float = 0.0
    ) -> Iterator[tuple[Track, StoredClip | str]]:
        """Each clip, or why there is none; in the order of ``tracks``.

        With ``every``, each track is a song of several clips, whose ids are the song's with the second of their start.
        """
        plan = Plan(seconds, every, self.front_end, self.audio_rate)
        keys = {track.id: _key(track, plan) for track in tracks}
        outcomes: dict[str, list[StoredClip] | str] = dict(self._kept(set(keys.values())))
        waiting = {str(track.file): keys[track.id] for track in tracks if keys[track.id] not in outcomes}
        outcomes |= self._fresh(waiting, partial(decode, plan, self.basis))
        for track in tracks:
            found = outcomes[keys[track.id]]
            if isinstance(found, str):
                yield track, found
                continue
            for clip in found:
                yield _track_of(track, clip, every), clip

    def resynthesise(self, path: Path, tracks: list[Track]) -> Iterator[tuple[Track, StoredClip]]:
        """Clips of ready log-mel as the front end hears their `resynthesise`; ``tracks`` are those of the npz."""
        plan = Plan(0, 0, self.front_end, self.audio_rate)
        ready_basis = self.parts / "ready.npy"
        np.save(ready_basis, mel_filter_bank(READY))
        keys = [f"{_digest(path, plan)}{row:06d}" for row in range(len(tracks))]
        outcomes: dict[str, list[StoredClip] | str] = dict(self._kept(set(keys)))
        waiting = {str(row): key for row, key in enumerate(keys) if key not in outcomes}
        outcomes |= self._fresh(waiting, partial(resynthesised, plan, self.basis, path, ready_basis))
        for track, key in zip(tracks, keys, strict=True):
            found = outcomes[key]
            if isinstance(found, str):
                raise RecipeError(f"{path.name}: {track.id} can't be made sound: {found}")
            yield track, found[0]

    def _fresh(self, waiting: dict[str, str], job: Job) -> dict[str, list[StoredClip] | str]:
        """What workers make of places (files, say) -> by key, the clips that they are kept as, or why there is none."""
        outcomes: dict[str, list[StoredClip] | str] = {}
        fresh: dict[str, list[Clip]] = {}
        with WorkerPool(None, workers=self.jobs, timeout=FILE_TIMEOUT, job=job) as pool:
            for place, outcome in tqdm(pool.map(waiting), total=len(waiting), unit="file", disable=None, delay=1):
                if isinstance(outcome, UnusableAudio):
                    outcomes[waiting[place]] = str(outcome)
                    continue
                fresh[waiting[place]] = outcome
                if sum(map(len, fresh.values())) >= PART_CLIPS:
                    outcomes |= self._keep(fresh)
                    fresh = {}
        if fresh:
            outcomes |= self._keep(fresh)
        return outcomes

    def remove_parts(self) -> None:
        """Remove the parts: the cache has them all."""
        shutil.rmtree(self.parts)

    def _kept(self, keys: set[str]) -> Iterator[tuple[str, list[StoredClip]]]:
        """What an earlier run has decoded of these files."""
        for path in sorted(self.parts.glob("*.npz")):
            with np.load(path, allow_pickle=False) as part:
                yield from _clips_in(path, part, keys)

    def _keep(self, fresh: dict[str, list[Clip]]) -> dict[str, list[StoredClip]]:
        path = self.parts / f"{len(list(self.parts.glob('*.npz'))):06d}.npz"
        members: dict[str, Any] = {}
        for key, clips in fresh.items():
            for clip in clips:
                name = f"{key}/{clip.number}"
                members[f"{name}/mel"] = clip.mel
                if clip.audio is not None:
                    members |= {f"{name}/samples": np.int64(len(clip.audio)), f"{name}/audio": clip.audio}
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as handle:
            np.savez(handle, **members)
        unfinished.replace(path)
        return {
            key: [
                StoredClip(clip.number, clip.mel)
                if clip.audio is None
                else StoredClip(clip.number, clip.mel, len(clip.audio), path, f"{key}/{clip.number}/audio")
                for clip in clips
            ]
            for key, clips in fresh.items()
        }


def _clips_in(path: Path, part: Any, keys: set[str]) -> Iterator[tuple[str, list[StoredClip]]]:
    found: dict[str, list[StoredClip]] = {}
    names = set(part.files)
    for name in part.files:
        key, number, kind = name.split("/")
        if kind != "mel" or key not in keys:
            continue
        stored = StoredClip(int(number), part[name])
        if f"{key}/{number}/audio" in names:
            samples = int(part[f"{key}/{number}/samples"])
            stored = replace(stored, samples=samples, part=path, member=f"{key}/{number}/audio")
        found.setdefault(key, []).append(stored)
    yield from found.items()


def _key(track: Track, plan: Plan) -> str:
    """What has to be the same for an earlier run's clips to serve."""
    assert track.file is not None
    return _digest(track.file, plan)


def _digest(file: Path, plan: Plan) -> str:
    try:
        stat = file.stat()
        version = f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:
        version = "missing"
    return hashlib.sha256(f"{file} {version} {plan}".encode("utf-8", "surrogateescape")).hexdigest()


def _track_of(track: Track, clip: StoredClip, every: float) -> Track:
    if not every:
        return track
    start = clip.number * every
    return replace(track, id=f"{track.id}@{start:04g}", start=start, song=track.id)


@lru_cache(maxsize=2)
def _basis(path: Path) -> NDArray[np.float32]:
    basis: NDArray[np.float32] = np.load(path)
    return basis


def decode(plan: Plan, basis: Path, path: str) -> list[Clip] | UnusableAudio:
    """A worker's job: a file -> its clips, or why there is none."""
    if not plan.every:
        try:
            return [_clip(0, _load(plan, path, None), plan, _basis(basis))]
        except UnusableAudio as error:
            return error
    clips: list[Clip] = []
    why = UnusableAudio(path, "silent")
    for number in range(SONG_CLIPS):
        try:
            y = _load(plan, path, number * plan.every)
        except UnusableAudio as error:
            why = error
            if error.reason == "silent":
                continue
            break  # the end of the song, or a bad file
        if number and len(y) < plan.seconds / 2 * _rate(plan):
            break  # hardly more than its last chord
        clips.append(_clip(number, y, plan, _basis(basis)))
    return clips or why


def resynthesised(plan: Plan, basis: Path, path: Path, ready_basis: Path, row: str) -> list[Clip]:
    """A worker's job: a row of an npz of ready log-mel -> the clip of its sound."""
    y = resynthesise(dequantise_cache(_ready(path)[int(row)]), _basis(ready_basis))
    return [_clip(0, resample(y, READY.sample_rate, _rate(plan)), plan, _basis(basis))]


@lru_cache(maxsize=1)
def _ready(path: Path) -> LogMel:
    with np.load(path, allow_pickle=False) as data:
        mel: LogMel = data["logmel"]
    return mel


def _rate(plan: Plan) -> int:
    return plan.audio_rate or plan.front_end.sample_rate


def _load(plan: Plan, path: str, start: float | None) -> NDArray[np.float32]:
    skip_silent = plan.front_end.skip_silent
    return load_clip(path, seconds=plan.seconds, sample_rate=_rate(plan), start=start, skip_silent=skip_silent)


def _clip(number: int, y: NDArray[np.float32], plan: Plan, basis: NDArray[np.float32]) -> Clip:
    """Log-mel and, where it is kept, audio of the same moments: what the front end would skip goes from both."""
    front_end, audio = plan.front_end, None
    if rate := plan.audio_rate:
        if front_end.remove_dc:
            y = without_infrasound(y, rate)
        if front_end.skip_silent:
            window = front_end.window_frames * front_end.hop_length / front_end.sample_rate
            (y,) = without_silence([y], rate, round(min(window, MIN_SOUND_SECONDS) * rate))
        audio = to_int16(y)
        y = resample(y, rate, front_end.sample_rate)
        front_end = replace(front_end, remove_dc=False, skip_silent=False)
    return Clip(number, np.ascontiguousarray(quantise_cache(log_mel(y, basis, front_end)).T), audio)
