"""Branches follow their teachers layer by layer (hints; Romero et al. 2015): ``python -m training hints``.

A convolution before its activation is linear in the maps below it. So each layer of a branch is the least-squares
regression of the teacher's maps on the branch's own, from the bottom to the top, over millions of patches: no descent,
no schedule. Channels that no music moves are left out. Recurrent layers learn the teacher's states at every time, by
descent. The tags are the regression of the teacher's on its embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from musrec_core.audio.features import log_mel

from ..data.cache import Cache
from ..data.decoder import mel_filter_bank
from ..data.onnx_teacher import OnnxTeacher, open_teacher
from ..model.branches import KERNEL, Branch, Branches, LastState, new_branch
from ..recipe import Recipe, RecipeError

POSITIONS = 20_000  # of a clip's map that a regression reads
FEWEST_CLIPS = 40  # of a regression; it takes more until it has so many positions for each of its inputs:
POSITIONS_PER_INPUT = 200
RIDGE = 1e-6  # of the inputs' mean power
REPORTED_CLIPS = 150
BATCH, MAX_LR = 32, 5e-3  # of the read-out
LEAST_TAG = 1e-5  # probability
LEAST_DEVIATION = 0.01  # of a state, which is within -1 and 1


@dataclass(frozen=True)
class HintReport:
    """How well a branch follows: shares of the teacher's variance that it misses, on clips kept out of training.

    ``layers``: of each convolution before its activation, in the followed channels; ``left_out``: of each layer's
    maxima, in the channels that no convolution follows; ``embedding``, ``tags``: of what comes out.
    """

    teacher: str
    layers: list[float]
    left_out: list[float]
    embedding: float
    tags: float

    def __str__(self) -> str:
        layers = ", ".join(f"{missed:.4f}" for missed in self.layers)
        left_out = ", ".join(f"{missed:.4f}" for missed in self.left_out)
        return (
            f"{self.teacher}: variance missed by layer {layers}; in channels left out {left_out}; "
            f"of the embedding {self.embedding:.4f}, of the tags {self.tags:.4f}"
        )


@dataclass(frozen=True)
class _Heard:
    """A clip as both hear it: the branch's window (1, 1, mels, frames), the teacher's outputs by name."""

    x: Tensor
    said: dict[str, Tensor]


def fit_hints(recipe: Recipe, cache: Cache, teachers: Path, out: Path) -> Iterator[HintReport]:
    """Fit the recipe's branches one after the other, and save each in ``OUT/branches/``; one that is there is kept.

    Parameters
    ----------
    teachers : Path
        The folder of the teachers' files.

    Raises
    ------
    RecipeError
        The recipe has no branches, the cache no audio, or a teacher is not what the recipe says.
    """
    if not recipe.network.branches:
        raise RecipeError(f"the recipe {recipe.name} has no `network.branches`")
    if cache.audio is None:
        raise RecipeError("the cache lacks the audio that the teachers need: run `python -m training prepare`")
    for options in recipe.network.branches:
        path = branch_file(out, recipe, options)
        if path.is_file():
            continue
        torch.manual_seed(int(recipe.seed))
        student = _Student(recipe, cache, teachers, options)
        report = student.fit()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        torch.save(student.branch.state_dict(), unfinished)
        unfinished.replace(path)
        yield report


def branch_file(out: Path, recipe: Recipe, options: Any) -> Path:
    """Where a branch is saved; another front end or other settings are another file."""
    branch = {key: options[key] for key in sorted(options)}
    settings = repr((recipe.front, int(recipe.seed), dict(recipe.hints), branch))
    return out / "branches" / f"{Path(options.file).stem}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}.pt"


def load_branches(trunk: Branches, recipe: Recipe, out: Path) -> None:
    """Give a trunk the branches that `fit_hints` saved."""
    for branch, options in zip(trunk.branches, recipe.network.branches, strict=True):
        path = branch_file(out, recipe, options)
        if not path.is_file():
            raise RecipeError(f"{out} holds no branch {path.name}: run `python -m training hints` first")
        branch.load_state_dict(torch.load(path, weights_only=True))


class _Student:
    """One branch, its teacher, and the clips that both hear."""

    def __init__(self, recipe: Recipe, cache: Cache, teachers: Path, options: Any) -> None:
        self.recipe, self.cache, self.options = recipe, cache, options
        self.front = replace(recipe.front, remove_dc=False, skip_silent=False)  # done, in the cached audio
        self.bank = mel_filter_bank(self.front)
        self.samples = (self.front.window_frames - 1) * self.front.hop_length
        self.teacher = self._open(teachers)
        self.branch: Branch = new_branch(options).eval()

    def _open(self, folder: Path) -> OnnxTeacher:
        from types import SimpleNamespace

        outputs = [*self.options.maps, *self.options.states, "embedding", "tags"]
        wanted = SimpleNamespace(rate=self.front.sample_rate, samples=self.options.samples, hop=1.0, outputs=outputs)
        return open_teacher(folder / self.options.file, wanted)

    def fit(self) -> HintReport:
        train = self._clips("train")
        rng = np.random.default_rng(int(self.recipe.seed))
        clips = rng.permutation(train)[: int(self.recipe.hints.clips)]
        channels: list[Tensor] = []
        for layer in range(len(self.branch.convolutions)):
            channels.append(self._fit_layer(layer, clips))
        self._fit_read_out(clips, rng)
        return self._report(channels, self._clips("valid")[:REPORTED_CLIPS])

    def _clips(self, split: str) -> NDArray[np.int64]:
        assert self.cache.audio is not None
        recorded = [i for i in self.cache.split(split) if self.cache.audio.length[i] and self.cache.tracks[i].file]
        return np.array(recorded, np.int64)

    def _hear(self, i: int, outputs: Sequence[str], start: float = 0.5) -> _Heard:
        """A window of a clip, ``start`` of the way from its first to its last one."""
        assert self.cache.audio is not None
        y = self.cache.audio.clip(int(i), self.front.sample_rate)
        need = max(self.samples, int(self.options.samples))
        y = np.resize(y, need) if len(y) < need else y
        first = int(start * (len(y) - need))
        y = y[first : first + need]
        rms = float(np.sqrt(np.mean(np.square(y[: self.samples])))) or 1.0
        y = (y * (10 ** (self.front.level_dbfs / 20) / rms)).astype(np.float32)
        window = log_mel(y[: self.samples], self.bank, self.front)[:, : self.front.window_frames]
        said = self.teacher.run(y[None, : self.options.samples], outputs)
        return _Heard(torch.from_numpy(window)[None, None], {name: torch.from_numpy(a) for name, a in said.items()})

    @torch.inference_mode()
    def _fit_layer(self, layer: int, clips: NDArray[np.int64]) -> Tensor:
        """Regress one convolution; returns the teacher's channels that it follows."""
        name = self.options.maps[layer]
        sums = _Sums()
        for i in clips:
            heard = self._hear(i, [name])
            y = heard.said[name]
            x = F.unfold(self.branch.maps(heard.x, layer), KERNEL, padding=KERNEL // 2)[0]
            chosen = torch.randperm(x.shape[1])[:POSITIONS]
            sums.add(x[:, chosen], y[0].flatten(1)[:, chosen], F.max_pool2d(F.relu(y), self.branch.pools[layer]))
            if sums.clips >= FEWEST_CLIPS and sums.count >= POSITIONS_PER_INPUT * len(x):
                break
        convolution = self.branch.convolutions[layer]
        assert isinstance(convolution, torch.nn.Conv2d)
        assert convolution.bias is not None
        channels = sums.most_moved(convolution.out_channels)
        weights, bias = sums.regression(channels)
        convolution.weight.copy_(weights.T.reshape(convolution.weight.shape))
        convolution.bias.copy_(bias)
        return channels

    def _fit_read_out(self, clips: NDArray[np.int64], rng: np.random.Generator) -> None:
        """The tags, by regression on the teacher's embedding; recurrent layers by descent."""
        heard = [self._last(int(i), float(start)) for i, start in zip(clips, rng.random(len(clips)), strict=True)]
        embedding, tags = (torch.cat([said[name] for _, said in heard]) for name in ("embedding", "tags"))
        weights, bias = _regression(embedding, tags.clamp(LEAST_TAG, 1 - LEAST_TAG).logit())
        with torch.no_grad():
            self.branch.tags.weight.copy_(weights.T)
            self.branch.tags.bias.copy_(bias)
        if isinstance(self.branch.read_out, LastState):
            maps = torch.cat([maps for maps, _ in heard])
            states = [torch.cat([_by_time(said[name]) for _, said in heard]) for name in self.options.states]
            self._fit_states(self.branch.read_out, maps, states)

    def _fit_states(self, read_out: LastState, maps: Tensor, states: list[Tensor]) -> None:
        """Maps (n, c, 1, t) -> what the teacher's recurrent layers said of the same windows, each (n, t, e)."""
        read_out.scale.copy_(maps.std())
        deviations = [state.std(dim=(0, 1)).clamp(min=LEAST_DEVIATION) for state in states]
        optimizer = torch.optim.AdamW(read_out.parameters(), lr=MAX_LR, weight_decay=0.0)
        steps = int(self.recipe.hints.steps)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, MAX_LR, total_steps=steps)
        for _ in range(steps):
            rows = torch.randint(len(maps), (BATCH,))
            ours = zip(read_out.states(maps[rows]), states, deviations, strict=True)
            loss = torch.stack([((a - b[rows]) / deviation).square().mean() for a, b, deviation in ours]).sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(read_out.parameters(), 1.0)
            optimizer.step()
            schedule.step()

    @torch.no_grad()
    def _last(self, i: int, start: float) -> tuple[Tensor, dict[str, Tensor]]:
        heard = self._hear(i, [*self.options.states, "embedding", "tags"], start)
        return self.branch.maps(heard.x), heard.said

    @torch.inference_mode()
    def _report(self, channels: list[Tensor], clips: NDArray[np.int64]) -> HintReport:
        layers = [_Missed() for _ in channels]
        left_out = [_Missed() for _ in channels]
        embedding, tags = _Missed(), _Missed()
        for i in clips:
            heard = self._hear(i, [*self.options.maps, "embedding", "tags"])
            for k, followed in enumerate(channels):
                y = heard.said[self.options.maps[k]]
                layers[k].add(self.branch.convolutions[k](self.branch.maps(heard.x, k)), y[:, followed])
                pooled = F.max_pool2d(F.relu(y), self.branch.pools[k])
                kept = torch.zeros_like(pooled)
                kept[:, followed] = pooled[:, followed]
                left_out[k].add(kept, pooled)
            said = self.branch(heard.x)
            embedding.add(said.embedding, heard.said["embedding"])
            tags.add(said.tags.sigmoid(), heard.said["tags"])
        return HintReport(
            self.teacher.name,
            [one.share for one in layers],
            [one.share for one in left_out],
            embedding.share,
            tags.share,
        )


