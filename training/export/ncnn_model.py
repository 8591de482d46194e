"""A network in the format of ncnn: a graph as text (``.param``) and its weights (``.bin``).

The format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAGIC = 7767517
FLOAT32 = (0).to_bytes(4, "little")  # what stands before weights of that type
INT8 = (0x000D4B38).to_bytes(4, "little")
ARRAY = -23300  # minus this is a parameter's number where its value is an array

Parameters = Mapping[int, int | float | Sequence[float]]


@dataclass(frozen=True)
class Layer:
    """A line of the graph."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: str = ""


@dataclass
class NcnnModel:
    """A network under construction; blobs are named as they are made."""

    layers: list[Layer] = field(default_factory=list)
    weights: bytearray = field(default_factory=bytearray)

    def add(self, kind: str, inputs: Sequence[str], parameters: Parameters | None = None, *weights: bytes) -> str:
        """Append a layer of one output, and give that blob's name."""
        return self.add_named(f"b{len(self.layers)}", kind, inputs, parameters, *weights)

    def add_named(
        self, name: str, kind: str, inputs: Sequence[str], parameters: Parameters | None = None, *weights: bytes
    ) -> str:
        """The same with a name for the blob."""
        written = " ".join(_parameter(key, value) for key, value in (parameters or {}).items())
        self.layers.append(Layer(kind, tuple(inputs), (name,), written))
        for data in weights:
            self.weights += data
        return name

    def param(self, outputs: Mapping[str, str]) -> str:
        """The graph as text.

        Parameters
        ----------
        outputs : mapping of str to str
            The names under which blobs can be read -> the blobs.
        """
        layers = _split([*self.layers, *(Layer("Noop", (blob,), (name,)) for name, blob in outputs.items())])
        blobs = sum(len(layer.outputs) for layer in layers)
        lines = [str(MAGIC), f"{len(layers)} {blobs}"]
        for n, layer in enumerate(layers):
            ends = [*layer.inputs, *layer.outputs]
            words = [layer.kind, f"l{n}", str(len(layer.inputs)), str(len(layer.outputs)), *ends, layer.parameters]
            lines.append(" ".join(filter(None, words)))
        return "\n".join(lines) + "\n"


def floats(values: ArrayLike) -> bytes:
    """Numbers that are always float32."""
    return np.ascontiguousarray(values, "<f4").tobytes()


def float_weights(values: ArrayLike) -> bytes:
    """Weights that could be of another type, as float32."""
    return FLOAT32 + floats(values)


def int8_weights(values: NDArray[np.int8]) -> bytes:
    """Weights as int8, filled up to whole words."""
    data = np.ascontiguousarray(values, np.int8).tobytes()
    return INT8 + data + bytes(-len(data) % 4)


def _parameter(key: int, value: int | float | Sequence[float]) -> str:
    if isinstance(value, Sequence):
        return f"{ARRAY - key}={','.join([str(len(value)), *map(_number, value)])}"
    return f"{key}={_number(value)}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{float(value):.9e}"  # a point or an "e" makes it a float


def _split(layers: Sequence[Layer]) -> list[Layer]:
    """A blob has one reader in ncnn: those that have several go through a layer `Split`."""
    readers = Counter(blob for layer in layers for blob in layer.inputs)
    read: Counter[str] = Counter()
    found = []
    for layer in layers:
        inputs = []
        for blob in layer.inputs:
            inputs.append(f"{blob}_{read[blob]}" if readers[blob] > 1 else blob)
            read[blob] += 1
        found.append(Layer(layer.kind, tuple(inputs), layer.outputs, layer.parameters))
        for blob in layer.outputs:
            if readers[blob] > 1:
                found.append(Layer("Split", (blob,), tuple(f"{blob}_{n}" for n in range(readers[blob]))))
    return found
