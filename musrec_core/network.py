"""The network alone: log-mel windows -> its outputs, with ncnn or with ONNX Runtime, whichever is installed.

Both compute the same function: their vectors of a track have a cosine distance of 3e-5 or less. ncnn's graph is made
from the other by `training.export.ncnn_convert`.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._text import one_line
from .card import Card
from .errors import ModelError, NoRuntimeError

# From 1.29 on, ONNX Runtime tells its makers of each session, unless this is set before it is loaded.
for _name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):
    os.environ[_name] = "1"

# ncnn's options for numbers of 16 bits, where the processor has them: on ARM, distances were up to 0.02 apart.
HALVES = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")

# What ONNX Runtime does to a graph for speed, but should not: it takes the maximum of a float convolution in integers,
# channel by channel (52 ms instead of 29 for musrec-2).
SLOWER = ["QDQPropagationTransformer"]

Outputs = tuple[NDArray[np.float32], ...]


class Network(Protocol):
    """A loaded network.

    Each is made from a card; ``threads`` are ONNX Runtime's, ncnn has one. A file that is not what the card says is a
    `ModelError`.
    """

    @staticmethod
    def name() -> str:
        """What runs the network, for people: ``ncnn 1.0.20261020``."""

    def run(self, windows: NDArray[np.float32]) -> Outputs:
        """Windows [shape=(n, n_mels, window_frames)] -> embeddings (n, d), genre logits (n, k), and mood logits (n, 2)
        where the model has a mood head.
        """


class NcnnNetwork:
    """In ncnn, one window after the other, always with one thread.

    More would not be quicker, would wait for each other on busy cores, and would hang in a forked process.
    """

    MODULE, TITLE = "ncnn", "ncnn"  # the package's name, and the one for people

    @staticmethod
    def name() -> str:
        """See `Network`."""
        return f"ncnn {importlib.import_module('ncnn').__version__}"

    def __init__(self, card: Card, *, threads: int = 0) -> None:
        import ncnn

        assert card.ncnn is not None
        checked_bytes(card.folder / card.weights, card.weights_sha256)  # their hash is the model's id
        graph, weights = (checked_bytes(card.folder / file.file, file.sha256) for file in card.ncnn)
        self._ncnn, self._outputs = ncnn, list(output_widths(card))
        self._card = card
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = 1
        for half in HALVES:
            setattr(options, half, False)
        reader = _reader(ncnn, weights)
        refused = self._net.load_param_mem(graph.decode("latin-1")) or self._net.load_model(reader)
        if refused or reader.at != len(weights):
            raise ModelError(f"the model {card.ncnn.graph.file} can't be loaded: ncnn does not accept it")
        self._check_widths()

    def run(self, windows: NDArray[np.float32]) -> Outputs:
        """See `Network`."""
        rows = [self._run_one(window) for window in windows]
        return tuple(np.stack(column) for column in zip(*rows, strict=True))

    def _run_one(self, window: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        extractor = self._net.create_extractor()
        plain = np.ascontiguousarray(window, np.float32)  # in a variable: ncnn does not keep an array alive
        extractor.input("windows", self._ncnn.Mat(plain).clone())  # it works in place
        found = []
        for name in self._outputs:
            status, output = extractor.extract(name)
            if status:
                raise MemoryError(f"ncnn can't compute {name}")
            found.append(np.array(output))
        return found

    def _check_widths(self) -> None:
        front_end = self._card.front_end
        silence = np.zeros((front_end.n_mels, front_end.window_frames), np.float32)
        try:
            widths = [output.size for output in self._run_one(silence)]
        except MemoryError as error:
            raise ModelError(f"the model {self._card.name} does not fit its card: {error}") from None
        _require_widths(self._card, dict(zip(self._outputs, widths, strict=True)))


class OnnxNetwork:
    """In ONNX Runtime, all windows at once; ``threads``: 0 is one a core."""

    MODULE, TITLE = "onnxruntime", "ONNX Runtime"

    @staticmethod
    def name() -> str:
        """See `Network`."""
        return f"ONNX Runtime {importlib.import_module('onnxruntime').__version__}"

    def __init__(self, card: Card, *, threads: int = 0) -> None:
        import onnxruntime

        weights = checked_bytes(card.folder / card.weights, card.weights_sha256)
        self._outputs = list(output_widths(card))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # N workers share N cores
        try:
            self._session = onnxruntime.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise ModelError(f"the model {card.weights} can't be loaded: {error}") from None
        _require_widths(card, {output.name: output.shape[-1] for output in self._session.get_outputs()})

    def run(self, windows: NDArray[np.float32]) -> Outputs:
        """See `Network`."""
        return tuple(self._session.run(self._outputs, {"windows": windows}))


def load_network(card: Card, *, threads: int = 0) -> Network:
    """Load a card's network with ncnn, or with ONNX Runtime where ncnn can't be imported, or the card names no files
    for it.

    Parameters
    ----------
    card : Card
    threads : int
        Of ONNX Runtime; 0: one a core. ncnn always has one.

    Raises
    ------
    ModelError
        A file is not what the card says.
    NoRuntimeError
        Nothing that is installed can run it.
    """
    network, _ = _runtime(card)
    return network(card, threads=threads)


def runtime_name(card: Card) -> str:
    """What `load_network` would use, and what is wrong with ncnn if that is why; raises `NoRuntimeError`."""
    network, broken = _runtime(card)
    return network.name() + "".join(f", because {why}" for why in broken)


def _runtime(card: Card) -> tuple[type[NcnnNetwork] | type[OnnxNetwork], list[str]]:
    """What runs a card's network, and why what would come before it can't be loaded, if it is installed."""
    choices = (NcnnNetwork, OnnxNetwork) if card.ncnn else (OnnxNetwork,)
    missing: list[type[NcnnNetwork] | type[OnnxNetwork]] = []
    broken: list[str] = []
    for network in choices:
        why = _import_error(network.MODULE)
        if why is None:
            return network, broken
        if why:
            broken.append(f"{network.TITLE} can't be loaded ({why})")
        else:
            missing.append(network)
    if not broken:
        first = missing[0]
        needed = f"needs {first.TITLE}, which is not installed: pip install {first.MODULE}"
    elif missing:
        needed = f"can't be run: {broken[0]}, and {missing[0].TITLE} is not installed: pip install {missing[0].MODULE}"
    else:
        needed = f"can't be run: {', and '.join(broken)}; pip install --force-reinstall {choices[0].MODULE}"
    raise NoRuntimeError(f"the model {card.name} {needed}")


def _import_error(module: str) -> str | None:
    """Why an installed module can't be imported, in one line; empty where it is missing, None where it can be."""
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:  # such as a library that it needs, or one for another system
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            return ""
        return one_line(str(error)) or type(error).__name__
    return None


