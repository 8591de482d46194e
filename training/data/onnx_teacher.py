"""A teacher: an ONNX network from a waveform to whatever it knows, heard window by window."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..recipe import RecipeError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@dataclass(frozen=True)
class OnnxTeacher:
    """A network that takes ``(batch, samples)`` float32.

    Attributes
    ----------
    file : Path
    rate : int
        Of the audio that it hears [Hz].
    samples : int
        Of one window.
    hop : float
        From window to window [s].
    outputs : tuple of str
        Tensors of its graph that are kept: its outputs, or any other of its nodes'.
    digest : str
        Of the file.
    """

    file: Path
    rate: int
    samples: int
    hop: float
    outputs: tuple[str, ...]
    digest: str

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def identity(self) -> str:
        """What has to be the same for stored outputs to serve."""
        settings = f"{self.digest} {self.rate} {self.samples} {self.hop:g} {self.outputs}"
        return hashlib.sha256(settings.encode()).hexdigest()

    def run(self, y: NDArray[np.float32], outputs: Sequence[str] | None = None) -> dict[str, NDArray[np.float32]]:
        """What some of the outputs, or all, are for windows [shape=(b, samples)]."""
        session = _session(self)
        names = list(self.outputs if outputs is None else outputs)
        return dict(zip(names, session.run(names, {session.get_inputs()[0].name: y}), strict=True))

    def hear(self, y: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Run on the windows of a clip.

        Parameters
        ----------
        y : np.ndarray [shape=(n,)]
            At ``rate``; repeated until it fills a window.

        Returns
        -------
        said : dict
            Output -> [shape=(windows, ...)], float16; and ``start_s`` [shape=(windows,)], float32.
        """
        if len(y) < self.samples:
            y = np.resize(y, self.samples)
        starts = window_starts(len(y), self.samples, round(self.hop * self.rate))
        # One window at a time: measured, no batch is quicker on a CPU.
        rows = [self.run(y[None, s : s + self.samples]) for s in starts]
        said = {name: np.concatenate([row[name] for row in rows]) for name in self.outputs}
        with np.errstate(over="ignore"):
            half = {name: column.astype(np.float16) for name, column in said.items()}
        return half | {"start_s": (np.array(starts) / self.rate).astype(np.float32)}


def window_starts(length: int, window: int, hop: int) -> list[int]:
    """First samples of windows that cover a signal: every ``hop``, and a last one that ends with the signal where half
    a hop or more is left.
    """
    starts = list(range(0, max(1, length - window + 1), hop))
    last = length - window
    return [*starts, last] if last - starts[-1] >= hop / 2 else starts


def open_teacher(file: Path, options: Any) -> OnnxTeacher:
    """A teacher as the recipe describes it.

    Raises
    ------
    RecipeError
        The file is missing or no ONNX, takes another number of samples, or has no such output.
    """
    if not file.is_file():
        raise RecipeError(f"the teacher {file.name} is not in {file.parent}")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    teacher = OnnxTeacher(
        file, int(options.rate), int(options.samples), float(options.hop), tuple(options.outputs), digest
    )
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

    try:
        shape = _session(teacher).get_inputs()[0].shape
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise RecipeError(f"the teacher {file.name} can't be loaded: {error}") from None
    if len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != teacher.samples):
        raise RecipeError(f"the teacher {file.name} takes input of the shape {shape}, not {teacher.samples} samples")
    return teacher


@lru_cache(maxsize=1)
def _session(teacher: OnnxTeacher) -> InferenceSession:
    """The network on one thread: worker processes are the parallelism, which is quicker than threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(teacher.file), options, providers=["CPUExecutionProvider"])
    if set(teacher.outputs) <= {output.name for output in session.get_outputs()}:
        return session
    model = _with_outputs(teacher)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _with_outputs(teacher: OnnxTeacher) -> bytes:
    """The network with inner tensors made outputs: what its layers say, for hints (Romero et al. 2015)."""
    import onnx

    model = onnx.load(str(teacher.file))
    inner = {name for node in model.graph.node for name in node.output}
    present = {output.name for output in model.graph.output}
    for name in teacher.outputs:
        if name not in inner:
            raise RecipeError(f"the teacher {teacher.file.name} has no output and no node's output {name}")
        if name not in present:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    serialised: bytes = model.SerializeToString()
    return serialised
