"""Teachers hear the cached audio: ``python -m training teach``. Killed and run again, it goes on. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musrec_core.errors import UnusableAudio
from musrec_core.workers.pool import WorkerPool

from ..recipe import Recipe, RecipeError
from .audio import FILE, from_int16, read_samples
from .cache import Cache
from .onnx_teacher import OnnxTeacher, open_teacher
from .targets import targets_file

PART_CLIPS = 32  # clips that a kill may cost
CLIP_TIMEOUT = 600.0  # seconds

Said = dict[str, NDArray[Any]]  # of one clip: output -> [shape=(windows, ...)], and ``start_s`` [shape=(windows,)]


@dataclass(frozen=True)
class TeachReport:
    """What one teacher has heard; ``fresh`` clips of it in this run, in ``seconds``. ``failed``: track id -> why."""

    teacher: str
    clips: int
    windows: int
    fresh: int
    seconds: float
    failed: dict[str, str]

    def __str__(self) -> str:
        lines = [
            f"{self.teacher}: {self.clips} clips, {self.windows} windows; "
            f"{self.fresh} clips heard now in {self.seconds:.0f} s"
        ]
        return "\n".join(lines + [f"  failed: {id_}: {why}" for id_, why in self.failed.items()])


def teach(recipe: Recipe, cache: Cache, folder: Path, teachers: Path, jobs: int | None = None) -> Iterator[TeachReport]:
    """Run the recipe's teachers, one after the other, on every clip of the cache that has audio.

    What a teacher said of a clip is kept as long as the clip's audio and the teacher's settings stay the same, even
    where the cache is prepared anew.

    Parameters
    ----------
    folder : Path
        The cache's; `load_targets` reads what is written there.
    teachers : Path
        The folder of the teachers' files, and of ``tags.json``: the names of the outputs of each.
    jobs : int, optional
        Worker processes, by default one a core.

    Raises
    ------
    RecipeError
        The recipe has no teacher, the cache no audio at the rate that is needed, or a file is not what the recipe says.
    """
    if not recipe.teachers:
        raise RecipeError(f"the recipe {recipe.name} has no `teachers`")
    if cache.audio is None or cache.audio.sample_rate < (recipe.audio_rate or 0):
        raise RecipeError(
            "the cache lacks the audio that the teachers need: run `python -m training prepare` with this recipe"
        )
    labels = _labels(teachers / "tags.json")
    opened = [open_teacher(teachers / options.file, options) for options in recipe.teachers]
    clips = _clips(cache)
    for teacher in opened:
        yield _Lessons(teacher, cache, folder, clips).run(jobs, labels.get(teacher.name, []))


@dataclass(frozen=True)
class _AudioClip:
    """A clip's audio: where it stands in the file, and a digest of it."""

    id: str
    place: str  # as `hear` reads it
    digest: str


def _clips(cache: Cache) -> list[_AudioClip]:
    audio = cache.audio
    assert audio is not None
    return [
        _AudioClip(track.id, f"{audio.first[i]}+{audio.length[i]}", hashlib.sha256(audio.stored(i).data).hexdigest())
        for i, track in enumerate(cache.tracks)
        if audio.length[i]
    ]


def _labels(path: Path) -> dict[str, list[str]]:
    if not path.is_file():
        return {}
    found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