def checked_bytes(path: Path, sha256: str) -> bytes:
    """A file's content; raises `ModelError` where it can't be read, or has another hash."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the model's file {path} can't be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"the model's file {path} is not the one that its card describes (its sha256 differs)")
    return content


def output_widths(card: Card) -> dict[str, int]:
    """The network's outputs and how wide they have to be."""
    widths = {"embedding": card.dimensions, "genres": len(card.genres)}
    return widths | {"mood": len(card.mood)} if card.mood else widths


def _require_widths(card: Card, widths: dict[str, int]) -> None:
    if widths != output_widths(card):
        raise ModelError(f"the model {card.weights} has outputs of the widths {widths}, which do not match its card")


def _reader(ncnn: Any, content: bytes) -> Any:
    """Give ncnn bytes in memory: its own way from a file knows no other than ASCII paths on Windows."""
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    address = prototype(("PyCapsule_GetPointer", ctypes.pythonapi))  # its own: `pythonapi` belongs to the whole process

    class Reader(ncnn.DataReader):  # type: ignore[misc]  # ncnn has no types
        at = 0

        def read(self, buffer: object, size: int) -> int:
            part = content[self.at : self.at + size]
            self.at += len(part)
            ctypes.memmove(address(buffer, None), part, len(part))
            return len(part)

    return Reader()
