"""The network in ncnn and in ONNX Runtime: time, vectors, memory, size: ``python -m benchmarks --part runtimes``.

Rows: what is shipped; the same rounded numbers in float convolutions; the network without rounding, in ncnn's other
types of numbers; ONNX Runtime. All take turns in one process, with one thread each.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from musrec_core import Card, Encoder
from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import log_mel, windows
from musrec_core.network import NcnnNetwork, OnnxNetwork
from musrec_core.search.distance import unit

from .tables import cpu_ms, table

if TYPE_CHECKING:
    import onnx

Windows = NDArray[np.float32]
STARTS = 5  # of a process
SHIPPED, ONNX = "ncnn, 8-bit convolutions (shipped)", "ONNX Runtime, 8-bit convolutions"
START = """
import time
from musrec_core import Card
from musrec_core.network import {0}
{0}(Card.load(), threads=1)
print(1e3 * time.process_time())
from benchmarks.resident import own_memory
print(own_memory().now)
"""


class Runs(Protocol):
    """What this page needs of a `Network`."""

    def run(self, windows: Windows) -> tuple[NDArray[np.float32], ...]: ...


class Variant(NamedTuple):
    """A network, and what it is called."""

    name: str
    network: Runs


def runtimes(paths: list[Path], runs: int, *, markdown: bool = False) -> str:
    """Two tables: what a track costs in each, and what each costs to have."""
    encoder = Encoder.load(threads=1)
    clips = [_windows(encoder, path) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        variants = list(_variants(encoder.card, Path(folder)))
    reference = _vectors(next(v.network for v in variants if v.name == ONNX), clips)
    jobs: dict[str, Callable[[], Any]] = {v.name: partial(v.network.run, clips[0]) for v in variants}
    jobs |= {path.name: partial(_windows, encoder, path) for path in paths}
    took = cpu_ms(jobs, runs)
    rest = statistics.fmean(took[path.name] for path in paths)
    rows = []
    for variant in variants:
        ms, vectors = took[variant.name], _vectors(variant.network, clips)
        track, other = rest + ms, rest + took[ONNX]
        apart = 1 - (vectors * reference).sum(axis=1).min()
        distances = np.abs(vectors @ vectors.T - reference @ reference.T).max()
        rows.append([variant.name, ms, track, f"{track / other:.2f}", f"{max(apart, 0):.0e}", f"{distances:.0e}"])
    columns = ["", "network [ms]", "track [ms]", "relative to ONNX Runtime", "vectors", "distances"]
    title = f"Runtimes: processor time of a track; the largest differences from ONNX Runtime over {len(paths)} songs"
    return "\n".join([table(title, columns, rows, markdown=markdown), _costs(markdown=markdown)])


def _windows(encoder: Encoder, path: Path) -> Windows:
    front_end = encoder.card.front_end
    y = load_clip(
        path,
        seconds=front_end.clip_seconds,
        sample_rate=front_end.sample_rate,
        skip_silent=front_end.skip_silent,
    )
    return windows(log_mel(y, encoder._mel_basis, front_end), front_end.window_frames)


def _vectors(network: Runs, clips: list[Windows]) -> NDArray[np.float32]:
    return np.stack([unit(network.run(w)[0].mean(axis=0)) for w in clips])


def _variants(card: Card, folder: Path) -> Iterator[Variant]:
    import onnx

    from training.export.ncnn_convert import convert

    model = onnx.load(card.folder / card.weights)
    rounded, plain = convert(model, int8=False), convert(without_rounding(model))
    yield Variant(SHIPPED, NcnnNetwork(card, threads=1))
    yield Variant("ncnn, the same in floats", InNcnn(*rounded, folder))
    yield Variant("ncnn, float32, not rounded", InNcnn(*plain, folder))
    yield Variant("ncnn, float16 storage, not rounded", InNcnn(*plain, folder, "fp16_packed", "fp16_storage"))
    yield Variant("ncnn, bfloat16 storage, not rounded", InNcnn(*plain, folder, "bf16_storage"))
    yield Variant(ONNX, OnnxNetwork(card, threads=1))


def without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network without the quantisation of what flows through it; the weights keep theirs.

    A range of unsigned integers that begins at zero stands for a ReLU, too.
    """
    import onnx
    from onnx import numpy_helper

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in changed.graph.initializer}
    source: dict[str, str] = {}
    kept = []
    for node in changed.graph.node:
        node.input[:] = [source.get(name, name) for name in node.input]
        if node.op_type == "QuantizeLinear" and numpy_helper.to_array(constants[node.input[2]]).max() == 0:
            kept.append(onnx.helper.make_node("Relu", node.input[:1], node.output, f"{node.name}_relu"))
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in constants:
            source[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del changed.graph.node[:]
    changed.graph.node.extend(kept)
    return changed


class InNcnn:
    """A graph in ncnn, with some of its options switched on."""

    def __init__(self, graph: str, weights: bytes, folder: Path, *options: str) -> None:
        import ncnn

        (folder / "x.param").write_text(graph, encoding="ascii")
        (folder / "x.bin").write_bytes(weights)
        self._mat, self._net = ncnn.Mat, ncnn.Net()
        self._net.opt.num_threads = 1
        for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
            setattr(self._net.opt, f"use_{option}", option in options)
        assert self._net.load_param(str(folder / "x.param")) == 0
        assert self._net.load_model(str(folder / "x.bin")) == 0

    def run(self, windows: Windows) -> tuple[NDArray[np.float32], ...]:
        """Embeddings and genre logits."""
        rows = []
        for window in windows:
            plain = np.ascontiguousarray(window)
            extractor = self._net.create_extractor()
            extractor.input("windows", self._mat(plain).clone())
            rows.append([np.array(extractor.extract(name)[1]) for name in ("embedding", "genres")])
        return tuple(np.stack(column) for column in zip(*rows, strict=True))


def _costs(*, markdown: bool) -> str:
    """Processor time and memory of a process that loads the network, and what is on disk for it."""
    rows = []
    for name, network, package in (("ncnn", "NcnnNetwork", "ncnn"), ("ONNX Runtime", "OnnxNetwork", "onnxruntime")):
        code = START.format(network)
        said = [subprocess.check_output([sys.executable, "-c", code], text=True).split() for _ in range(STARTS)]
        ms, memory = (statistics.median(float(line[n]) for line in said) for n in (0, 1))
        rows.append([name, ms, memory, _megabytes(package)])
    columns = ["", "start of a process [ms]", "memory [MB]", "installed [MB]"]
    return table("A process that has loaded the network, and nothing else", columns, rows, markdown=markdown)


def _megabytes(package: str) -> float:
    found = [file for file in files(package) or () if "__pycache__" not in str(file)]
    return sum(Path(str(file.locate())).stat().st_size for file in found) / 1e6