class _Lessons:
    """One teacher and the clips of one cache."""

    def __init__(self, teacher: OnnxTeacher, cache: Cache, folder: Path, clips: list[_AudioClip]) -> None:
        self.teacher, self.cache, self.folder, self.clips = teacher, cache, folder, clips
        self.path = targets_file(folder, teacher.name)
        self.parts = self.path.with_name(f"{teacher.name}-{teacher.identity[:8]}.parts")

    def run(self, jobs: int | None, labels: list[str]) -> TeachReport:
        begun = time.monotonic()
        said = self._kept()
        missing = {clip.place: clip for clip in self.clips if clip.digest not in said}
        failed = self._hear(missing, said, jobs)
        whole = [clip for clip in self.clips if clip.digest in said]
        if not whole:
            raise RecipeError(f"the teacher {self.teacher.name} could hear no clip: {next(iter(failed.values()), '')}")
        self._write(whole, said, labels)
        shutil.rmtree(self.parts, ignore_errors=True)
        windows = sum(len(said[clip.digest]["start_s"]) for clip in whole)
        seconds = time.monotonic() - begun
        return TeachReport(self.teacher.name, len(whole), windows, len(missing) - len(failed), seconds, failed)

    def _kept(self) -> dict[str, Said]:
        """Digest of a clip's audio -> what an earlier run got, of a whole file and of the parts of one."""
        said: dict[str, Said] = {}
        for path in [self.path, *sorted(self.parts.glob("*.npz"))]:
            if path.is_file():
                with np.load(path, allow_pickle=False) as data:
                    if str(data["identity"]) == self.teacher.identity:
                        said |= self._unpacked(data)
        return said

    def _unpacked(self, data: Mapping[str, NDArray[Any]]) -> dict[str, Said]:
        columns = {"start_s": data["start_s"]} | {name: data[f"said.{name}"] for name in self.teacher.outputs}
        ends = np.cumsum(data["count"])[:-1]
        pieces = {name: np.split(column, ends) for name, column in columns.items()}
        digests = [str(digest) for digest in data["digest"]]
        return {digest: {name: pieces[name][k] for name in columns} for k, digest in enumerate(digests)}

    def _packed(self, said: dict[str, Said]) -> dict[str, NDArray[Any]]:
        names = self.teacher.outputs
        return {
            "identity": np.array(self.teacher.identity),
            "digest": np.array(list(said)),
            "count": np.array([len(one["start_s"]) for one in said.values()], np.int64),
            "start_s": np.concatenate([one["start_s"] for one in said.values()]),
            **{f"said.{name}": np.concatenate([one[name] for one in said.values()]) for name in names},
        }

    def _hear(self, missing: dict[str, _AudioClip], said: dict[str, Said], jobs: int | None) -> dict[str, str]:
        """Add to ``said``, part by part; returns what failed (track id -> why)."""
        assert self.cache.audio is not None
        failed: dict[str, str] = {}
        fresh: dict[str, Said] = {}
        job = partial(hear, self.teacher, self.folder, self.cache.audio.sample_rate)
        with WorkerPool(None, workers=jobs, timeout=CLIP_TIMEOUT, job=job) as pool:
            progress = tqdm(pool.map(missing), total=len(missing), desc=self.teacher.name, unit="clip", disable=None)
            for place, outcome in progress:
                clip = missing[place]
                if isinstance(outcome, (str, UnusableAudio)):
                    failed[clip.id] = str(outcome)
                    continue
                fresh[clip.digest] = outcome
                if len(fresh) == PART_CLIPS:
                    self._keep(fresh)
                    said |= fresh
                    fresh = {}
        said |= fresh
        return failed

    def _keep(self, fresh: dict[str, Said]) -> None:
        self.parts.mkdir(parents=True, exist_ok=True)
        _save(self.parts / f"{len(list(self.parts.glob('*.npz'))):06d}.npz", self._packed(fresh))

    def _write(self, whole: list[_AudioClip], said: dict[str, Said], labels: list[str]) -> None:
        packed = self._packed({clip.digest: said[clip.digest] for clip in whole})
        train = {self.cache.tracks[i].id for i in self.cache.split("train")}
        learnt = np.repeat([clip.id in train for clip in whole], packed["count"])
        for name in self.teacher.outputs:
            column = packed[f"said.{name}"]
            heard = (column[learnt] if learnt.any() else column).astype(np.float64)
            packed[f"mean.{name}"] = heard.mean(axis=0).astype(np.float32)
            packed[f"deviation.{name}"] = heard.std(axis=0).astype(np.float32)
            packed[f"labels.{name}"] = np.array(labels if column.shape[1:] == (len(labels),) else [], str)
        packed |= {
            "id": np.array([clip.id for clip in whole]),
            "outputs": np.array(self.teacher.outputs),
            "window_s": np.float64(self.teacher.samples / self.teacher.rate),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _save(self.path, packed)


def _save(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as handle:
        np.savez(handle, **columns)  # type: ignore[arg-type]
    unfinished.replace(path)


def hear(teacher: OnnxTeacher, folder: Path, audio_rate: int, place: str) -> Said | str:
    """A worker's job: where a clip's audio stands, ``FIRST+LENGTH``, -> the outputs, or why there are none."""
    first, length = (int(number) for number in place.split("+"))
    said = teacher.hear(from_int16(read_samples(folder / FILE, first, length), audio_rate, teacher.rate))
    if not all(np.isfinite(column).all() for column in said.values()):
        return "an output is not a finite number in 16 bits"
    return said