def _by_time(states: Tensor) -> Tensor:
    """What a recurrent layer of ONNX gives for one window (t, 1, 1, e) -> (1, t, e)."""
    return states.flatten(1)[None]


class _Sums:
    """What a regression of (outputs, n) on (inputs, n) needs, added up clip by clip."""

    def __init__(self) -> None:
        self.inputs: Any = 0
        self.products: Any = 0
        self.count = 0
        self.mean: Any = 0
        self.square: Any = 0
        self.clips = 0

    def add(self, x: Tensor, y: Tensor, maxima: Tensor) -> None:
        x = torch.cat([x, torch.ones(1, x.shape[1])])
        self.inputs = self.inputs + (x @ x.T).double()
        self.products = self.products + (x @ y.T).double()
        self.count += x.shape[1]
        self.mean = self.mean + maxima.double().mean(dim=(0, 2, 3))
        self.square = self.square + maxima.double().square().mean(dim=(0, 2, 3))
        self.clips += 1

    def most_moved(self, count: int) -> Tensor:
        """The channels whose maxima vary most, in order."""
        variance = self.square / self.clips - (self.mean / self.clips).square()
        return variance.argsort(descending=True)[:count].sort().values

    def regression(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [shape=(inputs, channels)] and bias [shape=(channels,)]."""
        power = self.inputs.diagonal().mean()
        ridge = RIDGE * power * torch.eye(len(self.inputs), dtype=torch.float64)
        solution = torch.linalg.solve(self.inputs + ridge, self.products[:, channels]).float()
        return solution[:-1], solution[-1]


def _regression(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares of (n, outputs) on (n, inputs): weights [shape=(inputs, outputs)] and bias [shape=(outputs,)]."""
    sums = _Sums()
    sums.add(x.T, y.T, y.T[None, :, :, None])
    return sums.regression(torch.arange(y.shape[1]))


class _Missed:
    """The share of a target's variance that is missed, over all that is added."""

    def __init__(self) -> None:
        self.error = self.count = 0.0
        self.sums: Any = 0
        self.squares: Any = 0

    def add(self, ours: Tensor, target: Tensor) -> None:
        target, ours = target.transpose(0, 1).flatten(1).double(), ours.transpose(0, 1).flatten(1).double()
        self.error += float((ours - target).square().sum())
        self.sums = self.sums + target.sum(dim=1)
        self.squares = self.squares + target.square().sum(dim=1)
        self.count += target.shape[1]

    @property
    def share(self) -> float:
        variance = self.squares - self.sums.square() / self.count
        return self.error / max(float(variance.sum()), 1e-12)
